"""A genre-live process that runs beside a test, which can wait for its events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

Event = dict[str, Any]
PATIENCE_S = 60.0


class Listener:
    """Runs the command with ``--json`` and collects its events.

    Parameters
    ----------
    arguments : sequence of str
        Besides ``--json``.
    environment : mapping, optional
        Its environment. Default: that of the test.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "live.cli", "--json", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Event], bool], *, after: int = 0) -> tuple[int, Event]:
        """Wait for an event.

        Parameters
        ----------
        wanted : callable
            Returns whether an event is the wanted one.
        after : int
            Number of the first event that counts.

        Returns
        -------
        tuple of int and dict
            The number of the next event, for ``after``, and the event.
        """

        def find() -> tuple[int, Event] | None:
            for index in range(after, len(self.events)):
                if wanted(self.events[index]):
                    return index + 1, self.events[index]
            return None

        with self._changed:
            found = self._changed.wait_for(lambda: find() or self._over, PATIENCE_S)
            if not isinstance(found, tuple):
                raise AssertionError(f"the event did not come; the last ones were {self.events[-3:]}")
            return found

    def end(self) -> tuple[Event, str]:
        """End the command like Ctrl-C.

        Returns
        -------
        tuple of dict and str
            The summary, and the output on standard error.
        """
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self) -> tuple[Event, str]:
        """Wait for the end, and return the summary and the output on standard error."""
        assert self.process.stderr is not None
        complaints = self.process.stderr.read()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.events, complaints
        return self.events[-1], complaints


def is_window(event: Event) -> bool:
    """Return whether an event is a window."""
    return bool(event["event"] == "window")


def is_source(status: str) -> Callable[[Event], bool]:
    """Return a condition for source events of this status."""
    return lambda event: event["event"] == "source" and event["status"] == status


def is_gap(event: Event) -> bool:
    """Return whether an event is a gap."""
    return bool(event["event"] == "gap")
