"""The event stream of the page (server-sent events).

All clients read from one bounded ring of the newest messages, each at its own pace. A client that is so slow
that its next message has left the ring is dropped and counted; it neither delays others nor uses memory.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from live.events import Event, StartEvent, to_json_line

MOST_LISTENERS = 200
MOST_MESSAGES = 2_048
OLDEST_UNSENT_S = 30.0
LARGEST_CHUNK = 32_768  # bytes that are passed to a connection at once
SIGN_OF_LIFE_S = 15.0
RETRY_MS = 1_000
NUMBER = re.compile(r"[0-9]{1,18}")  # of a message, as far as any program counts


@dataclass(frozen=True)
class Message:
    """One event, ready to be sent.

    Attributes
    ----------
    number : int
        Number of the message, from 1.
    source : str or None
        The event's source, where there are several.
    """

    number: int
    source: str | None
    content: bytes
    born_s: float


@dataclass(eq=False)
class Listener:
    """One client of the stream.

    Attributes
    ----------
    next : int
        Number of the next message to send.
    source : str or None
        Send only events of this source; None for all.
    drop : callable
        Cuts the connection.
    push : callable, optional
        Writes a chunk of HTTP's chunked coding to the connection at once, if it takes more bytes now, and
        returns whether it did.
    first : list of Message
        Messages to send before all others.
    is_gone : bool
        Whether nothing more will be sent.
    is_asked : bool
        Whether to send a keep-alive comment next.
    is_waiting : bool
        Whether all messages so far are sent, and the next may be pushed.
    """

    next: int
    source: str | None
    drop: Callable[[], None]
    push: Callable[[bytes], bool] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    first: list[Message] = field(default_factory=list)
    is_gone: bool = False
    is_asked: bool = False
    is_waiting: bool = False

    def go(self) -> None:
        """Mark the client as gone; its stream then ends."""
        self.is_gone = True
        self.news.set()


class EventStream:
    """The newest events and the clients that receive them; only the server's thread uses it.

    Attributes
    ----------
    run : str
        Identifier of this run of the program; part of the messages' identifiers.
    dropped, refused : int
        Numbers of clients that were too slow, and that came when there were too many.
    soon : callable
        Calls a function at once, or soon, so that events that come together are sent together.
    """

    def __init__(self) -> None:
        self.soon: Callable[[Callable[[], None]], object] = lambda hand_out: hand_out()
        self._is_due = False
        self.run = secrets.token_hex(4)
        self._ring: deque[Message] = deque()
        self._starts: dict[str | None, Message] = {}
        self._numbers = itertools.count(1)
        self._listeners: set[Listener] = set()
        self._is_over = False
        self._all_left = asyncio.Event()
        self.newest = 0
        self.dropped = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return the number of clients."""
        return len(self._listeners)

    @property
    def newest_id(self) -> str:
        """Identifier of the newest message."""
        return f"{self.run}-{self.newest}"

    def publish(self, event: Event) -> None:
        """Send an event to all clients."""
        number = next(self._numbers)
        content = f"id: {self.run}-{number}\ndata: {to_json_line(event)}\n\n".encode("ascii")
        source = event.source_name if isinstance(event, StartEvent) else event.source
        message = Message(number, source, content, time.monotonic())
        if isinstance(event, StartEvent):
            self._starts[source] = message
        self._ring.append(message)
        if len(self._ring) > MOST_MESSAGES:
            self._ring.popleft()
        self.newest = number
        if not self._is_due:
            self._is_due = True
            self.soon(self._hand_out)

    def _hand_out(self) -> None:
        """Send the new messages, past the clients' tasks where their connections take them at once."""
        self._is_due = False
        self._drop_the_slow()
        framed: dict[tuple[int, str | None], bytes] = {}
        for listener in self._listeners:
            if listener.is_waiting and listener.push is not None:
                wanted = listener.next, listener.source
                if wanted not in framed:
                    framed[wanted] = _framed(self._messages(*wanted))
                if len(framed[wanted]) <= LARGEST_CHUNK and listener.push(framed[wanted]):
                    listener.next = self.newest + 1
                    continue
            listener.news.set()

    def _messages(self, since: int, source: str | None) -> Iterable[Message]:
        """Yield the messages from a number on, of one source or of all."""
        for place in range(max(0, since - self._ring[0].number), len(self._ring)):
            if source in (None, self._ring[place].source):
                yield self._ring[place]

    def _drop_the_slow(self) -> None:
        oldest = self._ring[0].number
        deadline_s = time.monotonic() - OLDEST_UNSENT_S
        for listener in list(self._listeners):
            if listener.next > self.newest:
                continue
            waiting = self._ring[max(0, listener.next - oldest)]
            if listener.next < oldest or waiting.born_s < deadline_s:
                self._listeners.discard(listener)
                listener.go()
                self.dropped += 1
                listener.drop()

    def join(
        self,
        last_id: str | None,
        source: str | None = None,
        drop: Callable[[], None] = lambda: None,
        push: Callable[[bytes], bool] | None = None,
    ) -> Listener | None:
        """Add a client and return it; None when there are too many.

        Parameters
        ----------
        last_id : str or None
            Identifier of the last message that the client received. Later messages are sent again, as far
            as they are in the ring; if it is from another run of the program, all messages in the ring.
        source : str, optional
            Send only events of this source.
        drop : callable
            Cuts the connection, if the client is too slow.
        push : callable, optional
            Writes to the connection without waiting; see ``Listener``.
        """
        if len(self._listeners) >= MOST_LISTENERS:
            self.refused += 1
            return None
        oldest = self._ring[0].number if self._ring else self.newest + 1
        listener = Listener(self.newest + 1, source, drop, push)
        if last_id is None:  # only events from now on, after the start events that describe the sources
            listener.first = list(self._starts.values())
        else:
            run, _, number = last_id.rpartition("-")
            since = int(number) + 1 if run == self.run and NUMBER.fullmatch(number) else 1
            listener.next = min(max(since, oldest), self.newest + 1)
            listener.first = [start for start in self._starts.values() if since <= start.number < oldest]
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a client."""
        self._listeners.discard(listener)
        if self._is_over and not self._listeners:
            self._all_left.set()

    async def close(self) -> None:
        """End the stream of each client after its remaining messages, and wait until all have left."""
        self._is_over = True
        for listener in self._listeners:
            listener.news.set()
        if self._listeners:
            await self._all_left.wait()

    async def follow(self, listener: Listener) -> AsyncIterator[bytes]:
        """Yield the data for a client, until it leaves or the stream ends."""
        try:
            yield b"retry: %d\n\n" % RETRY_MS + b"".join(
                message.content for message in listener.first if listener.source in (None, message.source)
            )
            while not listener.is_gone:
                listener.news.clear()
                chunk = self._next_chunk(listener)
                if chunk:
                    yield chunk
                elif self._is_over:
                    return
                elif listener.is_asked:
                    listener.is_asked = False
                    yield b":\n\n"  # sending shows whether the client is still connected
                elif listener.next > self.newest:
                    listener.is_waiting = True
                    await listener.news.wait()
                    listener.is_waiting = False
        finally:
            listener.is_waiting = False
            self.leave(listener)

    def ask_for_life(self) -> None:
        """Send a keep-alive comment to all clients."""
        for listener in self._listeners:
            listener.is_asked = True
            listener.news.set()

    def _next_chunk(self, listener: Listener) -> bytes:
        if not self._ring:
            return b""
        pieces: list[bytes] = []
        size = 0
        for place in range(max(0, listener.next - self._ring[0].number), len(self._ring)):
            message = self._ring[place]
            if size and size + len(message.content) > LARGEST_CHUNK:
                break
            listener.next = message.number + 1
            if listener.source in (None, message.source):
                pieces.append(message.content)
                size += len(message.content)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _framed(messages: Iterable[Message]) -> bytes:
    """Return messages as one chunk of HTTP's chunked coding (RFC 9112, 7.1); nothing for none."""
    content = b"".join(message.content for message in messages)
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
