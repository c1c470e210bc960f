"""``--mqtt``: publishes the session on an MQTT broker, with discovery for Home Assistant.

All topics are retained and begin with the prefix of the URL (default ``genre_live``):

================  ======================================================================
``status``        ``online``, or ``offline`` (also the last will, for a crash)
``source``        ``listening``, ``lost``, ``muted`` or ``ended``
``verdict``       the genre if the verdict names one, else the state
``state``         ``genre``, ``unsure``, ``other``, ``silence``, ``no_music`` or ``waiting``
``genre``         the genre, or empty
``confidence``    per cent, 0 to 100
``level``         dBFS, −120 to 0
``distribution``  the vote's distribution, as a JSON object
``title``         the title that a station sends
================  ======================================================================

With several sources, each has these topics below its own name (``genre_live/bar/verdict``), except
``status``.

A changed verdict is published at once. The numbers are published with it, and every five seconds of sound.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from live.events import Event, SourceEvent, StartEvent, SummaryEvent, WindowEvent
from live.extras import need
from live.outputs.background import BackgroundSink, Report
from live.outputs.home_assistant import discovery_messages
from live.outputs.mqtt_url import Broker, parse_url, tls_context

NUMBERS_EVERY_S = 5.0
KEEP_ALIVE_S = 30
MOST_WAITING = 100  # messages inside the client, for each source
MOST_SOURCES = 100
LONGEST_RETRY_S = 60
LAST_WORD_WITHIN_S = 1.0
WRONG_NAME = (62, 64)  # OpenSSL: the certificate is for another host name, or another address
WRONG_TIME = (9, 10)  # OpenSSL: not yet valid, or no longer

CONNECTED = "connected"
NOTHING_HEARD = {"verdict": "waiting", "state": "waiting", "genre": "", "confidence": "0"}


def topic_part(source: str | None) -> str:
    """Return the part of a source's topics after the prefix; empty where there is only one source.

    Characters that a topic level may not hold, and ``%``, are percent-encoded.
    """
    if source is None:
        return ""
    written = re.sub(
        r"[%/+#\x00-\x1f\x7f]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), source
    )
    return f"{written}/"


def why_not_connected(broker: Broker, error: BaseException | None) -> str:
    """Return a sentence that says why there is no connection to a broker, and what to do about it.

    Parameters
    ----------
    broker : Broker
    error : exception or None
        The error of the connection attempt, where it is known.
    """
    import socket
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.rstrip(".")
        if error.verify_code in WRONG_NAME:
            return f"shows a certificate for another name ({reason}): write the name that stands in it."
        if error.verify_code in WRONG_TIME:
            return f"shows a certificate that does not hold today ({reason}): check the clock, or renew it."
        return f"shows a certificate that is not trusted ({reason}): name the file of its CA with ?ca=FILE."
    if isinstance(error, ssl.SSLError) and "ALERT" in str(error.reason):
        return _unwelcome(broker)
    encrypted = broker.is_encrypted and not isinstance(error, ConnectionRefusedError | socket.gaierror)
    if encrypted and isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
        return "does not speak TLS on this port: write mqtt:// for it, or the port that does (mostly 8883)."
    return "cannot be reached: check its address; genre-live keeps trying."


def _unwelcome(broker: Broker) -> str:
    """Return why a broker may have closed an encrypted connection at once."""
    if broker.certificate is None:
        return "closed the connection: it may want ?certificate=FILE&key=FILE of yours."
    return "closed the connection: it does not accept this client certificate."


class Publications:
    """Converts events to topics and their values, without those that have not changed."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self._numbers_s = float("-inf")

    def __call__(self, event: Event) -> dict[str, str]:
        """Return the topics that an event changes, with their new values."""
        wanted: dict[str, str] = {}
        match event:
            case StartEvent():
                # The broker keeps the verdict and the title of an earlier run; an empty text deletes it.
                wanted = {**NOTHING_HEARD, "source": "listening", "title": event.title or ""}
            case SourceEvent():
                wanted["source"] = "listening" if event.status == "back" else event.status
            case WindowEvent():
                wanted = self._tell_window(event)
            case SummaryEvent():
                # Of several sources the others go on, so the status stays online, and a verdict would last.
                wanted = {"source": "ended", **(NOTHING_HEARD if event.source is not None else {})}
        if event.title is not None or self.said.get("title"):
            wanted["title"] = event.title or ""
        return self._changed(wanted)

    def expect(self) -> dict[str, str]:
        """Return the topics of a source that is not there yet, with their values."""
        return self._changed({**NOTHING_HEARD, "source": "lost", "title": ""})

    def _changed(self, wanted: dict[str, str]) -> dict[str, str]:
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
    """Publishes the session on an MQTT broker, and reconnects by itself.

    Without a connection only the newest value of each topic is kept, and published as soon as there is one.
    A value that is replaced meanwhile, or not published before the end, counts as dropped.

    Parameters
    ----------
    url : str
        See ``parse_url``.
    report : callable
        Called with the sentence that describes an error.
    expected : sequence of str
        Names of sources that may begin later than others; the broker may keep what an earlier run heard of
        them.

    Raises
    ------
    InputError
        When the URL is invalid, a file that it names cannot be used, or the extra is missing.
    """

    def __init__(self, url: str, report: Report, expected: Sequence[str] = ()) -> None:
        broker = self._broker = parse_url(url)
        super().__init__(f"The MQTT broker {broker.address}", report)
        library = need("paho.mqtt.client", extra="mqtt", purpose="--mqtt")
        self._success = library.MQTT_ERR_SUCCESS
        self._publications: dict[str | None, Publications] = {}
        self._expected = expected
        self._unsaid: dict[str, str] = {}  # topics with values that are not published yet
        self._initial: set[str] = set()  # those whose value is that of the start, which nobody misses
        self._is_answered = False  # whether the broker has answered on this connection
        self._is_new = False  # whether this connection has not been told the status yet
        client = self._client = library.Client(library.CallbackAPIVersion.VERSION2)
        client.on_connect = self._note_connection
        client.on_connect_fail = self._note_failure
        client.on_disconnect = self._note_end
        client.max_queued_messages_set(MOST_WAITING * MOST_SOURCES)
        client.reconnect_delay_set(1, LONGEST_RETRY_S)
        client.will_set(f"{broker.prefix}/status", "offline", qos=1, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_encrypted:
            client.tls_set_context(tls_context(broker))

    def start(self) -> None:
        """Start to connect and to publish."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()
        super().start()

    def _note_connection(
        self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._is_answered = True
        if reason.is_failure:
            self.report_once(
                f"{self._name} refuses the connection ({reason}): "
                "check the user name and the password in --mqtt."
            )
        else:
            self.put(CONNECTED)

    def _note_failure(self, _client: Any, _userdata: Any) -> None:
        # The client calls this inside its exception handler, and does not pass the exception.
        self.report_once(f"{self._name} {why_not_connected(self._broker, sys.exc_info()[1])}")

    def _note_end(self, _client: Any, _userdata: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        if not self._is_answered and not self._closing:
            wants_tls = "closed the connection: it may want encryption, which is mqtts://."
            why = _unwelcome(self._broker) if self._broker.is_encrypted else wants_tls
            self.report_once(f"{self._name} {why}")
        self._is_answered = False

    def deliver(self, item: Event | str) -> None:
        """Publish the topics that an event changes, or, after a new connection, all of them."""
        if isinstance(item, str):
            self._unsaid = {}
            for source in self._publications:
                self._introduce(source)
            self._is_new = True
        else:
            source, part = item.source, topic_part(item.source)
            self._expect()
            is_new = source not in self._publications
            publications = self._publications.setdefault(source, Publications())
            changed = {f"{part}{topic}": text for topic, text in publications(item).items()}
            self.dropped += len((self._unsaid.keys() & changed.keys()) - self._initial)
            self._initial = self._initial - changed.keys()
            if isinstance(item, StartEvent):
                self._initial |= changed.keys()
            self._unsaid |= changed
            if is_new:
                self._introduce(source)
        # Last, and not before a session has begun: what the broker keeps of another run is not this one's.
        if self._is_new and self._publications:
            self._unsaid["status"], self._is_new = "online", False
        for topic, text in list(self._unsaid.items()):
            if self._publish(f"{self._broker.prefix}/{topic}", text) is not None:
                del self._unsaid[topic]

    def _expect(self) -> None:
        """Tell, when the first session begins, that nothing is heard of the sources that are to come."""
        for source in self._expected:
            publications = self._publications[source] = Publications()
            self._initial |= {f"{topic_part(source)}{topic}" for topic in publications.expect()}
            self._introduce(source)
        self._expected = ()

    def _introduce(self, source: str | None) -> None:
        """Announce a source to Home Assistant, and publish all its topics again."""
        part, prefix = topic_part(source), self._broker.prefix
        for topic, message in discovery_messages(self._broker.discovery, prefix, source, part).items():
            self._publish(topic, json.dumps(message))
        self._unsaid |= {f"{part}{topic}": text for topic, text in self._publications[source].said.items()}

    def _publish(self, topic: str, text: str) -> Any:
        """Pass a message to the client; return None when there is no connection or its queue is full."""
        if not self._client.is_connected():
            return None
        message = self._client.publish(topic, text, qos=1, retain=True)
        return message if message.rc == self._success else None

    def finish(self) -> None:
        """Publish the status ``offline``, and disconnect."""
        self.dropped += len(self._unsaid)
        last = self._publish(f"{self._broker.prefix}/status", "offline")
        if last is not None:
            last.wait_for_publish(LAST_WORD_WITHIN_S)
        self._client.disconnect()
        self._client.loop_stop()
