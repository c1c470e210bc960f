"""Work for the tests, with numbers that cause failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live.errors import InputError
from live.spreading.work import Work


@dataclass(frozen=True)
class Double(Work[int, tuple[int, int]]):
    """Returns the double of a number and the process id; some numbers cause failures."""

    crash: frozenset[int] = frozenset()
    kill: frozenset[int] = frozenset()
    hang: frozenset[int] = frozenset()
    swell: frozenset[int] = frozenset()
    fail: frozenset[int] = frozenset()
    once: str = ""  # a folder; with it, a number fails only the first time
    limit_s: float | None = None
    limit_bytes: int | None = None
    refuse: str = ""
    refuse_where: str = ""  # an environment variable; with it, only processes that have it refuse

    def patience_s(self, item: int) -> float | None:  # noqa: ARG002
        return self.limit_s

    @property
    def memory_bytes(self) -> int | None:
        return self.limit_bytes

    def open(self) -> Callable[[int], tuple[int, int]]:
        if self.refuse and (not self.refuse_where or self.refuse_where in os.environ):
            raise InputError(self.refuse)
        return self._do

    def _do(self, number: int) -> tuple[int, int]:
        print("what libraries say", flush=True)
        os.write(1, b"and what C libraries say\n")
        if not self.once or self._is_first_time(number):
            self._come_to_grief(number)
        return 2 * number, os.getpid()

    def _is_first_time(self, number: int) -> bool:
        seen = Path(self.once) / str(number)
        if seen.exists():
            return False
        seen.touch()
        return True

    def _come_to_grief(self, number: int) -> None:
        if number in self.crash:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number in self.kill:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if number in self.hang:
            child = [sys.executable, "-c", "import signal; signal.pause()"]
            if self.once:
                (Path(self.once) / "pid").write_text(str(subprocess.Popen(child).pid))
            threading.Event().wait()
        if number in self.swell:
            held = []
            while True:
                held.append(bytearray(50_000_000))
        if number in self.fail:
            raise RuntimeError("no such luck")
