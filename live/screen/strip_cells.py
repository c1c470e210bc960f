"""The timeline as a strip of cells."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from live.snapshot import Stretch, StretchState
from live.wording import clock

_SPANS_S = (60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800, 604800)
_TICKS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
_STEPS_S = (600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_RECENT_CELL_S = 7.5
_LIST_SPAN_S = 600.0
_TICK_GAP = 5


@dataclass(frozen=True)
class Scale:
    """The time span of a strip.

    Attributes
    ----------
    start_s : float
        Stream time at the left edge.
    cell_s : float
        Time of one cell, in seconds.
    cells : int
        Number of cells.
    label : str
        The span in words.
    """

    start_s: float
    cell_s: float
    cells: int
    label: str

    @property
    def end_s(self) -> float:
        """Stream time at the right edge."""
        return self.start_s + self.cell_s * self.cells


@dataclass(frozen=True)
class Run:
    """Neighbouring cells with the same content.

    Attributes
    ----------
    state, genre
        The verdict for most of their time; ``state`` is None for time without a verdict.
    has_gap : bool
        Whether any sound was lost there.
    """

    cells: int
    state: StretchState | None
    genre: str | None = None
    has_gap: bool = False


_Cell = tuple[StretchState | None, str | None, bool]
_UNHEARD: _Cell = (None, None, False)


def span_words(span_s: float) -> str:
    """Return a time span in short form: ``90 s``, ``5 min``, ``2 h``."""
    if span_s >= 3600 and span_s % 3600 == 0:
        return f"{span_s / 3600:.0f} h"
    return f"{span_s / 60:.0f} min" if span_s % 60 == 0 else f"{span_s:.0f} s"


def recent_scale(time_s: float, length_s: float | None, cells: int) -> Scale:
    """Return the scale of the last minutes, with a span for which a short song is still visible.

    A file that fits is shown whole, with its future part empty. Anything else fills a growing span from the
    left; when the longest span is full, the strip scrolls cell by cell.

    Parameters
    ----------
    time_s : float
        Current stream time.
    length_s : float or None
        Length of the file, where known.
    cells : int
        Number of cells.
    """
    longest_s = max((span for span in _SPANS_S if span <= _RECENT_CELL_S * cells), default=_SPANS_S[0])
    if length_s is not None and max(length_s, time_s) <= longest_s:
        return Scale(0.0, max(length_s, time_s, 1.0) / cells, cells, "file")
    if time_s <= longest_s:
        span_s = next(span for span in _SPANS_S if span >= time_s)
        return Scale(0.0, span_s / cells, cells, "session")
    cell_s = longest_s / cells
    # Cells are fixed in stream time, so that the strip scrolls as a whole and does not flicker.
    first = math.ceil(time_s / cell_s) - cells
    return Scale(first * cell_s, cell_s, cells, f"last {span_words(longest_s)}")


def list_scale(time_s: float, cells: int, oldest_s: float) -> Scale:
    """Return the scale of one source in a list: the right edge is now, and the span is that of all others.

    The span grows with the oldest source to ten minutes or more.

    Parameters
    ----------
    time_s : float
        Current stream time of the source.
    cells : int
        Number of cells.
    oldest_s : float
        Current stream time of the oldest source.
    """
    longest_s = max(span for span in _SPANS_S if span <= max(_LIST_SPAN_S, _RECENT_CELL_S * cells))
    span_s = next((span for span in _SPANS_S if oldest_s <= span <= longest_s), longest_s)
    cell_s = span_s / cells
    first = math.ceil(time_s / cell_s) - cells
    return Scale(first * cell_s, cell_s, cells, f"last {span_words(span_s)}")


def whole_scale(time_s: float, length_s: float | None, cells: int) -> Scale:
    """Return the scale from the start: the whole file, or the session in a span that grows in steps.

    Parameters
    ----------
    time_s : float
        Current stream time.
    length_s : float or None
        Length of the file, where known.
    cells : int
        Number of cells.
    """
    if length_s is not None:
        return Scale(0.0, max(length_s, time_s, 1.0) / cells, cells, "file")
    if time_s > _STEPS_S[0]:
        # The steps are small compared with the session, so that it fills most of the strip and rarely moves.
        step_s = next((step for step in _STEPS_S if time_s <= 12 * step), _STEPS_S[-1])
        span_s = step_s * math.ceil(time_s / step_s)
    else:
        span_s = _STEPS_S[0]
    return Scale(0.0, span_s / cells, cells, "session")


def runs(timeline: Sequence[Stretch], scale: Scale, time_s: float) -> list[Run]:
    """Return the content of a strip's cells, with equal neighbours joined.

    A cell shows the verdict for most of its time; lost sound is always marked, however short.
    """
    result: list[Run] = []
    index = max(0, bisect_right(timeline, scale.start_s, key=lambda stretch: stretch.start_s) - 1)
    last: _Cell | None = None
    count = 0
    for number in range(scale.cells):
        start_s = scale.start_s + number * scale.cell_s
        if start_s >= time_s:
            cell = _UNHEARD
        else:
            while index < len(timeline) and timeline[index].end_s <= start_s:
                index += 1
            cell = _heard(timeline, index, start_s, start_s + scale.cell_s)
        if cell != last and last is not None:
            result.append(Run(count, *last))
            count = 0
        last = cell
        count += 1
    if last is not None:
        result.append(Run(count, *last))
    return result


class StripCache:
    """Caches the latest strips, so that a strip is computed only when it changes, not for every frame."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, list[Run]]] = {}

    def runs(self, timeline: Sequence[Stretch], scale: Scale, time_s: float) -> list[Run]:
        """Return the result of the function ``runs``."""
        ends = (timeline[0], timeline[-1]) if timeline else ()
        key = (scale, len(timeline), ends, math.ceil(time_s / scale.cell_s))
        last_key, last_runs = self._last.get(scale.label, (None, []))
        if key == last_key:
            return last_runs
        result = runs(timeline, scale, time_s)
        self._last[scale.label] = (key, result)
        return result


def _heard(timeline: Sequence[Stretch], index: int, start_s: float, end_s: float) -> _Cell:
    """Return the content of one cell."""
    if index < len(timeline):
        stretch = timeline[index]
        if stretch.start_s <= start_s and stretch.end_s >= end_s:  # most cells of most sessions
            return stretch.state, stretch.genre, stretch.state == "gap"
    seconds: dict[tuple[StretchState, str | None], float] = {}
    has_gap = False
    while index < len(timeline) and timeline[index].start_s < end_s:
        stretch = timeline[index]
        overlap_s = min(end_s, stretch.end_s) - max(start_s, stretch.start_s)
        if overlap_s > 0:
            has_gap = has_gap or stretch.state == "gap"
            key = (stretch.state, stretch.genre)
            seconds[key] = seconds.get(key, 0.0) + overlap_s
        index += 1
    if not seconds:
        return _UNHEARD
    state, genre = max(seconds, key=lambda key: seconds[key])
    return state, genre, has_gap


def without_gaps(runs: Sequence[Run]) -> list[Run]:
    """Return ``runs`` without the marks of lost sound, for the rows of a strip without marks."""
    return [replace(run, has_gap=run.state == "gap") for run in runs]


def ticks(scale: Scale) -> list[tuple[int, str]]:
    """Return the cells that get a time mark, with its text."""
    widest = len(clock(scale.end_s)) + _TICK_GAP
    wanted_s = scale.cell_s * widest
    step_s = next((step for step in _TICKS_S if step >= wanted_s), _TICKS_S[-1])
    marks: list[tuple[int, str]] = []
    for number in range(math.ceil(scale.start_s / step_s), math.floor(scale.end_s / step_s) + 1):
        cell = round((number * step_s - scale.start_s) / scale.cell_s)
        words = clock(number * step_s)
        free = marks[-1][0] + len(marks[-1][1]) + 1 if marks else 0
        if free <= cell < scale.cells - len(words):
            marks.append((cell, words))
    return marks
