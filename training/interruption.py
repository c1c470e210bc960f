"""Ctrl-C, remembered: a library may swallow a KeyboardInterrupt or raise something else instead."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """Raises KeyboardInterrupt on SIGINT, as Python does, and remembers it.

    A SIGINT that is ignored, as in the background of a script, stays ignored.

    Attributes
    ----------
    was_asked_for : bool
        Whether there was a SIGINT.
    """

    def __init__(self) -> None:
        self.was_asked_for = False
        self._is_handled = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.was_asked_for = True
        raise KeyboardInterrupt

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        self._before = signal.getsignal(signal.SIGINT)
        if is_main and self._before is not signal.SIG_IGN:
            self._is_handled = True
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_handled:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a SIGINT that something swallowed."""
        if self.was_asked_for:
            raise KeyboardInterrupt
