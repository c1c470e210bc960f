"""Gives events to a receiver that may be slow, on a thread of its own.

Whoever listens must never wait for a network or for another program. So an event is put into a queue
of bounded length, the oldest making room for the newest, and delivered from there.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from live.events import Event

QUEUE_LENGTH = 256
CLOSE_WITHIN_S = 3.0

Report = Callable[[str], None]
"""Takes one sentence for the user; may be called on any thread."""


class BackgroundSink(ABC):
    """A sink whose events are delivered on its own thread.

    What goes wrong while delivering is reported once, in one sentence, and never reaches the session.

    Parameters
    ----------
    name : str
        Of the thread, and of the receiver in sentences.
    report : callable

    Attributes
    ----------
    dropped : int
        Events that found no room or could not be delivered.
    """

    def __init__(self, name: str, report: Report) -> None:
        self._name = name
        self._report = report
        self._reported = False
        self._items: deque[Event | str] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Put an event into the queue; never waits."""
        self.put(event)

    def put(self, item: Event | str) -> None:
        """Put an event, or a note to itself, into the queue; never waits."""
        with self._changed:
            if len(self._items) >= QUEUE_LENGTH:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()

    def close(self) -> None:
        """Deliver what is left and let go of the receiver; waits a bounded time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)
        if self.dropped:
            messages = "message" if self.dropped == 1 else "messages"
            self._report(f"{self._name} missed {self.dropped} {messages}.")

    @abstractmethod
    def deliver(self, item: Event | str) -> None:
        """Deliver an event, or act on a note; called on the sink's thread."""

    @abstractmethod
    def finish(self) -> None:
        """Let go of the receiver; called on the sink's thread."""

    def report_once(self, sentence: str) -> None:
        """Tell the user what is wrong, the first time only."""
        if not self._reported:
            self._reported = True
            self._report(sentence)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closing)
                if not self._items:
                    break
                item = self._items.popleft()
            self._attempt(self.deliver, item)
        self._attempt(self.finish)

    def _attempt(self, work: Callable[..., None], *item: Event | str) -> None:
        try:
            work(*item)
        except Exception as error:  # whatever a library raises must not end the listening
            self.dropped += len(item)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.report_once(f"{self._name} cannot be reached ({reason}): see whether its address is right.")
