"""The line below the verdict: confidence, since when, and other candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from live.screen.block_letters import HUGE, SMALL
from live.screen.canvas import Canvas, Row
from live.screen.characters import genre_name
from live.screen.headline import percent
from live.screen.parts.part import Part
from live.screen.parts.verdict import Verdict, number, number_font

_LETTER_GAP = 4  # columns after words in block letters


class Details(Part):
    """One line; if there is room, its main words are in block letters."""

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return the height of the small block letters if the word above has the largest."""
        return SMALL.rows if heights[Verdict] >= HUGE.rows else heights[Details]

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the line, or block letters with the rest of the line beside them."""
        rows = [canvas.row() for _ in range(height)]
        phrases = self.view.headline.details
        line = rows[0]
        if height >= SMALL.rows and self._letters(canvas, rows):
            phrases, line = (() if self.view.headline.candidates else phrases[1:]), rows[1]
        for position, phrase in enumerate(phrases):
            # Without words before it, the separator is left out.
            text = phrase.text if position else phrase.text.removeprefix(" · ")
            line.write(text, canvas.style(canvas.color(phrase.tone, phrase.genre), bold=phrase.bold))
        return rows

    def _letters(self, canvas: Canvas, rows: list[Row]) -> bool:
        """Draw the main words in block letters, and return whether any fit."""
        for pieces in self._choices(canvas):
            widths = [(SMALL.width(words) or canvas.width) + _LETTER_GAP for words, _ in pieces]
            if sum(widths) > canvas.right:
                continue
            for words, color in pieces:
                canvas.letters(rows, words, SMALL, color)
                for row in rows:
                    row.add(" " * _LETTER_GAP)
            return True
        return False

    def _choices(self, canvas: Canvas) -> Iterator[list[tuple[str, str]]]:
        """Yield candidates for block letters with their colours, from the longest to the shortest."""
        words = self.view.headline
        distribution = self.view.snapshot.verdict.distribution
        if words.candidates:
            names = [(genre, genre_name(genre), canvas.color("text", genre)) for genre in words.candidates]
            yield [
                (f"{name} {percent(distribution.get(genre)).replace(' ', '')}", color)
                for genre, name, color in names
            ]
            yield [(name, color) for _, name, color in names]
        elif words.confidence is not None and number_font(words, canvas, HUGE.rows) is None:
            yield [(f"{number(words)} sure", canvas.theme.text)]
