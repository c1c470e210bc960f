"""The end of the program on a signal: in order on the first one, at once on a second."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

SAME_REQUEST_S = 0.3  # timeout(1) sends its signal to the process and to its group: one request


class Stop(BaseException):
    """Raised in the main thread by a signal that asks the program to end."""


@dataclass(frozen=True)
class Ending:
    """The end of the program.

    Attributes
    ----------
    has_begun : threading.Event
        Set by the program when it starts to close everything; from then on no signal raises.
    is_asked : threading.Event
        Set by the first signal.
    """

    has_begun: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise Stop if a signal has asked for the end.

        The handler raises it as well, but Python drops what a handler raises during a destructor or a
        callback of the garbage collection.
        """
        if self.is_asked.is_set() and not self.has_begun.is_set():
            raise Stop


@contextlib.contextmanager
def ending_signals() -> Iterator[Ending]:
    """Raise ``Stop`` on SIGINT, SIGTERM, SIGHUP and Ctrl-Break; a second one ends the process at once.

    A first signal after the end has begun is ignored, so that everything is closed in order.
    """
    ending = Ending()
    asked_s = 0.0

    def ignore() -> None:
        # What is left is the end of Python itself, which gives the signals their own action back:
        # without this, a second signal would then turn an end in order into one by a signal.
        for name in names:
            signal.signal(name, signal.SIG_IGN)

    def end_at_once(_number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - asked_s < SAME_REQUEST_S:
            return
        if sys.stdout.isatty():
            with contextlib.suppress(OSError):
                os.write(sys.stdout.fileno(), b"\x1b[?1049l\x1b[?25h\x1b[0m\r\n")
        os._exit(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked_s
        asked_s = time.monotonic()
        for name in names:
            signal.signal(name, end_at_once)
        ending.is_asked.set()
        ending.check()

    names = [signal.SIGINT, signal.SIGTERM]
    for text in ("SIGHUP", "SIGBREAK"):  # of the two, each system has one
        number = getattr(signal, text, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as with nohup
            names.append(number)
    before = {name: signal.signal(name, stop) for name in names}
    atexit.register(ignore)  # the first one that is registered runs last
    try:
        yield ending
    except Exception:
        ending.check()  # an import that a signal interrupts raises an error of its own
        raise
    finally:
        if not ending.is_asked.is_set():  # later ones must not interrupt the end
            atexit.unregister(ignore)
            for name, handler in before.items():
                signal.signal(name, handler)
