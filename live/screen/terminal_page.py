"""The terminal's second page: taken, drawn on line by line, and handed back as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.control import Control

from live.screen.canvas import Line


class TerminalPage:
    """What is drawn on, and what is on it already.

    Parameters
    ----------
    console
        Where to draw.

    Attributes
    ----------
    is_lent : bool
        Whether the terminal was handed to the shell, and belongs to another program now.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.is_lent = False
        self._lines: list[Line] = []
        self._size = (0, 0)

    @property
    def colored(self) -> bool:
        """Whether it shows colours."""
        return self.console.color_system is not None and not self.console.no_color

    @property
    def ascii_only(self) -> bool:
        """Whether it knows no more than ASCII."""
        return self.console.options.ascii_only

    def take(self) -> None:
        """Turn to the second page; what was on it is gone."""
        self._lines = []
        self.console.set_alt_screen(True)
        self.console.show_cursor(False)

    def hand_back(self) -> None:
        """Turn back to the first page, if this program has the terminal."""
        if self.is_lent:
            return
        # A terminal that is gone need not be restored.
        with contextlib.suppress(OSError):
            self.console.show_cursor(True)
            self.console.set_alt_screen(False)

    def size(self) -> tuple[int, int]:
        """Return columns and rows as they are now, also where the environment says otherwise for good."""
        try:
            width, height = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError, AttributeError):  # no terminal
            width, height = 0, 0
        return (width, height) if width > 0 and height > 0 else self.console.size

    def put(self, lines: Sequence[Line], width: int) -> int:
        """Write the lines that are not there already; return how many."""
        before = self._lines
        if (width, len(lines)) != self._size or not before:
            before = []
            self._size = (width, len(lines))
        changed = [row for row, line in enumerate(lines) if not before or before[row] != line]
        if changed:
            # Within this block all lines go to the terminal in one piece.
            with self.console as console:
                if not before:
                    console.control(Control.clear())
                for row in changed:
                    console.update_screen_lines([lines[row]], 0, row)
        self._lines = list(lines)
        return len(changed)

    def stop(self) -> None:
        """Hand the terminal back before Ctrl-Z takes effect, and take it again when going on in front."""
        self.hand_back()
        if sys.platform != "win32":
            os.kill(os.getpid(), signal.SIGSTOP)
        self.is_lent = not in_front(self.console)
        if not self.is_lent:
            self.take()

    def take_again(self) -> bool:
        """Take the terminal when it is this program's once more; tell whether it is."""
        if not in_front(self.console):
            return False
        self.is_lent = False
        self.take()
        return True


def in_front(console: Console) -> bool:
    """Whether this process is the one that its terminal listens to: not so after ``&`` and ``bg``."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # no terminal, or one that controls no jobs
        return True


@contextlib.contextmanager
def stop_signal(ask: Callable[[], None]) -> Iterator[None]:
    """Call ``ask`` when Ctrl-Z is pressed, where that is possible."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTSTP, lambda *_: ask())
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
