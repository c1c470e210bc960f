"""Synthetic sound for the benchmarks, so that they run on any computer: chords over a beat.

The verdicts for it do not matter, because no stage of the program depends on the sound in its time.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PERIOD_S = 60.0  # after which the sound repeats


def music(seconds: float, sample_rate: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return mono sound that resembles music.

    Parameters
    ----------
    seconds : float
    sample_rate : int
        In Hz.
    seed : int

    Returns
    -------
    ndarray [shape=(n,)]
        Full scale = 1.
    """
    random = np.random.default_rng(seed)
    time_s = np.arange(round(min(seconds, PERIOD_S) * sample_rate)) / sample_rate
    signal = 0.2 * np.exp(-8 * (time_s % 0.5)) * random.normal(size=len(time_s))
    for start_s in np.arange(0, time_s[-1], 2.0):
        chord = slice(round(start_s * sample_rate), round((start_s + 2.0) * sample_rate))
        for pitch in random.choice(np.arange(40, 76), 4, replace=False):
            frequency = 440 * 2 ** ((pitch - 69) / 12)
            for overtone in range(1, 9):
                signal[chord] += 0.1 / overtone * np.sin(2 * np.pi * overtone * frequency * time_s[chord])
    repeated: npt.NDArray[np.float32] = np.resize(signal, round(seconds * sample_rate)).astype(np.float32)
    return np.clip(repeated, -1, 1)


def write_wav(
    path: Path, seconds: float, *, sample_rate: int = 22_050, channels: int = 1, seed: int = 0
) -> Path:
    """Write music as 16-bit WAV and return the path; the clips of GTZAN are 22 050 Hz mono."""
    period = music(min(seconds, PERIOD_S), sample_rate, seed)
    samples: npt.NDArray[Any] = np.repeat((32_000 * period).astype("<i2")[:, None], channels, axis=1)
    left = round(seconds * sample_rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, sample_rate, 0, "NONE", ""))
        while left > 0:
            file.writeframes(samples[:left].tobytes())
            left -= len(samples)
    return path
