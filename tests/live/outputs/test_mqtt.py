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
from hypothesis import given
from hypothesis import strategies as st

from live.errors import InputError
from live.events import SourceEvent, stamped
from live.outputs.mqtt import CONNECTED, Mqtt, Publications, topic_part
from tests.live.example_events import AT, LABELS, start, summary, window
from tests.receivers import WAIT_S, Authority, Broker, Subscriber

# --- what is said, without a broker


def test_a_changed_verdict_is_said_at_once_and_the_numbers_now_and_then() -> None:
    publish = Publications()
    waiting = {"verdict": "waiting", "state": "waiting", "genre": "", "confidence": "0"}
    assert publish(start()) == {**waiting, "source": "listening", "title": ""}
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
    assert publish(summary()) == {"source": "ended"}


def test_a_station_title_is_said() -> None:
    publish = Publications()
    assert publish(stamped(window(3.0, "rock"), at=AT, title="a song"))["title"] == "a song"
    assert publish(stamped(window(3.5, "rock"), at=AT, title="a song")) == {}
    assert publish(window(4.0, "rock"))["title"] == ""  # and taken back
    assert publish(window(4.5, "rock")) == {}


def test_the_title_of_an_earlier_run_is_taken_back() -> None:
    assert Publications()(start())["title"] == ""
    assert Publications()(stamped(start(), at=AT, title="a song"))["title"] == "a song"


@given(st.text(), st.text())
def test_the_topics_of_each_source_are_its_own(first: str, second: str) -> None:
    assert (topic_part(first) == topic_part(second)) == (first == second)
    assert not set("+#") & set(topic_part(first))
    assert topic_part(first).count("/") == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("paho", "paho.mqtt", "paho.mqtt.client"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install '.\[mqtt\]'"):
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
    sink(start())
    subscriber.until(lambda topics: topics.get("bar/status") == "online")
    for event in (window(3.0, "rock", 0.71), window(3.5, "metal", 0.6), summary()):
        sink(event)
    topics = subscriber.until(lambda topics: topics.get("bar/verdict") == "metal")
    sink.close()
    topics = subscriber.until(lambda topics: topics.get("bar/status") == "offline")
    assert complaints == []
    assert (topics["bar/source"], topics["bar/state"], topics["bar/genre"]) == ("ended", "genre", "metal")
    assert topics["bar/confidence"] == "60"
    assert set(json.loads(topics["bar/distribution"])) == set(LABELS)
    announced: dict[str, Any] = json.loads(topics["homeassistant/sensor/bar/verdict/config"])
    assert announced["state_topic"] in topics
    assert announced["availability"][0]["topic"] in topics
    late = Subscriber(broker.port)
    assert late.until(lambda topics: "bar/verdict" in topics)["bar/verdict"] == "metal", "it is retained"
    late.close()


def test_a_new_run_is_online_without_the_verdict_of_the_one_before(
    broker: Broker, subscriber: Subscriber
) -> None:
    before, now = (Mqtt(f"mqtt://127.0.0.1:{broker.port}", print) for _ in range(2))
    before.start()
    before(start())
    before(window(3.0, "rock"))
    subscriber.until(lambda topics: topics.get("genre_live/status") == "online")
    subscriber.until(lambda topics: topics.get("genre_live/verdict") == "rock")
    before.close()
    subscriber.until(lambda topics: topics.get("genre_live/status") == "offline")
    now(start())
    now.start()
    topics = subscriber.until(lambda topics: topics["genre_live/status"] == "online")
    now.close()
    told = [topics[f"genre_live/{topic}"] for topic in ("verdict", "state", "genre", "confidence")]
    assert told == ["waiting", "waiting", "", "0"]


def test_a_broker_that_answers_before_the_session_begins_is_told_online_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = Mqtt("mqtt://127.0.0.1:1", print)
    told: list[str] = []

    def publish(topic: str, _text: str) -> bool:
        told.append(topic)
        return True

    monkeypatch.setattr(sink, "_publish", publish)
    sink.deliver(CONNECTED)
    assert told == []
    sink.deliver(start())
    assert told[-1] == "genre_live/status"
    assert "genre_live/verdict" in told
    sink.deliver(window(3.0, "rock"))
    assert told.count("genre_live/status") == 1


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
    left = ["source", "title", "verdict", "state", "genre", "confidence", "level", "distribution"]
    sink.finish()
    assert sink.dropped == 3 + len(left)


CRASHER = """\
import sys, threading
from live.outputs.mqtt import Mqtt
from tests.live.example_events import start
sink = Mqtt(sys.argv[1], print)
sink.start()
sink(start())
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
        right(start())
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


def test_each_of_several_sources_has_topics_and_a_device_of_its_own(
    broker: Broker, subscriber: Subscriber
) -> None:
    complaints: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}/club", complaints.append)
    sink.start()
    for name, genre in (("bar", "rock"), ("hall/1", "metal")):
        for event in (start(name=name), window(3.0, genre)):
            sink(stamped(event, at=AT, source=name))
    topics = subscriber.until(lambda topics: topics.get("club/hall%2F1/verdict") == "metal")
    for topic, text in (("club/bar/verdict", "rock"), ("club/status", "online")):
        topics = subscriber.until(lambda topics, topic=topic, text=text: topics.get(topic) == text)  # type: ignore[misc]
    sink.close()
    assert complaints == []
    assert topics["club/bar/source"] == topics["club/hall%2F1/source"] == "listening"
    devices = {topic: json.loads(text) for topic, text in topics.items() if topic.endswith("/verdict/config")}
    assert [device["state_topic"] for device in devices.values()] == [
        "club/bar/verdict", "club/hall%2F1/verdict"
    ]  # fmt: skip
    assert len({device["unique_id"] for device in devices.values()}) == 2
    assert [device["device"]["name"] for device in devices.values()] == [
        "genre-live bar",
        "genre-live hall/1",
    ]


def test_of_a_source_that_has_ended_or_is_still_to_come_nothing_is_heard(
    broker: Broker, subscriber: Subscriber
) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}/club"
    before, now = Mqtt(url, print), Mqtt(url, print, ["bar", "hall"])
    before.start()
    for name in ("bar", "hall"):
        before(stamped(start(name=name), at=AT, source=name))
        before(stamped(window(3.0, "rock"), at=AT, source=name))
    subscriber.until(lambda topics: topics.get("club/hall/verdict") == "rock")
    before.close()
    subscriber.until(lambda topics: topics.get("club/status") == "offline")
    now.start()
    for event in (start(name="bar"), window(3.0, "metal")):
        now(stamped(event, at=AT, source="bar"))
    subscriber.until(lambda topics: topics["club/status"] == "online")
    topics = subscriber.until(lambda topics: topics["club/bar/verdict"] == "metal")
    assert (topics["club/bar/source"], topics["club/hall/source"]) == ("listening", "lost")
    assert (topics["club/hall/verdict"], topics["club/hall/genre"]) == ("waiting", "")
    now(stamped(start(name="hall"), at=AT, source="hall"))
    subscriber.until(lambda topics: topics["club/hall/source"] == "listening")
    now(stamped(summary(), at=AT, source="bar"))
    ended = {"club/bar/source": "ended", "club/bar/verdict": "waiting", "club/bar/genre": ""}
    subscriber.until(lambda topics: ended.items() <= topics.items())
    now.close()


# --- encrypted


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("certificates")
    for parent in (folder, folder.parent, folder.parent.parent):  # the broker reads them as another user
        parent.chmod(0o755)
    return Authority(folder / "ca")


def connect(url: str) -> list[str]:
    """Publish on a broker until it takes it or something is told; gives what was told."""
    complaints: list[str] = []
    over = threading.Event()

    def complain(sentence: str) -> None:
        complaints.append(sentence)
        over.set()

    sink = Mqtt(url, complain)
    welcome = sink._client.on_connect

    def note(*arguments: Any) -> None:
        welcome(*arguments)
        over.set()

    sink._client.on_connect = note
    sink.start()
    sink(window(3.0, "rock"))
    assert over.wait(WAIT_S), "nobody says why there is no connection"
    said = complaints[:]
    sink.close()
    return said


def test_an_encrypted_broker_is_published_on(authority: Authority, tmp_path: Path) -> None:
    broker = Broker(tmp_path, tls=authority.sign("broker"), password="s3cret")
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    try:
        ca = authority.certificate
        url = f"mqtts://me@127.0.0.1:{broker.port}/bar?ca={ca}&password_file={secret}"
        assert connect(url) == []
    finally:
        broker.stop()


def test_a_client_shows_its_certificate(authority: Authority, tmp_path: Path) -> None:
    broker = Broker(tmp_path, tls=authority.sign("asking"), clients=authority.certificate)
    certificate, key = authority.sign("client")
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    url = f"mqtts://127.0.0.1:{broker.port}?ca={authority.certificate}"
    try:
        assert connect(f"{url}&certificate={certificate}&key={key}") == []
        assert connect(f"{url}&certificate={both}") == []
        (told,) = connect(url)
        assert "it may want ?certificate=FILE&key=FILE of yours." in told
        stranger = Authority(tmp_path / "other").sign("stranger")
        (told,) = connect(f"{url}&certificate={stranger[0]}&key={stranger[1]}")
        assert "it does not accept this client certificate." in told
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("address", "until", "url", "sentence"),
    [
        ("IP:127.0.0.1", "2099", "mqtts://127.0.0.1:{port}", "not trusted (unable to get local issuer"),
        ("DNS:desk.local", "2099", "mqtts://127.0.0.1:{port}?ca={ca}", "for another name (IP address mism"),
        ("IP:127.0.0.1", "2021", "mqtts://127.0.0.1:{port}?ca={ca}", "hold today (certificate has expired"),
        ("IP:127.0.0.1", "2099", "mqtt://127.0.0.1:{port}", "it may want encryption, which is mqtts://."),
        (None, "", "mqtts://127.0.0.1:{port}", "does not speak TLS on this port: write mqtt:// for it"),
    ],
    ids=["untrusted", "another name", "expired", "TLS missing", "TLS not expected"],
)
def test_what_is_wrong_with_the_encryption_is_told(
    address: str | None, until: str, url: str, sentence: str, authority: Authority, tmp_path: Path
) -> None:
    name = f"{address}-{until}".replace(":", "-")
    tls = None if address is None else authority.sign(name, address, until=f"{until}1231000000Z")
    broker = Broker(tmp_path, tls=tls)
    try:
        (told,) = connect(url.format(port=broker.port, ca=authority.certificate))
    finally:
        broker.stop()
    assert told.startswith(f"The MQTT broker 127.0.0.1:{broker.port} ")
    assert sentence in told
