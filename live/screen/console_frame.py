"""The base class of the frames of one source and of several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from live.palette import Theme
from live.screen.canvas import Line
from live.screen.characters import ASCII, UNICODE, Characters


class ConsoleFrame(ABC):
    """A frame that fills the console on which rich prints it.

    Attributes
    ----------
    theme : Theme
    """

    theme: Theme

    @abstractmethod
    def lines(
        self, width: int, height: int, *, colored: bool = True, characters: Characters = UNICODE
    ) -> list[Line]:
        """Return exactly ``height`` lines of exactly ``width`` cells."""

    @abstractmethod
    def without_hints(self) -> Self:
        """Return the same frame without keys and messages, for a saved picture."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.size.height
        colored = console.color_system is not None and not console.no_color
        characters = ASCII if options.ascii_only else UNICODE
        lines = self.lines(options.max_width, height, colored=colored, characters=characters)
        for number, line in enumerate(lines):
            if number:
                yield Segment.line()
            yield from line
