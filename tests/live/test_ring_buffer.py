"""Every sample once, in order, at its true position; what is lost is told exactly where it was lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live.events import GapReason, SourceStatus
from live.ring_buffer import Chunk, End, Gap, Item, RingBuffer, StatusChange
from live.samples import Samples

sizes = st.integers(0, 40)
reasons = st.sampled_from(["overflow", "stall", "behind"])
operations = st.one_of(
    st.tuples(st.just("write"), sizes),
    st.tuples(st.just("write_all"), sizes),
    st.tuples(st.just("read"), sizes),
    st.tuples(st.just("lose"), sizes, reasons),
    st.tuples(st.just("status"), st.sampled_from(["lost", "back", "muted"])),
    st.tuples(st.just("hold")),
    st.tuples(st.just("release"), sizes, reasons),
)


@dataclass
class Model:
    """What a buffer of unlimited wisdom would know: each stored sample with the frames lost before it."""

    capacity: int
    values: list[int] = field(default_factory=list)
    losses: list[tuple[int, int, GapReason]] = field(default_factory=list)  # samples before, frames, reason
    statuses: list[tuple[int, SourceStatus]] = field(default_factory=list)
    held_from: int | None = None
    next_value: int = 1

    def block(self, size: int, channels: int) -> Samples:
        values = np.arange(self.next_value, self.next_value + size, dtype=np.float32)
        self.next_value += size
        return np.outer(values, np.arange(1, channels + 1)).astype(np.float32)

    def position_of(self, index: int) -> int:
        return index + sum(frames for before, frames, _ in self.losses if before <= index)


@dataclass
class Reader:
    """Takes items, checks that they leave no hole, and keeps what they say."""

    channels: int
    position: int = 0
    samples: list[tuple[int, int]] = field(default_factory=list)  # position, value
    lost: dict[str, int] = field(default_factory=dict)
    statuses: list[tuple[int, str]] = field(default_factory=list)

    def take(self, item: Item) -> None:
        assert item.position == self.position
        match item:
            case Chunk(position, block):
                assert len(block) > 0
                assert block.shape[1] == self.channels
                for channel in range(self.channels):
                    np.testing.assert_array_equal(block[:, channel], block[:, 0] * (channel + 1))
                self.samples += [(position + k, int(value)) for k, value in enumerate(block[:, 0])]
                self.position += len(block)
            case Gap(_, frames, reason):
                assert frames > 0
                self.lost[reason] = self.lost.get(reason, 0) + frames
                self.position += frames
            case StatusChange(_, status):
                self.statuses.append((len(self.samples), status))
            case End():
                pytest.fail("the stream ended before it was closed")


@settings(max_examples=300)
@given(
    capacity=st.integers(1, 64),
    channels=st.integers(1, 3),
    steps=st.lists(operations, min_size=1, max_size=60),
)
@example(capacity=4, channels=1, steps=[("hold",), ("write", 6), ("release", 3, "stall"), ("read", 1)])
@example(capacity=4, channels=1, steps=[("write", 4), ("write", 2), ("read", 1), ("write", 3)])
def test_whatever_happens_every_sample_comes_once_in_order_at_its_position(
    capacity: int, channels: int, steps: list[tuple[object, ...]]
) -> None:
    ring, model, reader = RingBuffer(capacity, channels), Model(capacity), Reader(channels)
    for step in steps:
        match step:
            case ("write", int(size)):
                block = model.block(size, channels)
                room = capacity - (len(model.values) - len(reader.samples))
                stored = ring.write(block)
                assert stored == min(size, room)
                model.values += [int(value) for value in block[:stored, 0]]
                if stored < size:
                    model.losses.append((len(model.values), size - stored, "behind"))
            case ("write_all", int(size)):
                room = capacity - (len(model.values) - len(reader.samples))
                block = model.block(min(size, room), channels)  # more would wait for the reader
                assert ring.write_all(block)
                model.values += [int(value) for value in block[:, 0]]
            case ("lose", int(frames), reason):
                ring.lose(frames, reason)  # type: ignore[arg-type]
                if frames:
                    model.losses.append((len(model.values), frames, reason))  # type: ignore[arg-type]
            case ("status", status):
                ring.change_status(status)  # type: ignore[arg-type]
                model.statuses.append((len(model.values), status))  # type: ignore[arg-type]
            case ("hold",):
                ring.hold()
                model.held_from = len(model.values) if model.held_from is None else model.held_from
            case ("release", int(frames), reason):
                ring.release(frames, reason)  # type: ignore[arg-type]
                if model.held_from is not None and frames:
                    model.losses.append((model.held_from, frames, reason))  # type: ignore[arg-type]
                model.held_from = None
            case ("read", int(minimum)):
                item = ring.read(minimum, timeout=0)
                if item is not None:
                    reader.take(item)
        if model.held_from is not None:
            assert len(reader.samples) <= model.held_from
        assert ring._written - ring._read == len(model.values) - len(reader.samples)

    ring.close()
    assert ring.write(model.block(3, channels)) == 0
    assert not ring.write_all(model.block(3, channels))
    while not isinstance(item := ring.read(capacity), End):
        assert item is not None
        reader.take(item)

    expected_lost: dict[str, int] = {}
    for _, frames, reason in model.losses:
        expected_lost[reason] = expected_lost.get(reason, 0) + frames
    assert reader.samples == [(model.position_of(k), value) for k, value in enumerate(model.values)]
    assert reader.lost == expected_lost
    assert reader.statuses == model.statuses
    assert item.position == len(model.values) + sum(expected_lost.values())
    assert isinstance(ring.read(), End)


def test_a_read_waits_for_the_minimum_and_takes_all_there_is() -> None:
    ring = RingBuffer(100, 1)
    ring.write(np.ones((9, 1), dtype=np.float32))
    assert ring.read(10, timeout=0) is None
    ring.write(np.ones((5, 1), dtype=np.float32))
    item = ring.read(10, timeout=0)
    assert isinstance(item, Chunk)
    assert len(item.samples) == 14


def test_less_than_the_minimum_comes_before_a_gap() -> None:
    ring = RingBuffer(100, 1)
    ring.write(np.ones((3, 1), dtype=np.float32))
    ring.lose(7, "stall")
    chunk, gap = ring.read(50, timeout=0), ring.read(50, timeout=0)
    assert isinstance(chunk, Chunk)
    assert len(chunk.samples) == 3
    assert gap == Gap(3, 7, "stall")


def test_a_chunk_is_a_copy_that_later_writes_leave_alone() -> None:
    ring = RingBuffer(8, 1)
    ring.write(np.full((8, 1), 1, dtype=np.float32))
    item = ring.read(timeout=0)
    ring.write(np.full((8, 1), 2, dtype=np.float32))
    assert isinstance(item, Chunk)
    assert (item.samples == 1).all()


def test_held_sound_is_let_go_when_the_stream_is_closed() -> None:
    ring = RingBuffer(8, 1)
    ring.hold()
    ring.write(np.ones((2, 1), dtype=np.float32))
    assert ring.read(timeout=0) is None
    ring.close()
    assert isinstance(ring.read(), Chunk)


@pytest.mark.parametrize(("capacity", "channels"), [(0, 1), (1, 0), (-1, 2)])
def test_a_buffer_without_room_is_refused(capacity: int, channels: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RingBuffer(capacity, channels)


def _blocks(total: int, largest: int, seed: int) -> list[Samples]:
    generator = np.random.default_rng(seed)
    stream = np.arange(total, dtype=np.float32)[:, None]
    cuts = np.cumsum(generator.integers(1, largest + 1, size=total))
    return [block for block in np.split(stream, cuts[cuts < total]) if len(block)]


@pytest.mark.parametrize(("capacity", "largest"), [(1, 1), (7, 20), (256, 64), (1_000, 999)])
def test_a_writer_that_waits_loses_nothing_between_two_threads(capacity: int, largest: int) -> None:
    total = 400 if capacity == 1 else 30_000
    ring = RingBuffer(capacity, 1)

    def write() -> None:
        for block in _blocks(total, largest, seed=capacity):
            ring.write_all(block)
        ring.close()

    writer = threading.Thread(target=write)
    writer.start()
    generator = np.random.default_rng(0)
    heard: list[Samples] = []
    while isinstance(item := ring.read(int(generator.integers(1, 2 * largest))), Chunk):
        assert item.position == sum(len(samples) for samples in heard)
        heard.append(item.samples[:, 0])
    writer.join()
    assert item == End(total)
    np.testing.assert_array_equal(np.concatenate(heard), np.arange(total))


def test_a_writer_that_does_not_wait_accounts_for_every_sample_between_two_threads() -> None:
    total = 200_000
    ring = RingBuffer(300, 1)

    def write() -> None:
        for block in _blocks(total, 200, seed=5):
            ring.write(block)
        ring.close()

    writer = threading.Thread(target=write)
    writer.start()
    position = 0
    while not isinstance(item := ring.read(64), End):
        assert item is not None
        assert item.position == position
        if isinstance(item, Chunk):  # a sample's value is its place in what was written
            np.testing.assert_array_equal(
                item.samples[:, 0], np.arange(position, position + len(item.samples))
            )
            position += len(item.samples)
        else:
            assert isinstance(item, Gap)
            assert item.reason == "behind"
            position += item.lost
    writer.join()
    assert position == total


def test_a_reader_that_waits_is_woken_by_the_end() -> None:
    ring = RingBuffer(8, 1)
    items: list[Item | None] = []
    reader = threading.Thread(target=lambda: items.append(ring.read(8)))
    reader.start()
    ring.close()
    reader.join(timeout=30)
    assert items == [End(0)]


def test_a_writer_that_waits_is_woken_by_the_end() -> None:
    ring = RingBuffer(4, 1)
    ring.write(np.zeros((4, 1), dtype=np.float32))
    answers: list[bool] = []
    writer = threading.Thread(
        target=lambda: answers.append(ring.write_all(np.zeros((1, 1), dtype=np.float32)))
    )
    writer.start()
    ring.close()
    writer.join(timeout=30)
    assert answers == [False]
