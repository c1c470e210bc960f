"""One bar for each genre: its probability now, and its share of the session."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from live.palette import ink
from live.screen.animation import at_rest
from live.screen.canvas import WIDE, Canvas, Row
from live.screen.headline import percent
from live.screen.parts.part import Part

_VALUE_COLUMNS = 6
_SHARE_COLUMNS = 9
_SHARE_GAP = 4  # columns between a bar and its share, if the share is a bar too
_TWO_COLUMNS_FROM = 52  # columns of text from which two bars fit side by side
_SHARE_FROM = 48


@dataclass(frozen=True)
class _Arrangement:
    """The arrangement of the bars in their rows."""

    columns: int
    lines: int
    heading: bool
    spaced: bool


class Bars(Part):
    """The model's genres in its own order; on small screens only the most likely."""

    def is_wanted(self, canvas: Canvas) -> bool:
        """Return whether there are genres."""
        return bool(canvas.genres)

    def heights(self, canvas: Canvas) -> tuple[int, ...]:
        """Return the number of genres, and half of it where two bars fit side by side."""
        genres = len(canvas.genres)
        return (genres, math.ceil(genres / 2)) if _two_fit(canvas) else (genres,)

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return a height with a heading first, then with empty rows between the bars."""
        height, genres = heights[Bars], len(canvas.genres)
        if height in self.heights(canvas):
            return height + 1
        return 2 * genres if height == genres + 1 else height

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the heading and the bars."""
        plan = _arrange(canvas, height)
        values = dict(zip(canvas.genres, self.view.pose.bars, strict=True))
        # A bar moves smoothly; its number shows the final value at once.
        numbers = dict(zip(canvas.genres, at_rest(self.view.snapshot).bars, strict=True))
        genres: Sequence[str] = canvas.genres
        if plan.lines * plan.columns < len(genres):
            if self.view.extras.letters:
                return self._letters(canvas, height)
            keep = set(sorted(genres, key=lambda genre: -values[genre])[: plan.lines])
            genres = [genre for genre in genres if genre in keep]
        middle = canvas.margin + canvas.inner_width // 2
        rows = [self._heading(canvas, plan)] if plan.heading else []
        for line in range(plan.lines):
            if plan.spaced and line:
                rows.append(canvas.empty())
            row = canvas.row()
            for genre, start, end in zip(
                genres[line :: plan.lines],
                (canvas.margin, middle + 1),
                (canvas.right,) if plan.columns == 1 else (middle - 1, canvas.right),
                strict=False,
            ):
                row.to(start)
                self._bar(canvas, row, genre, values[genre], numbers[genre], end, plan)
            rows.append(row)
        return rows

    def _letters(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw all genres with their keys, if there are only rows for the most likely bars."""
        rows = [canvas.row()]
        for genre, letter in self.view.extras.letters.items():
            if genre not in canvas.genres:
                continue
            needed = cell_len(canvas.name(genre)) + 4
            if rows[-1].width + needed > canvas.right and rows[-1].width > canvas.margin:
                rows.append(canvas.row())
            rows[-1].write(letter, canvas.style(canvas.theme.text, bold=True))
            rows[-1].write(f" {canvas.name(genre)}  ", canvas.style(canvas.theme.quiet))
        return [*rows, *(canvas.row() for _ in range(height))][:height]

    def _heading(self, canvas: Canvas, plan: _Arrangement) -> Row:
        row = canvas.row()
        if plan.columns == 2:
            return row
        faint = canvas.style(canvas.theme.faint)
        share = _share_columns(canvas, plan)
        row.to(canvas.right - share - 3)
        row.write("now", faint)
        if share and canvas.width >= WIDE:
            row.to(canvas.right - share + _SHARE_GAP)
            row.write("share of the session", faint)
        elif share:
            row.to(canvas.right - len("session"))
            row.write("session", faint)
        return row

    def _bar(
        self,
        canvas: Canvas,
        row: Row,
        genre: str,
        value: float,
        number: float,
        end: int,
        plan: _Arrangement,
    ) -> None:
        theme = canvas.theme
        chosen = genre in self.view.chosen
        color = theme.faint if self.view.is_stale else canvas.color("text", genre)
        words = canvas.style(theme.text, bold=True) if chosen else canvas.style(theme.quiet)
        letter = self.view.extras.letters.get(genre)
        if letter is not None:
            row.add(letter, canvas.style(ink(theme.accent), theme.accent, bold=True))
            row.add(" ")
        else:
            row.add(f"{canvas.characters.chosen} " if chosen else "  ", canvas.style(color, bold=True))
        start = row.width
        columns = canvas.label_columns if plan.columns == 1 else canvas.name_columns
        row.write(canvas.name(genre), words, until=start + columns)
        row.to(start + columns + 1)
        share_columns = _share_columns(canvas, plan)
        cells = end - share_columns - _VALUE_COLUMNS - row.width
        if cells > 0:
            canvas.bar(row, value, cells, color)
        row.to(end - share_columns - len(percent(number)))
        row.add(percent(number), words)
        if share_columns:
            self._share(canvas, row, genre, end - share_columns, end)

    def _share(self, canvas: Canvas, row: Row, genre: str, start: int, end: int) -> None:
        theme = canvas.theme
        share = self.view.snapshot.share.get(genre, 0.0)
        if canvas.width >= WIDE:
            row.to(start + _SHARE_GAP)
            canvas.bar(row, share, end - row.width - _VALUE_COLUMNS, canvas.color("text", genre))
        words = percent(share) if share else canvas.characters.write("–")
        row.to(end - len(words))
        row.add(words, canvas.style(theme.quiet if share else theme.faint))


def _two_fit(canvas: Canvas) -> bool:
    return canvas.inner_width >= _TWO_COLUMNS_FROM


def _arrange(canvas: Canvas, height: int) -> _Arrangement:
    """Return the arrangement for ``height`` rows."""
    genres = len(canvas.genres)
    if height >= genres:
        return _Arrangement(1, genres, heading=height > genres, spaced=height >= 2 * genres > 2)
    half = math.ceil(genres / 2)
    if height >= half and _two_fit(canvas):
        return _Arrangement(2, half, heading=height > half, spaced=False)
    return _Arrangement(1, height, heading=False, spaced=False)


def _share_columns(canvas: Canvas, plan: _Arrangement) -> int:
    """Return the columns that each genre's share of the session takes."""
    if plan.columns == 2 or canvas.inner_width < _SHARE_FROM:
        return 0
    return canvas.cells // 3 if canvas.width >= WIDE else _SHARE_COLUMNS
