"""A microphone that goes, comes back, stalls or refuses, with no hardware: what the ring buffer is told."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

import live.sources.devices
import live.sources.microphones.capture
import live.sources.microphones.inputs
import live.sources.microphones.microphone
from live.errors import InputError, RunningError
from live.making_sessions import one_session
from live.options import Options
from live.ring_buffer import Chunk, End, Gap, RingBuffer, StatusChange
from live.samples import Samples
from live.sources.microphones.microphone import Microphone
from live.sources.source_requests import SourceRequest
from tests.live.fake_sounddevice import Device, FakeSoundDevice, Stream
from tests.live.local_driver import use_local_driver
from tests.live.stubs import StubClassifier

RATE = 48_000
PATIENCE_S = 30.0  # for a hang to be called one


@pytest.fixture
def audio(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    """A fake PortAudio with one microphone, on a clock that only it moves; retries take no time."""
    module = FakeSoundDevice([Device("Mic")])
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    use_local_driver(monkeypatch)
    for room in (
        live.sources.microphones.microphone,
        live.sources.microphones.capture,
        live.sources.microphones.inputs,
    ):
        monkeypatch.setattr(room, "time", types.SimpleNamespace(monotonic=lambda: module.now_s))
    monkeypatch.setattr(live.sources.microphones.microphone, "SHORTEST_RETRY_S", 0.001)
    monkeypatch.setattr(live.sources.microphones.microphone, "LONGEST_RETRY_S", 0.002)
    monkeypatch.setattr(live.sources.microphones.microphone, "OPENED_WITHIN_S", 0.01)
    return module


@dataclass
class Heard:
    """What a reader of the ring buffer gets to know."""

    ring: RingBuffer
    frames: int = 0
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)
    position: int = 0
    over: bool = False

    def until(self, wanted: Callable[[Heard], bool]) -> None:
        """Read on until ``wanted``; fails when nothing comes."""
        while not wanted(self):
            item = self.ring.read(1, PATIENCE_S)
            assert item is not None, "nothing comes"
            assert item.position == self.position
            match item:
                case Chunk():
                    self.frames += len(item.samples)
                    self.samples.append(item.samples)
                    self.position += len(item.samples)
                case Gap():
                    self.gaps.append((item.position, item.lost, item.reason))
                    self.position += item.lost
                case StatusChange():
                    self.statuses.append(item.status)
                case End():
                    self.over = True
                    assert wanted(self), "it ended before"


def begin(audio: FakeSoundDevice, **how: float) -> tuple[Microphone, Heard, Stream]:
    """Open and start the microphone, and let it deliver two seconds."""
    microphone = Microphone(**how)  # type: ignore[arg-type]
    ring = RingBuffer(60 * microphone.sample_rate, microphone.channels)
    microphone.start(ring)
    stream = audio.streams[-1]
    for _ in range(40):
        stream.deliver(0.05)
    return microphone, Heard(ring), stream


def test_a_device_is_opened_at_its_own_rate_in_stereo_at_most(audio: FakeSoundDevice) -> None:
    for channels, expected in ((1, 1), (2, 2), (8, 2)):
        audio.devices = [Device("Mic", channels=channels, sample_rate=96_000.0)]
        microphone = Microphone()
        assert (microphone.sample_rate, microphone.channels) == (96_000, expected)
        microphone.stop()
        assert audio.streams[-1].closed


def test_a_device_is_not_asked_to_be_quicker_than_a_screen_is_drawn(audio: FakeSoundDevice) -> None:
    """Left to itself a driver may wake the process 150 times a second, which costs more than all hearing."""
    Microphone().stop()
    assert audio.streams[-1].latency_s >= 0.1


@pytest.mark.parametrize(
    ("hop_s", "is_watched", "block_s"),
    [(0.5, True, 0.1), (0.5, False, 0.25), (0.05, True, 0.05), (0.05, False, 0.05)],
)
def test_blocks_are_longer_where_nobody_watches_and_never_than_a_hop(
    hop_s: float, is_watched: bool, block_s: float, audio: FakeSoundDevice
) -> None:
    """A block of several hops would have windows skipped, since a live source never runs late."""
    wanted, options = SourceRequest("microphone"), Options(hop=hop_s)
    session = one_session(wanted, options, StubClassifier(), is_watched=is_watched)
    assert audio.streams[-1].latency_s == pytest.approx(2 * block_s)
    session.stop()


@pytest.mark.parametrize(
    ("refuses", "rate", "channels"),
    [
        (lambda rate, _: rate == 96_000, 48_000, 2),
        (lambda rate, _: rate != 44_100, 44_100, 2),
        (lambda _, channels: channels == 2, 96_000, 8),
        (lambda _, channels: channels != 1, 96_000, 1),
    ],
)
def test_a_device_that_refuses_its_own_format_is_asked_for_others(
    refuses: Callable[[int, int], bool], rate: int, channels: int, audio: FakeSoundDevice
) -> None:
    audio.devices = [Device("Mic", channels=8, sample_rate=96_000.0, refuses=refuses)]
    microphone = Microphone()
    assert (microphone.sample_rate, microphone.channels) == (rate, channels)


def test_a_device_that_refuses_everything_is_named_with_its_first_reason(audio: FakeSoundDevice) -> None:
    audio.devices = [Device("Mic", refuses=lambda *_: True)]
    with pytest.raises(InputError, match=r"Mic cannot be opened .*-48000"):
        Microphone()


def test_a_device_that_opens_and_does_not_start_is_an_error_while_running(audio: FakeSoundDevice) -> None:
    audio.devices = [Device("Mic", starts=False)]
    microphone = Microphone()
    with pytest.raises(RunningError, match="does not start"):
        microphone.start(RingBuffer(100, 2))
    microphone.stop()
    assert audio.streams[-1].closed


@pytest.mark.parametrize("channel", [1, 3])
def test_one_channel_can_be_picked(channel: int, audio: FakeSoundDevice) -> None:
    audio.devices = [Device("Mic", channels=4)]
    microphone, heard, _ = begin(audio, channel=channel)
    assert microphone.channels == 1
    heard.until(lambda heard: heard.frames > 0)
    np.testing.assert_allclose(heard.samples[0], channel / 100)
    microphone.stop()


@pytest.mark.parametrize("channel", [0, 3, -1])
def test_a_channel_that_is_not_there_is_refused(channel: int, audio: FakeSoundDevice) -> None:
    with pytest.raises(InputError, match="2 channels"):
        Microphone(channel=channel)


def test_a_gain_is_applied(audio: FakeSoundDevice) -> None:
    microphone, heard, _ = begin(audio, gain_db=20.0)
    heard.until(lambda heard: heard.frames > 0)
    np.testing.assert_allclose(heard.samples[0][0], [0.1, 0.2], rtol=1e-6)
    microphone.stop()


def test_all_that_is_delivered_is_heard_and_nothing_is_called_lost(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)
    for _ in range(200):
        stream.deliver(0.05)
    microphone.stop()
    heard.until(lambda heard: heard.frames == 12 * RATE)
    assert heard.gaps == []
    assert heard.statuses == []
    assert stream.closed


def test_long_blocks_that_come_later_by_half_a_block_from_now_on_are_no_loss(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio, block_s=0.25)
    for number in range(40):
        audio.now_s += 0.125 if number == 20 else 0.0
        stream.deliver(0.25)
    microphone.stop()
    heard.until(lambda heard: heard.frames == 12 * RATE)
    assert heard.gaps == []


def test_a_device_that_ends_is_lost_and_opened_again_by_its_name(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)

    def moved() -> None:
        audio.devices = [Device("Another"), Device("Mic 2"), Device("Mic")]

    def resume(stream: Stream) -> None:
        audio.now_s += 7.0
        stream.deliver(0.05)

    audio.on_refresh, audio.on_start = moved, resume
    stream.end()
    heard.until(lambda heard: heard.statuses == ["lost", "back"])
    assert stream.closed
    assert audio.streams[-1].device.name == "Mic"
    assert heard.gaps == [(2 * RATE, 7 * RATE, "stall")]
    heard.until(lambda heard: heard.frames == round(2.05 * RATE))
    assert heard.position == round((audio.now_s - 1_000) * RATE)
    microphone.stop()


def test_a_device_that_is_gone_for_a_while_is_waited_for(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)
    tries = 0

    def refreshed() -> None:
        nonlocal tries
        tries += 1
        audio.now_s += 1.0
        audio.devices = [] if tries < 5 else [Device("Mic", starts=tries > 6)]

    audio.on_refresh = refreshed
    audio.on_start = lambda stream: stream.deliver(0.05)
    stream.end()
    heard.until(lambda heard: "back" in heard.statuses)
    assert heard.statuses == ["lost", "back"]
    assert tries == 7
    assert heard.gaps == [(2 * RATE, 7 * RATE, "stall")]
    microphone.stop()


def test_a_device_that_comes_back_and_goes_again_is_counted_once(audio: FakeSoundDevice) -> None:
    """A loose plug: a moment of sound, and gone. No stretch of time is told as lost twice."""
    microphone, heard, stream = begin(audio)
    starts = 0

    def flicker(stream: Stream) -> None:
        nonlocal starts
        starts += 1
        audio.now_s += 2.0
        stream.deliver(0.05)
        if starts < 4:
            stream.end()

    audio.on_start = flicker
    stream.end()
    heard.until(lambda heard: heard.frames == round(2.2 * RATE))
    assert heard.position == round((audio.now_s - 1_000) * RATE)
    assert heard.statuses == ["lost", "back"] * 4
    microphone.stop()


def test_a_device_that_opens_but_says_nothing_is_not_back(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)
    starts = 0

    def mute_at_first(stream: Stream) -> None:
        nonlocal starts
        starts += 1
        audio.now_s += 1.0
        if starts == 3:
            stream.deliver(0.05)

    audio.on_start = mute_at_first
    stream.end()
    heard.until(lambda heard: "back" in heard.statuses)
    assert heard.statuses == ["lost", "back"]
    assert heard.gaps == [(2 * RATE, 3 * RATE, "stall")]
    assert [stream.closed for stream in audio.streams] == [True, True, True, False]
    microphone.stop()


@pytest.mark.parametrize("late_s", [0.0, 1.0])
def test_a_block_that_comes_while_a_lost_stream_is_closed_is_heard_once_and_not_lost(
    late_s: float, audio: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone, heard, stream = begin(audio)

    def close() -> None:
        audio.now_s += late_s
        stream.deliver(0.05)
        stream.closed = True

    def resume(stream: Stream) -> None:
        audio.now_s += 7.0
        stream.deliver(0.05)

    monkeypatch.setattr(stream, "close", close)
    audio.on_start = resume
    stream.end()
    heard.until(lambda heard: heard.frames == round(2.1 * RATE))
    assert heard.statuses == ["lost", "back"]
    assert heard.gaps == [(round(2.05 * RATE), round((7.0 + late_s) * RATE), "stall")]
    assert heard.position == round((audio.now_s - 1_000) * RATE)
    microphone.stop()


def test_a_first_block_that_comes_while_a_mute_stream_is_closed_is_heard_once_and_not_lost(
    audio: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone, heard, stream = begin(audio)
    monkeypatch.setattr(live.sources.microphones.microphone, "BLOCK_WITHIN_S", 0.01)
    monkeypatch.setattr(live.sources.microphones.microphone, "OVERSLEPT_S", 1e9)
    starts = 0

    def deliver_late(stream: Stream) -> None:
        nonlocal starts
        starts += 1
        audio.now_s += 1.0
        if starts == 1:
            monkeypatch.setattr(stream, "close", lambda: stream.deliver(0.05))
        else:
            audio.on_start = lambda _: None
            stream.deliver(0.05)

    audio.on_start = deliver_late
    stream.end()
    heard.until(lambda heard: heard.frames == round(2.05 * RATE))
    audio.now_s += 3.0  # it says nothing more: a new loss
    heard.until(lambda heard: heard.frames == round(2.1 * RATE))
    assert heard.statuses[:4] == ["lost", "back"] * 2
    assert heard.position == round((audio.now_s - 1_000) * RATE)
    microphone.stop()


def test_a_device_that_falls_silent_without_a_word_is_lost(
    audio: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone, heard, stream = begin(audio)
    monkeypatch.setattr(live.sources.microphones.microphone, "BLOCK_WITHIN_S", 0.01)
    monkeypatch.setattr(live.sources.microphones.microphone, "FIRST_BLOCK_WITHIN_S", 0.01)
    monkeypatch.setattr(live.sources.microphones.microphone, "OVERSLEPT_S", 1e9)
    audio.on_start = lambda stream: stream.deliver(0.05)
    audio.now_s += 3.0
    heard.until(lambda heard: "back" in heard.statuses)
    assert heard.statuses[:2] == ["lost", "back"]
    assert stream.closed
    microphone.stop()


def test_giving_up_ends_the_stream_with_an_error_while_running(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio, give_up_s=30.0)

    def gone() -> None:
        audio.devices = []
        audio.now_s += 4.0

    audio.on_refresh = gone
    stream.end()
    heard.until(lambda heard: heard.over)
    assert heard.statuses == ["lost"]
    assert heard.position == round((audio.now_s - 1_000) * RATE)  # all of the time is accounted for
    assert isinstance(microphone.failure, RunningError)
    assert microphone.failure.exit_status == 1
    assert "30 s" in str(microphone.failure)


def test_a_stop_while_it_is_lost_ends_it(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)
    audio.on_refresh = audio.devices.clear
    stream.end()
    heard.until(lambda heard: heard.statuses == ["lost"])
    microphone.stop()
    heard.until(lambda heard: heard.over)
    assert microphone.failure is None


def test_a_driver_that_raises_what_nobody_knows_ends_the_stream_with_its_words(
    audio: FakeSoundDevice,
) -> None:
    microphone, heard, stream = begin(audio)

    def raise_it() -> None:
        raise MemoryError("the driver is confused")

    audio.on_refresh = raise_it
    stream.end()
    heard.until(lambda heard: heard.over)
    assert heard.statuses == ["lost"]
    assert "the driver is confused" in str(microphone.failure)


def test_a_missing_device_is_waited_for_when_asked(audio: FakeSoundDevice) -> None:
    audio.devices = []
    with pytest.raises(InputError):
        Microphone("Mic")
    tries = 0

    def refreshed() -> None:
        nonlocal tries
        tries += 1
        audio.devices = [Device("Mic")] if tries == 4 else []

    audio.on_refresh = refreshed
    assert Microphone("Mic", wait=True).name == "Mic"
    assert tries == 4


@pytest.mark.parametrize(
    ("device", "which"),
    [(None, "a microphone"), ("Mic", "the microphone 'Mic'"), ("7", "the microphone '7'")],
)
def test_what_is_waited_for_is_told_each_time_it_is_not_there(
    device: str | None, which: str, audio: FakeSoundDevice
) -> None:
    audio.devices = []
    told: list[str] = []

    def refreshed() -> None:
        if len(told) == 3:
            audio.devices = [*[Device("Another")] * 7, Device("Mic")]

    audio.on_refresh = refreshed
    Microphone(device, wait=True, on_wait=told.append)
    assert told == [f"Waiting for {which}, which is not there yet."] * 3


@pytest.mark.parametrize(("device", "reason"), [("usb", "matches several"), (" ", "is empty")])
def test_a_device_that_can_never_be_meant_is_not_waited_for(
    device: str, reason: str, audio: FakeSoundDevice
) -> None:
    audio.devices = [Device("USB A"), Device("USB B")]

    def refreshed() -> None:
        audio.now_s += 10.0

    audio.on_refresh = refreshed
    with pytest.raises(InputError, match=reason):
        Microphone(device, wait=True, give_up_s=25.0)


def test_a_missing_library_is_not_waited_for(audio: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        audio.now_s += 10.0
        raise InputError("Microphones need the PortAudio library, which is not installed.")

    monkeypatch.setattr(live.sources.devices, "port_audio", missing)
    with pytest.raises(InputError, match="PortAudio"):
        Microphone(wait=True, give_up_s=25.0)


def test_waiting_may_be_given_up(audio: FakeSoundDevice) -> None:
    audio.devices = []

    def refreshed() -> None:
        audio.now_s += 10.0

    audio.on_refresh = refreshed
    with pytest.raises(RunningError):
        Microphone("Mic", wait=True, give_up_s=25.0)


@pytest.mark.parametrize(("flagged", "reason"), [(True, "overflow"), (False, "stall")])
def test_sound_that_a_driver_dropped_is_a_gap_where_it_was_dropped(
    flagged: bool, reason: str, audio: FakeSoundDevice
) -> None:
    microphone, heard, stream = begin(audio)
    audio.now_s += 1.5
    stream.deliver(0.05, overflowed=flagged)
    for _ in range(40):
        stream.deliver(0.05)
    microphone.stop()
    heard.until(lambda heard: heard.frames == round(4.05 * RATE))
    ((position, frames, told),) = heard.gaps
    assert (position, told) == (2 * RATE, reason)
    assert frames == pytest.approx(1.5 * RATE, abs=2)
    assert heard.position == pytest.approx((audio.now_s - 1_000) * RATE, abs=2)


def test_sound_that_came_late_is_no_gap(audio: FakeSoundDevice) -> None:
    microphone, heard, stream = begin(audio)
    audio.now_s += 1.5
    for _ in range(30):
        stream.deliver(0.05, take_time=False)
    for _ in range(40):
        stream.deliver(0.05)
    microphone.stop()
    heard.until(lambda heard: heard.frames == round(5.5 * RATE))
    assert heard.gaps == []


def test_a_reader_that_is_too_slow_loses_sound_that_is_counted(audio: FakeSoundDevice) -> None:
    microphone = Microphone()
    ring = RingBuffer(RATE, microphone.channels)
    microphone.start(ring)
    for _ in range(60):
        audio.streams[-1].deliver(0.05)
    heard = Heard(ring)
    heard.until(lambda heard: heard.position == 3 * RATE)
    assert heard.gaps == [(RATE, 2 * RATE, "behind")]
    microphone.stop()


def test_a_stream_is_not_closed_while_it_starts(audio: FakeSoundDevice) -> None:
    microphone, ring = Microphone(), RingBuffer(RATE, 2)
    stopping = threading.Thread(target=microphone.stop)

    def stop_meanwhile(stream: Stream) -> None:
        stopping.start()
        stopping.join(0.2)  # which it must not do before the start is over
        assert not stream.closed

    audio.on_start = stop_meanwhile
    microphone.start(ring)
    stopping.join(PATIENCE_S)
    assert audio.streams[-1].closed
    assert isinstance(ring.read(1, PATIENCE_S), End)
