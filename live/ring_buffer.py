"""The ring buffer between a source and the worker that analyses its sound.

It has one writer and one reader. The writer copies blocks in and never waits for long, so that an audio
callback may be the writer. Samples for which there is no room are counted as lost, and the reader gets a
gap at exactly this place in the stream. Positions are absolute: samples since the start of the stream,
including lost ones.
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
    """Sound without a gap: ``samples`` [shape=(n, channels)] starting at ``position``."""

    position: int
    samples: Samples


@dataclass(frozen=True)
class Gap:
    """``lost`` samples are missing, starting at ``position``."""

    position: int
    lost: int
    reason: GapReason


@dataclass(frozen=True)
class StatusChange:
    """The source was lost or came back at ``position``."""

    position: int
    status: SourceStatus


@dataclass(frozen=True)
class End:
    """The stream ended at ``position``; every later read returns this again."""

    position: int


Item = Chunk | Gap | StatusChange | End


class RingBuffer:
    """A preallocated buffer for one writer and one reader.

    Parameters
    ----------
    capacity : int
        In samples.
    channels : int

    Notes
    -----
    Samples are copied outside the lock. The writer writes only where the reader may not read yet, the
    reader reads only where the writer may not write yet, and the lock protects only the counts.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        if capacity < 1 or channels < 1:
            raise ValueError("capacity and channels must be at least 1")
        self.capacity, self.channels = capacity, channels
        self._samples = np.zeros((capacity, channels), dtype=np.float32)
        self._changed = threading.Condition()
        self._written = 0  # samples stored since the start, without lost ones
        self._read = 0
        self._lost = 0  # samples lost before the read position
        self._wanted = 1  # fewest samples for which the waiting reader is to wake up
        self._marks: deque[tuple[int, Gap | StatusChange]] = deque()  # each with its stored count
        self._held_from: int | None = None  # stored count that the reader may not pass yet
        self._closed = False

    def write(self, block: Samples) -> int:
        """Store a block without waiting; samples without room are lost, with reason ``behind``.

        Parameters
        ----------
        block : ndarray [shape=(n, channels)]

        Returns
        -------
        int
            Number of samples stored.
        """
        with self._changed:
            room = 0 if self._closed else self.capacity - (self._written - self._read)
        stored = min(len(block), room)
        self._copy_in(block[:stored])
        if stored < len(block):
            self.lose(len(block) - stored, "behind")
        return stored

    def write_all(self, block: Samples) -> bool:
        """Store a block, and wait for room as long as necessary.

        Parameters
        ----------
        block : ndarray [shape=(n, channels)]

        Returns
        -------
        bool
            False when the buffer was closed before the whole block was stored.
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
        """Number of samples that the reader may take; needs the lock."""
        return (self._written if self._held_from is None else self._held_from) - self._read

    @property
    def _marked(self) -> bool:
        """Whether a gap or change of status lies within the readable part; needs the lock."""
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
        """Withhold everything written from now on from the reader, until ``release``.

        For a writer that suspects a loss here and will soon know its size.
        """
        with self._changed:
            if self._held_from is None:
                self._held_from = self._written

    def release(self, lost_samples: int, reason: GapReason) -> None:
        """Let the reader continue, after a gap of ``lost_samples`` samples where the hold began."""
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
        """Record that the source was lost or came back after the last sample stored."""
        with self._changed:
            self._marks.append((self._written, StatusChange(0, status)))
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream: stored samples can still be read, but no more are stored."""
        with self._changed:
            self._closed = True
            self._held_from = None
            self._changed.notify_all()

    def read(self, minimum: int = 1, timeout: float | None = None) -> Item | None:
        """Wait for the next item of the stream and return it.

        Parameters
        ----------
        minimum : int
            Samples to wait for; there may be fewer before a gap, a change of status or the end.
        timeout : float, optional
            Longest wait, in seconds.

        Returns
        -------
        Chunk, Gap, StatusChange, End or None
            The next item in the stream's order; None after the timeout. A chunk is a copy.
        """
        minimum = max(1, min(minimum, self.capacity))
        with self._changed:
            self._wanted = minimum
            ready = self._changed.wait_for(
                lambda: self._closed or self._marked or self._readable >= minimum, timeout
            )
            self._wanted = self.capacity + 1  # nobody waits, so the writer need not notify
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
