"""The first row: condition and name of the source, and the time."""

from __future__ import annotations

from rich.cells import cell_len

from live.screen.canvas import Canvas, Row
from live.screen.characters import printable
from live.screen.headline import condition
from live.screen.parts.part import Part
from live.wording import clock


class Header(Part):
    """The source with an activity sign, and the stream time."""

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the row."""
        snapshot, theme = self.view.snapshot, canvas.theme
        time = clock(snapshot.time_s)
        state = condition(snapshot, self.view.extras.paused)
        row = canvas.row()
        row.write(f"{self._sign(canvas)} {state.text}", canvas.style(canvas.color(state.tone), bold=True))
        if snapshot.length_s is not None:
            with_length = f"{time} of {clock(snapshot.length_s)}"
            time = with_length if row.width + 1 + cell_len(with_length) <= canvas.right else time
        time_column = canvas.right - cell_len(time)
        self._keeping(canvas, row, time_column - 2)
        kind = snapshot.source_kind
        if time_column - row.width > 8:
            row.write("   ")
            row.write(printable(snapshot.source_name), canvas.style(theme.text), until=time_column - 2)
            if time_column - row.width > len(kind) + 5:
                row.write(f" · {kind}", canvas.style(theme.faint))
        row.to(time_column)
        row.write(time, canvas.style(theme.text, bold=True))
        return [row]

    def _keeping(self, canvas: Canvas, row: Row, until: int) -> None:
        """Show that clips are saved, and how many there are."""
        keeping, theme = self.view.extras.keeping, canvas.theme
        if keeping is None:
            return
        row.write("   ", until=until)
        if keeping.problem is None:
            words = f"{canvas.characters.alive} rec {keeping.clips}"
            row.write(words, canvas.style(theme.alarm, bold=True), until=until)
        else:
            words = f"{canvas.characters.halted} not kept: {printable(keeping.problem)}"
            row.write(words, canvas.style(theme.warning, bold=True), until=until)

    def _sign(self, canvas: Canvas) -> str:
        """Return the activity sign, which blinks only while sound arrives."""
        characters, condition = canvas.characters, self.view.snapshot.source_condition
        if self.view.extras.paused or condition not in ("opening", "listening"):
            return characters.halted
        return characters.alive if condition == "listening" and self.view.pose.pulse else characters.at_rest
