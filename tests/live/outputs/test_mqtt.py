"""``--mqtt``: what a real Mosquitto on this machine is told, whatever becomes of it or of us."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.errors import InputError
from live.events import SourceEvent
from live.outputs.mqtt import Mqtt, Publications, discovery_messages, parse_url
from tests.live.example_events import LABELS, start, summary, window
from tests.receivers import WAIT_S, Broker, Subscriber

# --- what is said, without a broker


def test_a_changed_verdict_is_said_at_once_and_the_numbers_now_and_then() -> None:
    publish = Publications()
    assert publish(start()) == {"source": "listening"}
    first = publish(window(3.0, "rock", 0.71))
    assert set(first) == {"verdict", "state", "genre", "confidence", "level", "distribution"}
    assert (first["verdict"], first["confidence"], first["level"]) == ("rock", "71", "-18")
    assert json.loads(first["distribution"])["rock"] == 0.71
    assert publish(window(3.5, "rock", 0.9)) == {}
    assert publish(window(8.0, "rock", 0.9))["confidence"] == "90"
    changed = publish(window(8.5, state="silence", confidence=0.9))
    assert (changed["verdict"], changed["state"], changed["genre"]) == ("silence", "silence", "")
    assert publish(SourceEvent(9.0, "lost")) == {"source": "lost"}
    assert publish(SourceEvent(9.0, "lost")) == {}
    assert publish(SourceEvent(12.0, "back")) == {"source": "listening"}
    assert publish(summary()) == {}


def test_home_assistant_is_told_where_to_look() -> None:
    messages = discovery_messages(parse_url("mqtt://host/bar/front room"))
    assert list(messages) == [
        f"homeassistant/sensor/bar_front_room/{name}/config" for name in ("verdict", "confidence", "level")
    ]
    for name, message in zip(("verdict", "confidence", "level"), messages.values(), strict=True):
        assert message["state_topic"] == f"bar/front room/{name}"
        assert message["unique_id"] == f"bar_front_room_{name}"
        assert message["availability"][0] == {"topic": "bar/front room/status"}
    assert discovery_messages(parse_url("mqtt://host?discovery=off")) == {}
    assert all(topic.startswith("ha/") for topic in discovery_messages(parse_url("mqtt://h?discovery=ha")))


def test_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = parse_url("mqtt://broker")
    assert (plain.host, plain.port, plain.is_encrypted) == ("broker", 1883, False)
    assert (plain.username, plain.password) == (None, None)
    assert (plain.prefix, plain.discovery) == ("genre_live", "homeassistant")
    full = parse_url("mqtts://me:p%40ss%2F@[::1]:18883/bar/music/?discovery=ha/x")
    assert (full.host, full.port, full.is_encrypted) == ("::1", 18883, True)
    assert (full.username, full.password) == ("me", "p@ss/")
    assert (full.prefix, full.discovery) == ("bar/music", "ha/x")
    assert parse_url("mqtts://broker").port == 8883
    assert "p@ss" not in repr(full)
    monkeypatch.setenv("GENRE_LIVE_MQTT_PASSWORD", "from outside")
    assert parse_url("mqtt://me@broker").password == "from outside"
    assert parse_url("mqtt://me:here@broker").password == "here"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://me:secret@broker:x",
        "mqtt://me:secret@broker:70000",
        "mqtt://broker:0",
        "mqtt://me:secret@broker/a/#",
        "mqtt://broker/+/a",
        "mqtt://broker?colour=red",
        "mqtt://broker?discovery",
        "mqtt://broker?discovery=",
        "mqtt://a..b",
        "mqtt://[::1",
        "mqtt://broker/%ff",
    ],
)
def test_what_is_no_url_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(InputError, match="--mqtt takes a URL") as error:
        parse_url(url)
    assert "secret" not in str(error.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("paho", "paho.mqtt", "paho.mqtt.client"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"install --force '.\[mqtt\]'"):
        Mqtt("mqtt://broker", print)


# --- with a broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port)
    yield subscriber
    subscriber.close()


def test_a_session_is_published(broker: Broker, subscriber: Subscriber) -> None:
    complaints: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}/bar", complaints.append)
    sink.start()
    subscriber.until(lambda topics: topics.get("bar/status") == "online")
    for event in (start(), window(3.0, "rock", 0.71), window(3.5, "metal", 0.6), summary()):
        sink(event)
    topics = subscriber.until(lambda topics: topics.get("bar/verdict") == "metal")
    sink.close()
    topics = subscriber.until(lambda topics: topics.get("bar/status") == "offline")
    assert complaints == []
    assert (topics["bar/source"], topics["bar/state"], topics["bar/genre"]) == ("listening", "genre", "metal")
    assert topics["bar/confidence"] == "60"
    assert set(json.loads(topics["bar/distribution"])) == set(LABELS)
    announced: dict[str, Any] = json.loads(topics["homeassistant/sensor/bar/verdict/config"])
    assert announced["state_topic"] in topics
    assert announced["availability"][0]["topic"] in topics
    late = Subscriber(broker.port)
    assert late.until(lambda topics: "bar/verdict" in topics)["bar/verdict"] == "metal", "it is retained"
    late.close()


def test_it_comes_back_with_the_broker_and_says_what_is_so_by_then(tmp_path: Path, broker: Broker) -> None:
    complaints: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}", complaints.append)
    sink.start()
    first = Subscriber(broker.port)
    sink(start())
    sink(window(3.0, "rock"))
    first.until(lambda topics: topics.get("genre_live/verdict") == "rock")
    gone = threading.Event()
    sink._client.on_disconnect = lambda *_: gone.set()
    broker.stop()
    assert gone.wait(WAIT_S)
    first.close()
    for number in range(10):
        sink(window(4.0 + number, "metal" if number % 2 else "blues"))
    broker.start()
    second = Subscriber(broker.port)
    topics = second.until(lambda topics: topics.get("genre_live/verdict") == "metal")
    second.until(lambda topics: topics.get("genre_live/status") == "online")
    second.close()
    sink.close()
    assert "homeassistant/sensor/genre_live/verdict/config" in topics
    assert sink.dropped > 0
    assert complaints[-1].endswith(f"missed {sink.dropped} messages.")


def test_what_is_said_once_there_is_a_connection_was_not_missed(
    broker: Broker, subscriber: Subscriber
) -> None:
    complaints: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}", complaints.append)
    sink.deliver(start())  # before there can be a connection
    sink.start()
    subscriber.until(lambda topics: topics.get("genre_live/source") == "listening")
    sink.close()
    assert complaints == []


def test_what_never_found_a_connection_was_missed() -> None:
    pytest.importorskip("paho.mqtt.client")
    sink = Mqtt("mqtt://127.0.0.1:9", print)
    for event in (start(), window(3.0, "rock"), window(3.5, "metal")):
        sink.deliver(event)
    assert sink.dropped == len(["verdict", "genre", "distribution"]), "metal took the place of rock"
    left = ["source", "verdict", "state", "genre", "confidence", "level", "distribution"]
    sink.finish()
    assert sink.dropped == 3 + len(left)


CRASHER = """\
import sys, threading
from live.outputs.mqtt import Mqtt
sink = Mqtt(sys.argv[1], print)
sink.start()
threading.Event().wait()
"""


def test_the_last_will_tells_of_a_crash(broker: Broker, subscriber: Subscriber) -> None:
    program = subprocess.Popen([sys.executable, "-c", CRASHER, f"mqtt://127.0.0.1:{broker.port}"])
    subscriber.until(lambda topics: topics.get("genre_live/status") == "online")
    program.kill()
    program.wait()
    subscriber.until(lambda topics: topics.get("genre_live/status") == "offline")


def test_a_password_lets_in_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    broker = Broker(tmp_path, password="s3cret/ä")
    try:
        refused = threading.Event()
        complaints: list[str] = []

        def complain(sentence: str) -> None:
            complaints.append(sentence)
            refused.set()

        wrong = Mqtt(f"mqtt://me:wrong@127.0.0.1:{broker.port}", complain)
        wrong.start()
        assert refused.wait(WAIT_S)
        wrong.close()
        assert complaints == [
            f"The MQTT broker 127.0.0.1:{broker.port} refuses the connection (Not authorized): "
            "check the user name and the password in --mqtt."
        ]
        right = Mqtt(f"mqtt://me:s3cret%2F%C3%A4@127.0.0.1:{broker.port}", print)
        right.start()
        subscriber = Subscriber(broker.port, username="me", password="s3cret/ä")
        subscriber.until(lambda topics: topics.get("genre_live/status") == "online")
        subscriber.close()
        right.close()
    finally:
        broker.stop()


def test_no_broker_is_told_once_and_harms_nothing() -> None:
    pytest.importorskip("paho.mqtt.client")
    told = threading.Event()
    complaints: list[str] = []

    def complain(sentence: str) -> None:
        complaints.append(sentence)
        told.set()

    with socket.socket() as reserved:  # bound and not listening: nobody answers there
        reserved.bind(("127.0.0.1", 0))
        sink = Mqtt(f"mqtt://127.0.0.1:{reserved.getsockname()[1]}", complain)
        sink.start()
        for number in range(100):
            sink(window(3.0 + number, "rock" if number % 2 else "metal"))
        assert told.wait(WAIT_S)
        sink.close()
    assert "cannot be reached: check its address; genre-live keeps trying." in complaints[0]
    assert len(complaints) == 2
    assert not sink._thread.is_alive()
