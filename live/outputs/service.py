"""Messages to a service manager such as systemd: ready, alive, stopping, and the verdict as status text.

The protocol is sd_notify(3): datagrams to the socket in ``NOTIFY_SOCKET``. Without that variable nothing is
sent.
"""

from __future__ import annotations

import os
import sys

from live.events import Event, SourceEvent, StartEvent, SummaryEvent, WindowEvent
from live.wording import SOURCE_STATUS, verdict_words


class ServiceManager:
    """A sink that informs the service manager."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._statuses: dict[str | None, str] = {}  # by the source's name, where there are several
        self._unheard: set[str | None] = set()  # sources that are lost or muted
        timeout_us = os.environ.get("WATCHDOG_USEC", "")
        # Half the watchdog's time, as sd_watchdog_enabled(3) advises.
        self.interval_s = int(timeout_us) / 2e6 if self._address and timeout_us.isdecimal() else None

    @property
    def is_there(self) -> bool:
        """Whether the program was started by a service manager that expects messages."""
        return bool(self._address)

    def __call__(self, event: Event) -> None:
        """Send the message for an event, if there is one."""
        match event:
            case StartEvent():
                self._statuses.pop(None, None)  # what was waited for; of others it will be told again
                self.notify("READY=1")
            case WindowEvent():
                if event.source not in self._unheard:  # else it is of sound from before the loss, or silence
                    self._send_status(verdict_words(event.vote), event.source)
            case SourceEvent():
                (self._unheard.discard if event.status == "back" else self._unheard.add)(event.source)
                self._send_status(SOURCE_STATUS[event.status], event.source)
            case SummaryEvent(source=None):
                self.notify("STOPPING=1")
            case SummaryEvent():  # the others go on
                self._send_status("ended", event.source)

    def waiting(self, for_what: str) -> None:
        """Report that the program is ready and waits for something, described by ``for_what``.

        Otherwise the manager would give up, or would delay the start of the computer until there is a
        microphone.
        """
        self.notify("READY=1")
        self._send_status(for_what)
        self.alive()

    def alive(self) -> None:
        """Feed the watchdog."""
        self.notify("WATCHDOG=1")

    def _send_status(self, status: str, source: str | None = None) -> None:
        if self._statuses.get(source) != status:
            self._statuses[source] = status
            known = list(self._statuses.items())  # at once: several threads tell
            told = [words if name is None else f"{name}: {words}" for name, words in known]
            self.notify(f"STATUS={' | '.join(told)}")

    def notify(self, message: str) -> None:
        """Send a message, and ignore errors."""
        if not self._address or sys.platform == "win32":
            return
        import socket  # rarely needed, so not imported at every start

        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
                connection.setblocking(False)
                connection.sendto(message.encode(), address)
        except OSError:
            return
