"""The report of a training run or an evaluation: a page of Markdown with pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..network.fit import History
from .metrics import CALIBRATION_BINS, VOTE_SECONDS, Evaluation, Measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REPORT_FILE = "report.md"
CLEAN, MICROPHONE, FAINT = "#1b6ca8", "#d1603d", "#9aa5b1"
PIXELS_PER_INCH = 110

_ROWS = (
    ("clip_accuracy", "Whole clips"),
    ("clip_balanced_accuracy", "Whole clips, genres weighing alike"),
    ("clip_top3_accuracy", "Right genre among the first three"),
    ("window_accuracy", "Single windows of 3 s"),
    ("ece", "Calibration error of the vote (ECE, less is better)"),
)


@dataclass(frozen=True)
class ReportSubject:
    """What a report is about, for its first lines.

    Attributes
    ----------
    title : str
    facts : mapping of str to str
        Shown as a table: dataset, split, recipe and so on.
    warnings : tuple of str
        Shown before all else.
    remarks : tuple of str
        Shown at the end: clips left out and the like.
    """

    title: str
    facts: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    history: History | None = None
    parts: Mapping[str, Evaluation] = field(default_factory=dict)


def _figure(width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # Without the software's name and version, the same figures give the same file.
    figure.savefig(path, dpi=PIXELS_PER_INCH, metadata={"Software": None})


def draw_curves(history: History, path: Path) -> None:
    """Draw loss and accuracy by epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    epochs = np.arange(1, history.epochs + 1)
    mark = "o" if history.epochs < 8 else ""
    for axes, name, fitted, validated in (
        (figure.add_subplot(1, 2, 1), "Accuracy", history.accuracy, history.valid_accuracy),
        (figure.add_subplot(1, 2, 2), "Loss (nats)", history.loss, history.valid_loss),
    ):
        axes.plot(
            epochs, fitted, color=FAINT, marker=mark, label="fitting (windows as changed by augmentation)"
        )
        axes.plot(epochs, validated, color=CLEAN, marker=mark, label="validation (clean windows)")
        axes.axvline(history.best_epoch, color=MICROPHONE, linewidth=1, linestyle=":", label="epoch kept")
        axes.set(xlabel="Epoch", title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize="small")
    _save(figure, path)


def draw_confusion(labels: Sequence[str], confusion: npt.NDArray[np.int64], path: Path) -> None:
    """Draw which genre was heard for which."""
    side = max(4.5, 0.55 * len(labels) + 2)
    figure, axes = _figure(side + 0.6, side)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="Heard", ylabel="True", title="Whole clips")
    if len(labels) <= 30:
        for row, column in np.ndindex(confusion.shape):
            if confusion[row, column]:
                color = "white" if share[row, column] > 0.55 else "#22303c"
                text = str(confusion[row, column])
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    _save(figure, path)


def draw_reliability(measures: Measures, path: Path) -> None:
    """Draw how often the vote is right for each confidence it states."""
    figure, axes = _figure(5.2, 4.6)
    number = np.minimum((measures.confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count = np.bincount(number, minlength=CALIBRATION_BINS)
    used = count > 0
    stated = np.bincount(number, measures.confidence, CALIBRATION_BINS)[used] / count[used]
    right = np.bincount(number, measures.right, CALIBRATION_BINS)[used] / count[used]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="perfectly honest")
    axes.bar(
        (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS, count / max(1, count.sum()),
        width=0.9 / CALIBRATION_BINS, color=FAINT, alpha=0.35, label="share of votes",
    )  # fmt: skip
    axes.plot(stated, right, color=CLEAN, marker="o", label="this model")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="What the vote says", ylabel="How often it is right")
    axes.legend(frameon=False, fontsize="small")
    _save(figure, path)


def risk_and_coverage(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Share of wrong votes among those said with at least a confidence.

    Returns
    -------
    threshold, coverage, risk : ndarray [shape=(n,)]
        By falling threshold; one entry for each confidence that occurs.
    """
    if len(confidence) == 0:  # no vote named a genre
        return confidence, confidence, confidence
    order = np.argsort(-confidence, kind="stable")
    said = np.arange(1, len(order) + 1)
    wrong = np.cumsum(1 - right[order])
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)
    return confidence[order][last], (said / len(order))[last], (wrong / said)[last]


def draw_risk_and_coverage(
    measures: Sequence[tuple[str, str, Measures]], threshold: float, path: Path
) -> None:
    """Draw how the share of wrong votes falls as unsure ones are held back."""
    figure, axes = _figure(6.4, 4.2)
    for name, color, measured in measures:
        thresholds, coverage, risk = risk_and_coverage(measured.confidence, measured.right)
        axes.plot(coverage, risk, color=color, label=name)
        at = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
        if at >= 0:
            axes.plot(coverage[at], risk[at], color=color, marker="o")
    axes.plot([], [], color=FAINT, marker="o", linestyle="", label=f"“unsure” below {threshold:.0%}")
    axes.set(
        xlim=(0, 1),
        ylim=(0, None),
        xlabel="Share of the time a genre is named",
        ylabel="Share of those wrong",
    )
    axes.legend(frameon=False, fontsize="small")
    _save(figure, path)


def draw_vote(measures: Sequence[tuple[str, str, Measures]], path: Path) -> None:
    """Draw the vote's accuracy by seconds listened."""
    figure, axes = _figure(6.4, 4.0)
    for name, color, measured in measures:
        accuracy = [measured.figures["vote_accuracy"][str(seconds)] for seconds in VOTE_SECONDS]
        bounds = [measured.intervals["vote_accuracy"][str(seconds)] for seconds in VOTE_SECONDS]
        axes.plot(VOTE_SECONDS, accuracy, color=color, marker="o", label=name)
        low, high = [bound[0] for bound in bounds], [bound[1] for bound in bounds]
        axes.fill_between(VOTE_SECONDS, low, high, color=color, alpha=0.12)
    axes.set(ylim=(0, 1), xlabel="Seconds listened", ylabel="Vote right", xticks=VOTE_SECONDS)
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    _save(figure, path)


def _cell(value: float | None, interval: Sequence[float] = ()) -> str:
    if value is None:
        return "–"
    spread = f" ({interval[0]:.2f}–{interval[1]:.2f})" if len(interval) == 2 else ""
    return f"{value:.3f}{spread}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def _headline(evaluation: Evaluation) -> str:
    rows = []
    both = (evaluation.clean, evaluation.microphone)
    for key, name in _ROWS:
        rows.append([name, *(_cell(m.figures[key], m.intervals[key]) for m in both)])
    for seconds in VOTE_SECONDS:
        key = str(seconds)
        cells = (_cell(m.figures["vote_accuracy"][key], m.intervals["vote_accuracy"][key]) for m in both)
        rows.append([f"Vote after {seconds} s", *cells])
    if "no_music" in evaluation.clean.figures:
        for key, name in (
            ("recall", "No music recognised as such"),
            ("false_alarm", "Music taken for no music"),
            ("genre_named_over_3_s", "No music given a genre for over 3 s"),
        ):
            rows.append([name, *(_cell(m.figures["no_music"][key]) for m in both)])
    return _table(["", "Clean", "Through a microphone (simulated)"], rows)


def _per_genre(evaluation: Evaluation) -> str:
    rows = []
    for genre in sorted(evaluation.clean.figures["per_genre"]):
        cells = [
            _cell(m.figures["per_genre"].get(genre), m.intervals["per_genre"].get(genre, ()))
            for m in (evaluation.clean, evaluation.microphone)
        ]
        rows.append([_plain(genre), *cells])
    return _table(["Genre", "Clean", "Microphone"], rows)


def _plain(text: str) -> str:
    """Text that cannot be taken for Markdown."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>#|" else mark for mark in text)


def _confusion_table(evaluation: Evaluation) -> str:
    header = ["true ↓ heard →", *(_plain(label) for label in evaluation.labels)]
    rows = [
        [_plain(label), *(str(count) if count else "·" for count in row)]
        for label, row in zip(evaluation.labels, evaluation.clean.confusion.tolist(), strict=True)
    ]
    return _table(header, rows)


def _follow_sentence(follow: Mapping[str, Any]) -> str:
    before = follow.get("named_before", 0)
    left_out = f" {before} more do not count: the second was named before the change." if before else ""
    if not follow.get("medleys"):
        return "There are too few medleys to measure how the vote follows a change of genre." + left_out
    medleys, followed, median_s = follow["medleys"], follow["followed"], follow["median_s"]
    within = "" if median_s is None else f", half of these within {median_s:.1f} s of the change"
    return (
        f"In {medleys} medleys of two genres, 15 s each, the vote named the second one in time in "
        f"{followed:.0%}{within}.{left_out}"
    )


_METHOD = """\
A clip is heard as a stream would be: a window every 0.5 s. The clip's genre is the one with the highest mean
probability over its windows, `no_music` aside. The vote is genre-live's own at its default pace; what it
leans to counts, even where it says “unsure”. The microphone is one fixed simulation on the mel bands
(reverberation RT60 0.3–0.8 s, high-pass 100–300 Hz, low-pass 5–9 kHz, ripples of ±6 dB, noise or babble
10–20 dB below the music), drawn by each clip's name. In brackets: 95 % of 1000 bootstrap samples of clips."""

PART_TITLES = {"valid": "Validation", "test": "Test", "train": "Training clips", "all": "All clips"}


def _section(folder: Path, part: str, evaluation: Evaluation, threshold: float) -> list[str]:
    """Draw one part's pictures and give its section of the page."""
    measures = (
        ("clean", CLEAN, evaluation.clean),
        ("through a microphone", MICROPHONE, evaluation.microphone),
    )
    draw_confusion(evaluation.labels, evaluation.clean.confusion, folder / f"confusion_{part}.png")
    draw_vote(measures, folder / f"vote_{part}.png")
    draw_reliability(evaluation.clean, folder / f"reliability_{part}.png")
    draw_risk_and_coverage(measures, threshold, folder / f"risk_coverage_{part}.png")
    clips = evaluation.clean.figures["clips"]
    return [
        f"## {PART_TITLES.get(part, part)}: {clips} clips",
        _headline(evaluation),
        _follow_sentence(evaluation.follow),
        "### The longer it listens",
        f"![The vote's accuracy after 3 to 30 s](vote_{part}.png)",
        "### What is taken for what",
        f"![Confusion matrix](confusion_{part}.png)",
        _per_genre(evaluation),
        _confusion_table(evaluation),
        "### Does it mean what it says?",
        f"![Reliability of the vote](reliability_{part}.png)",
        "### The price of an answer",
        f"![Share of wrong votes by share of time a genre is named](risk_coverage_{part}.png)",
    ]


def write_report(folder: Path, subject: ReportSubject, *, threshold: float) -> None:
    """Write the page, its pictures and the figures behind them.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    subject : ReportSubject
    threshold : float
        Confidence under which the vote says “unsure”.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = [f"# {_plain(subject.title)}"]
    page += [f"> **{warning}**" for warning in subject.warnings]
    page.append(_table(["", ""], [[name, _plain(value)] for name, value in subject.facts.items()]))
    for part, evaluation in subject.parts.items():
        page += _section(folder, part, evaluation, threshold)
    if subject.history is not None and subject.history.epochs:
        draw_curves(subject.history, folder / "curves.png")
        page += ["## How it was fitted", "![Loss and accuracy by epoch](curves.png)"]
    page += ["## How it was measured", _METHOD]
    remarks = [
        *subject.remarks,
        *(note for evaluation in subject.parts.values() for note in evaluation.notes),
    ]
    if remarks:
        page += ["## Remarks", "\n".join(f"- {_plain(remark)}" for remark in dict.fromkeys(remarks))]
    (folder / REPORT_FILE).write_text("\n\n".join(page) + "\n", encoding="utf-8")
    figures = {part: evaluation.to_dict() for part, evaluation in subject.parts.items()}
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
