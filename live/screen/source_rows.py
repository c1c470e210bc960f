"""One source of a list: name, verdict, level and the last minutes."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from live.palette import ink
from live.screen.block_letters import Font
from live.screen.canvas import Canvas, Row
from live.screen.characters import printable
from live.screen.headline import condition, percent
from live.screen.parts.level import draw_level_line
from live.screen.parts.strips import draw_runs
from live.screen.parts.verdict import Verdict, number
from live.screen.strip_cells import list_scale, without_gaps
from live.screen.view import View

WORD_COLUMNS = 13  # "other music" with a coloured cell on either side
SURE_COLUMNS = 5  # "100 %"
_LETTER_GAP = 3


@dataclass(frozen=True)
class Columns:
    """The columns of the list, the same in all rows.

    Attributes
    ----------
    number : int
        Width of the number that opens a source.
    name, title, level, strip : int
        Widths of these; 0 if they are left out.
    oldest_s : float
        Stream time of the oldest source, which determines the time span of all strips.
    title_below : bool
        Whether titles have a second row of each source.
    font : Font or None
        The block letters of words beside name and strip.
    letters : int
        Width of such a word.
    """

    number: int
    name: int
    title: int
    level: int
    strip: int
    oldest_s: float = 0.0
    title_below: bool = False
    font: Font | None = None
    letters: int = 0


@dataclass(frozen=True)
class SourceRows:
    """One source.

    Attributes
    ----------
    view : View
    number : int
        Its number, from 1.
    is_selected : bool
        Whether it is selected.
    columns : Columns
    short_name : str
        Its name in the column of names.
    """

    view: View
    number: int
    is_selected: bool
    columns: Columns
    short_name: str

    def rows(self, canvas: Canvas, height: int, letters: int) -> list[Row]:
        """Draw the source in exactly ``height`` rows.

        Parameters
        ----------
        canvas
        height
        letters
            Rows of the word in block letters; 1 for plain text.
        """
        if letters == 1:
            rows = self._lines(canvas, height)
        elif self.columns.font is not None:
            rows = self._band(canvas, self.columns.font)
        else:
            rows = self._card(canvas, height, letters)
        return [*rows, *(canvas.empty() for _ in range(height - len(rows)))][:height]

    def _lines(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw it without block letters: one main row, and others if there is room."""
        if height == 1:
            return [self._line(canvas)]
        below = canvas.row()
        below.to(self._after_number(canvas))
        if height == 2:
            if not self.columns.title_below:
                return [canvas.empty(), self._line(canvas)]
            below.to(below.width + 2 + self.columns.name + 2)
            self._title(canvas, below, canvas.right)
            return [self._line(canvas), below]
        self._title(canvas, below, canvas.right)
        return [canvas.empty(), self._line(canvas), below]

    def _line(self, canvas: Canvas) -> Row:
        row = self._beginning(canvas)
        self._name(canvas, row, self.short_name, row.width + self.columns.name)
        row.add(" ")
        self._word(canvas, row)
        self._sure(canvas, row)
        if self.columns.title:
            row.add("  ")
            self._title(canvas, row, row.width + self.columns.title)
        if self.columns.level:
            row.add("  ")
            draw_level_line(canvas, row, self.columns.level, self.view.pose)
        if self.columns.strip:
            row.add("  ")
            self._strip(canvas, [row], canvas.right, low=True)
        return row

    def _card(self, canvas: Canvas, height: int, letters: int) -> list[Row]:
        """Draw the word in large letters, with strip and level below it."""
        head = self._beginning(canvas)
        snapshot = self.view.snapshot
        name = printable(snapshot.source_name)
        self._name(canvas, head, name, min(canvas.right, head.width + cell_len(name)))
        if snapshot.title:
            head.write(f"   {printable(snapshot.title)}", canvas.style(canvas.theme.quiet))
        rows = [head, *Verdict(self.view).rows(canvas, letters)]
        details = canvas.row()
        for phrase in self.view.headline.details:
            text = phrase.text if details.width > canvas.margin else phrase.text.removeprefix(" · ")
            color = canvas.color(phrase.tone, phrase.genre)
            details.write(text, canvas.style(color, bold=phrase.bold))
        rows.append(details)
        left = height - len(rows) - 1  # an empty row before the next source, if there is room
        strip = [canvas.row() for _ in range(max(1, min(3, left)))]
        level = min(24, canvas.inner_width // 5)
        self._strip(canvas, strip, canvas.right - level - 2)
        middle = strip[(len(strip) - 1) // 2]
        middle.to(canvas.right - level)
        draw_level_line(canvas, middle, level, self.view.pose)
        return [*rows, *strip]

    def _band(self, canvas: Canvas, font: Font) -> list[Row]:
        """Draw name, title and level beside the word in block letters, the confidence and the strip."""
        columns = self.columns
        rows = [self._beginning(canvas), *(canvas.row() for _ in range(font.rows - 1))]
        left = rows[0].width
        self._name(canvas, rows[0], self.short_name, left + columns.name)
        rows[1].to(left)
        self._title(canvas, rows[1], left + columns.name, otherwise=self._state_words())
        rows[2].to(left)
        draw_level_line(canvas, rows[2], columns.name, self.view.pose)
        for row in rows:
            row.to(left + columns.name + _LETTER_GAP)
        headline, start = self.view.headline, rows[0].width
        color = canvas.color(headline.word.tone, headline.word.genre)
        if (font.width(headline.word.text) or columns.letters + 1) <= columns.letters:
            canvas.letters(rows, headline.word.text, font, color)
        else:
            words = headline.word.text.upper()
            style = canvas.style(color, bold=True)
            rows[(font.rows - 1) // 2].write(words, style, until=start + columns.letters)
        end = start + columns.letters + _LETTER_GAP + (font.width("100%") or 0)
        if headline.confidence is not None:
            for row in rows:
                row.to(end - (font.width(number(headline)) or 0))
            canvas.letters(rows, number(headline), font, canvas.theme.text)
        for row in rows:
            row.to(end + _LETTER_GAP)
        if columns.strip:
            self._strip(canvas, rows, canvas.right)
        return rows

    def _after_number(self, canvas: Canvas) -> int:
        return canvas.margin + 2 + self.columns.number + 1

    def _beginning(self, canvas: Canvas) -> Row:
        """Return a row that starts with the pointer, the number and a sign for the source's condition."""
        theme, characters = canvas.theme, canvas.characters
        row = canvas.row()
        pointer = f"{characters.chosen} " if self.is_selected else "  "
        row.add(pointer, canvas.style(theme.accent, bold=True))
        style = canvas.style(theme.text if self.is_selected else theme.faint, bold=self.is_selected)
        row.write(f"{self.number:>{self.columns.number}} ", style)
        state = condition(self.view.snapshot, self.view.extras.paused)
        heard = self.view.snapshot.source_condition in ("listening", "opening") and not self.view.is_stale
        sign = characters.alive if heard else characters.halted
        row.write(f"{sign} ", canvas.style(canvas.color(state.tone), bold=True))
        return row

    def _name(self, canvas: Canvas, row: Row, name: str, until: int) -> None:
        row.write(name, canvas.style(canvas.theme.text, bold=self.is_selected), until=until)
        row.to(until)

    def _title(self, canvas: Canvas, row: Row, until: int, otherwise: str = "") -> None:
        words = self.view.snapshot.title or otherwise
        row.write(printable(words), canvas.style(canvas.theme.quiet), until=until)
        row.to(until)

    def _state_words(self) -> str:
        details = self.view.headline.details
        return "".join(phrase.text for phrase in details) if self.view.headline.confidence is None else ""

    def _word(self, canvas: Canvas, row: Row) -> None:
        """Write the verdict: a genre on its own colour, other states in the colour of their kind."""
        word = self.view.headline.word
        until = row.width + WORD_COLUMNS
        color = canvas.color(word.tone, word.genre)
        on_color = word.genre is not None and not self.view.is_stale and canvas.colored
        text = canvas.cut(canvas.characters.write(f" {word.text.upper()}"), WORD_COLUMNS - 1)
        text += " " * (WORD_COLUMNS - cell_len(text))
        if on_color:
            # A row's first space would lose its colour in some viewers of saved pictures.
            row.add(canvas.characters.parts[-1], canvas.solid(color))
            row.add(text[1:], canvas.style(ink(color), color, bold=True))
        else:
            row.add(text, canvas.style(color, bold=True))
        row.to(until)

    def _sure(self, canvas: Canvas, row: Row) -> None:
        words = self.view.headline
        text = "" if words.confidence is None else percent(words.confidence)
        row.to(row.width + 1 + SURE_COLUMNS - len(text))
        row.add(text, canvas.style(canvas.theme.text, bold=True))

    def _strip(self, canvas: Canvas, rows: list[Row], until: int, *, low: bool = False) -> None:
        """Draw the last minutes in all ``rows``, starting at their current columns."""
        snapshot = self.view.snapshot
        scale = list_scale(snapshot.time_s, max(1, until - rows[0].width), self.columns.oldest_s)
        runs = self.view.strips.runs(snapshot.timeline, scale, snapshot.time_s)
        for position, row in enumerate(rows):
            middle = position == (len(rows) - 1) // 2
            draw_runs(canvas, row, runs if middle else without_gaps(runs), words=middle, low=low)
