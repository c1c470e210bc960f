"""The ring buffer between whoever delivers sound and the worker that hears it.

One writer, one reader. The writer copies blocks in and never waits for long, so that an audio callback
may be the writer; what finds no room is not stored but counted, and the reader learns of it at exactly
the place in the stream where it happened. Positions are absolute: samples since the start of the stream,
lost ones counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from live.events import GapReason, SourceStatus
from live.samples import Samples


@dataclass(frozen=True)
class Chunk:
    """Sound without a gap: ``samples`` [shape=(n, channels)] from ``position`` on."""

    position: int
    samples: Samples


@dataclass(frozen=True)
class Gap:
    """``lost`` samples from ``position`` on that did not come."""

    position: int
    lost: int
    reason: GapReason


@dataclass(frozen=True)
class StatusChange:
    """What became of the source at ``position``."""

    position: int
    status: SourceStatus


@dataclass(frozen=True)
class End:
    """The stream ended at ``position``; the reader gets this from then on."""

    position: int


Item = Chunk | Gap | StatusChange | End


class RingBuffer:
    """A preallocated buffer of ``capacity`` samples.

    Parameters
    ----------
    capacity : int
        In samples.
    channels : int

    Notes
    -----
    The samples are copied outside the lock: the writer writes only where the reader may not yet read,
    the reader reads only where the writer may not yet write, and the lock guards the counts alone.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        if capacity < 1 or channels < 1:
            raise ValueError("capacity and channels must be at least 1")
        self.capacity, self.channels = capacity, channels
        self._samples = np.zeros((capacity, channels), dtype=np.float32)
        self._changed = threading.Condition()
        self._written = 0  # samples stored since the start, lost ones not counted
        self._read = 0
        self._lost = 0  # samples lost before the read position
        self._wanted = 1  # samples the waiting reader wants at least
        self._marks: deque[tuple[int, Gap | StatusChange]] = deque()  # with the stored count they stand at
        self._held_from: int | None = None  # the reader may not yet go past this stored count
        self._closed = False

    def write(self, block: Samples) -> int:
        """Store a block without waiting; what finds no room is lost, with reason ``behind``.

        Parameters
        ----------
        block : ndarray [shape=(n, channels)]

        Returns
        -------
        int
            Samples stored.
        """
        with self._changed:
            room = 0 if self._closed else self.capacity - (self._written - self._read)
        stored = min(len(block), room)
        self._copy_in(block[:stored])
        if stored < len(block) and not self._closed:
            self.lose(len(block) - stored, "behind")
        return stored

    def write_all(self, block: Samples) -> bool:
        """Store a block, waiting for room as long as it takes.

        Returns
        -------
        bool
            False when the buffer was closed before all was stored.
        """
        while len(block):
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._written - self._read < self.capacity)
                if self._closed:
                    return False
                room = self.capacity - (self._written - self._read)
            self._copy_in(block[:room])
            block = block[room:]
        return True

    def _copy_in(self, block: Samples) -> None:
        if len(block) == 0:
            return
        start = self._written % self.capacity
        until_end = self.capacity - start
        self._samples[start : start + len(block)] = block[:until_end]
        if len(block) > until_end:
            self._samples[: len(block) - until_end] = block[until_end:]
        with self._changed:
            self._written += len(block)
            if self._readable >= self._wanted:
                self._changed.notify_all()

    @property
    def _readable(self) -> int:
        """Samples the reader may take; call it with the lock held."""
        return (self._written if self._held_from is None else self._held_from) - self._read

    @property
    def _marked(self) -> bool:
        """Whether a gap or change of status stands where the reader may go; lock held."""
        return bool(self._marks) and self._marks[0][0] <= self._read + self._readable

    def lose(self, samples: int, reason: GapReason) -> None:
        """Record that ``samples`` samples were lost after the last one stored."""
        if samples <= 0:
            return
        with self._changed:
            if self._closed:
                return
            if self._marks:
                at, last = self._marks[-1]
                if at == self._written and isinstance(last, Gap) and last.reason == reason:
                    self._marks[-1] = (at, Gap(0, last.lost + samples, reason))
                    return
            self._marks.append((self._written, Gap(0, samples, reason)))
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep what is written from here on from the reader, until ``release``.

        A writer who suspects a loss, and will know its size in a moment, holds what comes after it.
        """
        with self._changed:
            if self._held_from is None:
                self._held_from = self._written

    def release(self, lost_samples: int, reason: GapReason) -> None:
        """Let the reader go on, past ``lost_samples`` samples that were lost where the hold began."""
        with self._changed:
            if self._held_from is None:
                return
            if lost_samples > 0:
                later = [mark for mark in self._marks if mark[0] > self._held_from]
                earlier = [mark for mark in self._marks if mark[0] <= self._held_from]
                self._marks = deque([*earlier, (self._held_from, Gap(0, lost_samples, reason)), *later])
            self._held_from = None
            self._changed.notify_all()

    def change_status(self, status: SourceStatus) -> None:
        """Record what became of the source after the last sample stored."""
        with self._changed:
            self._marks.append((self._written, StatusChange(0, status)))
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream: what is stored can still be read, nothing more is stored."""
        with self._changed:
            self._closed = True
            self._held_from = None
            self._changed.notify_all()

    def read(self, minimum: int = 1, timeout: float | None = None) -> Item | None:
        """Wait for sound and take it.

        Parameters
        ----------
        minimum : int
            Samples to wait for; fewer come before a gap, a change of status or the end.
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        Chunk, Gap, StatusChange, End or None
            The next item in the stream's order; None when the time ran out. A chunk is a copy.
        """
        minimum = max(1, min(minimum, self.capacity))
        with self._changed:
            self._wanted = minimum
            ready = self._changed.wait_for(
                lambda: self._closed or self._marked or self._readable >= minimum, timeout
            )
            self._wanted = self.capacity + 1  # nobody waits: spare the writer the notification
            if not ready:
                return None
            position = self._read + self._lost
            until = self._read + self._readable
            if self._marked:
                at, mark = self._marks[0]
                if at == self._read:
                    self._marks.popleft()
                    if isinstance(mark, Gap):
                        self._lost += mark.lost
                        return Gap(position, mark.lost, mark.reason)
                    return StatusChange(position, mark.status)
                until = at
            first = self._read
        if until == first:
            return End(position)
        samples = self._copy_out(first, until)
        with self._changed:
            self._read = until
            self._changed.notify_all()
        return Chunk(position, samples)

    def _copy_out(self, first: int, until: int) -> Samples:
        start, count = first % self.capacity, until - first
        until_end = self.capacity - start
        if count <= until_end:
            return self._samples[start : start + count].copy()
        return np.concatenate((self._samples[start:], self._samples[: count - until_end]))
