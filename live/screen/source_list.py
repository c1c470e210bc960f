"""The screen of several sources: a list with a row or more for each."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from rich.cells import cell_len, set_cell_size

from live.palette import Theme
from live.screen.block_letters import FONTS, SMALL, Font
from live.screen.canvas import WIDE, Canvas, Line, Row, margin
from live.screen.characters import UNICODE, Characters, printable
from live.screen.console_frame import ConsoleFrame
from live.screen.headline import Phrase, condition
from live.screen.navigation import Navigation
from live.screen.parts.footer import draw_keys
from live.screen.source_rows import SURE_COLUMNS, WORD_COLUMNS, Columns, SourceRows
from live.screen.strip_cells import list_scale
from live.screen.view import Extras, View

_LONGEST_NAME = 28
_LONGEST_TITLE = 44
_BESIDE_LETTERS = 44  # columns that name and strip need at least
_AROUND_LETTERS = 3  # rows of a source besides its letters: its name above, the details and the strip below
_WORD = re.compile(r"[^ ._-]*[ ._-]|[^ ._-]+$")
_STRIP_FROM = 8  # columns of the shortest useful strip


@dataclass(frozen=True)
class Arrangement:
    """The division of the screen's rows.

    Attributes
    ----------
    each : int
        Rows of one source.
    letters : int
        Rows of its word in block letters; 1 for plain text.
    beside : bool
        Whether name and strip are beside the letters, not above and below them.
    in_view : int
        Number of sources shown at once.
    header, heading, footer, air : int
        Rows of the summary, of the columns' names, of the keys, and between the first two and the list.
    """

    each: int
    letters: int
    beside: bool
    in_view: int
    header: int
    heading: int
    footer: int
    air: int


@lru_cache(maxsize=64)
def arrange(
    sources: int, inner: int, height: int, genres: tuple[str, ...], fonts: tuple[Font, ...] = FONTS
) -> Arrangement:
    """Divide the rows so that as many sources as possible are visible, then with the largest letters.

    The result does not depend on anything that changes with the verdict, so that the screen never jumps.
    """
    header, footer, air = int(height >= 4), int(height >= 6), int(height >= 12)
    room = height - header - footer - air
    each = max(1, room // max(1, sources))
    for font in fonts:
        rows = font.rows
        fits = 2 * sum((font.width(genre) or inner + 1) <= inner for genre in genres) >= max(1, len(genres))
        # The name is above the letters; the details and the strip are below them.
        if fits and each >= rows + _AROUND_LETTERS and rows > SMALL.rows:
            return Arrangement(min(each, rows + 8), rows, False, sources, header, 0, footer, air)
        if each > rows and letter_columns(genres, font, inner):
            return Arrangement(min(each, rows + 2), rows, True, sources, header, 0, footer, air)
    if SMALL in fonts and each >= SMALL.rows + _AROUND_LETTERS:
        return Arrangement(min(each, SMALL.rows + 5), SMALL.rows, False, sources, header, 0, footer, air)
    heading = int(height >= 8)
    room -= heading
    each = min(3, max(1, room // max(1, sources)))
    in_view = min(sources, max(1, room // each))
    return Arrangement(each, 1, False, in_view, header, heading, footer, air)


def letter_columns(genres: tuple[str, ...], font: Font, inner: int) -> int:
    """Return the columns for block letters beside name and strip; 0 if there are too few."""
    room = inner - _BESIDE_LETTERS - (font.width("100%") or 0)
    genres_alone = max((font.width(genre) or 0 for genre in genres), default=0)
    with_states = max(genres_alone, *(font.width(words) or 0 for words in ("no source", "other music")))
    return with_states if with_states <= room else genres_alone if genres_alone <= room else 0


@lru_cache(maxsize=64)
def short_names(names: tuple[str, ...], columns: int) -> tuple[str, ...]:
    """Return the names; those that do not fit are shortened in the words that others begin with, too."""
    alike: dict[str, set[str]] = {}
    for name in names:
        alike.setdefault(set_cell_size(name, columns // 2), set()).add(name)
    common = {start: _common_words(same) for start, same in alike.items()}
    short = []
    for name in names:
        rest = name[common[set_cell_size(name, columns // 2)] :]
        if cell_len(name) > columns and rest != name:
            room = max(0, columns - 1 - cell_len(rest))
            short.append(f"{set_cell_size(name, room).rstrip()}…{rest}")
        else:
            short.append(name)
    return tuple(short)


def _common_words(names: set[str]) -> int:
    """Return the number of characters of the words that several names begin with."""
    if len(names) == 1:
        return 0
    words = zip(*(_WORD.findall(name) for name in names), strict=False)
    return sum(len(same[0]) for same in itertools.takewhile(lambda same: len(set(same)) == 1, words))


@dataclass(frozen=True)
class SourceList(ConsoleFrame):
    """A frame with all sources that adapts to the size of the console on which it is printed.

    Attributes
    ----------
    views : sequence of View
        The sources, in the order in which they were opened.
    navigation : Navigation
    theme : Theme
    extras : Extras
        Hints, messages and similar.
    """

    views: Sequence[View]
    navigation: Navigation
    theme: Theme
    extras: Extras

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres of all models."""
        return tuple(dict.fromkeys(genre for view in self.views for genre in view.snapshot.genres))

    def arrangement(self, width: int, height: int, characters: Characters = UNICODE) -> Arrangement:
        """Return the division of the rows at this size, in these characters."""
        inner = width - 2 * margin(width)
        return arrange(len(self.views), inner, height, self.genres, characters.fonts)

    def lines(
        self, width: int, height: int, *, colored: bool = True, characters: Characters = UNICODE
    ) -> list[Line]:
        """Return exactly ``height`` lines of exactly ``width`` cells."""
        plan = self.arrangement(width, height, characters)
        place = self.navigation.in_view(len(self.views), plan.in_view)
        canvas = Canvas(width, height, self.theme, self.genres, characters, colored=colored)
        rows = [self._header(canvas, place, plan)] if plan.header else []
        rows += [canvas.empty() for _ in range(plan.air)]
        columns = self._columns(canvas, plan)
        if plan.heading:
            rows.append(_heading(canvas, columns))
        # Sources that have no row for an empty one below them share those that are left over.
        spare = height - plan.footer - len(rows) - plan.in_view * plan.each
        roomier = place.first + (spare if plan.each == plan.letters + _AROUND_LETTERS else 0)
        names = tuple(printable(view.snapshot.source_name) for view in self.views)
        short = short_names(names, columns.name)
        canvases: dict[tuple[str, ...], Canvas] = {}
        for number in range(place.first, min(len(self.views), place.first + plan.in_view)):
            view = self.views[number]
            own = self._canvas(canvases, view, width, height, characters, colored)
            source = SourceRows(view, number + 1, number == place.selected, columns, short[number])
            rows += source.rows(own, plan.each + (number < roomier), plan.letters)
        rows = rows[: height - plan.footer]
        rows += [canvas.empty() for _ in range(height - plan.footer - len(rows))]
        if plan.footer:
            rows.append(self._footer(canvas))
        if plan.in_view < len(self.views) and width >= 20:
            _scroll_bar(canvas, rows, place, plan, len(self.views))
        return [row.filled(width) for row in rows[:height]]

    def without_hints(self) -> Self:
        """Return the same frame without keys and messages, for a saved picture."""
        return replace(self, extras=self.extras.to_be_kept())

    def _canvas(
        self,
        canvases: dict[tuple[str, ...], Canvas],
        view: View,
        width: int,
        height: int,
        characters: Characters,
        colored: bool,
    ) -> Canvas:
        """Return the canvas with the colours of the view's own model."""
        genres = view.snapshot.genres
        if genres not in canvases:
            canvases[genres] = Canvas(width, height, self.theme, genres, characters, colored=colored)
        return canvases[genres]

    def _columns(self, canvas: Canvas, plan: Arrangement) -> Columns:
        inner = canvas.inner_width
        digits = len(str(len(self.views)))
        names = max((cell_len(printable(view.snapshot.source_name)) for view in self.views), default=0)
        titled = max((cell_len(printable(view.snapshot.title or "")) for view in self.views), default=0)
        oldest_s = max((view.snapshot.time_s for view in self.views), default=0.0)
        before = 2 + digits + 1 + 2
        font = next((font for font in FONTS if plan.beside and font.rows == plan.letters), None)
        if font is not None:
            letters = letter_columns(canvas.genres, font, inner)
            name = min(max(names, titled, 16), max(16, inner // 5), _LONGEST_TITLE)
            strip = inner - before - name - letters - (font.width("100%") or 0) - 9
            strip = strip if strip >= _STRIP_FROM else 0
            return Columns(digits, name, 0, 0, strip, oldest_s, font=font, letters=letters)
        name = min(max(names, 6), max(8, inner // 5), _LONGEST_NAME)
        taken = before + name + 1 + WORD_COLUMNS + 1 + SURE_COLUMNS
        title = min(titled, _LONGEST_TITLE, inner // 4) if titled and inner >= 90 else 0
        taken += title + 2 if title else 0
        level = 12 if inner >= WIDE else 8 if inner >= 70 else 5
        if inner - taken < level + 2:
            level = 0
        taken += level + 2 if level else 0
        strip = inner - taken - 2
        if strip < _STRIP_FROM:
            strip = 0
            name = max(name, min(names, name + inner - taken, _LONGEST_NAME))
        return Columns(digits, name, title, level, strip, oldest_s, title_below=titled > 0 == title)

    def _header(self, canvas: Canvas, place: Navigation, plan: Arrangement) -> Row:
        row = canvas.row()
        sources = len(self.views)
        row.write(f"{sources} sources", canvas.style(canvas.theme.text, bold=True))
        counts: dict[Phrase, int] = {}
        for view in self.views:
            state = condition(view.snapshot, view.extras.paused)
            counts[state] = counts.get(state, 0) + 1
        where = ""
        if plan.in_view < sources:
            where = f"{place.first + 1}–{min(sources, place.first + plan.in_view)} of {sources}"
        column = canvas.right - cell_len(canvas.characters.write(where))
        for state in sorted(counts, key=lambda state: state.text != "listening"):
            words = f"{counts[state]} {state.text.removeprefix('source ')}"
            row.write(" · ", canvas.style(canvas.theme.faint), until=column - 1)
            tone = "quiet" if state.text == "listening" else state.tone
            row.write(words, canvas.style(canvas.color(tone), bold=tone == "alarm"), until=column - 1)
        if self.extras.keeping is not None and self.extras.keeping.problem is None:
            words = f"   {canvas.characters.alive} rec {self.extras.keeping.clips}"
            row.write(words, canvas.style(canvas.theme.alarm, bold=True), until=column - 1)
        row.to(column)
        row.write(where, canvas.style(canvas.theme.quiet))
        return row

    def _footer(self, canvas: Canvas) -> Row:
        row = canvas.row()
        if self.extras.message:
            row.write(printable(self.extras.message), canvas.style(canvas.theme.accent, bold=True))
            return row
        lost_s = math.fsum(view.snapshot.lost_s for view in self.views)
        skipped = sum(view.snapshot.skipped_windows for view in self.views)
        health = []
        if lost_s > 0:
            health.append(Phrase(f"{lost_s:.1f} s lost", "warning"))
        if skipped:
            health.append(Phrase(f"{skipped} skipped", "warning"))
        draw_keys(canvas, row, health or [Phrase("nothing lost", "faint")], self.extras.keys)
        return row


def _heading(canvas: Canvas, columns: Columns) -> Row:
    """Return the row with the names of the columns."""
    row = canvas.row()
    faint = canvas.style(canvas.theme.faint)
    row.to(canvas.margin + 2 + columns.number + 1 + 2)
    start = row.width
    row.write("source", faint)
    row.to(start + columns.name + 2)
    row.write("verdict", faint)
    row.to(start + columns.name + 1 + WORD_COLUMNS + 1 + SURE_COLUMNS - len("sure"))
    row.write("sure", faint)
    position = start + columns.name + 1 + WORD_COLUMNS + 1 + SURE_COLUMNS
    span = list_scale(0.0, max(1, columns.strip), columns.oldest_s).label
    span = span if len(span) <= columns.strip else span.removeprefix("last ")
    for words, size in (("title", columns.title), ("level", columns.level), (span, columns.strip)):
        if size:
            row.to(position + 2)
            row.write(words, faint, until=position + 2 + size)
            position += 2 + size
    return row


def _scroll_bar(canvas: Canvas, rows: list[Row], place: Navigation, plan: Arrangement, sources: int) -> None:
    """Draw a scroll bar at the right edge."""
    top = plan.header + plan.air + plan.heading
    size = plan.in_view * plan.each
    first = round(size * place.first / sources)
    last = max(first + 1, round(size * (place.first + plan.in_view) / sources))
    for number in range(size):
        row = rows[top + number]
        row.to(canvas.width - 1)
        is_thumb = first <= number < last
        sign = canvas.characters.parts[-1] if is_thumb else canvas.characters.bar
        row.add(sign, canvas.style(canvas.theme.quiet if is_thumb else canvas.theme.track))
