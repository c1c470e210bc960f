"""A reader of a station's sound for tests."""

from __future__ import annotations

import threading

from live.ring_buffer import Chunk, End, Gap, RingBuffer, StatusChange
from live.sources.stations.network_stream import NetworkStream

PATIENCE_S = 60.0


class Listener:
    """Reads the ring buffer of a source, and records its items."""

    def __init__(self, source: NetworkStream) -> None:
        self.source = source
        self.ring = RingBuffer(round(source.buffer_s * source.sample_rate), source.channels)
        self.heard = self.lost = 0
        self.statuses: list[str] = []
        self.ended = False
        self._changed = threading.Condition()
        source.start(self.ring)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            item = self.ring.read(1, None)
            with self._changed:
                if isinstance(item, Chunk):
                    self.heard += len(item.samples)
                elif isinstance(item, Gap):
                    self.lost += item.lost
                elif isinstance(item, StatusChange):
                    self.statuses.append(item.status)
                elif isinstance(item, End):
                    self.ended = True
                self._changed.notify_all()
                if self.ended:
                    return

    def wait_until(self, happened: object, complaint: str) -> None:
        with self._changed:
            assert self._changed.wait_for(happened, PATIENCE_S), complaint  # type: ignore[arg-type]

    def hear_more(self, seconds: float = 1.0) -> None:
        wanted = self.heard + seconds * self.source.sample_rate
        self.wait_until(lambda: self.heard >= wanted or self.ended, "nothing more is heard")
        assert not self.ended, self.source.failure
