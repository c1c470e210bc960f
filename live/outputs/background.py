"""Delivery of events to a slow receiver, on a separate thread.

A session must never wait for a network or for another program. So events go into a queue of limited
length, from which a thread delivers them; when it is full, the oldest event is dropped.
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

    Errors during delivery are reported once, in one sentence, and do not reach the session.

    Parameters
    ----------
    name : str
        Name of the thread, and of the receiver in messages.
    report : callable
        Called with the sentence that describes an error.

    Attributes
    ----------
    dropped : int
        Number of events that were dropped or could not be delivered.
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
        """Start to deliver events."""
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Put an event into the queue, without waiting."""
        self.put(event)

    def put(self, item: Event | str) -> None:
        """Put an event, or a note for ``deliver``, into the queue, without waiting."""
        with self._changed:
            if len(self._items) >= QUEUE_LENGTH:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()

    def close(self) -> None:
        """Deliver the remaining events and disconnect, within a limited time."""
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
        """Disconnect from the receiver; called on the sink's thread."""

    def report_once(self, sentence: str) -> None:
        """Report an error to the user, but only the first one."""
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
        except Exception as error:  # an error of a library must not end the session
            self.dropped += len(item)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.report_once(f"{self._name} cannot be reached ({reason}): see whether its address is right.")
