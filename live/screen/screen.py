"""Shows snapshots on the terminal, a few times a second, and leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.control import Control

from live.events import NOT_GENRES
from live.meter import FLOOR_DBFS
from live.palette import DARK, Theme
from live.screen.animation import Animation
from live.screen.canvas import Line
from live.screen.correction import label_for, letters_for
from live.screen.frame import render
from live.screen.keys import KeyReader
from live.screen.strip_cells import StripCache
from live.screen.svg_picture import save_picture
from live.screen.terminal_background import theme_for
from live.screen.view import Extras, Keeping
from live.snapshot import Snapshot

KEYS = (("q", "quit"), ("space", "pause"), ("c", "correct"), ("r", "reset"), ("s", "save picture"))

_FRAME_S = 0.1
_IDLE_FRAME_S = 0.25
_IDLE_AFTER_S = 1.0
_MESSAGE_S = 4.0


class Screen:
    """The screen of one session, on the terminal's second page while the ``with`` block lasts.

    Parameters
    ----------
    console
        Where to draw, standard output by default.
    theme
        Colours for the terminal's background; by default found out from the terminal.
    keys
        The keys that ``on_key`` knows and what they do, for the line of hints.
    keeping
        Returns how the keeping of clips goes, where they are kept.
    clock
        A monotonic clock in seconds, for movement alone.

    Attributes
    ----------
    paused : bool
        Set it to show that listening is paused.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        theme: Theme | None = None,
        keys: Sequence[tuple[str, str]] = KEYS,
        keeping: Callable[[], Keeping] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = Console() if console is None else console
        self.theme = theme
        self.paused = False
        self._known_keys = tuple(keys)
        self._keeping = keeping
        self._letters: dict[str, str] = {}
        self._clock = clock
        self._animation = Animation()
        self._strips = StripCache()
        self._lines: list[Line] = []
        self._size = (0, 0)
        self._shown: tuple[Snapshot, Extras] | None = None
        self._message = ""
        self._message_until_s = 0.0
        self._last_change_s = 0.0
        self._stop_asked = False
        self._in_background = False

    @staticmethod
    def usable(console: Console) -> bool:
        """Tell whether ``console`` is a terminal that a screen can be drawn on."""
        usable = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows
        return usable and in_front(console)

    def __enter__(self) -> Self:
        if self.theme is None:
            self.theme = theme_for(self.console)
        self._lines = []
        self.console.set_alt_screen(True)
        self.console.show_cursor(False)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._in_background:  # the terminal was handed back already, and is another's now
            return
        # A terminal that is gone need not be restored.
        with contextlib.suppress(OSError):
            self.console.show_cursor(True)
            self.console.set_alt_screen(False)

    def show_message(self, message: str) -> None:
        """Show a few words for a few seconds in place of the line of health."""
        self._message = message
        self._message_until_s = self._clock() + _MESSAGE_S

    def run(
        self,
        get_snapshot: Callable[[], Snapshot],
        ended: threading.Event,
        on_key: Callable[[str], str | None] | None = None,
        on_correct: Callable[[str], str | None] | None = None,
    ) -> None:
        """Draw until ``ended`` is set.

        Parameters
        ----------
        get_snapshot
            Returns the newest snapshot.
        ended
            Set it to stop drawing.
        on_key
            Called in this thread, between two frames, with each key pressed (space is ``" "``). What it
            returns is shown as a message. Without it no key is read.
        on_correct
            Called in the same way with what the listener says is really heard: ``c`` and a letter.
        """

        def press(key: str) -> str | None:
            return self._press(key, get_snapshot, on_key, on_correct)

        pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        with _stop_signal(self._ask_for_stop):
            while not ended.is_set():
                reader = KeyReader(pressed.put, named_keys=True) if on_key is not None else None
                with reader or contextlib.nullcontext():
                    self._show(get_snapshot, ended, press, pressed, reader)
                if self._stop_asked:
                    self._stop()

    def _show(
        self,
        get_snapshot: Callable[[], Snapshot],
        ended: threading.Event,
        press: Callable[[str], str | None],
        pressed: queue.SimpleQueue[str],
        reader: KeyReader | None,
    ) -> None:
        wait_s = 0.0
        while not ended.wait(wait_s) and not self._stop_asked:
            if self._in_background:
                wait_s = _IDLE_FRAME_S
                if not in_front(self.console):
                    continue
                self._in_background = False
                self.__enter__()
                return  # the keys are to be read anew, too
            while not pressed.empty():
                message = press(pressed.get())
                if message:
                    self.show_message(message)
            if ended.is_set():
                return
            self.draw(get_snapshot(), keys=reader is not None and reader.working)
            # Nothing moves: look less often, which saves a battery and goes unnoticed.
            idle = self._clock() - self._last_change_s > _IDLE_AFTER_S
            wait_s = _IDLE_FRAME_S if idle else _FRAME_S

    def _press(
        self,
        key: str,
        get_snapshot: Callable[[], Snapshot],
        on_key: Callable[[str], str | None] | None,
        on_correct: Callable[[str], str | None] | None,
    ) -> str | None:
        """Heed a key: an answer to the question what is really heard, the question, or what it is for."""
        if self._letters and on_correct is not None:
            label = label_for(key, self._letters)
            if label is not None or key == "escape":
                self._letters = {}
            return None if label is None else on_correct(label)
        if key == "c" and on_correct is not None:
            self._letters = letters_for((*get_snapshot().genres, *NOT_GENRES))
            return None
        return None if on_key is None else on_key(key)

    def draw(self, snapshot: Snapshot, *, keys: bool = False) -> int:
        """Bring the terminal up to date; return the number of lines that had to be written."""
        now_s = self._clock()
        message = self._message if now_s < self._message_until_s else ""
        extras = Extras(
            keys=self._known_keys if keys else (),
            paused=self.paused,
            message=message,
            keeping=None if self._keeping is None else self._keeping(),
            letters=self._letters,
        )
        # While paused nothing is measured.
        shown = replace(snapshot, level_dbfs=FLOOR_DBFS, peak_dbfs=FLOOR_DBFS) if self.paused else snapshot
        self._shown = shown, replace(extras, keys=(), message="", letters={})
        console = self.console
        width, height = self._terminal_size()
        frame = render(
            shown,
            pose=self._animation.advance(shown, now_s),
            theme=self.theme or DARK,
            extras=extras,
            strips=self._strips,
        )
        lines = frame.lines(
            width,
            height,
            colored=console.color_system is not None and not console.no_color,
            ascii_only=console.options.ascii_only,
        )
        before = self._lines
        if (width, height) != self._size or len(before) != len(lines):
            before = []
            self._size = (width, height)
        changed = [row for row, line in enumerate(lines) if not before or before[row] != line]
        if changed:
            # Within this block all lines go to the terminal in one piece.
            with console:
                if not before:
                    console.control(Control.clear())
                for row in changed:
                    console.update_screen_lines([lines[row]], 0, row)
            self._last_change_s = now_s
        self._lines = lines
        return len(changed)

    def _terminal_size(self) -> tuple[int, int]:
        """Return columns and rows as they are now, also where the environment says otherwise for good."""
        try:
            width, height = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError, AttributeError):  # no terminal
            width, height = 0, 0
        return (width, height) if width > 0 and height > 0 else self.console.size

    def save_picture(self, path: str | Path) -> Path:
        """Save what is on the screen as SVG, without hints and messages."""
        if self._shown is None:
            raise ValueError("Nothing has been drawn yet.")
        snapshot, extras = self._shown
        width, height = self._size
        return save_picture(
            snapshot, path, width=width, height=height, theme=self.theme or DARK, extras=extras
        )

    def _ask_for_stop(self) -> None:
        self._stop_asked = True

    def _stop(self) -> None:
        """Hand the terminal back before Ctrl-Z takes effect, and take it again when going on in front."""
        self._stop_asked = False
        self.__exit__(None, None, None)
        if sys.platform != "win32":
            os.kill(os.getpid(), signal.SIGSTOP)
        self._in_background = not in_front(self.console)
        if not self._in_background:
            self.__enter__()


def in_front(console: Console) -> bool:
    """Whether this process is the one that its terminal listens to: not so after ``&`` and ``bg``."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # no terminal, or one that controls no jobs
        return True


@contextlib.contextmanager
def _stop_signal(ask: Callable[[], None]) -> Iterator[None]:
    """Call ``ask`` when Ctrl-Z is pressed, where that is possible."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTSTP, lambda *_: ask())
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
