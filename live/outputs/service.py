"""What a service manager is told: ready, alive, stopping, and what is being heard.

The protocol is that of sd_notify(3): datagrams to the socket that ``NOTIFY_SOCKET`` names. Without that
variable nothing is sent.
"""

from __future__ import annotations

import os

from live.events import Event, SourceEvent, StartEvent, SummaryEvent, WindowEvent
from live.wording import SOURCE_STATUS, verdict_words


class ServiceManager:
    """An event sink that keeps the service manager informed."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._status = ""
        timeout_us = os.environ.get("WATCHDOG_USEC", "")
        # Half the watchdog's time, as sd_watchdog_enabled(3) advises.
        self.interval_s = int(timeout_us) / 2e6 if self._address and timeout_us.isdecimal() else None

    @property
    def is_there(self) -> bool:
        """Whether the program was started by a service manager that wants to know."""
        return bool(self._address)

    def __call__(self, event: Event) -> None:
        """Pass on what an event means to a service manager."""
        match event:
            case StartEvent():
                self.notify("READY=1")
            case WindowEvent():
                self._say(verdict_words(event.vote))
            case SourceEvent():
                self._say(SOURCE_STATUS[event.status])
            case SummaryEvent():
                self.notify("STOPPING=1")

    def waiting(self, for_what: str) -> None:
        """Tell that the program is well and waits for something, in the words ``for_what``.

        That is ready enough: a manager that waits for more would give up, or hold up the start of the
        machine for a microphone.
        """
        self.notify("READY=1")
        self._say(for_what)
        self.alive()

    def alive(self) -> None:
        """Tell the watchdog that the program is well."""
        self.notify("WATCHDOG=1")

    def _say(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self.notify(f"STATUS={status}")

    def notify(self, message: str) -> None:
        """Send a message; a manager that cannot be reached is no reason to stop listening."""
        if not self._address:
            return
        import socket  # few programs are run by a service manager, and every one would pay for it

        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
                connection.setblocking(False)
                connection.sendto(message.encode(), address)
        except OSError:
            return
