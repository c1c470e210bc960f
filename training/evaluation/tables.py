"""The tables of card, report and console, as data that is written as Markdown or drawn by rich."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .estimates import Estimate
from .metrics import VOTE_SECONDS
from .results import Evaluation, Measures, NoMusic, OtherMusic, RoomMeasure, Sureness

CLEAN, MICROPHONE = "Clean", "Through a microphone (simulated)"
UNKNOWN = Estimate(None)


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of tuple of str
        Each has the length of the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def plain(text: str) -> str:
    """Return a text with all Markdown syntax escaped."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>#|" else mark for mark in text)


def as_markdown(table: Table) -> str:
    """Return a table as Markdown."""
    lines = (table.header, ("---",) * len(table.header), *table.rows)
    return "\n".join("| " + " | ".join(plain(cell) for cell in line) + " |" for line in lines)


def cell(estimate: Estimate, *, with_interval: bool = True) -> str:
    """Return an estimate as text: ``0.741 (0.68–0.80)``, or a dash if it could not be measured."""
    if estimate.value is None:
        return "–"
    if estimate.interval is None or not with_interval:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.interval[0]:.2f}–{estimate.interval[1]:.2f})"


_ALWAYS: tuple[tuple[str, Callable[[Measures], Estimate]], ...] = (
    ("Whole clips", lambda m: m.clip_accuracy),
    ("Whole clips, genres weighing alike", lambda m: m.clip_balanced_accuracy),
    ("Right genre among the first three", lambda m: m.clip_top3_accuracy),
    ("Single windows of 3 s", lambda m: m.window_accuracy),
    ("Calibration error of the vote (ECE, less is better)", lambda m: m.ece),
    ("Right when the vote says 70 % or more", lambda m: m.right_when_sure),
    ("Time in which it does", lambda m: m.sure),
    ("Time in which it names a wrong genre", lambda m: m.wrong_name),
)
_OF_NO_MUSIC: tuple[tuple[str, Callable[[NoMusic], Estimate]], ...] = (
    ("No music recognised as such", lambda m: m.recall),
    ("Music taken for no music", lambda m: m.false_alarm),
    ("No music given a genre for over 3 s", lambda m: m.genre_named_over_3_s),
)
_OF_OTHER_MUSIC: tuple[tuple[str, Callable[[OtherMusic], Estimate]], ...] = (
    ("Other music recognised as such", lambda m: m.recall),
    ("A genre's clips taken for other music", lambda m: m.false_alarm),
    ("Time in which other music is given a genre", lambda m: m.genre_named),
)


def headline_table(evaluation: Evaluation, *, with_intervals: bool = True) -> Table:
    """Return the table of the main figures, clean and through the microphone."""
    clean, heard = evaluation.clean, evaluation.microphone
    rows = [(name, pick(clean), pick(heard)) for name, pick in _ALWAYS]
    for seconds in map(str, VOTE_SECONDS):
        after = [each.vote_accuracy.get(seconds, UNKNOWN) for each in (clean, heard)]
        rows.append((f"Vote after {seconds} s", after[0], after[1]))
    if clean.no_music and heard.no_music:
        rows += [(name, pick(clean.no_music), pick(heard.no_music)) for name, pick in _OF_NO_MUSIC]
    if clean.other_music and heard.other_music:
        rows += [(name, pick(clean.other_music), pick(heard.other_music)) for name, pick in _OF_OTHER_MUSIC]
    return Table(
        ("", CLEAN, MICROPHONE),
        tuple(
            (name, *(cell(estimate, with_interval=with_intervals) for estimate in (first, second)))
            for name, first, second in rows
        ),
    )


def genre_table(evaluation: Evaluation) -> Table:
    """Return the table of the accuracy of each genre's clips."""
    both = (evaluation.clean.per_genre, evaluation.microphone.per_genre)
    rows = ((genre, *(cell(each.get(genre, UNKNOWN)) for each in both)) for genre in sorted(both[0]))
    return Table(("Genre", "Clean", "Microphone"), tuple(rows))


def confusion_table(evaluation: Evaluation) -> Table:
    """Return the confusion matrix as a table of clips."""
    rows = (
        (label, *(str(count) if count else "·" for count in row))
        for label, row in zip(evaluation.labels, evaluation.clean.confusion.tolist(), strict=True)
    )
    return Table(("true ↓ heard →", *evaluation.labels), tuple(rows))


def collection_table(evaluation: Evaluation, *, with_intervals: bool = True) -> Table:
    """Return the table of accuracy and reliability by collection, clean and through the microphone."""
    header = (
        "Collection", "Clips", "Right", "ECE", "Right if sure", "Sure", "Wrong name", "Others",
        "Others named",
    )  # fmt: skip
    rows = []
    for heard, measures in (("", evaluation.clean), (", microphone", evaluation.microphone)):
        rows += [
            _collection_row(f"{name}{heard}", sureness, with_intervals)
            for name, sureness in measures.collections.items()
        ]
    return Table(header, tuple(rows))


def _collection_row(name: str, found: Sureness, with_intervals: bool) -> tuple[str, ...]:
    return (
        name,
        str(found.clips),
        cell(found.clip_accuracy, with_interval=with_intervals),
        cell(found.ece, with_interval=False),
        cell(found.right_when_sure, with_interval=with_intervals),
        cell(found.sure, with_interval=False),
        cell(found.wrong_name, with_interval=False),
        str(found.other_clips),
        cell(found.other_named, with_interval=False),
    )


def room_table(rooms: Sequence[RoomMeasure]) -> Table:
    """Return the table of rooms, by reverberation time and direct-to-reverberant ratio."""
    rows = (
        (
            f"{room.rt60_s:g} s" if room.rt60_s else "no room",
            f"{room.direct_db:+g} dB" if room.rt60_s else "–",
            str(room.clips),
            cell(room.clip_accuracy),
            cell(room.wrong_name, with_interval=False),
        )
        for room in rooms
    )
    header = ("RT60", "Direct over reverberant", "Clips", "Whole clips", "Wrong name, of the time")
    return Table(header, tuple(rows))


def fact_table(facts: Mapping[str, str]) -> Table:
    """Return the table of facts by name."""
    return Table(("", ""), tuple(facts.items()))
