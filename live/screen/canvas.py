"""The canvas that the parts of the screen draw on: rows of text, bars and block letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from live.palette import Theme
from live.screen.block_letters import Font
from live.screen.characters import Characters, genre_name
from live.screen.headline import Tone

Line = list[Segment]

WIDE = 110  # columns from which parts use a wider layout
_LONGEST_NAME = 14  # columns
_LONGEST_LABEL = "last 20 min"
_PIECES = re.compile(" +|█+|[^ █]+")


@lru_cache(maxsize=1024)
def _style(color: str | None, background: str | None = None, bold: bool = False) -> Style:
    return Style(color=color, bgcolor=background, bold=bold or None)


@lru_cache(maxsize=256)
def _block_letters(drawn: str, solid: Style, plain: Style) -> tuple[tuple[Segment, ...], int]:
    """Return one row of block letters, which are the same in many frames, and its width."""
    line = (
        Segment(piece, None if piece[0] == " " else solid if piece[0] == "█" else plain)
        for piece in _PIECES.findall(drawn)
    )
    return tuple(line), cell_len(drawn)


def margin(width: int) -> int:
    """Return the columns left free on either side."""
    return 2 if width >= 50 else 1 if width >= 36 else 0


class Row:
    """A row to which text is added, and its width so far.

    Parameters
    ----------
    canvas
        The canvas that the row belongs to.
    """

    __slots__ = ("_canvas", "line", "width")

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.line: Line = []
        self.width = 0

    def add(self, signs: str, style: Style | None = None) -> None:
        """Add characters that are known to fit and to be supported by this terminal."""
        if signs:
            bare = signs.lstrip(" ")
            if bare and len(bare) < len(signs):
                # Some viewers of saved pictures drop the spaces that begin a text.
                self.line.append(Segment(signs[: len(signs) - len(bare)]))
                self.line.append(Segment(bare, style))
            else:
                self.line.append(Segment(signs, style))
            self.width += len(signs) if signs.isascii() else cell_len(signs)

    def write(self, words: str, style: Style | None = None, *, until: int | None = None) -> None:
        """Add words in this terminal's characters, cut short before column ``until``."""
        room = (self._canvas.right if until is None else until) - self.width
        if room > 0:
            self.add(self._canvas.cut(self._canvas.characters.write(words), room), style)

    def to(self, column: int) -> None:
        """Add spaces up to ``column``."""
        if column > self.width:
            self.line.append(Segment(" " * (column - self.width)))
            self.width = column

    def filled(self, width: int) -> Line:
        """Return the row's segments, cut or filled with spaces to exactly ``width`` cells."""
        if self.width > width:
            return Segment.adjust_line_length(self.line, width)
        self.to(width)
        return self.line


class Canvas:
    """Size, characters and colours of one frame, and functions to draw with them.

    Parameters
    ----------
    width, height
        Size of the terminal in cells.
    theme
        Colours for the terminal's background.
    genres
        The model's genres; each gets a colour and a name.
    characters
        The characters that the terminal supports.
    colored
        Whether it supports colours.

    Attributes
    ----------
    margin : int
        Empty columns on either side.
    left, right : int
        First column of bars, strips and meter, which are aligned, and the column after their last.
    label_columns, name_columns : int
        Columns for the text before them: for any label, and for the longest name of a genre.
    """

    def __init__(
        self,
        width: int,
        height: int,
        theme: Theme,
        genres: Sequence[str],
        characters: Characters,
        *,
        colored: bool = True,
    ) -> None:
        self.width, self.height = width, height
        self.theme, self.genres = theme, tuple(genres)
        self.characters, self.colored = characters, colored
        self.margin = margin(width)
        self.right = width - self.margin
        self._colors = theme.colors(self.genres)
        longest = max((cell_len(self.name(genre)) for genre in genres), default=0)
        self.label_columns = min(max(longest, len(_LONGEST_LABEL)), _LONGEST_NAME, max(4, width // 4))
        self.name_columns = min(longest, self.label_columns)
        self.left = self.margin + 2 + self.label_columns + 1

    @property
    def inner_width(self) -> int:
        """Columns between the margins."""
        return self.right - self.margin

    @property
    def cells(self) -> int:
        """Columns of a strip."""
        return max(1, self.right - self.left)

    def name(self, genre: str) -> str:
        """Return a genre's name in this terminal's characters."""
        return self.characters.write(genre_name(genre))

    def color(self, tone: Tone, genre: str | None = None) -> str:
        """Return the colour of ``genre``, or of ``tone`` if there is no genre."""
        fallback: str = getattr(self.theme, tone)
        return fallback if genre is None else self._colors.get(genre, fallback)

    def style(self, color: str | None, background: str | None = None, *, bold: bool = False) -> Style:
        """Return the style for text."""
        return _style(color, background, bold)

    def solid(self, color: str) -> Style:
        """Return the style of a full block, with the same background, so that rows join without a seam."""
        return _style(color, color if self.colored else None)

    def empty(self) -> Row:
        """Return an empty row."""
        return Row(self)

    def row(self) -> Row:
        """Return a row that begins at the margin."""
        row = Row(self)
        row.to(self.margin)
        return row

    def label(self, row: Row, words: str) -> None:
        """Write the label of a strip or meter, and go to the column where the strip begins."""
        row.to(self.margin + 2)
        row.write(words, self.style(self.theme.faint), until=self.left - 1)
        row.to(self.left)

    def cut(self, text: str, room: int) -> str:
        """Return ``text``, shortened with an ellipsis if it is wider than ``room`` cells."""
        if len(text) <= room and cell_len(text) <= room:
            return text
        if room <= 1:
            return set_cell_size(text, room)
        return set_cell_size(text, room - 1) + self.characters.write("…")

    def bar(self, row: Row, value: float, cells: int, color: str) -> None:
        """Draw a bar of ``value``, 0 to 1, exact to a part of a cell."""
        parts = self.characters.parts
        steps = round(min(1.0, max(0.0, value)) * cells * len(parts))
        full, part = divmod(steps, len(parts))
        row.add(parts[-1] * full, self.solid(color))
        if part:
            row.add(parts[part - 1], self.style(color))
        row.add(self.characters.track * (cells - full - (part > 0)), self.style(self.theme.track))

    def letters(self, rows: Sequence[Row], words: str, font: Font, color: str) -> None:
        """Add block letters to the first of ``rows``; whole blocks leave no seam between rows."""
        for row, drawn in zip(rows, font.draw(words) or (), strict=False):
            line, width = _block_letters(self.characters.write(drawn), self.solid(color), self.style(color))
            row.line += line
            row.width += width
