"""The level meter."""

from __future__ import annotations

from live.screen.animation import Pose
from live.screen.canvas import Canvas, Row
from live.screen.parts.part import Part

_FLOOR_DBFS = -60.0
_LOUD_DBFS = -12.0
_TOO_LOUD_DBFS = -3.0
_VALUE_COLUMNS = 10


class Level(Part):
    """The meter with its peak hold, and the level as a number."""

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw the row."""
        theme, pose = canvas.theme, self.view.pose
        row = canvas.row()
        canvas.label(row, "level")
        value = "CLIPPING" if pose.clipped else f"{round(pose.level_dbfs)} dBFS".replace("-", "−")
        value = canvas.characters.write(value)
        cells = canvas.right - row.width - _VALUE_COLUMNS
        if cells >= 4:
            draw_meter(canvas, row, cells, pose)
        row.to(canvas.right - len(value))
        row.add(value, canvas.style(theme.alarm if pose.clipped else theme.quiet, bold=pose.clipped))
        return [row]


def draw_meter(canvas: Canvas, row: Row, cells: int, pose: Pose) -> None:
    """Draw the level in ``cells`` columns, with a mark for the peak hold."""
    theme, characters = canvas.theme, canvas.characters
    parts = characters.parts
    track = canvas.style(theme.track)
    steps = round(_part(pose.level_dbfs) * cells * len(parts))
    full, part = divmod(steps, len(parts))
    hold = min(cells - 1, round(_part(pose.hold_dbfs) * cells))
    loud, too_loud = round(_part(_LOUD_DBFS) * cells), round(_part(_TOO_LOUD_DBFS) * cells)
    zones = ((0, loud, theme.accent), (loud, too_loud, theme.warning), (too_loud, cells, theme.alarm))
    color = theme.accent
    for start, end, color in zones:
        row.add(parts[-1] * (min(full, end) - start), canvas.solid(color))
        if full < end:
            break
    position = full
    if part:
        row.add(parts[part - 1], canvas.style(color))
        position += 1
    if position <= hold and hold > 0:
        row.add(characters.track * (hold - position), track)
        row.add(characters.peak, canvas.style(theme.text, bold=True))
        position = hold + 1
    row.add(characters.track * (cells - position), track)


def draw_level_line(canvas: Canvas, row: Row, cells: int, pose: Pose) -> None:
    """Draw the level as a thin line, which does not touch the row below it."""
    theme, characters = canvas.theme, canvas.characters
    level = pose.level_dbfs
    color = theme.alarm if pose.clipped else theme.warning if level > _LOUD_DBFS else theme.accent
    full = round(_part(level) * cells)
    row.add(characters.genre * full, canvas.style(color))
    row.add(characters.track * (cells - full), canvas.style(theme.track))


def _part(level_dbfs: float) -> float:
    """Return the position of a level on the meter, 0 to 1."""
    return min(1.0, max(0.0, 1.0 - level_dbfs / _FLOOR_DBFS))
