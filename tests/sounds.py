"""Sounds for the tests, in memory and on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.samples import Samples


def tune(seconds: float, *, sample_rate: int = 22_050, channels: int = 1, seed: int = 0) -> Samples:
    """Return sound like music [shape=(n, channels)]: a moving chord, a beat and some noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    sound = 0.02 * generator.normal(size=len(time)) * (time % 0.5 < 0.1)
    for tone in (110.0, 220.0, 277.2, 329.6):
        sound += 0.1 * np.sin(2 * np.pi * tone * (1 + 0.5 * np.floor(time / 2)) * time)
    spread = 1 - 0.2 * np.arange(channels) / channels
    samples: Samples = (sound[:, None] * spread).astype(np.float32)
    return samples


def write_tune(
    path: Path, seconds: float = 4.0, *, rate: int = 22_050, channels: int = 1, **how: str
) -> Path:
    """Write a tune with soundfile and return its path; ``how`` may hold ``subtype`` and ``format``."""
    sound = tune(seconds, sample_rate=rate, channels=channels)
    with soundfile.SoundFile(path, "w", rate, channels, **how) as file:
        for start in range(0, len(sound), 65_536):  # of Vorbis, libsndfile puts each piece on the stack
            file.write(sound[start : start + 65_536])
    return path


def ffmpeg(*arguments: str | Path, given: bytes | None = None) -> bytes:
    """Run ffmpeg and return its standard output; skip the test if it is not installed."""
    program = shutil.which("ffmpeg")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("ffmpeg is not installed.")
        pytest.skip("ffmpeg is not installed.")
    finished = subprocess.run(
        [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)],
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if finished.returncode != 0:
        if b"Unknown encoder" in finished.stderr or b"Unknown format" in finished.stderr:
            pytest.skip(f"This ffmpeg cannot write it: {finished.stderr.decode().splitlines()[0]}")
        pytest.fail(finished.stderr.decode())
    return finished.stdout
