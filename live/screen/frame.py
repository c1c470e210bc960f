"""One picture of the screen: a pure function from a snapshot and a size to lines of text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from live.palette import DARK, Theme, ink
from live.screen import timeline
from live.screen.glyphs import ASCII, UNICODE, Glyphs, printable
from live.screen.layout import margin, plan_for
from live.screen.lettering import FONTS, SMALL, Font
from live.screen.motion import Pose, at_rest
from live.snapshot import Snapshot
from live.wording import clock

Line = list[Segment]

_STATE_NAMES = {"silence": "silence", "no_music": "no music", "unsure": "unsure"}

_METER_FLOOR_DBFS = -60.0
_LOUD_DBFS = -12.0
_TOO_LOUD_DBFS = -3.0
_LONGEST_NAME = 14
_VALUE_COLUMNS = 6
_SHARE_COLUMNS = 9
_WIDE = 110
_HEALTH_COLUMNS = 18
_PIECES = re.compile(" +|█+|[^ █]+")


@dataclass(frozen=True)
class Extras:
    """What the screen shows beside the snapshot.

    Attributes
    ----------
    keys : tuple of (key, what it does)
        The keys that work, for the line of hints.
    paused : bool
        Whether listening is paused.
    message : str
        Something to be read now, in place of the line of health.
    """

    keys: tuple[tuple[str, str], ...] = ()
    paused: bool = False
    message: str = ""


NO_EXTRAS = Extras()


def render(
    snapshot: Snapshot,
    *,
    pose: Pose | None = None,
    theme: Theme = DARK,
    extras: Extras = NO_EXTRAS,
    memory: timeline.Memory | None = None,
) -> Frame:
    """Give a renderable that shows ``snapshot`` and fills the console to its last cell.

    Parameters
    ----------
    snapshot
        The session at one moment.
    pose
        Where the moving parts stand; without one, they stand where the snapshot wants them.
    theme
        Colours for the terminal's background.
    extras
        Hints, messages and the like.
    memory
        Strips drawn before. Changes nothing but the time that drawing takes.
    """
    return Frame(snapshot, pose or at_rest(snapshot), theme, extras, memory or timeline.Memory())


@dataclass(frozen=True)
class Frame:
    """A picture of the screen that takes the size of the console it is printed on."""

    snapshot: Snapshot
    pose: Pose
    theme: Theme
    extras: Extras
    memory: timeline.Memory

    def lines(self, width: int, height: int, *, colored: bool = True, ascii_only: bool = False) -> list[Line]:
        """Give exactly ``height`` lines of exactly ``width`` cells."""
        painter = _Painter(self, width, height, colored, ASCII if ascii_only else UNICODE)
        lines = [row.line for row in painter.rows()][:height]
        lines += [[] for _ in range(height - len(lines))]
        return [Segment.adjust_line_length(line, width) for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.size.height
        colored = console.color_system is not None and not console.no_color
        lines = self.lines(options.max_width, height, colored=colored, ascii_only=options.ascii_only)
        for number, line in enumerate(lines):
            if number:
                yield Segment.line()
            yield from line


@lru_cache(maxsize=1024)
def _style(color: str | None, background: str | None = None, bold: bool = False) -> Style:
    return Style(color=color, bgcolor=background, bold=bold or None)


class _Row:
    """A line under construction that knows how wide it is."""

    __slots__ = ("line", "width")

    def __init__(self) -> None:
        self.line: Line = []
        self.width = 0

    def add(self, text: str, style: Style | None = None) -> None:
        if text:
            bare = text.lstrip(" ")
            if bare and len(bare) < len(text):
                # Some viewers of saved pictures drop the spaces that begin a text.
                self.line.append(Segment(text[: len(text) - len(bare)]))
                self.line.append(Segment(bare, style))
            else:
                self.line.append(Segment(text, style))
            self.width += len(text) if text.isascii() else cell_len(text)

    def draw(self, text: str, style: Style | None, solid: Style | None) -> None:
        """Add block letters; whole blocks in ``solid``, which leaves no seam between rows."""
        for piece in _PIECES.findall(text):
            self.add(piece, None if piece[0] == " " else solid if piece[0] == "█" else style)

    def to(self, column: int) -> None:
        self.add(" " * (column - self.width))


@dataclass(frozen=True)
class _Headline:
    """The words of the verdict: one to be read from afar, a number with it, and a line below."""

    word: str
    color: str
    confidence: float | None
    details: tuple[tuple[str, str, bool], ...]
    candidates: tuple[str, ...] = ()


class _Painter:
    """Draws one frame, part by part."""

    def __init__(self, frame: Frame, width: int, height: int, colored: bool, glyphs: Glyphs) -> None:
        self.snapshot = frame.snapshot
        self.pose = frame.pose
        self.theme = frame.theme
        self.extras = frame.extras
        self.memory = frame.memory
        self.values = dict(zip(frame.snapshot.genres, at_rest(frame.snapshot).bars, strict=True))
        self.glyphs = glyphs
        self.colored = colored
        self.width = width
        self.margin = margin(width)
        self.right = width - self.margin
        snapshot = self.snapshot
        self.colors = frame.theme.colors(snapshot.genres)
        # What was heard last says nothing about now when there is nothing to hear.
        self.stale = frame.extras.paused or snapshot.source_condition in ("lost", "muted", "opening")
        self.chosen = self.choose()
        self.names = {genre: glyphs.write(printable(genre.replace("_", " "))) for genre in snapshot.genres}
        longest = max((cell_len(name) for name in self.names.values()), default=0)
        # The labels of all parts share one column, so that bars, strips and meter begin below each other.
        self.label_columns = min(max(longest, len("last 20 min")), _LONGEST_NAME, max(4, width // 4))
        self.name_columns = min(longest, self.label_columns)
        self.left = self.margin + 2 + self.label_columns + 1
        self.strip_cells = max(1, self.right - self.left)
        self.recent = timeline.recent_scale(snapshot.time_s, snapshot.length_s, self.strip_cells)
        two_strips = self.recent.label not in ("file", "session")
        self.plan = plan_for(width, height, snapshot.genres, two_strips)

    def choose(self) -> frozenset[str]:
        """Give the genres to point at: the one heard, or the two it might be."""
        verdict = self.snapshot.verdict
        if self.stale:
            return frozenset()
        if verdict.state == "unsure":
            return frozenset(self.likeliest())
        return frozenset([verdict.genre] if verdict.state == "genre" and verdict.genre else [])

    def style(self, color: str | None, background: str | None = None, *, bold: bool = False) -> Style:
        return _style(color, background, bold)

    def solid(self, color: str) -> Style:
        """Give the style of a whole block, painted behind as well so that rows join without a seam."""
        return _style(color, color if self.colored else None)

    def rows(self) -> list[_Row]:
        plan = self.plan
        rows: list[_Row] = []
        if plan.header:
            rows.append(self.header())
        rows += self.blank(plan.after_header)
        headline = self.headline()
        rows += self.verdict(headline)
        rows += self.blank(plan.before_details)
        if plan.details:
            rows += self.details(headline)
        rows += self.blank(plan.before_bars)
        if plan.heading:
            rows.append(self.heading())
        if plan.bars:
            rows += self.bars()
        rows += self.blank(plan.before_strip)
        if plan.strip:
            rows += self.strip(self.recent, plan.strip)
        if plan.session:
            rows += self.blank(plan.before_session)
            whole = timeline.whole_scale(self.snapshot.time_s, self.snapshot.length_s, self.strip_cells)
            rows += self.strip(whole, plan.session)
        rows += self.blank(plan.before_level)
        rows += [self.level()] if plan.level else []
        rows += self.blank(plan.before_footer)
        if plan.footer:
            rows.append(self.footer())
        return rows

    def blank(self, count: int) -> list[_Row]:
        return [_Row() for _ in range(count)]

    def begin(self) -> _Row:
        row = _Row()
        row.to(self.margin)
        return row

    def add(self, row: _Row, text: str, style: Style | None = None, *, until: int | None = None) -> None:
        """Add ``text`` in this terminal's signs, cut short before column ``until``."""
        room = (self.right if until is None else until) - row.width
        text = self.glyphs.write(text)
        if room <= 0:
            return
        row.add(text if len(text) <= room and cell_len(text) <= room else self.cut(text, room), style)

    def cut(self, text: str, room: int) -> str:
        if cell_len(text) <= room:
            return text
        return (
            set_cell_size(text, room - 1) + self.glyphs.write("…") if room > 1 else set_cell_size(text, room)
        )

    def condition(self) -> tuple[str, str, str]:
        """Give a sign, a word and a colour for how the source is."""
        theme, glyphs = self.theme, self.glyphs
        if self.extras.paused:
            return glyphs.halted, "paused", theme.warning
        return {
            "opening": (glyphs.at_rest, "opening", theme.quiet),
            "listening": (glyphs.alive if self.pose.pulse else glyphs.at_rest, "listening", theme.accent),
            "lost": (glyphs.halted, "source lost", theme.alarm),
            "muted": (glyphs.halted, "muted", theme.warning),
            "ended": (glyphs.halted, "ended", theme.quiet),
        }[self.snapshot.source_condition]

    def header(self) -> _Row:
        snapshot, theme = self.snapshot, self.theme
        time = clock(snapshot.time_s)
        if snapshot.length_s is not None:
            time += f" of {clock(snapshot.length_s)}"
        sign, word, color = self.condition()
        row = self.begin()
        self.add(row, f"{sign} {word}", self.style(color, bold=True))
        time_column = self.right - cell_len(time)
        kind = snapshot.source_kind
        name = printable(snapshot.source_name)
        if time_column - row.width > 8:
            row.add("   ")
            self.add(row, name, self.style(theme.text), until=time_column - 2)
            if time_column - row.width > len(kind) + 5:
                self.add(row, f" · {kind}", self.style(theme.faint))
        row.to(time_column)
        self.add(row, time, self.style(theme.text, bold=True))
        return row

    def footer(self) -> _Row:
        theme = self.theme
        row = self.begin()
        if self.extras.message:
            self.add(row, printable(self.extras.message), self.style(theme.accent, bold=True))
            return row
        space = 3 if self.width >= _WIDE else 2
        keys = list(self.extras.keys)
        while keys and self.hint_columns(keys, space) > self.right - self.margin - _HEALTH_COLUMNS:
            keys.pop()
        hint_column = self.right - self.hint_columns(keys, space)
        for text, color in self.health():
            text = f" · {text}" if row.width > self.margin else text
            if row.width + len(text) > hint_column - bool(keys) * space:
                break
            self.add(row, text, self.style(color))
        row.to(hint_column)
        for number, (key, action) in enumerate(keys):
            row.add(" " * space if number else "")
            self.add(row, key, self.style(theme.text, bold=True))
            row.add(" ")
            self.add(row, action, self.style(theme.quiet))
        return row

    def hint_columns(self, keys: Sequence[tuple[str, str]], space: int) -> int:
        return sum(len(key) + 1 + len(action) + space for key, action in keys) - (space if keys else 0)

    def health(self) -> Iterator[tuple[str, str]]:
        """Give what there is to say about the machine itself, the most important first."""
        snapshot, theme = self.snapshot, self.theme
        if snapshot.lost_s > 0:
            yield f"{snapshot.lost_s:.1f} s lost", theme.warning
        if snapshot.skipped_windows:
            yield f"{snapshot.skipped_windows} skipped", theme.warning
        if not snapshot.lost_s and not snapshot.skipped_windows:
            yield "nothing lost", theme.faint
        if snapshot.windows:
            yield f"{snapshot.compute_ms:.1f} ms a window", theme.faint
        yield self.glyphs.write(printable(snapshot.model_name)), theme.faint

    def headline(self) -> _Headline:
        """Put the verdict, or what keeps it from being given, into words."""
        snapshot, theme = self.snapshot, self.theme
        plain = theme.text
        if self.extras.paused:
            words = self.verdict_words().word
            return _Headline(words, theme.quiet, None, (("paused", theme.warning, True),))
        match snapshot.source_condition:
            case "lost" if snapshot.source_kind == "microphone":
                advice = "check its cable; listening goes on by itself"
                return _Headline("no source", theme.alarm, None, ((advice, plain, False),))
            case "lost":
                return _Headline("no source", theme.alarm, None, (("the stream has stopped", plain, False),))
            case "muted":
                advice = "only digital silence: input muted, or not permitted?"
                return _Headline("muted", theme.warning, None, ((advice, plain, False),))
            case _:
                return self.verdict_words()

    def verdict_words(self) -> _Headline:
        """Put the verdict into words."""
        snapshot, theme = self.snapshot, self.theme
        verdict = snapshot.verdict
        plain = theme.text
        likeliest = self.likeliest()
        match verdict.state:
            case "genre" if verdict.genre is not None:
                details = [(f"{_percent(verdict.confidence)} sure", plain, True)]
                since = self.since()
                if since:
                    details.append((f" · since {since}", theme.quiet, False))
                others = [genre for genre in likeliest if genre != verdict.genre][:1]
                for genre in others:
                    value = verdict.distribution.get(genre, 0.0)
                    details.append((f" · runner-up {self.name(genre)} {_percent(value)}", theme.quiet, False))
                color = self.colors.get(verdict.genre, plain)
                return _Headline(self.name(verdict.genre), color, verdict.confidence, tuple(details))
            case "unsure":
                details = []
                for genre in likeliest:
                    details.append((" or " if details else "", theme.quiet, False))
                    value = verdict.distribution.get(genre, 0.0)
                    details.append((f"{self.name(genre)} {_percent(value)}", self.colors[genre], True))
                return _Headline("unsure", plain, None, tuple(details), tuple(likeliest))
            case "silence":
                words = "nothing to hear"
                return _Headline("silence", theme.quiet, None, ((words, plain, False), *self.since_detail()))
            case "no_music":
                words = f"sound without music · {_percent(verdict.confidence)} sure"
                return _Headline("no music", theme.quiet, None, ((words, plain, False), *self.since_detail()))
            case _:
                opening = snapshot.source_condition == "opening"
                words = "opening the source" if opening else "the first verdict needs a few seconds of sound"
                return _Headline("listening…", theme.accent, None, ((words, theme.quiet, False),))

    def likeliest(self) -> list[str]:
        """Give the two likeliest genres."""
        distribution = self.snapshot.verdict.distribution
        return sorted(self.snapshot.genres, key=lambda genre: -distribution.get(genre, 0.0))[:2]

    def name(self, genre: str) -> str:
        return self.names.get(genre) or printable(genre.replace("_", " "))

    def since(self) -> str:
        """Give the time since which the verdict has been the same, lost sound left aside."""
        verdict = self.snapshot.verdict
        since: float | None = None
        for stretch in reversed(self.snapshot.timeline):
            if stretch.state == "gap":
                continue
            if (stretch.state, stretch.genre) != (verdict.state, verdict.genre):
                break
            since = stretch.start_s
        return "" if since is None else clock(since)

    def since_detail(self) -> tuple[tuple[str, str, bool], ...]:
        since = self.since()
        return ((f" · since {since}", self.theme.quiet, False),) if since else ()

    def verdict(self, headline: _Headline) -> list[_Row]:
        """Draw the word in the largest letters that fit, and its number beside it."""
        height = self.plan.letters
        rows = [self.begin() for _ in range(height)]
        font = self.word_font(headline)
        if font is None:
            # The number stands in the line below, where there is one.
            inline = headline.confidence is not None and not self.plan.details
            value = f"  {_percent(headline.confidence)}" if inline else ""
            words = headline.word.upper() + value
            if height >= SMALL.rows and 2 * cell_len(words) <= self.right - self.margin:
                words = " ".join(words)
            self.add(rows[(height - 1) // 2], words, self.style(headline.color, bold=True))
            return rows
        self.letters(rows[(height - font.rows) // 2 :], headline.word, font, headline.color)
        number_font = self.number_font(headline)
        if number_font is not None:
            number = _number(headline)
            column = self.right - (number_font.width(number) or 0)
            beside = rows[(height - number_font.rows) // 2 :][: number_font.rows]
            for row in beside:
                row.to(column)
            self.letters(beside, number, number_font, self.theme.text)
        return rows

    def word_font(self, headline: _Headline) -> Font | None:
        for font in FONTS:
            width = font.width(headline.word)
            if font.rows <= self.plan.letters and width is not None and width <= self.right - self.margin:
                return font
        return None

    def number_font(self, headline: _Headline) -> Font | None:
        """Give the largest letters, no larger than the word's, in which the number fits beside it."""
        word_font = self.word_font(headline)
        number = _number(headline)
        if word_font is None or not number:
            return None
        room = self.right - self.margin - (word_font.width(headline.word) or 0) - 4
        for font in FONTS:
            # A number in letters less than half as high would look lost beside its word.
            if word_font.rows >= font.rows >= word_font.rows / 2 and (font.width(number) or 0) <= room:
                return font
        return None

    def letters(self, rows: Sequence[_Row], words: str, font: Font, color: str) -> None:
        """Add block letters to the first of ``rows``."""
        for row, letters in zip(rows, font.draw(words) or (), strict=False):
            row.draw(self.glyphs.write(letters), self.style(color), self.solid(color))

    def large_details(self, headline: _Headline) -> Iterator[list[tuple[str, str]]]:
        """Give what of the details is worth block letters, each way shorter than the one before."""
        distribution = self.snapshot.verdict.distribution
        if headline.candidates:
            names = [(genre, self.name(genre)) for genre in headline.candidates]
            yield [
                (f"{name} {_percent(distribution.get(genre)).replace(' ', '')}", self.colors[genre])
                for genre, name in names
            ]
            yield [(name, self.colors[genre]) for genre, name in names]
        elif headline.confidence is not None and self.number_font(headline) is None:
            yield [(f"{_number(headline)} sure", self.theme.text)]

    def details(self, headline: _Headline) -> list[_Row]:
        """Draw the line below the word; where there is room, what matters in it in block letters."""
        rows = [self.begin() for _ in range(self.plan.details)]
        details = headline.details
        middle = rows[0]
        if len(rows) >= SMALL.rows:
            for large in self.large_details(headline):
                if sum((SMALL.width(words) or self.width) + 4 for words, _ in large) > self.right:
                    continue
                for words, color in large:
                    self.letters(rows, words, SMALL, color)
                    for row in rows:
                        row.add("    ")
                if headline.candidates:
                    return rows
                details, middle = details[1:], rows[1]
                break
        for number, (text, color, bold) in enumerate(details):
            # What separates it from the words before is left out where there are none.
            words = text if number else text.removeprefix(" · ")
            self.add(middle, words, self.style(color, bold=bold))
        return rows

    @property
    def shows_share(self) -> bool:
        return self.plan.bar_columns == 1 and self.right - self.margin >= 48

    @property
    def share_columns(self) -> int:
        if not self.shows_share:
            return 0
        return self.strip_cells // 3 if self.width >= _WIDE else _SHARE_COLUMNS

    def heading(self) -> _Row:
        row = self.begin()
        faint = self.style(self.theme.faint)
        if self.plan.bar_columns == 2:
            return row
        share = self.share_columns
        row.to(self.right - share - 3)
        row.add("now", faint)
        if share:
            if self.width >= _WIDE:
                row.to(self.right - share + 4)
                row.add("share of the session", faint)
            else:
                row.to(self.right - len("session"))
                row.add("session", faint)
        return row

    def bars(self) -> list[_Row]:
        plan = self.plan
        genres = self.snapshot.genres
        values = dict(zip(genres, self.pose.bars, strict=True))
        if plan.bars * plan.bar_columns < len(genres):
            keep = set(sorted(genres, key=lambda genre: -values[genre])[: plan.bars])
            genres = tuple(genre for genre in genres if genre in keep)
        rows: list[_Row] = []
        for number in range(plan.bars):
            row = self.begin()
            if plan.bar_columns == 1:
                if number < len(genres):
                    self.bar(row, genres[number], values[genres[number]], self.right)
            else:
                middle = self.margin + (self.right - self.margin) // 2
                self.bar(row, genres[number], values[genres[number]], middle - 1)
                second = number + plan.bars
                if second < len(genres):
                    row.to(middle + 1)
                    self.bar(row, genres[second], values[genres[second]], self.right)
            if rows:
                rows += self.blank(plan.between_bars)
            rows.append(row)
        return rows

    def bar(self, row: _Row, genre: str, value: float, right: int) -> None:
        theme = self.theme
        chosen = genre in self.chosen
        color = theme.faint if self.stale else self.colors[genre]
        row.add(f"{self.glyphs.chosen} " if chosen else "  ", self.style(color, bold=True))
        start = row.width
        columns = self.label_columns if self.plan.bar_columns == 1 else self.name_columns
        name_style = self.style(theme.text, bold=True) if chosen else self.style(theme.quiet)
        self.add(row, self.names[genre], name_style, until=start + columns)
        row.to(start + columns + 1)
        share_columns = self.share_columns
        cells = right - share_columns - _VALUE_COLUMNS - row.width
        if cells > 0:
            self.fill(row, value, cells, color)
        # The bar moves smoothly; the number says at once what it moves to.
        words = _percent(self.values[genre])
        row.to(right - share_columns - len(words))
        value_style = self.style(theme.text, bold=True) if chosen else self.style(theme.quiet)
        row.add(words, value_style)
        if share_columns:
            self.share(row, genre, share_columns, right)

    def share(self, row: _Row, genre: str, columns: int, right: int) -> None:
        theme = self.theme
        share = self.snapshot.share.get(genre, 0.0)
        faint = self.style(theme.quiet if share else theme.faint)
        if self.width >= _WIDE:
            row.to(right - columns + 4)
            self.fill(row, share, right - row.width - _VALUE_COLUMNS, self.colors[genre])
        words = _percent(share) if share else self.glyphs.write("–")
        row.to(right - len(words))
        row.add(words, faint)

    def fill(self, row: _Row, value: float, cells: int, color: str) -> None:
        """Draw a bar, to a part of a cell exactly."""
        parts = self.glyphs.parts
        steps = round(min(1.0, max(0.0, value)) * cells * len(parts))
        full, part = divmod(steps, len(parts))
        row.add(parts[-1] * full, self.solid(color))
        if part:
            row.add(parts[part - 1], self.style(color))
        row.add(self.glyphs.track * (cells - full - (part > 0)), self.style(self.theme.track))

    def label(self, row: _Row, text: str) -> None:
        row.to(self.margin + 2)
        self.add(row, text, self.style(self.theme.faint), until=self.left - 1)
        row.to(self.left)

    def strip(self, scale: timeline.Scale, height: int) -> list[_Row]:
        runs = self.memory.runs(self.snapshot.timeline, scale, self.snapshot.time_s)
        rows: list[_Row] = []
        for number in range(height):
            row = self.begin()
            # The words stand in the middle of the strip's height.
            middle = number == (height - 1) // 2
            if middle:
                self.label(row, scale.label)
            row.to(self.left)
            for run in runs if middle else timeline.without_gaps(runs):
                self.run(row, run, words=middle)
            rows.append(row)
        if self.plan.ticks:
            rows.append(self.tick_row(scale))
        return rows

    def run(self, row: _Row, run: timeline.Run, *, words: bool) -> None:
        """Draw neighbouring cells of the strip: a colour or a pattern, and its name where it fits."""
        theme, glyphs = self.theme, self.glyphs
        alarm = self.style(theme.alarm, bold=True)
        if run.state == "genre":
            self.genre_run(row, run, words=words)
        elif run.has_gap or run.state == "gap":
            row.add(glyphs.gap * run.cells, alarm)
        elif run.state is None or run.state == "waiting":
            row.add((glyphs.unheard if words else " ") * run.cells, self.style(theme.track))
        else:
            fill = glyphs.fill(run.state)
            name = _STATE_NAMES[run.state]
            text = fill * run.cells
            if words and run.cells >= len(name) + 4:
                text = (fill + f" {name} ").ljust(run.cells, fill)
            row.add(text, self.style(theme.faint))

    def genre_run(self, row: _Row, run: timeline.Run, *, words: bool) -> None:
        genre = run.genre or ""
        color = self.colors.get(genre, self.theme.text)
        name = self.name(genre) if words else ""
        size = cell_len(name)
        if not self.colored:
            if run.has_gap:
                row.add(self.glyphs.gap * run.cells)
                return
            text = set_cell_size(self.glyphs.run_start + name, min(run.cells, size + 1))
            row.add(text + self.glyphs.genre * (run.cells - cell_len(text)))
        elif run.has_gap:
            row.add(self.glyphs.gap * run.cells, self.style(ink(color), color, bold=True))
        elif not name or run.cells < size + 2:
            row.add(self.glyphs.parts[-1] * run.cells, self.solid(color))
        else:
            row.add(self.glyphs.parts[-1], self.solid(color))
            row.add(name, self.style(ink(color), color, bold=True))
            row.add(self.glyphs.parts[-1] * (run.cells - size - 1), self.solid(color))

    def tick_row(self, scale: timeline.Scale) -> _Row:
        row = self.begin()
        faint = self.style(self.theme.faint)
        for cell, words in timeline.ticks(scale):
            row.to(self.left + cell)
            row.add(self.glyphs.tick + words, faint)
        return row

    def level(self) -> _Row:
        theme, glyphs = self.theme, self.glyphs
        pose = self.pose
        row = self.begin()
        self.label(row, "level")
        value = "CLIPPING" if pose.clipped else f"{round(pose.level_dbfs)} dBFS".replace("-", "−")
        value = glyphs.write(value)
        cells = self.right - row.width - 10
        if cells >= 4:
            self.meter(row, cells)
        row.to(self.right - len(value))
        row.add(value, self.style(theme.alarm if pose.clipped else theme.quiet, bold=pose.clipped))
        return row

    def meter(self, row: _Row, cells: int) -> None:
        theme, glyphs = self.theme, self.glyphs
        parts = glyphs.parts
        track = self.style(theme.track)
        steps = round(_meter(self.pose.level_dbfs) * cells * len(parts))
        full, part = divmod(steps, len(parts))
        hold = min(cells - 1, round(_meter(self.pose.hold_dbfs) * cells))
        loud, too_loud = round(_meter(_LOUD_DBFS) * cells), round(_meter(_TOO_LOUD_DBFS) * cells)
        zones = ((0, loud, theme.accent), (loud, too_loud, theme.warning), (too_loud, cells, theme.alarm))
        color = theme.accent
        for start, end, color in zones:
            row.add(parts[-1] * (min(full, end) - start), self.solid(color))
            if full < end:
                break
        position = full
        if part:
            row.add(parts[part - 1], self.style(color))
            position += 1
        if position <= hold and hold > 0:
            row.add(glyphs.track * (hold - position), track)
            row.add(glyphs.peak, self.style(theme.text, bold=True))
            position = hold + 1
        row.add(glyphs.track * (cells - position), track)


def _meter(level_dbfs: float) -> float:
    return min(1.0, max(0.0, 1.0 - level_dbfs / _METER_FLOOR_DBFS))


def _number(headline: _Headline) -> str:
    return "" if headline.confidence is None else _percent(headline.confidence).replace(" ", "")


def _percent(value: float | None) -> str:
    return f"{round(100 * value) if value is not None and math.isfinite(value) else 0} %"
