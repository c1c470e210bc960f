"""Those who follow the events: nothing is lost on them, and nobody waits for the slow."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.events import Event, stamped
from live.outputs.web import event_stream
from live.outputs.web.event_stream import MOST_LISTENERS, MOST_MESSAGES, EventStream, Listener
from tests.live.example_events import AT, start, summary, window


def publish(stream: EventStream, count: int, since: int = 0) -> None:
    for number in range(count):
        stream.publish(window(3.0 + since + number, "rock"))


def messages_of(chunks: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Read messages as a browser does."""
    messages = []
    for block in chunks.decode("ascii").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            messages.append((fields["id"], json.loads(fields["data"])))
    return messages


def received(stream: EventStream, listener: Listener | None) -> list[tuple[str, dict[str, Any]]]:
    """Return all that a listener gets until the end."""
    assert listener is not None

    async def follow() -> bytes:
        closing = asyncio.ensure_future(stream.close())
        chunks = [chunk async for chunk in stream.follow(listener)]
        await closing
        return b"".join(chunks)

    return messages_of(asyncio.run(follow()))


def test_who_comes_gets_the_start_and_what_follows() -> None:
    stream = EventStream()
    stream.publish(start())
    publish(stream, 5)
    listener = stream.join(None)
    publish(stream, 2, since=5)
    messages = received(stream, listener)
    assert [event["event"] for _, event in messages] == ["start", "window", "window"]
    assert [number for number, _ in messages] == [f"{stream.run}-{number}" for number in (1, 7, 8)]
    assert messages[1][1] == window(8.0, "rock").to_dict()


@given(st.integers(0, 40), st.integers(0, 40))
def test_who_comes_back_gets_all_that_came_meanwhile_and_nothing_twice(before: int, after: int) -> None:
    stream = EventStream()
    stream.publish(start())
    publish(stream, before)
    last_id = stream.newest_id
    publish(stream, after, since=before)
    messages = received(stream, stream.join(last_id))
    assert [event["time_s"] for _, event in messages] == [3.0 + before + k for k in range(after)]


@pytest.mark.parametrize("last_id", ["0badcafe-3", "x", "", "12", "-", "run-٣"])
def test_who_knew_another_run_gets_all_of_this_one(last_id: str) -> None:
    stream = EventStream()
    stream.publish(start())
    publish(stream, 3)
    assert len(received(stream, stream.join(last_id))) == 4


def test_a_number_that_no_message_has_is_that_of_another_run() -> None:
    stream = EventStream()
    publish(stream, 3)
    assert len(received(stream, stream.join(f"{stream.run}-{'9' * 5_000}"))) == 3


def test_who_was_away_too_long_gets_the_start_and_what_is_left() -> None:
    stream = EventStream()
    stream.publish(start())
    publish(stream, MOST_MESSAGES + 10)
    messages = received(stream, stream.join(f"{stream.run}-0"))
    assert messages[0][1]["event"] == "start"
    assert len(messages) == 1 + MOST_MESSAGES


def test_of_several_sources_one_can_be_followed_alone() -> None:
    stream = EventStream()

    def of(event: Event, source: str) -> Event:
        return stamped(event, at=AT, source=source)

    for name in ("bar", "hall"):
        stream.publish(of(start(name=name), name))
    listener = stream.join(None, "bar")
    for name in ("bar", "hall", "bar"):
        stream.publish(of(window(3.0, "rock"), name))
    events = [event for _, event in received(stream, listener)]
    assert [event["event"] for event in events] == ["start", "window", "window"]
    assert {event["source"] for event in events[1:]} == {"bar"}


def test_who_is_passed_by_the_ring_is_dropped_and_counted() -> None:
    stream = EventStream()
    cut: list[str] = []
    stuck, quick = stream.join(None, drop=lambda: cut.append("stuck")), stream.join(None)
    assert stuck is not None
    assert quick is not None
    for round_ in range(5):
        publish(stream, MOST_MESSAGES // 4 + 1, since=round_)
        while stream._next_chunk(quick):
            pass
    assert cut == ["stuck"]
    assert (stream.dropped, len(stream)) == (1, 1)
    assert quick.next == stream.newest + 1


def test_who_has_not_read_for_long_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("live.outputs.web.event_stream.time.monotonic", lambda: now_s[0])
    stream = EventStream()
    listener = stream.join(None)
    publish(stream, 1)
    now_s[0] += event_stream.OLDEST_UNSENT_S - 1
    publish(stream, 1)
    assert len(stream) == 1
    now_s[0] += 2
    publish(stream, 1)
    assert (stream.dropped, len(stream)) == (1, 0)
    assert listener is not None
    assert listener.is_gone


def test_no_more_are_let_in_than_there_is_room_for() -> None:
    stream = EventStream()
    listeners = [stream.join(None) for _ in range(MOST_LISTENERS)]
    assert stream.join(None) is None
    assert stream.refused == 1
    first = listeners[0]
    assert first is not None
    stream.leave(first)
    assert stream.join(None) is not None


def test_the_last_word_reaches_all_before_the_end() -> None:
    stream = EventStream()
    listener = stream.join(None)
    stream.publish(summary())
    assert [event["event"] for _, event in received(stream, listener)] == ["summary"]
    assert len(stream) == 0


class _Connection:
    """A connection that takes chunks until it is full."""

    def __init__(self) -> None:
        self.is_full = False
        self.chunks: list[bytes] = []

    def push(self, chunk: bytes) -> bool:
        if not self.is_full:
            self.chunks.append(chunk)
        return not self.is_full


def body_of(chunks: bytes) -> bytes:
    """Undo the chunked coding of HTTP."""
    body = b""
    while chunks:
        length, _, rest = chunks.partition(b"\r\n")
        size = int(length, 16)
        assert rest[size : size + 2] == b"\r\n"
        body, chunks = body + rest[:size], rest[size + 2 :]
    return body


def test_events_are_written_to_a_connection_that_takes_them_and_sent_later_to_one_that_is_full() -> None:
    connection, other = _Connection(), _Connection()

    async def follow() -> bytes:
        stream = EventStream()
        listener, elsewhere = stream.join(None, push=connection.push), stream.join(None, push=other.push)
        assert listener is not None
        assert elsewhere is not None
        sent, sent_elsewhere = [bytearray()], [bytearray()]

        async def read(who: Listener, into: list[bytearray]) -> None:
            async for chunk in stream.follow(who):
                into[0] += chunk

        reading = [
            asyncio.ensure_future(read(*one)) for one in ((listener, sent), (elsewhere, sent_elsewhere))
        ]
        await asyncio.sleep(0)
        publish(stream, 2)
        connection.is_full = True
        publish(stream, 2, since=2)
        await asyncio.sleep(0)
        connection.is_full = False
        publish(stream, 1, since=4)
        await stream.close()
        await asyncio.gather(*reading)
        assert not messages_of(bytes(sent_elsewhere[0]))
        return bytes(sent[0])

    later = messages_of(asyncio.run(follow()))
    pushed = messages_of(body_of(b"".join(connection.chunks)))
    assert [event["time_s"] for _, event in pushed] == [3.0, 4.0, 7.0]
    assert [event["time_s"] for _, event in later] == [5.0, 6.0]
    everything = messages_of(body_of(b"".join(other.chunks)))
    assert [event["time_s"] for _, event in everything] == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert all(one is another for one, another in zip(connection.chunks, other.chunks[:2], strict=False))


def test_events_that_come_together_are_written_at_once() -> None:
    connection = _Connection()

    async def follow() -> None:
        stream = EventStream()
        stream.soon = asyncio.get_running_loop().call_soon
        listener = stream.join(None, "bar", push=connection.push)
        assert listener is not None
        chunks = stream.follow(listener)
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks, None))
        await asyncio.sleep(0)
        for source in ("bar", "hall", "bar"):
            stream.publish(stamped(window(3.0, "rock"), at=AT, source=source))
        await asyncio.sleep(0)
        listener.go()
        assert await waiting is None

    asyncio.run(follow())
    (chunk,) = connection.chunks
    assert [event["source"] for _, event in messages_of(body_of(chunk))] == ["bar", "bar"]


def test_a_sign_of_life_is_sent_when_nothing_happens() -> None:
    async def follow() -> list[bytes]:
        stream = EventStream()
        listener = stream.join(None)
        assert listener is not None
        chunks = stream.follow(listener)
        told = [await anext(chunks)]
        stream.ask_for_life()
        told.append(await anext(chunks))
        stream.publish(window(3.0, "rock"))
        told.append(await anext(chunks))
        listener.go()
        assert await anext(chunks, None) is None
        assert len(stream) == 0
        return told

    first, sign, event = asyncio.run(follow())
    assert first.startswith(b"retry: ")
    assert sign == b":\n\n"
    assert len(messages_of(event)) == 1
