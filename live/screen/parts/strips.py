"""The timeline as coloured strips: the last minutes, and the whole session."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size

from live.palette import ink
from live.screen.canvas import Canvas, Row
from live.screen.parts.part import Part
from live.screen.strip_cells import Run, Scale, recent_scale, ticks, whole_scale, without_gaps
from live.wording import STATE_NAMES

_LOW_NAME_COLUMNS = 8  # columns that a name in a low strip must leave free, to leave enough of the strip
_TALLEST = 4  # rows of a strip, including the times below it


class RecentStrip(Part):
    """The timeline of the last minutes, or of all of a short session, with times below it."""

    def scale(self, canvas: Canvas) -> Scale:
        """Return the time span of the strip."""
        snapshot = self.view.snapshot
        return recent_scale(snapshot.time_s, snapshot.length_s, canvas.cells)

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return a height with the times first, then with a higher strip."""
        return min(_TALLEST, heights[type(self)] + 1)

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the strip and, with two rows or more, the times."""
        scale = self.scale(canvas)
        runs = self.view.strips.runs(self.view.snapshot.timeline, scale, self.view.snapshot.time_s)
        bands = max(1, height - 1)
        rows: list[Row] = []
        for number in range(bands):
            row = canvas.row()
            # Words and marks of lost sound are drawn in the middle row of the strip.
            middle = number == (bands - 1) // 2
            if middle:
                canvas.label(row, scale.label)
            row.to(canvas.left)
            draw_runs(canvas, row, runs if middle else without_gaps(runs), words=middle)
            rows.append(row)
        if height > 1:
            rows.append(_times(canvas, scale))
        return rows


class SessionStrip(RecentStrip):
    """The timeline of the whole session, if it is longer than the recent strip."""

    def scale(self, canvas: Canvas) -> Scale:
        """Return the time span from the start of the session."""
        return whole_scale(self.view.snapshot.time_s, self.view.snapshot.length_s, canvas.cells)

    def is_wanted(self, canvas: Canvas) -> bool:
        """Return whether the recent strip does not show the whole session."""
        return super().scale(canvas).label not in ("file", "session")

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return a height with the strip and its times first, then with a higher strip."""
        return max(2, super().taller(canvas, heights))


def draw_runs(canvas: Canvas, row: Row, runs: list[Run], *, words: bool, low: bool = False) -> None:
    """Draw a strip's cells: genres as colours, others as patterns; with ``words``, names where they fit.

    A ``low`` strip is half a row high, so that it does not touch the strip in the next row.
    """
    for run in runs:
        if low and run.state == "genre" and canvas.colored and not run.has_gap:
            _low_genre(canvas, row, run)
        elif run.state == "genre":
            _genre(canvas, row, run, words=words)
        elif run.has_gap or run.state == "gap":
            row.add(canvas.characters.gap * run.cells, canvas.style(canvas.theme.alarm, bold=True))
        elif run.state is None or run.state == "waiting":
            sign = canvas.characters.unheard if words else " "
            row.add(sign * run.cells, canvas.style(canvas.theme.track))
        else:
            pattern, name = canvas.characters.pattern(run.state), STATE_NAMES[run.state]
            text = pattern * run.cells
            if words and run.cells >= len(name) + 4:
                text = (pattern + f" {name} ").ljust(run.cells, pattern)
            # Other music has no colour of its own, but should stand out from silence and noise.
            row.add(text, canvas.style(canvas.color("quiet" if run.state == "other" else "faint")))


def _genre(canvas: Canvas, row: Row, run: Run, *, words: bool) -> None:
    genre = run.genre or ""
    color = canvas.color("text", genre)
    name = canvas.name(genre) if words else ""
    size = cell_len(name)
    block = canvas.characters.parts[-1]
    if not canvas.colored:
        if run.has_gap:
            row.add(canvas.characters.gap * run.cells)
            return
        text = set_cell_size(canvas.characters.run_start + name, min(run.cells, size + 1))
        row.add(text + canvas.characters.genre * (run.cells - cell_len(text)))
    elif run.has_gap:
        row.add(canvas.characters.gap * run.cells, canvas.style(ink(color), color, bold=True))
    elif not name or run.cells < size + 2:
        row.add(block * run.cells, canvas.solid(color))
    else:
        row.add(block, canvas.solid(color))
        row.add(name, canvas.style(ink(color), color, bold=True))
        row.add(block * (run.cells - size - 1), canvas.solid(color))


def _low_genre(canvas: Canvas, row: Row, run: Run) -> None:
    color = canvas.color("text", run.genre)
    name = canvas.name(run.genre or "")
    low = canvas.characters.low
    size = cell_len(name)
    if run.cells < size + _LOW_NAME_COLUMNS:
        row.add(low * run.cells, canvas.style(color))
        return
    row.add(f"{low} ", canvas.style(color))
    row.add(name, canvas.style(color, bold=True))
    row.add(f" {low * (run.cells - size - 3)}", canvas.style(color))


def _times(canvas: Canvas, scale: Scale) -> Row:
    row = canvas.row()
    for cell, words in ticks(scale):
        row.to(canvas.left + cell)
        row.add(canvas.characters.tick + words, canvas.style(canvas.theme.faint))
    return row
