"""A file as a source: all of it, at any pace, in bounded blocks, and an end in every case."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.errors import InputError
from live.ring_buffer import Chunk, End, Gap, RingBuffer
from live.samples import Samples
from live.sources.files.audio_file import AudioFile
from tests.sounds import tune, write_tune

PATIENCE_S = 60.0


def listen(source: AudioFile, gaps: list[Gap] | None = None) -> Samples:
    ring = RingBuffer(round(source.buffer_s * source.sample_rate), source.channels)
    source.start(ring)
    blocks = [np.empty((0, source.channels), dtype=np.float32)]
    while not isinstance(item := ring.read(1, PATIENCE_S), End):
        if isinstance(item, Gap):
            assert gaps is not None, "nothing is to be lost"
            gaps.append(item)
            continue
        assert isinstance(item, Chunk)
        blocks.append(item.samples)
    source.stop()
    return np.concatenate(blocks)


@pytest.mark.parametrize("speed", [None, 1_000.0, 10_000.0])
def test_all_of_a_file_comes_at_any_pace(speed: float | None, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 5, channels=2, subtype="FLOAT")
    np.testing.assert_array_equal(listen(AudioFile(str(path), speed=speed)), tune(5, channels=2))


@pytest.mark.parametrize("speed", [None, 0.01, 1.0, 10.0, 10_000.0])
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (192_000, 8)])
def test_the_buffer_is_small_at_any_pace(
    speed: float | None, rate: int, channels: int, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.wav", 0.6, rate=rate, channels=channels)
    source = AudioFile(str(path), speed=speed)
    assert source.buffer_s * source.sample_rate * source.channels * 4 < 20_000_000  # bytes
    assert 0 < source.block_s <= 0.5
    source.stop()


def test_a_file_is_paced_by_the_clock_and_not_by_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it waits for, summed up, is its length over its speed."""
    waited: list[float] = []
    source = AudioFile(str(write_tune(tmp_path / "tune.wav", 3)), speed=2.0)

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        assert timeout is not None
        waited.append(timeout)
        return False

    monkeypatch.setattr("live.sources.files.audio_file.time.monotonic", lambda: sum(waited))
    monkeypatch.setattr(source._stopped, "wait", wait.__get__(source._stopped))
    assert len(listen(source)) == 3 * 22_050
    assert sum(waited) == pytest.approx(1.5)
    assert max(waited) <= 0.11


def test_a_pause_of_the_whole_process_is_not_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound in the air would have passed meanwhile; a file goes on where it was, at its pace."""
    now_s, waited = 0.0, 0.0
    source = AudioFile(str(write_tune(tmp_path / "tune.wav", 3)), speed=1.0)

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        nonlocal now_s, waited
        assert timeout is not None
        was_stopped = waited < 1.0 <= waited + timeout
        waited += timeout
        now_s += timeout + (100.0 if was_stopped else 0.0)
        return False

    monkeypatch.setattr("live.sources.files.audio_file.time.monotonic", lambda: now_s)
    monkeypatch.setattr(source._stopped, "wait", wait.__get__(source._stopped))
    listen(source)
    assert waited == pytest.approx(3.0, abs=0.2)


def test_a_stop_ends_it_though_nobody_reads(tmp_path: Path) -> None:
    source = AudioFile(str(write_tune(tmp_path / "tune.wav", 60)), speed=None)
    ring = RingBuffer(1_000, 1)
    source.start(ring)
    ring.close()
    source.stop()
    assert source.failure is None
    assert not any(thread.name == "audio file" for thread in threading.enumerate())


def test_a_file_that_is_opened_and_never_started_is_let_go(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 1)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    for _ in range(20):
        AudioFile(str(path)).stop()
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    assert after == before


@pytest.mark.parametrize("seconds", [0.1, 0.49])
def test_a_file_too_short_is_refused_before_it_starts(seconds: float, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "short.wav", seconds)
    with pytest.raises(InputError, match=r"short.wav is too short: 0\.\d+ s"):
        AudioFile(str(path))


def test_half_a_second_is_enough(tmp_path: Path) -> None:
    assert len(listen(AudioFile(str(write_tune(tmp_path / "half.wav", 0.5)), speed=None))) == 11_025


def test_what_no_decoder_can_read_is_a_gap_and_a_sentence(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.flac", 10)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    source, gaps = AudioFile(str(path), speed=None), list[Gap]()
    samples = listen(source, gaps)
    assert source.failure is None
    assert source.warning is not None
    assert "tune.flac is damaged or cut short" in source.warning
    assert 2 * 22_050 < len(samples) < 8 * 22_050
    assert [(gap.position, gap.reason) for gap in gaps] == [(len(samples), "undecodable")]
    assert len(samples) + gaps[0].lost == 10 * 22_050


def test_a_file_that_is_damaged_from_the_start_is_no_input(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.flac", 10)
    content = bytearray(path.read_bytes())
    content[2_000:] = os.urandom(len(content) - 2_000)
    path.write_bytes(content)
    source = AudioFile(str(path), speed=None)
    listen(source)
    assert isinstance(source.failure, InputError)
    assert source.failure.exit_status == 2


def test_a_file_cut_short_is_warned_of_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 4)
    whole = AudioFile(str(path), speed=None)
    listen(whole)
    assert whole.warning is None
    path.write_bytes(path.read_bytes()[:-44_100])
    cut, gaps = AudioFile(str(path), speed=None), list[Gap]()
    assert len(listen(cut, gaps)) == 3 * 22_050
    assert [gap.lost for gap in gaps] == [22_050]
    assert cut.warning is not None
    assert "3.0 s of it were heard, and 1.0 s could not be decoded" in cut.warning


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such characters in a name.")
def test_a_name_is_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2Jb\nc.wav"
    soundfile.write(path, tune(1), 22_050)
    assert AudioFile(str(path)).name == "a�[2Jb�c.wav"
