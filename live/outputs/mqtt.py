"""``--mqtt``: the session on an MQTT broker, with an entry for Home Assistant to discover.

Topics, all retained, below the prefix of the URL (``genre_live`` by default):

================  ======================================================================
``status``        ``online``, or ``offline`` (the last will says so after a crash)
``source``        ``listening``, ``lost`` or ``muted``
``verdict``       the genre where one is named, else the state
``state``         ``genre``, ``unsure``, ``other``, ``silence``, ``no_music`` or ``waiting``
``genre``         the genre, or nothing
``confidence``    per cent, 0 to 100
``level``         dBFS, −120 to 0
``distribution``  the vote's distribution, as a JSON object
================  ======================================================================

A changed verdict is published at once, the numbers with it and every five seconds of sound besides.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from live import __version__
from live.errors import InputError
from live.events import Event, SourceEvent, StartEvent, WindowEvent
from live.extras import need
from live.outputs.background import BackgroundSink, Report

DEFAULT_PREFIX = "genre_live"
DEFAULT_DISCOVERY = "homeassistant"
PASSWORD_VARIABLE = "GENRE_LIVE_MQTT_PASSWORD"  # noqa: S105 (its name, not the password)
NUMBERS_EVERY_S = 5.0
KEEP_ALIVE_S = 30
MOST_WAITING = 100  # messages inside the client
LONGEST_RETRY_S = 60
LAST_WORD_WITHIN_S = 1.0

CONNECTED = "connected"


@dataclass(frozen=True)
class Broker:
    """What an ``mqtt://`` URL names.

    Attributes
    ----------
    prefix : str
        What the topics begin with.
    discovery : str or None
        Home Assistant's discovery prefix; None announces nothing.
    """

    host: str
    port: int
    is_encrypted: bool
    username: str | None
    password: str | None = field(repr=False)
    prefix: str
    discovery: str | None

    @property
    def identity(self) -> str:
        """The prefix, as an identifier of this listener among others."""
        return re.sub(r"[^A-Za-z0-9_-]", "_", self.prefix)


def parse_url(url: str) -> Broker:
    """Read ``mqtt[s]://[user[:password]@]host[:port][/prefix][?discovery=prefix|off]``.

    Raises
    ------
    InputError
        When it is not that.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        password = unquote(parts.password, errors="strict") if parts.password is not None else None
        username = unquote(parts.username, errors="strict") if parts.username else None
        prefix = unquote(parts.path, errors="strict").strip("/") or DEFAULT_PREFIX
    except ValueError:
        raise InputError(_not_a_url()) from None
    discovery = options.pop("discovery", [DEFAULT_DISCOVERY])[-1].strip("/")
    fit = all(re.fullmatch(r"[^#+\x00-\x1f]+", topic) for topic in (prefix, discovery))
    if parts.scheme not in {"mqtt", "mqtts"} or not host or not fit or options or port == 0 or "#" in url:
        raise InputError(_not_a_url())
    is_encrypted = parts.scheme == "mqtts"
    return Broker(
        host=host,
        port=port or (8883 if is_encrypted else 1883),
        is_encrypted=is_encrypted,
        username=username,
        password=password if password is not None else os.environ.get(PASSWORD_VARIABLE),
        prefix=prefix,
        discovery=None if discovery == "off" else discovery,
    )


def without_password(url: str) -> str:
    """Give the URL with its password left out, to be shown."""
    return re.sub(r"(?<=//)([^/@]*?):[^/]*@", r"\1:***@", url)


def _not_a_url() -> str:
    # The URL itself is not repeated: it may hold a password.
    return "--mqtt takes a URL such as mqtt://user:password@host:1883/genre_live: see docs/outputs.md."


def discovery_messages(broker: Broker) -> dict[str, dict[str, Any]]:
    """Give the messages that make Home Assistant show the listener, by topic."""
    if broker.discovery is None:
        return {}
    prefix, identity = broker.prefix, broker.identity
    shared = {
        "availability_mode": "all",
        "availability": [
            {"topic": f"{prefix}/status"},
            {
                "topic": f"{prefix}/source",
                "payload_available": "listening",
                "payload_not_available": "lost",
            },
        ],
        "device": {"identifiers": [identity], "name": "genre-live", "sw_version": __version__},
        "origin": {"name": "genre-live", "sw_version": __version__},
    }
    sensors: dict[str, dict[str, Any]] = {
        "verdict": {
            "name": "Music genre",
            "icon": "mdi:music",
            "json_attributes_topic": f"{prefix}/distribution",
        },
        "confidence": {
            "name": "Confidence",
            "icon": "mdi:percent",
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
        "level": {
            "name": "Level",
            "icon": "mdi:volume-high",
            "unit_of_measurement": "dB",
            "state_class": "measurement",
        },
    }
    return {
        f"{broker.discovery}/sensor/{identity}/{topic}/config": {
            **sensor,
            "unique_id": f"{identity}_{topic}",
            "state_topic": f"{prefix}/{topic}",
            **shared,
        }
        for topic, sensor in sensors.items()
    }


class Publications:
    """Turns events into what the topics should say, leaving out what they say already."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self._numbers_s = float("-inf")

    def __call__(self, event: Event) -> dict[str, str]:
        """Give the topics that an event changes, with what they now say."""
        wanted: dict[str, str] = {}
        match event:
            case StartEvent():
                wanted["source"] = "listening"
            case SourceEvent():
                wanted["source"] = "listening" if event.status == "back" else event.status
            case WindowEvent():
                wanted = self._tell_window(event)
        changed = {topic: text for topic, text in wanted.items() if self.said.get(topic) != text}
        self.said |= changed
        return changed

    def _tell_window(self, window: WindowEvent) -> dict[str, str]:
        vote = window.vote
        wanted = {"verdict": vote.genre or vote.state, "state": vote.state, "genre": vote.genre or ""}
        is_new = any(self.said.get(topic) != text for topic, text in wanted.items())
        if is_new or window.time_s >= self._numbers_s + NUMBERS_EVERY_S:
            self._numbers_s = window.time_s
            wanted["confidence"] = f"{vote.confidence:.0%}".removesuffix("%")
            wanted["level"] = f"{window.level_dbfs:.0f}"
            shares = {label: round(share, 3) for label, share in vote.distribution.items()}
            wanted["distribution"] = json.dumps(shares)
        return wanted


class Mqtt(BackgroundSink):
    """Publishes the session on an MQTT broker; connects, and connects again, by itself.

    While there is no connection nothing is kept but what the topics should say; that is published as
    soon as there is one. What something newer took the place of, or the end, counts as dropped.

    Parameters
    ----------
    url : str
        See ``parse_url``.
    report : callable
        Takes the sentence that says what went wrong.

    Raises
    ------
    InputError
        When the URL is none, or the extra is missing.
    """

    def __init__(self, url: str, report: Report) -> None:
        broker = self._broker = parse_url(url)
        super().__init__(f"The MQTT broker {broker.host}:{broker.port}", report)
        library = need("paho.mqtt.client", extra="mqtt", purpose="--mqtt")
        self._success = library.MQTT_ERR_SUCCESS
        self._publications = Publications()
        self._unsaid: dict[str, str] = {}  # topics and what they should say, not published yet
        client = self._client = library.Client(library.CallbackAPIVersion.VERSION2)
        client.on_connect = self._note_connection
        client.on_connect_fail = self._note_failure
        client.max_queued_messages_set(MOST_WAITING)
        client.reconnect_delay_set(1, LONGEST_RETRY_S)
        client.will_set(f"{broker.prefix}/status", "offline", qos=1, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_encrypted:
            client.tls_set()

    def start(self) -> None:
        """Begin to connect and to publish."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()
        super().start()

    def _note_connection(
        self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self.report_once(
                f"{self._name} refuses the connection ({reason}): "
                "check the user name and the password in --mqtt."
            )
        else:
            self.put(CONNECTED)

    def _note_failure(self, _client: Any, _userdata: Any) -> None:
        self.report_once(f"{self._name} cannot be reached: check its address; genre-live keeps trying.")

    def deliver(self, item: Event | str) -> None:
        """Publish what an event changes, or after a new connection all that is to be said."""
        if isinstance(item, str):
            for topic, message in discovery_messages(self._broker).items():
                self._publish(topic, json.dumps(message))
            self._unsaid = {"status": "online", **self._publications.said}
        else:
            changed = self._publications(item)
            self.dropped += len(self._unsaid.keys() & changed.keys())
            self._unsaid |= changed
        for topic, text in list(self._unsaid.items()):
            if self._publish(f"{self._broker.prefix}/{topic}", text) is not None:
                del self._unsaid[topic]

    def _publish(self, topic: str, text: str) -> Any:
        """Hand a message to the client; None when there is no connection or no room."""
        if not self._client.is_connected():
            return None
        message = self._client.publish(topic, text, qos=1, retain=True)
        return message if message.rc == self._success else None

    def finish(self) -> None:
        """Say that nobody listens any more, and disconnect."""
        self.dropped += len(self._unsaid)
        last = self._publish(f"{self._broker.prefix}/status", "offline")
        if last is not None:
            last.wait_for_publish(LAST_WORD_WITHIN_S)
        self._client.disconnect()
        self._client.loop_stop()
