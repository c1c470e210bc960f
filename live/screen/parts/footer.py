"""The last row: the state of the program and the available keys, or a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from live.screen.canvas import WIDE, Canvas, Row
from live.screen.characters import printable
from live.screen.correction import label_name
from live.screen.headline import Phrase
from live.screen.parts.part import Part
from live.wording import LABEL_NAMES, count_of

_HEALTH_COLUMNS = 18
_BARS_FROM_ROWS = 12  # rows of the screen from which every genre has a bar, with its key before it


class Footer(Part):
    """Losses and computing time on the left, the keys on the right."""

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the row."""
        theme, extras = canvas.theme, self.view.extras
        row = canvas.row()
        if extras.letters:
            return [self._question(canvas)]
        if extras.message:
            row.write(printable(extras.message), canvas.style(theme.accent, bold=True))
            return [row]
        draw_keys(canvas, row, self._health(), extras.keys)
        return [row]

    def _question(self, canvas: Canvas) -> Row:
        """Draw the question for a correction; the genres' keys are shown before their bars."""
        theme, letters = canvas.theme, self.view.extras.letters
        row = canvas.row()
        has_bars = canvas.height >= _BARS_FROM_ROWS
        question = "What is it really?  " if has_bars else ""
        row.write(question, canvas.style(theme.accent, bold=True))
        asked = [
            (letter, label_name(label))
            for label, letter in letters.items()
            if label in LABEL_NAMES or not has_bars
        ]
        for number, (key, action) in enumerate((*asked, ("Esc", "back"))):
            row.write("  " if number else "")
            row.write(key, canvas.style(theme.text, bold=True))
            row.write(f" {action}", canvas.style(theme.quiet))
        return row

    def _health(self) -> Iterator[Phrase]:
        """Yield phrases about the state of the program, the most important first."""
        snapshot, notices = self.view.snapshot, self.view.extras.notices
        if notices:
            yield Phrase(count_of(notices, "problem"), "warning")
        if snapshot.lost_s > 0:
            yield Phrase(f"{snapshot.lost_s:.1f} s lost", "warning")
        if snapshot.skipped_windows:
            yield Phrase(f"{snapshot.skipped_windows} skipped", "warning")
        if not snapshot.lost_s and not snapshot.skipped_windows:
            yield Phrase("nothing lost", "faint")
        if snapshot.windows:
            yield Phrase(f"{snapshot.compute_ms:.1f} ms a window", "faint")
        yield Phrase(printable(snapshot.model_name), "faint")


def draw_keys(canvas: Canvas, row: Row, health: Iterable[Phrase], keys: Sequence[tuple[str, str]]) -> None:
    """Write as many phrases on the left, and keys on the right, as fit."""
    space = 3 if canvas.width >= WIDE else 2
    hints = list(keys)
    while hints and _columns(hints, space) > canvas.inner_width - _HEALTH_COLUMNS:
        hints.pop()
    keys_column = canvas.right - _columns(hints, space)
    for phrase in health:
        text = canvas.characters.write(phrase.text)
        text = f" · {text}" if row.width > canvas.margin else text
        if row.width + len(text) > keys_column - bool(hints) * space:
            break
        row.write(text, canvas.style(canvas.color(phrase.tone)))
    row.to(keys_column)
    for number, (key, action) in enumerate(hints):
        row.add(" " * space if number else "")
        row.write(key, canvas.style(canvas.theme.text, bold=True))
        row.add(" ")
        row.write(action, canvas.style(canvas.theme.quiet))


def _columns(keys: Sequence[tuple[str, str]], space: int) -> int:
    """Return the number of columns of the hints."""
    return sum(len(key) + 1 + len(action) + space for key, action in keys) - (space if keys else 0)
