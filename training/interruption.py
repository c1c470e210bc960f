"""Signals that end a run, remembered: a library may swallow a KeyboardInterrupt or raise something else."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # of the last two, each system has one


class Interruption:
    """Raises KeyboardInterrupt on SIGINT, as Python does, SIGTERM, SIGHUP and Ctrl-Break, and remembers it.

    A signal that is ignored, as SIGINT in the background of a script and SIGHUP with nohup, stays ignored.

    Attributes
    ----------
    was_asked_for : bool
        Whether there was such a signal.
    """

    def __init__(self) -> None:
        self.was_asked_for = False
        self._before: dict[int, Any] = {}

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        # The system and the shell both tell of a closed terminal: the second must not cut off the saving.
        again = self.was_asked_for and number == getattr(signal, "SIGHUP", None)
        self.was_asked_for = True
        if not again:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in ENDING if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a signal that something swallowed."""
        if self.was_asked_for:
            raise KeyboardInterrupt
