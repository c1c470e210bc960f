"""The report of a training run or an evaluation: a Markdown page with pictures, rendered from data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from live.wording import count_of

from ..network.history import FitHistory, history_as_json, history_from_json
from . import pictures
from .results import Evaluation, Following
from .tables import (
    as_markdown,
    collection_table,
    confusion_table,
    fact_table,
    genre_table,
    headline_table,
    plain,
    room_table,
)

REPORT_FILE = "report.md"
FIGURES_FILE = "figures.json"
HISTORY_FILE = "history.json"
GENRES_PICTURE = "genres.png"


@dataclass(frozen=True)
class ReportSubject:
    """The contents of a report.

    Attributes
    ----------
    title : str
    facts : mapping of str to str
        Shown as a table: dataset, split, recipe and so on.
    warnings : tuple of str
        Shown first.
    remarks : tuple of str
        Shown at the end: clips left out and similar.
    history : FitHistory or None
        The history of the fit, if there was one.
    parts : mapping of str to Evaluation
        The evaluations by part of the split.
    shows_genres : bool
        Whether there is a picture of the network's input for each genre.
    """

    title: str
    facts: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    history: FitHistory | None = None
    parts: Mapping[str, Evaluation] = field(default_factory=dict)
    shows_genres: bool = False


def _following(following: Following) -> str:
    before = following.named_before
    left_out = f" {before} more do not count: the second was named before the change." if before else ""
    if not following.medleys or following.followed is None:
        return "There are too few medleys to measure how the vote follows a change of genre." + left_out
    median_s = following.median_s
    within = "" if median_s is None else f", half of these within {median_s:.1f} s of the change"
    return (
        f"In {following.medleys} medleys of two genres, 15 s each, the vote named the second one in time in "
        f"{following.followed:.0%}{within}.{left_out}"
    )


_METHOD = """\
A clip is heard as a stream would be: a window every 0.5 s. The clip's genre is the one with the highest mean
probability over its windows, `no_music` aside. The vote is genre-live's own at its default pace; what it
leans to counts, even where it says “unsure”. The microphone is one fixed simulation on the mel bands
(reverberation RT60 0.3–0.8 s, high-pass 100–300 Hz, low-pass 5–9 kHz, ripples of ±6 dB, noise or babble
10–20 dB below the music), drawn by each clip's name. In brackets: 95 % of 1000 bootstrap samples of clips."""

_SURENESS = """\
*Right* is of whole clips. A verdict is *sure* where it names a genre and states 70 % or more: *right if
sure* is how often it is right then, *sure* how much of the time there is such a verdict. *Wrong name*: share
of the time in which another genre is named. *Others*: clips of music that is none of the model's genres, so
that any name is wrong; *others named*: share of their time in which one is. Temperature and thresholds were
chosen on validation clips over all collections, the worst of them counting most."""

_ROOMS = """\
Audio itself, convolved sample by sample with rooms made for this: white noise that dies away exponentially,
60 dB within the reverberation time, after the direct sound, which is louder or softer than all of it by the
ratio given. No noise is added."""

PART_TITLES = {"valid": "Validation", "test": "Test", "train": "Training clips", "all": "All clips"}


def _section(part: str, evaluation: Evaluation) -> list[str]:
    """Return the section of one part."""
    lines = [
        f"## {PART_TITLES.get(part, part)}: {count_of(evaluation.clean.clips, 'clip')}",
        as_markdown(headline_table(evaluation)),
        _following(evaluation.following),
    ]
    if evaluation.clean.collections:
        lines += ["### Collection by collection", as_markdown(collection_table(evaluation)), _SURENESS]
    lines += ["### The longer it listens", f"![The vote's accuracy after 3 to 30 s](vote_{part}.png)"]
    if evaluation.rooms:
        lines += ["### In rooms", as_markdown(room_table(evaluation.rooms)), _ROOMS]
        lines += [f"![Accuracy by reverberation time](rooms_{part}.png)"]
    return [
        *lines,
        "### What is taken for what",
        f"![Confusion matrix](confusion_{part}.png)",
        as_markdown(genre_table(evaluation)),
        as_markdown(confusion_table(evaluation)),
        "### Does it mean what it says?",
        f"![Reliability of the vote](reliability_{part}.png)",
        "### The price of an answer",
        f"![Share of wrong votes by share of time a genre is named](risk_coverage_{part}.png)",
    ]


def page(subject: ReportSubject) -> str:
    """Return the page's Markdown."""
    lines = [f"# {plain(subject.title)}", *(f"> **{warning}**" for warning in subject.warnings)]
    lines.append(as_markdown(fact_table(subject.facts)))
    for part, evaluation in subject.parts.items():
        lines += _section(part, evaluation)
    if subject.shows_genres:
        lines += ["## What a clip looks like to the network", f"![A clip of each genre]({GENRES_PICTURE})"]
    if subject.history is not None and subject.history.epochs:
        lines += ["## How it was fitted", "![Loss and accuracy by epoch](curves.png)"]
    lines += ["## How it was measured", _METHOD]
    notes = (note for evaluation in subject.parts.values() for note in evaluation.notes)
    remarks = dict.fromkeys([*subject.remarks, *notes])
    if remarks:
        lines += ["## Remarks", "\n".join(f"- {plain(remark)}" for remark in remarks)]
    return "\n\n".join(lines) + "\n"


def _draw(folder: Path, subject: ReportSubject, threshold: float) -> None:
    for part, evaluation in subject.parts.items():
        hearings = (
            ("clean", pictures.CLEAN, evaluation.clean),
            ("through a microphone", pictures.MICROPHONE, evaluation.microphone),
        )
        confusion = evaluation.clean.confusion
        pictures.draw_confusion(evaluation.labels, confusion, folder / f"confusion_{part}.png")
        pictures.draw_vote(hearings, folder / f"vote_{part}.png")
        pictures.draw_reliability(evaluation.clean.votes, folder / f"reliability_{part}.png")
        pictures.draw_risk_and_coverage(hearings, threshold, folder / f"risk_coverage_{part}.png")
        if evaluation.rooms:
            pictures.draw_rooms(evaluation.rooms, folder / f"rooms_{part}.png")
    if subject.history is not None and subject.history.epochs:
        pictures.draw_curves(subject.history, folder / "curves.png")


def write_report(folder: Path, subject: ReportSubject, *, threshold: float) -> None:
    """Write the page, its pictures, and the figures as JSON.

    Parameters
    ----------
    folder : Path
        Created if it is missing.
    subject : ReportSubject
    threshold : float
        Confidence below which the vote is unsure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _draw(folder, subject, threshold)
    (folder / REPORT_FILE).write_text(page(subject), encoding="utf-8")
    figures = {part: evaluation.to_dict() for part, evaluation in subject.parts.items()}
    (folder / FIGURES_FILE).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if subject.history is not None:
        (folder / HISTORY_FILE).write_text(history_as_json(subject.history), encoding="utf-8")


def read_report(folder: Path) -> tuple[dict[str, Evaluation], FitHistory]:
    """Return the data from which a report was rendered.

    Raises
    ------
    OSError, ValueError, InputError
        When its figures cannot be read.
    """
    figures = json.loads((folder / FIGURES_FILE).read_text(encoding="utf-8"))
    parts = {str(part): Evaluation.from_dict(values) for part, values in figures.items()}
    return parts, history_from_json((folder / HISTORY_FILE).read_text(encoding="utf-8"))


def carry_report(source: Path, folder: Path, subject: ReportSubject) -> None:
    """Copy the pictures and figures of a report, and render the page for another subject."""
    shutil.copytree(source, folder)
    (folder / REPORT_FILE).write_text(page(subject), encoding="utf-8")
