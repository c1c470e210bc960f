"""Draws one source or many on the terminal, several times a second, and handles keys."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console

from live.events import NOT_GENRES
from live.meter import FLOOR_DBFS
from live.palette import DARK, Theme
from live.screen.animation import Animation
from live.screen.console_frame import ConsoleFrame
from live.screen.correction import label_for, letters_for
from live.screen.frame import Frame
from live.screen.keys import KeyReader
from live.screen.navigation import Navigation
from live.screen.source_list import SourceList
from live.screen.strip_cells import StripCache
from live.screen.svg_picture import save_frame
from live.screen.terminal_background import theme_for
from live.screen.terminal_page import TerminalPage, in_front, stop_signal
from live.screen.view import Extras, Keeping, View
from live.snapshot import Snapshot

KEYS = (("q", "quit"), ("space", "pause"), ("c", "correct"), ("r", "reset"), ("s", "save picture"))
LIST_KEYS = (("q", "quit"), ("↑↓", "choose"), ("Enter", "open"), ("space", "pause"), ("s", "save picture"))
OPENED_KEYS = (("Esc", "all sources"), *KEYS)

OnKey = Callable[[str], str | None]
"""Takes a key, or a label; returns what to say about it."""

_FRAME_S = 0.1
_IDLE_FRAME_S = 0.25
_IDLE_AFTER_S = 1.0
_MESSAGE_S, _NOTICE_S = 4.0, 15.0


class Screen:
    """The screen of one or more sessions, on the terminal's alternate page during the ``with`` block.

    Parameters
    ----------
    console
        Where to draw. Default: standard output.
    theme
        Colours for the terminal's background. Default: the terminal is asked for it.
    keys
        The keys that ``on_key`` handles and their function, for the line of hints.
    keeping
        Returns the state of saving clips, where clips are saved.
    clock
        A monotonic clock in seconds, for animation.

    Attributes
    ----------
    paused : bool
        Set it to show that listening is paused.
    paused_sources : set of int
        Of several sources, the numbers of those that are paused.
    opened : int or None
        Of several sources, the number of the one that is shown alone.
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
        self.paused_sources: set[int] = set()
        self._page = TerminalPage(self.console)
        self._known_keys = tuple(keys)
        self._keeping = keeping
        self._letters: dict[str, str] = {}
        self._clock = clock
        self._moving: dict[int, tuple[Animation, StripCache]] = {}
        self._place = Navigation()
        self._shown: ConsoleFrame | None = None
        self._message = ("", 0.0)  # and until when it is shown; one value, since other threads set it, too
        self._notices = 0
        self._last_change_s = 0.0
        self._stop_asked = False
        self._stop_signal = contextlib.ExitStack()

    @property
    def opened(self) -> int | None:
        """Of several sources, the number of the one that is shown alone."""
        return self._place.opened

    @staticmethod
    def usable(console: Console) -> bool:
        """Return whether ``console`` is a terminal on which the screen can be drawn."""
        usable = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows
        return usable and in_front(console)

    def __enter__(self) -> Self:
        if self.theme is None:
            self.theme = theme_for(self.console)
        # From before the page is taken: Ctrl-Z pressed in between would leave the shell on it.
        self._stop_signal.enter_context(stop_signal(self._ask_for_stop))
        self._page.take()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._page.hand_back()
        self._stop_signal.close()

    def show_message(self, message: str) -> None:
        """Show a message for a few seconds in the last row."""
        self._message = (message, self._clock() + _MESSAGE_S)

    def show_notice(self, notice: str) -> None:
        """Show a problem for longer, and from then on that there was one; any thread may call this."""
        self._notices += 1
        self._message = (notice, self._clock() + _NOTICE_S)

    def run(
        self,
        get_snapshot: Callable[[], Snapshot],
        ended: threading.Event,
        on_key: OnKey | None = None,
        on_correct: OnKey | None = None,
    ) -> None:
        """Draw one source until ``ended`` is set.

        Parameters
        ----------
        get_snapshot
            Returns the newest snapshot.
        ended
            Set it to stop drawing.
        on_key
            Called in this thread, between two frames, with each key (space is ``" "``). What it returns is
            shown as a message. Without it no key is read.
        on_correct
            Called in the same way with the label of a correction, for which the user types ``c`` and a
            letter.
        """

        def press(key: str) -> str | None:
            return self._press(key, get_snapshot, on_key, on_correct)

        def draw(keys: bool) -> None:
            self.draw(get_snapshot(), keys=keys)

        self._run(draw, press if on_key is not None else None, ended)

    def run_many(
        self,
        get_snapshots: Callable[[], Sequence[Snapshot]],
        ended: threading.Event,
        on_key: OnKey | None = None,
        on_correct: OnKey | None = None,
    ) -> None:
        """Draw several sources until ``ended`` is set: all of them in a list, or the opened one alone.

        Parameters
        ----------
        get_snapshots
            Returns the newest snapshot of each source, always in the same order.
        ended, on_key, on_correct
            As for ``run``; a key applies to the source ``opened``, or to all if that is None.
        """

        def press(key: str) -> str | None:
            return self._press_many(key, get_snapshots(), on_key, on_correct)

        def draw(keys: bool) -> None:
            self.draw_many(get_snapshots(), keys=keys)

        self._run(draw, press if on_key is not None else None, ended)

    def _run(self, draw: Callable[[bool], None], press: OnKey | None, ended: threading.Event) -> None:
        pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        while not ended.is_set():
            reader = None if press is None else KeyReader(pressed.put, named_keys=True)
            with reader or contextlib.nullcontext():
                self._show(draw, press, pressed, reader, ended)
            if self._stop_asked:
                self._stop_asked = False
                self._page.stop()

    def _show(
        self,
        draw: Callable[[bool], None],
        press: OnKey | None,
        pressed: queue.SimpleQueue[str],
        reader: KeyReader | None,
        ended: threading.Event,
    ) -> None:
        wait_s = 0.0
        while not ended.wait(wait_s) and not self._stop_asked:
            if self._page.is_lent:
                wait_s = _IDLE_FRAME_S
                if self._page.take_again():
                    return  # start to read the keys again
                continue
            while press is not None and not pressed.empty():
                message = press(pressed.get())
                if message:
                    self.show_message(message)
            if ended.is_set():
                return
            draw(reader is not None and reader.working)
            # Nothing moves: look less often, which saves a battery and goes unnoticed.
            idle = self._clock() - self._last_change_s > _IDLE_AFTER_S
            # In a list small movements go unnoticed, and drawing many sources takes much longer.
            slow = idle or isinstance(self._shown, SourceList)
            wait_s = _IDLE_FRAME_S if slow else _FRAME_S

    def _press(
        self,
        key: str,
        get_snapshot: Callable[[], Snapshot],
        on_key: OnKey | None,
        on_correct: OnKey | None,
    ) -> str | None:
        """Handle a key: the letter of a correction, the start of a correction, or a key of ``on_key``."""
        if self._letters and on_correct is not None:
            label = label_for(key, self._letters)
            if label is not None or key == "escape":
                self._letters = {}
            if label is None and key == "q" and on_key is not None:  # it ends the program, whatever is asked
                return on_key(key)
            return None if label is None else on_correct(label)
        if key == "c" and on_correct is not None:
            self._letters = letters_for((*get_snapshot().genres, *NOT_GENRES))
            return None
        return None if on_key is None else on_key(key)

    def _press_many(
        self, key: str, snapshots: Sequence[Snapshot], on_key: OnKey | None, on_correct: OnKey | None
    ) -> str | None:
        """Handle a key that moves through the sources or applies to the opened one."""
        if not self._letters:
            plan = self._list(snapshots, Extras(), 0.0).arrangement(*self._page.size(), self._page.characters)
            place = self._place.press(key, sources=len(snapshots), in_view=plan.in_view)
            if place != self._place:
                self._place = place
                return None
            if key == "c" and on_correct is not None and snapshots:
                # Its own screen has the room for the question, and shows which source is meant.
                self._place = self._place.open_selected()
        opened = self._place.opened
        if opened is None:
            return None if on_key is None else on_key(key)
        return self._press(key, lambda: snapshots[opened], on_key, on_correct)

    def draw(self, snapshot: Snapshot, *, keys: bool = False) -> int:
        """Update the terminal, and return the number of lines that were written."""
        now_s = self._clock()
        return self._put(self._frame(0, snapshot, self._extras(self._known_keys if keys else ()), now_s))

    def draw_many(self, snapshots: Sequence[Snapshot], *, keys: bool = False) -> int:
        """Update the terminal with several sources, and return the number of lines that were written."""
        now_s, opened = self._clock(), self._place.opened
        if opened is not None and opened < len(snapshots):
            return self._put(
                self._frame(opened, snapshots[opened], self._extras(OPENED_KEYS if keys else ()), now_s)
            )
        return self._put(self._list(snapshots, self._extras(LIST_KEYS if keys else ()), now_s))

    def _extras(self, keys: tuple[tuple[str, str], ...]) -> Extras:
        message, until_s = self._message
        return Extras(
            keys=keys,
            paused=self.paused,
            message=message if self._clock() < until_s else "",
            notices=self._notices,
            keeping=None if self._keeping is None else self._keeping(),
            letters=self._letters,
        )

    def _view(self, number: int, snapshot: Snapshot, extras: Extras, now_s: float) -> View:
        animation, strips = self._moving.setdefault(number, (Animation(), StripCache()))
        paused = self.paused or number in self.paused_sources
        # While paused, nothing is measured.
        shown = replace(snapshot, level_dbfs=FLOOR_DBFS, peak_dbfs=FLOOR_DBFS) if paused else snapshot
        return View(shown, animation.advance(shown, now_s), replace(extras, paused=paused), strips)

    def _frame(self, number: int, snapshot: Snapshot, extras: Extras, now_s: float) -> Frame:
        return Frame(self._view(number, snapshot, extras, now_s), self.theme or DARK)

    def _list(self, snapshots: Sequence[Snapshot], extras: Extras, now_s: float) -> SourceList:
        views = [self._view(number, snapshot, extras, now_s) for number, snapshot in enumerate(snapshots)]
        return SourceList(views, self._place, self.theme or DARK, extras)

    def _put(self, picture: ConsoleFrame) -> int:
        self._shown = picture
        page = self._page
        width, height = page.size()
        lines = picture.lines(width, height, colored=page.colored, characters=page.characters)
        written = page.put(lines, width)
        if written:
            self._last_change_s = self._clock()
        return written

    def save_picture(self, path: str | Path) -> Path:
        """Save the screen as SVG, without hints and messages, and return the path."""
        if self._shown is None:
            raise ValueError("Nothing has been drawn yet.")
        width, height = self._page.size()
        return save_frame(self._shown.without_hints(), path, width=width, height=height)

    def _ask_for_stop(self) -> None:
        self._stop_asked = True
