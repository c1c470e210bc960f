"""The last row: the machine's health and the keys that work, or a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from live.screen.canvas import WIDE, Canvas, Row
from live.screen.characters import printable
from live.screen.correction import label_name
from live.screen.headline import Phrase
from live.screen.parts.part import Part
from live.wording import LABEL_NAMES

_HEALTH_COLUMNS = 18
_BARS_FROM_ROWS = 12  # of the screen: on a lower one there may be no bar to stand a letter before


class Footer(Part):
    """What was lost and what a window costs on the left, the keys on the right."""

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
        """Ask what is really heard; the genres have their letters before their bars."""
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
        """Yield what there is to say about the machine itself, the most important first."""
        snapshot = self.view.snapshot
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
    """Write the health on the left and the keys on the right, each as far as there is room for it."""
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
    """Return the columns that the hints take."""
    return sum(len(key) + 1 + len(action) + space for key, action in keys) - (space if keys else 0)
