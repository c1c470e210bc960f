"""The verdict in the largest letters that fit, with the confidence beside it."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len

from live.screen.block_letters import FONTS, SMALL, Font
from live.screen.canvas import Canvas, Row
from live.screen.headline import Headline, percent
from live.screen.parts.part import Part

DETAILS_FROM_ROWS = 5  # rows of the screen from which there is a line of details below the word


class Verdict(Part):
    """The large word."""

    def heights(self, canvas: Canvas) -> tuple[int, ...]:
        """Return the heights of the fonts in which most genres fit, and 1 for plain text."""
        return (*_fitting(canvas.inner_width, canvas.genres), 1)

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the word with its number beside it."""
        words = self.view.headline
        color = canvas.color(words.word.tone, words.word.genre)
        rows = [canvas.row() for _ in range(height)]
        font = word_font(words, canvas, height)
        if font is None:
            text = words.word.text.upper() + _inline_number(words, canvas)
            if height >= SMALL.rows and 2 * cell_len(text) <= canvas.inner_width:
                text = " ".join(text)
            rows[(height - 1) // 2].write(text, canvas.style(color, bold=True))
            return rows
        canvas.letters(rows[(height - font.rows) // 2 :], words.word.text, font, color)
        font_beside = number_font(words, canvas, height)
        if font_beside is not None:
            column = canvas.right - (font_beside.width(number(words)) or 0)
            beside = rows[(height - font_beside.rows) // 2 :][: font_beside.rows]
            for row in beside:
                row.to(column)
            canvas.letters(beside, number(words), font_beside, canvas.theme.text)
        return rows


def word_font(words: Headline, canvas: Canvas, height: int) -> Font | None:
    """Return the largest letters of at most ``height`` rows in which the word fits."""
    for font in canvas.characters.fonts:
        width = font.width(words.word.text)
        if font.rows <= height and width is not None and width <= canvas.inner_width:
            return font
    return None


def number_font(words: Headline, canvas: Canvas, height: int) -> Font | None:
    """Return the largest letters, no larger than the word's, in which the number fits beside it."""
    beside = word_font(words, canvas, height)
    if beside is None or words.confidence is None:
        return None
    room = canvas.inner_width - (beside.width(words.word.text) or 0) - 4
    for font in canvas.characters.fonts:
        # A number less than half as high as its word would look lost.
        if beside.rows >= font.rows >= beside.rows / 2 and (font.width(number(words)) or 0) <= room:
            return font
    return None


def number(words: Headline) -> str:
    """Return the number in as few characters as possible."""
    return percent(words.confidence).replace(" ", "")


def _inline_number(words: Headline, canvas: Canvas) -> str:
    """Return the number for the word's own line, if there is no line below."""
    has_details = canvas.height >= DETAILS_FROM_ROWS
    return "" if words.confidence is None or has_details else f"  {percent(words.confidence)}"


@lru_cache(maxsize=64)
def _fitting(width: int, genres: tuple[str, ...]) -> tuple[int, ...]:
    """Return the heights of the fonts in which most genres fit; a single long name does not count."""
    return tuple(
        font.rows
        for font in FONTS
        if 2 * sum((font.width(genre) or width + 1) <= width for genre in genres) >= max(1, len(genres))
    )
