"""Each channel of a source as a separate source: rooms on one sound card, inputs of one mixing desk."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from live.errors import GenreLiveError
from live.events import GapReason, SourceKind, SourceStatus
from live.ring_buffer import RingBuffer
from live.samples import Samples
from live.sources.source import AudioSource


def channels_apart(source: AudioSource) -> Sequence[AudioSource]:
    """Return one source for each channel of another, which starts when all of them have been started."""
    shared = _Shared(source)
    return [_Channel(shared, number) for number in range(source.channels)]


class _FannedOut(RingBuffer):
    """A ring buffer that stores nothing, and passes each channel to the ring buffer of its source."""

    def __init__(self, rings: Sequence[RingBuffer]) -> None:
        super().__init__(1, len(rings))
        self._rings = tuple(rings)

    def write(self, block: Samples) -> int:
        stored = [ring.write(block[:, k : k + 1]) for k, ring in enumerate(self._rings)]
        return min(stored)

    def write_all(self, block: Samples) -> bool:
        taken = [ring.write_all(block[:, k : k + 1]) for k, ring in enumerate(self._rings)]
        return any(taken)  # a channel that has ended must not end the others

    def lose(self, samples: int, reason: GapReason) -> None:
        for ring in self._rings:
            ring.lose(samples, reason)

    def hold(self) -> None:
        for ring in self._rings:
            ring.hold()

    def release(self, lost_samples: int, reason: GapReason) -> None:
        for ring in self._rings:
            ring.release(lost_samples, reason)

    def change_status(self, status: SourceStatus) -> None:
        for ring in self._rings:
            ring.change_status(status)

    def close(self) -> None:
        for ring in self._rings:
            ring.close()


class _Shared:
    """The source of the channels: starts when all of them have started, stops when all have stopped.

    If it cannot start, or a channel stops before all have started, all channels end.
    """

    def __init__(self, source: AudioSource) -> None:
        self.source = source
        self._changed = threading.Lock()
        self._rings: dict[int, RingBuffer] = {}
        self._left = set(range(source.channels))
        self._never_starts = False
        self._failure: GenreLiveError | None = None

    @property
    def failure(self) -> GenreLiveError | None:
        """What ended the source early."""
        return self._failure or self.source.failure

    def start(self, number: int, ring: RingBuffer) -> None:
        """Start a channel."""
        with self._changed:
            self._rings[number] = ring
            if self._never_starts:
                ring.close()
                return
            if len(self._rings) < self.source.channels:
                return
        try:
            self.source.start(_FannedOut([self._rings[k] for k in sorted(self._rings)]))
        except BaseException as error:
            if isinstance(error, GenreLiveError):
                self._failure = error
            self._end_all()
            raise

    def stop(self, number: int) -> None:
        """Stop a channel."""
        with self._changed:
            self._left.discard(number)
            is_last = not self._left
            ring = self._rings.get(number)
            has_started = len(self._rings) == self.source.channels
        if is_last:
            self.source.stop()
        if ring is not None:
            ring.close()
        if not has_started:
            self._end_all()

    def _end_all(self) -> None:
        with self._changed:
            self._never_starts = True
            rings = list(self._rings.values())
        for ring in rings:
            ring.close()


class _Channel:
    """One channel of a source, as a source."""

    def __init__(self, shared: _Shared, number: int) -> None:
        self._shared, self._number = shared, number
        source = shared.source
        self.kind: SourceKind = source.kind
        self.name = f"{source.name}, channel {number + 1}"
        self.sample_rate, self.channels = source.sample_rate, 1
        self.length_s, self.is_live = source.length_s, source.is_live
        self.buffer_s, self.block_s = source.buffer_s, source.block_s
        self.warning, self.title = source.warning, source.title

    @property
    def failure(self) -> GenreLiveError | None:
        return self._shared.failure

    @failure.setter
    def failure(self, _failure: GenreLiveError | None) -> None:
        raise AttributeError("a channel fails with its source")

    def start(self, ring: RingBuffer) -> None:
        self._shared.start(self._number, ring)

    def stop(self) -> None:
        self._shared.stop(self._number)
