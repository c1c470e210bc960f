"""``--osc``: what a real OSC server on this machine receives."""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.errors import InputError
from live.events import GapEvent, SourceEvent, stamped
from live.outputs.open_sound_control import (
    MessageWriter,
    OpenSoundControl,
    parse_address,
    probability_address,
    root_of,
)
from tests.live.example_events import AT, LABELS, start, summary, window
from tests.receivers import OscReceiver


@pytest.fixture
def receiver() -> Iterator[OscReceiver]:
    receiver = OscReceiver()
    yield receiver
    receiver.close()


def test_a_session_reaches_an_osc_server(receiver: OscReceiver) -> None:
    complaints: list[str] = []
    sink = OpenSoundControl(receiver.address, complaints.append)
    sink.start()
    for event in (
        start(),
        window(3.0, "rock", 0.7),
        window(3.5, "rock", 0.7),
        GapEvent(4.5, 1.0, "stall"),
        SourceEvent(4.5, "back"),
        window(7.5, state="silence", confidence=0.4),
        summary(),
    ):
        sink(event)
    messages = receiver.until("/genre_live/end")
    sink.close()
    assert messages[0] == ("/genre_live/start", ("song.wav", "genre-lstm"))
    assert messages[-1] == ("/genre_live/end", (30.0,))
    said = [values for address, values in messages if address == "/genre_live/verdict"]
    assert [values[:2] for values in said] == [("genre", "rock"), ("genre", "rock"), ("silence", "")]
    assert said[0][2] == pytest.approx(0.7)
    changes = [values for address, values in messages if address == "/genre_live/change"]
    assert changes == [("genre", "rock", "waiting", ""), ("silence", "", "genre", "rock")]
    for label in LABELS:
        shares = [values for address, values in messages if address == f"/genre_live/probability/{label}"]
        assert len(shares) == 3
        assert all(isinstance(share, float) for (share,) in shares)
    assert ("/genre_live/gap", (1.0, "stall")) in messages
    assert ("/genre_live/source", ("back",)) in messages
    levels = [values for address, values in messages if address == "/genre_live/level"]
    assert levels[0][0] == pytest.approx(-18.3, abs=1e-4)
    assert complaints == []


def test_a_name_is_asked_for_on_a_thread_that_ctrl_c_need_not_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking: list[threading.Thread] = []

    def answer(*_arguments: object, **_more: object) -> None:
        asking.append(threading.current_thread())
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(InputError, match="not known"):
        OpenSoundControl("desk:9000", print)
    assert threading.main_thread() not in asking


def test_nobody_who_receives_harms_nothing() -> None:
    complaints: list[str] = []
    sink = OpenSoundControl("127.0.0.1:9", complaints.append)
    sink.start()
    for number in range(1_000):
        sink(window(number / 2, "rock"))
    sink.close()
    assert len(complaints) <= 2, "a queue that overflowed or a refusal is told, once"


def test_an_integer_is_sent_as_a_float() -> None:
    messages = dict(MessageWriter()(window(3, "rock", 1)))
    assert messages["/genre_live/confidence"] == (1.0,)
    assert isinstance(messages["/genre_live/time"][0], float)


@pytest.mark.parametrize(
    ("label", "end"),
    [("rock", "rock"), ("drum & bass", "drum_&_bass"), ("r#b/soul*", "r_b_soul_"), ("café", "caf_")],
)
def test_an_address_holds_only_what_it_may(label: str, end: str) -> None:
    assert probability_address(label) == f"/genre_live/probability/{end}"


@given(st.text(), st.text())
def test_the_addresses_of_each_source_are_its_own(first: str, second: str) -> None:
    assert (root_of(first) == root_of(second)) == (first == second)
    assert re.fullmatch(r"/genre_live/[!-~]*", root_of(first))
    assert not set("#*,?[]{}") & set(root_of(first))


def test_each_of_several_sources_has_its_own_verdicts() -> None:
    write = MessageWriter()
    for name, genre in (("bar", "rock"), ("hall", "metal")):
        messages = dict(write(stamped(window(3.0, genre), at=AT, source=name)))
        assert messages[f"/genre_live/{name}/change"] == ("genre", genre, "waiting", "")
        assert f"/genre_live/{name}/probability/rock" in messages
    assert "/genre_live/bar/change" not in dict(write(stamped(window(3.5, "rock"), at=AT, source="bar")))


def test_a_stations_title_is_sent_when_it_changes() -> None:
    write = MessageWriter()
    sent = [
        dict(write(stamped(window(3.0 + k, "rock"), at=AT, title=title))).get("/genre_live/title")
        for k, title in enumerate([None, "a song", "a song", "another", None])
    ]
    assert sent == [None, ("a song",), None, ("another",), ("",)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9_000)),
        ("desk.local:1", ("desk.local", 1)),
        ("[::1]:65535", ("::1", 65_535)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9000", ":9000", "host", "host:", "host:x", "host:0", "host:65536"])
def test_what_is_no_address_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match="--osc takes HOST:PORT"):
        parse_address(text)


def test_an_unknown_host_is_one_sentence() -> None:
    pytest.importorskip("pythonosc")
    with pytest.raises(InputError, match=r"host of --osc no\.\.such\.\.host:9 is not known"):
        OpenSoundControl("no..such..host:9", print)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pythonosc", "pythonosc.udp_client"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install '.\[osc\]'"):
        OpenSoundControl("127.0.0.1:9000", print)
