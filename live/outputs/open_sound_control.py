"""``--osc``: the session as Open Sound Control messages, which light desks and music programs understand.

Address scheme, each message sent on its own in one UDP packet:

==================================  ===========================================================
``/genre_live/start``               source name (string), model name (string)
``/genre_live/verdict``             state (string), genre or "" (string), confidence (float)
``/genre_live/change``              state, genre, state before, genre before (strings)
``/genre_live/confidence``          0 to 1 (float)
``/genre_live/level``               dBFS, −120 to 0 (float)
``/genre_live/time``                seconds of stream time (float)
``/genre_live/probability/<label>`` the label's share of the vote's distribution, 0 to 1 (float)
``/genre_live/gap``                 seconds lost (float), reason (string)
``/genre_live/source``              lost, back or muted (string)
``/genre_live/correction``          what was heard, what it is (strings)
``/genre_live/end``                 seconds listened (float)
==================================  ===========================================================
"""

from __future__ import annotations

import re
import socket

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

Message = tuple[str, tuple[str | float, ...]]


def probability_address(label: str) -> str:
    """Give the address of a label's probability; what an address may not hold becomes ``_``."""
    return f"{ROOT}/probability/{NOT_IN_ADDRESSES.sub('_', label)}"


class MessageWriter:
    """Turns events into messages; remembers the verdict, to say when it changes."""

    def __init__(self) -> None:
        self._said = ("waiting", "")

    def __call__(self, event: Event) -> list[Message]:
        """Give the messages that tell of an event."""
        match event:
            case StartEvent():
                return [(f"{ROOT}/start", (event.source_name, event.model_name))]
            case WindowEvent():
                return self._tell_window(event)
            case GapEvent():
                return [(f"{ROOT}/gap", (float(event.lost_s), event.reason))]
            case SourceEvent():
                return [(f"{ROOT}/source", (event.status,))]
            case CorrectionEvent():
                return [(f"{ROOT}/correction", (event.heard, event.genre))]
            case SummaryEvent():
                return [(f"{ROOT}/end", (float(event.duration_s),))]

    def _tell_window(self, window: WindowEvent) -> list[Message]:
        vote = window.vote
        now = (vote.state, vote.genre or "")
        messages: list[Message] = []
        if now != self._said:
            messages.append((f"{ROOT}/change", (*now, *self._said)))
            self._said = now
        messages += [
            (f"{ROOT}/verdict", (*now, float(vote.confidence))),
            (f"{ROOT}/confidence", (float(vote.confidence),)),
            (f"{ROOT}/level", (float(window.level_dbfs),)),
            (f"{ROOT}/time", (float(window.time_s),)),
        ]
        messages += [
            (probability_address(label), (float(share),)) for label, share in vote.distribution.items()
        ]
        return messages


def parse_address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``; an IPv6 address stands in brackets.

    Raises
    ------
    InputError
        When it is not that.
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
        Takes the sentence that says what went wrong.

    Raises
    ------
    InputError
        When the address is no address, its host is not known, or the extra is missing.
    """

    def __init__(self, address: str, report: Report) -> None:
        super().__init__(f"The OSC receiver {address}", report)
        host, port = parse_address(address)
        client = need("pythonosc.udp_client", extra="osc", purpose="--osc")
        builder = need("pythonosc.osc_message_builder", extra="osc", purpose="--osc")
        try:
            # Looked up once: a name server that is slow today must not delay every message.
            family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._client = client.UDPClient(str(where[0]), port, allow_broadcast=True, family=family)
        except (OSError, UnicodeError):
            raise InputError(f"The host of --osc {address} is not known: check its name.") from None
        self._new_message = builder.OscMessageBuilder
        self._write = MessageWriter()

    def deliver(self, item: Event | str) -> None:
        """Send what tells of an event."""
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
