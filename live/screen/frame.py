"""One frame of the screen: a pure function from a snapshot and a size to lines of text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from live.palette import DARK, Theme
from live.screen.animation import Pose, at_rest
from live.screen.canvas import Canvas, Line
from live.screen.characters import UNICODE, Characters
from live.screen.console_frame import ConsoleFrame
from live.screen.layout import rows_of
from live.screen.strip_cells import StripCache
from live.screen.view import NO_EXTRAS, Extras, View
from live.snapshot import Snapshot


def render(
    snapshot: Snapshot,
    *,
    pose: Pose | None = None,
    theme: Theme = DARK,
    extras: Extras = NO_EXTRAS,
    strips: StripCache | None = None,
) -> Frame:
    """Return a rich renderable that shows ``snapshot`` and fills the console.

    Parameters
    ----------
    snapshot
        The session at one moment.
    pose
        Positions of the moving parts. Default: those of the snapshot, without animation.
    theme
        Colours for the terminal's background.
    extras
        Hints, messages and similar.
    strips
        Cache of strips; it only saves time.
    """
    return Frame(View(snapshot, pose or at_rest(snapshot), extras, strips or StripCache()), theme)


@dataclass(frozen=True)
class Frame(ConsoleFrame):
    """The frame of one source, which adapts to the size of the console."""

    view: View
    theme: Theme

    def lines(
        self, width: int, height: int, *, colored: bool = True, characters: Characters = UNICODE
    ) -> list[Line]:
        """Return exactly ``height`` lines of exactly ``width`` cells."""
        canvas = Canvas(width, height, self.theme, self.view.snapshot.genres, characters, colored=colored)
        rows = rows_of(self.view, canvas)[:height]
        rows += [canvas.empty() for _ in range(height - len(rows))]
        return [row.filled(width) for row in rows]

    def without_hints(self) -> Self:
        """Return the same frame without keys and messages, for a saved picture."""
        return replace(self, view=replace(self.view, extras=self.view.extras.to_be_kept()))
