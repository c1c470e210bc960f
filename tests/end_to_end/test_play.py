"""``--play`` through a real sound server: what is heard in the room is the file, whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pytest

from live.cli import main
from tests.end_to_end.commands import command
from tests.end_to_end.test_virtual_microphone import sine
from tests.end_to_end.virtual_microphone import SOURCE, VirtualMicrophone
from tests.event_contract import check

FREQUENCY, AMPLITUDE, SECONDS = 997.0, 0.25, 4
QUIET = 1e-3


def read_until_it_was_played(room: IO[bytes], rate: int) -> npt.NDArray[np.float64]:
    """Read from the room until half a second of silence follows a sound; gives the sound."""
    heard = np.empty(0, dtype=np.float32)
    while True:
        heard = np.concatenate((heard, np.frombuffer(room.read(rate // 10 * 4), dtype=np.float32)))
        sounding = np.flatnonzero(np.abs(heard) > QUIET)
        if sounding.size == 0:
            heard = heard[-rate:]
        elif len(heard) - sounding[-1] > rate // 2:
            return heard[sounding[0] : sounding[-1] + 1].astype(np.float64)


def test_a_file_is_played_whole_while_it_is_heard(
    bundle: Path, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    rate = virtual_microphone.sample_rate
    path = tmp_path / "sine.wav"
    sine(path, frequency=FREQUENCY, amplitude=AMPLITUDE, seconds=SECONDS, rate=22_050)
    how = ["--raw", "--format=float32le", "--channels=1", f"--rate={rate}", "--latency-msec=50"]
    listen = ["--file", str(path), "--play", "--json", "--model", str(bundle)]
    with subprocess.Popen(
        ["parec", f"--device={SOURCE}", *how], env=virtual_microphone.environment, stdout=subprocess.PIPE
    ) as recorder:
        virtual_microphone.wait_for_listener()
        with subprocess.Popen(
            [*command(), *listen],
            env=virtual_microphone.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as player:
            assert recorder.stdout is not None
            tone = read_until_it_was_played(recorder.stdout, rate)
            out, error = player.communicate(timeout=60)
        recorder.kill()
    assert (player.returncode, error) == (0, "")
    assert check(out.splitlines()).summary["duration_s"] == pytest.approx(SECONDS)
    assert tone.size == pytest.approx(SECONDS * rate, abs=rate // 50)
    # One sine over the whole: a block lost, doubled or swapped breaks its phase.
    time = np.arange(tone.size) / rate
    parts = np.column_stack([np.sin(2 * np.pi * FREQUENCY * time), np.cos(2 * np.pi * FREQUENCY * time)])
    weights, rest, *_ = np.linalg.lstsq(parts, tone, rcond=None)
    assert np.hypot(*weights) == pytest.approx(AMPLITUDE, rel=0.01)
    assert rest[0] / tone.size < 1e-4


def test_no_output_is_one_sentence(bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        import sounddevice
    except OSError:
        pytest.skip("This test needs PortAudio.")
    try:
        sounddevice.query_devices(kind="output")
    except (sounddevice.PortAudioError, ValueError):
        path = tmp_path / "sine.wav"
        sine(path, frequency=FREQUENCY, amplitude=AMPLITUDE, seconds=1, rate=44_100)
        assert main(["--file", os.fspath(path), "--play", "--model", str(bundle)]) == 2
        said = capfd.readouterr().err
        assert "The speakers cannot be opened" in said
        assert said.count("\n") == 1
    else:
        pytest.skip("This machine can be heard.")
