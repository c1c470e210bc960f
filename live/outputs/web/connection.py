"""Connections of the page's server, limited in number, idle time and buffered data."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from live.extras import need

MOST_CONNECTIONS = 400
REQUEST_WITHIN_S = 10.0
WRITE_BUFFER = 65_536  # bytes that may wait for a slow client

Client = tuple[str, int]


class OpenConnection(Protocol):
    """What a response may do with its connection beside ASGI."""

    def push(self, chunk: bytes) -> bool:
        """Write a chunk of a response's body; False if the connection takes no more now."""

    def cut(self) -> None:
        """End it at once."""


def connection_type() -> tuple[Any, dict[Client, OpenConnection]]:
    """Return the class of connections, and the dict of open ones by the client's address."""
    protocol: Any = need("uvicorn.protocols.http.h11_impl", extra="web", purpose="--web").H11Protocol
    connections: dict[Client, OpenConnection] = {}

    class Connection(protocol):  # type: ignore[misc]
        """A connection that is closed if the client sends no request, or no further one, for some time."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Accept the connection, unless there are too many."""
            super().connection_made(transport)
            if len(connections) >= MOST_CONNECTIONS or self.client is None:
                transport.abort()
                return
            connections[self.client] = self
            transport.set_write_buffer_limits(high=WRITE_BUFFER)
            self._wait_for_request()

        def _wait_for_request(self) -> None:
            self._patience = self.loop.call_later(REQUEST_WITHIN_S, self._end_if_silent)

        def on_response_complete(self) -> None:
            """Wait anew, for the next request."""
            super().on_response_complete()
            self._patience.cancel()
            if not self.transport.is_closing():
                self._wait_for_request()

        def push(self, chunk: bytes) -> bool:
            """Write a chunk of a response's body past h11, which would only copy it."""
            if self.flow.write_paused or self.transport.is_closing():
                return False
            if chunk:
                self.transport.write(chunk)
            return True

        def cut(self) -> None:
            """End it at once."""
            self.transport.abort()

        def _end_if_silent(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            """Remove the connection from the open ones."""
            super().connection_lost(exc)
            if connections.get(self.client) is self:
                del connections[self.client]
                self._patience.cancel()

    return Connection, connections
