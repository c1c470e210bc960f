"""Many clients of the page's events, some of which never read."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime

AT = re.compile(rb'"at": "([^"]+)"')


@dataclass
class Reader:
    """A client that reads everything.

    Attributes
    ----------
    numbers : list of int
        Numbers of the messages in the order of arrival.
    lines : list of bytes
        The events as JSON; kept only on request.
    delays_s : list of float
        Times from the events' time of day to their arrival.
    """

    keeps_lines: bool = False
    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)

    async def follow(self, port: int, joined: asyncio.Event) -> None:
        """Read the stream to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"id: "):
                self.numbers.append(int(line.rpartition(b"-")[2]))
            elif line.startswith(b"data: "):
                now_s = time.time()
                found = AT.search(line)
                assert found is not None
                self.delays_s.append(now_s - datetime.fromisoformat(found[1].decode()).timestamp())
                if self.keeps_lines:
                    self.lines.append(line[6:].strip())
            elif line.startswith(b"retry: "):
                joined.set()
        writer.close()

    @property
    def has_all(self) -> bool:
        """Whether no message is missing between the first and the last, after the start."""
        rest = self.numbers[1:]
        return rest == list(range(rest[0], rest[0] + len(rest))) if rest else False

    @property
    def ended_well(self) -> bool:
        """Whether the last event was the summary."""
        return bool(self.lines) and json.loads(self.lines[-1])["event"] == "summary"


async def gather_crowd(
    port: int, readers: int, stuck: int
) -> tuple[list[Reader], list[asyncio.Task[None]], list[socket.socket]]:
    """Connect many clients, and wait until all are connected.

    Returns
    -------
    readers : list of Reader
        The first one keeps the events.
    tasks : list of asyncio.Task
        Each is done when its reader has reached the end.
    stuck : list of socket
        The clients that never read.
    """
    crowd = [Reader(keeps_lines=place == 0) for place in range(readers)]
    joined = [asyncio.Event() for _ in crowd]
    tasks = [
        asyncio.create_task(reader.follow(port, event)) for reader, event in zip(crowd, joined, strict=True)
    ]
    silent = []
    for _ in range(stuck):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        silent.append(connection)
    for event in joined:
        await event.wait()
    return crowd, tasks, silent


def port_of(notice: str) -> int:
    """Return the port in genre-live's message on standard error."""
    found = re.search(r"http://[^/]*:(\d+)/", notice)
    assert found is not None, notice
    return int(found[1])
