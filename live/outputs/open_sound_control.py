"""``--osc``: the session as Open Sound Control messages, for lighting desks and music programs.

Each message is sent in a UDP packet of its own. The addresses are:

==================================  ===========================================================
``/genre_live/start``               source name (string), model name (string)
``/genre_live/verdict``             state (string), genre or "" (string), confidence (float)
``/genre_live/change``              state, genre, previous state, previous genre (strings)
``/genre_live/confidence``          0 to 1 (float)
``/genre_live/level``               dBFS, −120 to 0 (float)
``/genre_live/time``                seconds of stream time (float)
``/genre_live/title``               the title that a station sends (string)
``/genre_live/probability/<label>`` the label's smoothed probability, 0 to 1 (float)
``/genre_live/gap``                 seconds of lost sound (float), reason (string)
``/genre_live/source``              lost, back or muted (string)
``/genre_live/correction``          the verdict, the user's correction (strings)
``/genre_live/end``                 seconds listened (float)
==================================  ===========================================================

With several sources, each has its own addresses: ``/genre_live/<source>/verdict`` and so on.
"""

from __future__ import annotations

import re
import socket

from live.detached_thread import start_detached
from live.errors import InputError
from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    WindowEvent,
)
from live.extras import need
from live.outputs.background import BackgroundSink, Report

ROOT = "/genre_live"
NOT_IN_ADDRESSES = re.compile(r"[^!-~]|[#*,/?\[\]{}]")  # by the OSC 1.0 specification

NOT_IN_SOURCES = re.compile(r"[^!-~]|[#*,/?\[\]{}%]")

Message = tuple[str, tuple[str | float, ...]]


def root_of(source: str | None) -> str:
    """Return the first part of a source's addresses, with its name where there are several sources.

    Characters that an address may not hold, and ``%``, are percent-encoded, so that no two names share an
    address.
    """
    if source is None:
        return ROOT
    written = NOT_IN_SOURCES.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), source)
    return f"{ROOT}/{written}"


def probability_address(label: str, root: str = ROOT) -> str:
    """Return the address of a label's probability; characters that are not allowed become ``_``."""
    return f"{root}/probability/{NOT_IN_ADDRESSES.sub('_', label)}"


class MessageWriter:
    """Converts events to messages; remembers each source's verdict to detect changes."""

    def __init__(self) -> None:
        self._said: dict[str | None, tuple[str, str]] = {}
        self._titles: dict[str | None, str | None] = {}

    def __call__(self, event: Event) -> list[Message]:
        """Return the messages for an event."""
        root = root_of(event.source)
        match event:
            case StartEvent():
                return [(f"{root}/start", (event.source_name, event.model_name))]
            case WindowEvent():
                return self._tell_window(event, root)
            case GapEvent():
                return [(f"{root}/gap", (float(event.lost_s), event.reason))]
            case SourceEvent():
                return [(f"{root}/source", (event.status,))]
            case CorrectionEvent():
                return [(f"{root}/correction", (event.heard, event.genre))]
            case SummaryEvent():
                return [(f"{root}/end", (float(event.duration_s),))]

    def _tell_window(self, window: WindowEvent, root: str) -> list[Message]:
        vote = window.vote
        now, before = (vote.state, vote.genre or ""), self._said.get(window.source, ("waiting", ""))
        messages: list[Message] = []
        if window.title != self._titles.get(window.source):
            self._titles[window.source] = window.title
            messages.append((f"{root}/title", (window.title or "",)))
        if now != before:
            messages.append((f"{root}/change", (*now, *before)))
            self._said[window.source] = now
        messages += [
            (f"{root}/verdict", (*now, float(vote.confidence))),
            (f"{root}/confidence", (float(vote.confidence),)),
            (f"{root}/level", (float(window.level_dbfs),)),
            (f"{root}/time", (float(window.time_s),)),
        ]
        messages += [
            (probability_address(label, root), (float(share),)) for label, share in vote.distribution.items()
        ]
        return messages


def parse_address(text: str) -> tuple[str, int]:
    """Parse ``HOST:PORT``, with an IPv6 address in brackets.

    Raises
    ------
    InputError
        When it has another form.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65_536):
        raise InputError(f"--osc takes HOST:PORT, such as 127.0.0.1:9000, and not {text!r}.")
    return host, int(port)


class OpenSoundControl(BackgroundSink):
    """Sends the session to an OSC server.

    Parameters
    ----------
    address : str
        ``HOST:PORT``.
    report : callable
        Called with the sentence that describes an error.

    Raises
    ------
    InputError
        When the address is invalid, its host is unknown, or the extra is missing.
    """

    def __init__(self, address: str, report: Report) -> None:
        super().__init__(f"The OSC receiver {address}", report)
        host, port = parse_address(address)
        client = need("pythonosc.udp_client", extra="osc", purpose="--osc")
        builder = need("pythonosc.osc_message_builder", extra="osc", purpose="--osc")
        try:
            # The host is looked up once, so that a slow name server does not delay every message, and on
            # another thread, so that Ctrl-C need not wait for it.
            asked = start_detached(
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM), "name server"
            )
            family, _, _, _, where = asked.get()()[0]
            self._client = client.UDPClient(str(where[0]), port, allow_broadcast=True, family=family)
        except (OSError, UnicodeError):
            raise InputError(f"The host of --osc {address} is not known: check its name.") from None
        self._new_message = builder.OscMessageBuilder
        self._write = MessageWriter()

    def deliver(self, item: Event | str) -> None:
        """Send the messages for an event."""
        if isinstance(item, str):
            return
        for address, values in self._write(item):
            message = self._new_message(address=address)
            for value in values:
                message.add_arg(value)
            self._client.send(message.build())

    def finish(self) -> None:
        """Close the socket."""
        self._client.close()
