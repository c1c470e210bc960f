"""The terminal's alternate page: entering, drawing line by line, and leaving it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.control import Control
from rich.segment import Segments

from live.screen.canvas import Line
from live.screen.characters import ASCII, LINUX_CONSOLE, UNICODE, Characters


class TerminalPage:
    """The page, and the lines that are on it.

    Parameters
    ----------
    console
        Where to draw.

    Attributes
    ----------
    is_lent : bool
        Whether this process was moved to the background, so that another one has the terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.is_lent = False
        self._lines: list[Line] = []
        self._size = (0, 0)

    @property
    def colored(self) -> bool:
        """Whether it supports colours."""
        return self.console.color_system is not None and not self.console.no_color

    @property
    def characters(self) -> Characters:
        """The characters that it supports."""
        if self.console.options.ascii_only:
            return ASCII
        return LINUX_CONSOLE if os.environ.get("TERM", "").startswith("linux") else UNICODE

    def take(self) -> None:
        """Switch to the alternate page and clear it."""
        self._lines = []
        self.console.set_alt_screen(True)
        self.console.show_cursor(False)

    def hand_back(self) -> None:
        """Switch back to the normal page, if this process has the terminal."""
        if self.is_lent:
            return
        # A closed terminal need not be restored.
        with contextlib.suppress(OSError):
            self.console.show_cursor(True)
            self.console.set_alt_screen(False)

    def size(self) -> tuple[int, int]:
        """Return the current columns and rows, ignoring constant values in the environment."""
        try:
            width, height = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError, AttributeError):  # no terminal
            width, height = 0, 0
        return (width, height) if width > 0 and height > 0 else self.console.size

    def put(self, lines: Sequence[Line], width: int) -> int:
        """Write the lines that have changed, and return their number."""
        before = self._lines
        if (width, len(lines)) != self._size or not before:
            before = []
            self._size = (width, len(lines))
        changed = [row for row, line in enumerate(lines) if not before or before[row] != line]
        if changed:
            # Inside this block, all lines are sent to the terminal together.
            with self.console as console:
                if not before:
                    console.control(Control.clear())
                parts = ((Control.move_to(0, row).segment, *lines[row]) for row in changed)
                console.print(Segments(itertools.chain.from_iterable(parts)), end="", crop=False)
        self._lines = list(lines)
        return len(changed)

    def stop(self) -> None:
        """Leave the page before Ctrl-Z stops the process, and enter it again after a return to the front."""
        self.hand_back()
        if sys.platform != "win32":
            os.kill(os.getpid(), signal.SIGSTOP)
        self.is_lent = not in_front(self.console)
        if not self.is_lent:
            self.take()

    def take_again(self) -> bool:
        """Enter the page again if this process has the terminal, and return whether it has."""
        if not in_front(self.console):
            return False
        self.is_lent = False
        self.take()
        return True


def in_front(console: Console) -> bool:
    """Return whether this process is in the foreground of its terminal: not after ``&`` or ``bg``."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # no terminal, or one without job control
        return True


@contextlib.contextmanager
def stop_signal(ask: Callable[[], None]) -> Iterator[None]:
    """Call ``ask`` when Ctrl-Z is pressed, on systems that support it."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTSTP, lambda *_: ask())
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
