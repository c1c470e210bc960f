"""``--play``: what is given is played, once and in order, and a device that fails holds nothing up."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from live import cli
from live.errors import InputError, RunningError
from live.ring_buffer import Chunk, End, RingBuffer
from live.samples import Samples
from live.sources.files.audio_file import AudioFile
from live.sources.files.speakers import SILENCE_S, Speakers
from tests.live.stubs import noise

RATE = 8_000


class PortAudioError(Exception):
    """As sounddevice's."""


class FakeStream:
    """An output stream that plays when a test asks for it."""

    def __init__(
        self, callback: Callable[..., None], finished_callback: Callable[[], None], **how: Any
    ) -> None:
        self.callback, self.finished, self.how = callback, finished_callback, how
        self.calls: list[str] = []
        self.fails_to_start = False

    def start(self) -> None:
        self.calls.append("start")
        if self.fails_to_start:
            raise PortAudioError("in use")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def play(self, frames: int) -> Samples:
        out = np.full((frames, self.how["channels"]), np.nan, dtype=np.float32)
        self.callback(out, frames, None, None)
        return out


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[FakeStream]:
    """Put a sounddevice in place that takes 8 and 48 kHz alone; gives the streams that are opened."""
    opened: list[FakeStream] = []

    def open_stream(**how: Any) -> FakeStream:
        if how["samplerate"] not in {RATE, 48_000}:
            raise PortAudioError("Invalid sample rate")
        opened.append(FakeStream(**how))
        return opened[-1]

    fake = SimpleNamespace(
        PortAudioError=PortAudioError,
        OutputStream=open_stream,
        query_devices=lambda **_how: {"default_samplerate": 48_000.0},
    )
    monkeypatch.setattr("live.sources.files.speakers.port_audio", lambda _who: fake)
    return opened


def test_everything_is_played_once_and_in_order(streams: list[FakeStream]) -> None:
    sound = noise(0.09)
    speakers = Speakers(RATE, 1)
    speakers.start()
    for begin in range(0, len(sound), 300):
        assert speakers.play(sound[begin : begin + 300])
    played = np.concatenate([streams[0].play(frames) for frames in (1, 500, 299, 700, 500, 1_500)])
    silence = round(SILENCE_S * RATE)
    assert np.all(played[:silence] == 0), "for servers that swallow what comes first"
    assert np.array_equal(played[silence : silence + len(sound)], sound)
    assert np.all(played[silence + len(sound) :] == 0), "and then silence"


def test_who_gives_waits_for_the_device(streams: list[FakeStream]) -> None:
    speakers = Speakers(RATE, 1)
    speakers.start()
    sound = noise(0.25)
    assert speakers.play(sound)
    waiting = threading.Thread(target=speakers.play, args=(sound,), daemon=True)
    waiting.start()
    while waiting.is_alive():
        streams[0].play(100)
    assert np.any(streams[0].play(100) != 0)


@pytest.mark.parametrize("end", ["gives no room", "stops by itself", "is closed"])
def test_a_device_that_takes_nothing_is_given_up(
    streams: list[FakeStream], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.sources.files.speakers.FIRST_TAKEN_WITHIN_S", 0.01)
    speakers = Speakers(RATE, 1)
    speakers.start()
    assert speakers.play(noise(1.0))
    if end == "stops by itself":
        streams[0].finished()
    elif end == "is closed":
        speakers.close()
    assert not speakers.play(noise(0.1))
    assert not speakers.play(noise(0.1))
    speakers.finish()


def test_channels_beyond_two_are_mixed_and_no_sample_is_wild(streams: list[FakeStream]) -> None:
    speakers = Speakers(RATE, 4)
    assert streams[0].how["channels"] == 1
    speakers.play(np.array([[1, 2, 3, 4], [np.nan, 0, 0, 0], [0.4, 0.2, 0, 0]], dtype=np.float32))
    assert streams[0].play(3)[:, 0].tolist() == pytest.approx([1.0, 0.0, 0.15])
    Speakers(RATE, 2)
    assert streams[1].how["channels"] == 2


def test_another_rate_is_converted_where_the_device_demands_it(streams: list[FakeStream]) -> None:
    speakers = Speakers(11_025, 2)
    assert streams[0].how["samplerate"] == 48_000
    time = np.arange(11_025) / 11_025
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    speakers.play(np.column_stack([tone, -tone]))
    played = streams[0].play(40_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(40_000) / 48_000)
    assert np.max(np.abs(played[1_000:, 0] - expected[1_000:])) < 0.01
    assert np.allclose(played[:, 0], -played[:, 1], atol=1e-6)


def test_a_device_that_does_not_start_is_one_sentence(streams: list[FakeStream]) -> None:
    speakers = Speakers(RATE, 1)
    streams[0].fails_to_start = True
    with pytest.raises(RunningError, match=r"The speakers do not start \(in use\): leave out --play"):
        speakers.start()


def test_no_output_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_how: Any) -> None:
        raise PortAudioError("Error querying device -1")

    fake = SimpleNamespace(PortAudioError=PortAudioError, query_devices=refuse)
    monkeypatch.setattr("live.sources.files.speakers.port_audio", lambda _who: fake)
    with pytest.raises(InputError, match=r"The speakers cannot be opened \(Error querying device -1\): "):
        Speakers(RATE, 1)


# --- with a file


def write(tmp_path: Path, sound: Samples) -> Path:
    path = tmp_path / "noise.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    return path


def hear(source: AudioFile, ring: RingBuffer) -> Samples:
    chunks = []
    while not isinstance(item := ring.read(1), End):
        assert isinstance(item, Chunk)
        chunks.append(item.samples.copy())
    return np.concatenate(chunks)


def test_a_file_is_played_as_it_is_heard_to_its_end(tmp_path: Path, streams: list[FakeStream]) -> None:
    sound = noise(1.0)
    source = AudioFile(str(write(tmp_path, sound)), play=True)
    ring = RingBuffer(RATE, 1)
    source.start(ring)
    heard: list[Samples] = []
    listener = threading.Thread(target=lambda: heard.append(hear(source, ring)))
    listener.start()
    played = []
    while listener.is_alive():
        played.append(streams[0].play(80))
    listener.join()
    sounding = np.concatenate(played)[:, 0]
    sounding = sounding[sounding != 0]
    assert np.array_equal(heard[0], sound)
    assert np.array_equal(sounding, sound[sound != 0])
    assert source.warning is None
    source.stop()
    assert streams[0].calls == ["start", "stop", "close"]


def test_speakers_that_fail_are_told_and_the_file_is_heard_to_its_end(
    tmp_path: Path, streams: list[FakeStream]
) -> None:
    sound = noise(0.6)
    source = AudioFile(str(write(tmp_path, sound)), play=True)
    ring = RingBuffer(RATE, 1)
    source.start(ring)
    streams[0].finished()
    assert np.array_equal(hear(source, ring), sound)
    source.stop()
    assert source.failure is None
    assert source.warning == "The speakers took no more of noise.wav: the rest was heard without them."


def test_stopping_does_not_wait_for_the_speakers(tmp_path: Path, streams: list[FakeStream]) -> None:
    source = AudioFile(str(write(tmp_path, noise(60.0))), play=True)
    ring = RingBuffer(60 * RATE, 1)
    source.start(ring)
    ring.read(1)
    ring.close()
    source.stop()
    assert source._thread is not None
    assert not source._thread.is_alive()
    assert streams[0].calls[-1] == "close"
    assert source.warning is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--play"], "--play is for files: give one with --file"),
        (["--play", "--file", "a.wav", "--speed", "2"], "--play is for a file at its own pace"),
        (["--play", "--file", "a.wav", "--speed", "max"], "--play is for a file at its own pace"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    arguments: list[str], complaint: str, capfd: pytest.CaptureFixture[str], bundle: Path
) -> None:
    assert cli.main([*arguments, "--model", str(bundle)]) == 2
    assert complaint in capfd.readouterr().err


def test_without_port_audio_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_rest: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(InputError, match="--play needs the PortAudio library"):
        Speakers(RATE, 1)


def test_a_stop_while_the_speakers_start_closes_nothing_underneath(
    tmp_path: Path, streams: list[FakeStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PortAudio crashes when one thread closes a stream that another one is starting."""
    source = AudioFile(str(write(tmp_path, noise(1.0))), play=True)
    calls: list[str] = []

    def stop() -> None:
        with monkeypatch.context() as patience:
            patience.setattr("live.sources.files.audio_file.CLOSE_WITHIN_S", 0.01)
            source.stop()
        calls.extend(streams[0].calls)

    streams[0].start = stop  # type: ignore[method-assign]
    ring = RingBuffer(RATE, 1)
    source.start(ring)
    assert ring.read() == End(0)
    assert source._thread is not None
    source._thread.join()
    assert calls == []
    assert streams[0].calls == ["close"]
    assert source.failure is None


def test_a_file_that_was_stopped_is_not_played(tmp_path: Path, streams: list[FakeStream]) -> None:
    source = AudioFile(str(write(tmp_path, noise(1.0))), play=True)
    source.stop()
    ring = RingBuffer(RATE, 1)
    source.start(ring)
    assert ring.read() == End(0)
    assert streams[0].calls == ["close"]
