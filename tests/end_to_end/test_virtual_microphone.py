"""The virtual microphone itself: what is played into it is what PortAudio hears, sample for sample."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.virtual_microphone import DEVICE, SOURCE, VirtualMicrophone

# PortAudio reads its environment once, when it is loaded: the listener must be another process.
RECORD = """
import sys
import numpy, sounddevice
path, device, rate, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
overflows = 0
blocks = []
with sounddevice.InputStream(device=device, samplerate=rate, channels=1, dtype="float32") as stream:
    while sum(map(len, blocks)) < seconds * rate:
        block, overflowed = stream.read(rate // 20)
        blocks.append(block[:, 0].copy())
        overflows += overflowed
numpy.save(path, numpy.concatenate(blocks))
sys.exit(3 if overflows else 0)
"""

NAMES = """
import sounddevice
for device in sounddevice.query_devices():
    if device["max_input_channels"]:
        print(device["name"])
print("default:", sounddevice.query_devices(kind="input")["name"])
"""


def record(
    microphone: VirtualMicrophone, path: Path, seconds: float, device: str = DEVICE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RECORD, str(path), device, str(microphone.sample_rate), str(seconds)],
        env=microphone.environment,
    )


def sine(path: Path, *, frequency: float, amplitude: float, seconds: float, rate: int) -> None:
    time = np.arange(int(seconds * rate)) / rate
    tone = amplitude * np.sin(2 * np.pi * frequency * time)
    soundfile.write(path, np.column_stack([tone, tone]), rate, subtype="PCM_16")


def test_a_played_sine_is_heard_whole_at_its_frequency_and_level(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    rate = virtual_microphone.sample_rate
    frequency, amplitude = 997.0, 0.25
    sine(tmp_path / "sine.wav", frequency=frequency, amplitude=amplitude, seconds=5, rate=rate)
    listener = record(virtual_microphone, tmp_path / "heard.npy", seconds=9)
    try:
        virtual_microphone.wait_for_listener()
        virtual_microphone.play(tmp_path / "sine.wav")
        assert listener.wait(timeout=30) == 0
    finally:
        listener.kill()
        listener.wait()

    heard = np.load(tmp_path / "heard.npy").astype(np.float64)
    sounding = np.flatnonzero(np.abs(heard) > 1e-3)
    assert sounding.size > 0, "nothing was heard"
    tone = heard[sounding[0] : sounding[-1] + 1]
    assert tone.size == pytest.approx(5 * rate, abs=rate // 100)

    # One sine, fitted over all five seconds at once: a lost, doubled or swapped block breaks its phase.
    time = np.arange(tone.size) / rate
    parts = np.column_stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)])
    weights = np.linalg.lstsq(parts, tone, rcond=None)[0]
    assert np.hypot(*weights) == pytest.approx(amplitude, rel=1e-3)
    assert np.sqrt(np.mean((tone - parts @ weights) ** 2)) < 1e-4
    # Before and after it the microphone hears silence, not nothing.
    assert np.abs(heard[: sounding[0]]).max(initial=0.0) < 1e-3


def test_only_the_virtual_microphone_is_seen(virtual_microphone: VirtualMicrophone) -> None:
    listing = subprocess.run(
        [sys.executable, "-c", NAMES],
        env=virtual_microphone.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    *names, default = listing.stdout.splitlines()
    assert DEVICE in names
    assert default in {f"default: {DEVICE}", "default: default"}


def test_the_source_goes_and_comes_back(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> None:
    listener = record(virtual_microphone, tmp_path / "lost.npy", seconds=3600)
    try:
        virtual_microphone.wait_for_listener()
        virtual_microphone.remove_source()
        virtual_microphone.wait_for_no_listener()
    finally:
        listener.kill()
        listener.wait()
    virtual_microphone.add_source()
    assert_hears(virtual_microphone, tmp_path)


def test_the_server_dies_and_comes_back(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> None:
    virtual_microphone.kill_server()
    with pytest.raises(RuntimeError, match="pactl info"):
        virtual_microphone.control("info")
    virtual_microphone.start_server()
    assert_hears(virtual_microphone, tmp_path)


def test_a_suspended_source_says_so(virtual_microphone: VirtualMicrophone, tmp_path: Path) -> None:
    virtual_microphone.suspend()
    assert "SUSPENDED" in virtual_microphone.control("list", "short", "sources")
    virtual_microphone.resume()
    assert "SUSPENDED" not in virtual_microphone.control("list", "short", "sources")
    assert_hears(virtual_microphone, tmp_path)


def test_nothing_is_left_behind() -> None:
    with VirtualMicrophone(sample_rate=48_000, channels=1) as microphone:
        folder = Path(microphone.environment["PULSE_RUNTIME_PATH"])
        assert "float32le 1ch 48000Hz" in microphone.control("list", "short", "sources")
        assert folder.is_dir()
    assert not folder.exists()


def assert_hears(microphone: VirtualMicrophone, folder: Path) -> None:
    """Play half a second of sound to a new listener, which must hear it."""
    rate = microphone.sample_rate
    sine(folder / "again.wav", frequency=440.0, amplitude=0.5, seconds=0.5, rate=rate)
    listener = record(microphone, folder / "again.npy", seconds=3)
    try:
        microphone.wait_for_listener()
        microphone.play(folder / "again.wav")
        assert listener.wait(timeout=30) == 0
    finally:
        listener.kill()
        listener.wait()
    assert np.abs(np.load(folder / "again.npy")).max() == pytest.approx(0.5, abs=0.01)


def test_the_pieces_of_a_block_arrive_as_one(virtual_microphone: VirtualMicrophone) -> None:
    """PulseAudio sends at most 64 KiB at a time; each piece would wake three threads."""
    asked_s, rate, channels = 0.5, 44_100, 2
    program = (
        "from itertools import islice; from live.sources.sound_server import *; "
        f"source = next(s for s in sound_server_sources() if s.name == {SOURCE!r}); "
        f"stream = SoundServerStream(source, {channels}, {rate}, {asked_s}); "
        "print(*(len(block) for block, _ in islice(stream.blocks(), 7)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=virtual_microphone.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lengths_s = [int(size) / (4 * channels * rate) for size in done.stdout.split()]
    assert statistics.median(lengths_s) > 0.75 * asked_s
