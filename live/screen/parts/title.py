"""The title that a radio station sends."""

from __future__ import annotations

from live.screen.canvas import Canvas, Row
from live.screen.characters import printable
from live.screen.parts.part import Part


class Title(Part):
    """The station's title, if it sends one."""

    def is_wanted(self, canvas: Canvas) -> bool:
        """Return whether the source can send titles."""
        return self.view.snapshot.title is not None

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the row."""
        row = canvas.row()
        row.write(printable(self.view.snapshot.title or ""), canvas.style(canvas.theme.text, bold=True))
        return [row]
