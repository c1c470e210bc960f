"""The page over HTTP: what is served, to whom, and what becomes of those who read slowly or never."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from live.errors import InputError
from live.outputs.web import event_stream
from live.outputs.web.server import WebPage
from tests.live.example_events import summary, window
from tests.live.outputs.web.conftest import WAIT_S, Served, session_start


class Follower:
    """One who follows the events over the network."""

    def __init__(self, port: int, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        self.connection.request(
            "GET", "/events", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        self.answer = self.connection.getresponse()
        self.last_id = ""

    def events(self) -> Iterator[dict[str, object]]:
        for line in self.answer:
            if line.startswith(b"id: "):
                self.last_id = line[4:].strip().decode()
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def next(self) -> dict[str, object]:
        return next(self.events())

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def test_the_events_are_those_of_json(served: Served) -> None:
    served.tell(session_start())
    follower = Follower(served.port)
    assert follower.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert follower.next() == session_start().to_dict()
    served.tell(window(3.0, "rock"))
    assert follower.next() == window(3.0, "rock").to_dict()
    follower.close()
    served.tell(window(3.5, "rock"), window(4.0, "metal"))
    again = Follower(served.port, last_event_id=follower.last_id)
    assert [again.next()["time_s"] for _ in range(2)] == [3.5, 4.0]
    again.close()


def test_the_last_event_reaches_all_before_the_page_is_closed(served: Served) -> None:
    served.tell(session_start())
    followers = [Follower(served.port) for _ in range(5)]
    served.tell(summary())
    served.close()
    for follower in followers:
        assert [event["event"] for event in follower.events()] == ["start", "summary"]
    assert served.complaints == []


def test_state_metrics_and_health(served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock", 0.71))
    follower = Follower(served.port)
    status, headers, content = served.ask("/state")
    assert (status, headers["content-type"]) == (200, "application/json")
    (source,) = json.loads(content)["sources"]
    assert (source["name"], source["vote"]["genre"], source["windows"]) == ("song.wav", "rock", 1)
    status, headers, content = served.ask("/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    figures = dict(re.findall(r"^(genre_live_\S+?(?:\{.*\})?) (\S+)$", content.decode(), re.MULTILINE))
    assert figures['genre_live_verdict{source="song.wav",verdict="rock"}'] == "1.0"
    assert figures['genre_live_verdict{source="song.wav",verdict="metal"}'] == "0.0"
    assert figures['genre_live_confidence{source="song.wav"}'] == "0.71"
    assert figures['genre_live_lost_seconds_total{source="song.wav"}'] == "0.0"
    assert figures['genre_live_skipped_windows_total{source="song.wav"}'] == "0.0"
    assert figures['genre_live_hop_seconds_count{source="song.wav"}'] == "1.0"
    assert figures['genre_live_source_up{source="song.wav"}'] == "1.0"
    assert figures["genre_live_web_listeners"] == "1.0"
    follower.close()
    assert served.ask("/healthz")[0] == 200
    served.is_well = False
    assert served.ask("/healthz")[0] == 503


def test_prometheus_reads_the_metrics(served: Served) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    served.tell(session_start('a "song"\\ of\nmine'), window(3.0, "rock"))
    families = list(parser.text_string_to_metric_families(served.ask("/metrics")[2].decode()))
    names = {sample.labels.get("source") for family in families for sample in family.samples}
    assert 'a "song"\\ of\nmine' in names
    assert {family.type for family in families} == {"gauge", "counter", "histogram"}


def test_a_genre_may_be_named_like_a_state(served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    served.show("song.wav", genres=("rock", "other"))
    series = re.findall(r"^genre_live_verdict\S+", served.ask("/metrics")[2].decode(), re.MULTILINE)
    assert len(series) == len(set(series)) == 6


@pytest.mark.parametrize(
    "path", ["/", "/overlay", "/page.js", "/session.js", "/state", "/nothing", "/healthz"]
)
def test_every_answer_carries_a_strict_policy(served: Served, path: str) -> None:
    _, headers, content = served.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert not re.search(rb"(?:src|href)=\"(?:https?:)?/", content), "all is asked of here, below any prefix"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/state", "/events"])
def test_nothing_can_be_written(served: Served, method: str, path: str) -> None:
    assert served.ask(path, method)[0] == 405


def test_head_is_answered_and_does_not_last(served: Served) -> None:
    for path in ("/", "/events", "/state", "/metrics"):
        status, _, content = served.ask(path, "HEAD")
        assert (status, content) == (200, b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[x", ""])
def test_a_name_that_was_made_to_lead_here_is_refused(served: Served, host: str) -> None:
    assert served.ask("/state", Host=host)[0] in (400, 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "file://"])
def test_pages_of_other_sites_are_not_let_in(served: Served, origin: str) -> None:
    assert served.ask("/events", Origin=origin)[0] == 403
    own = f"http://127.0.0.1:{served.port}"
    assert served.ask("/state", Origin=own)[0] == 200


def test_who_does_not_know_the_token_sees_nothing() -> None:
    served = Served(token="a secret: ä;")
    try:
        served.tell(session_start())
        for path in ("/", "/state", "/events", "/metrics", "/page.js", "/state?token=wrong"):
            assert served.ask(path)[0] == 401
        assert served.ask("/state", Cookie=f"genre_live_{served.port}=00")[0] == 401
        assert served.ask("/state", Authorization="Bearer wrong")[0] == 401
        assert served.ask("/healthz")[0] == 200
        status, headers, _ = served.ask("/?token=a%20secret%3A%20%C3%A4%3B&source=x")
        assert (status, headers["location"]) == (303, "./?source=x"), "a proxy may put a prefix before it"
        _, others, _ = served.ask("/overlay?size=9px&token=a%20secret%3A%20%C3%A4%3B")
        assert others["location"] == "overlay?size=9px"
        assert "HttpOnly" in headers["set-cookie"]
        assert "SameSite=Strict" in headers["set-cookie"]
        cookie = headers["set-cookie"].partition(";")[0]
        assert served.ask("/", Cookie=cookie)[0] == 200
        assert served.ask("/state", Cookie=cookie)[0] == 200
        for sent in ("a secret: ä;", "a secret: ä;".encode().decode("latin-1")):
            assert served.ask("/metrics", Authorization=f"Bearer {sent}")[0] == 200
        assert served.ask("/state?token=a%20secret%3A%20%C3%A4%3B")[0] == 200
    finally:
        served.close()


def test_the_events_pass_through_a_proxy_on_this_computer(served: Served) -> None:
    served.tell(session_start())
    follower = Follower(served.port, x_forwarded_for="192.0.2.7", x_forwarded_proto="https")
    assert follower.answer.status == 200
    assert follower.next() == session_start().to_dict()
    follower.close()


def test_who_leaves_is_forgotten_though_nothing_happens(served: Served) -> None:
    served.tell(session_start())
    follower = Follower(served.port)
    follower.next()
    assert len(served.page._stream) == 1
    follower.close()
    while len(served.page._stream):  # each answer is a turn of the server's loop
        assert served.ask("/healthz")[0] == 200


def test_listeners_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_LISTENERS", 3)
    served = Served()
    try:
        followers = [Follower(served.port) for _ in range(3)]
        status, headers, _ = served.ask("/events")
        assert (status, headers["retry-after"]) == (503, "5")
        for follower in followers:
            follower.close()
    finally:
        served.close()


def test_who_never_reads_is_dropped_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MOST_MESSAGES", 256)
    served = Served()
    try:
        served.tell(session_start())
        stuck = socket.create_connection(("127.0.0.1", served.port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stuck.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        assert stuck.recv(1)
        reader = Follower(served.port)
        assert reader.next()["event"] == "start"
        for number in range(20_000):  # more than the systems at both ends keep for one who never reads
            served.tell(window(3.0 + number, "rock"))
            if number % 100 == 99:
                while reader.next()["time_s"] != 3.0 + number:
                    pass
        reader.close()
        figures = served.ask("/metrics")[2].decode()
        assert "genre_live_web_listeners_dropped_total 1.0" in figures
        stuck.close()
    finally:
        served.close()
    assert served.complaints == ["The page dropped 1 listener, who read too slowly."]


def test_a_connection_that_asks_for_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from live.outputs.web import connection

    monkeypatch.setattr(connection, "REQUEST_WITHIN_S", 0.2)
    served = Served(token="a secret")
    request = f"GET /state HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
    try:
        for sent in (b"", b"G", request + b"G"):  # also after a request, whose answer is a refusal
            with socket.create_connection(("127.0.0.1", served.port), timeout=WAIT_S) as idle:
                idle.sendall(sent)
                with contextlib.suppress(ConnectionError):
                    while idle.recv(4096):
                        pass
    finally:
        served.close()


def test_events_before_the_start_wait_for_it_and_later_ones_harm_nothing() -> None:
    for module in ("starlette", "uvicorn", "prometheus_client"):
        pytest.importorskip(module)
    page = WebPage("0", print)
    page(session_start())
    page.start()
    follower = Follower(page.address.port)
    assert follower.next()["event"] == "start"
    page.close()
    page(window(3.0, "rock"))
    assert not page._thread.is_alive()
    follower.close()


def test_a_page_that_cannot_be_served_says_so_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("live.outputs.web.application.build_application", fail)
    served = Served()
    assert served.complaints == [
        "The page is served no more (no room): start genre-live again to have it back."
    ]
    with pytest.raises(ConnectionError):
        served.ask("/healthz")
    served.tell(session_start())
    served.page.close()
    assert served.page.is_over
    assert served.page._waiting == [], "events of a page that nobody sees are not kept"


def test_it_says_where_it_is_and_for_whom() -> None:
    served = Served()
    assert served.page.notice == f"The page is at {served.url} for this computer alone."
    served.close()
    everybody = Served(address="0.0.0.0:0", is_open=True)
    assert "for everybody who can reach this computer." in everybody.page.notice
    everybody.close()
    some = Served(address="0.0.0.0:0", token="known to some")
    assert "for everybody who knows its token" in some.page.notice
    assert "known to some" not in some.page.notice
    some.close()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(InputError, match=r"pip install '.\[web\]'"):
        WebPage("0", print)


def test_many_threads_may_tell_at_once(served: Served) -> None:
    served.tell(session_start())
    follower = Follower(served.port)
    follower.next()

    def tell() -> None:
        for _ in range(100):
            served.page(window(3.0, "rock"))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    numbers = [follower.next() and int(follower.last_id.rpartition("-")[2]) for _ in range(400)]
    assert numbers == list(range(2, 402))
    follower.close()
