"""Synthetic noises as mel power: rooms and voices, machines, weather and alarms."""

from __future__ import annotations

import numpy as np

from live.front_end import FrontEndSpec

from .mel_levels import (
    Generator,
    Windows,
    band_centres,
    band_widths,
    happens,
    interpolated,
    to_power,
    uniform,
)

TALKERS = 4
SYLLABLES_PER_S = 4.0


def speckle(generator: Generator, shape: tuple[int, ...], spec: FrontEndSpec) -> Windows:
    """Return random factors of a noise's power in each frame [shape=shape]: gamma variables of mean 1."""
    bins = np.maximum(band_widths(spec) * spec.n_fft / spec.sample_rate, 1.0)
    scatter: Windows = (generator.standard_gamma(np.broadcast_to(bins, shape)) / bins).astype(np.float32)
    return scatter


def steady_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Return the noise of a room: steady, with a spectrum that falls by 0 to 6 dB per octave.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    octaves = np.log2(band_centres(spec) / 1_000.0).clip(-5, 4)
    slope = uniform(generator, (-6.0, 0.0), windows)
    return to_power(slope * octaves) * speckle(generator, (windows, frames, spec.n_mels), spec)


def babble(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Return the babble of four voices, with the long-term spectrum, syllables and vowels of speech.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    centres = band_centres(spec)
    # Speech is flat from 150 to 500 Hz, and falls by 9 dB per octave above (Byrne et al., 1994).
    long_term = -9.0 * np.log2(np.maximum(centres, 500.0) / 500.0)
    long_term -= 18.0 * np.log2(150.0 / np.minimum(centres, 150.0)).clip(0, 3)
    syllables = max(2, round(frames * spec.hop_length / spec.sample_rate * SYLLABLES_PER_S) + 1)
    total = np.zeros((windows, frames, spec.n_mels), dtype=np.float32)
    for _ in range(TALKERS):
        vowels = interpolated(generator.normal(0, 6.0, (windows, syllables, 8)), spec.n_mels)
        loudness = generator.normal(0, 5.0, (windows, syllables, 1))
        loudness -= 20.0 * (generator.random((windows, syllables, 1)) < 0.2)  # pauses
        spoken = np.moveaxis(vowels + loudness, 1, 2)
        total += to_power(np.moveaxis(interpolated(spoken, frames), 2, 1) + long_term)
    return total * speckle(generator, total.shape, spec)


def simulated_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Return steady noise or babble for each window, as power [shape=(windows, frames, n_mels)]."""
    speaks = happens(generator, 0.5, windows)
    steady = steady_noise(generator, windows, frames, spec)
    return np.where(speaks, babble(generator, windows, frames, spec), steady)


def mechanical_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Return noises of machines, weather and alarms: coloured noise with gusts, pulses or clicks, and tones.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    return np.stack([_one_noise(generator, frames, spec) for _ in range(windows)])


def _one_noise(generator: Generator, frames: int, spec: FrontEndSpec) -> Windows:
    octaves = np.log2(band_centres(spec) / 1_000.0)
    time = np.arange(frames)
    colour = interpolated(generator.uniform(-1, 1, 6), spec.n_mels) * generator.choice([0.0, 5.0, 12.0])
    level = np.clip(generator.uniform(-9, 3) * octaves, -50, 30) + colour + np.zeros((frames, 1))
    kind = generator.choice(
        ["steady", "gusts", "pulses", "clicks", "glides"], p=[0.3, 0.15, 0.15, 0.15, 0.25]
    )
    if kind == "glides":
        return _gliding_harmonics(generator, frames, spec)
    if kind == "gusts":
        walk = np.convolve(generator.normal(size=frames + 12), np.hanning(13)[1:], "valid")[:frames]
        level += walk[:, None] * generator.uniform(2, 8)
    elif kind == "pulses":  # engines, clocks, pumps
        period, sounding = generator.uniform(1.5, 16), generator.uniform(0.1, 0.6)
        phase = ((time + generator.uniform(0, period)) % period) / period
        level -= generator.uniform(6, 40) * (phase > sounding)[:, None]
    elif kind == "clicks":  # random knocks that decay
        strength = (generator.random(frames) < generator.uniform(0.02, 0.25)) * generator.uniform(
            10, 40, frames
        )
        fall, loudness = generator.uniform(3, 20), 0.0
        for frame in range(frames):
            loudness = max(loudness - fall, float(strength[frame]), 0.0)
            level[frame] += loudness - 20
    noise = to_power(level) * speckle(generator, (frames, spec.n_mels), spec)
    if generator.random() < 0.5:
        noise = noise + _tones(generator, frames, spec, 10 * np.log10(float(noise.max())))
    return noise.astype(np.float32)


def _gliding_harmonics(generator: Generator, frames: int, spec: FrontEndSpec) -> Windows:
    """Return motors, saws, cries and howls: harmonics of a gliding pitch, with some hiss."""
    centres, bands = band_centres(spec), np.arange(spec.n_mels)
    turns = max(2, round(frames * spec.hop_length / spec.sample_rate * generator.uniform(0.3, 3.0)) + 1)
    octaves = interpolated(generator.normal(0, generator.uniform(0.03, 0.5), turns), frames)
    pitch = 40.0 * 2 ** (generator.uniform(0, 4.5) + octaves)
    slope = generator.uniform(-12, -1)
    formants = interpolated(generator.uniform(-12, 12, 8), spec.n_mels)
    power = np.zeros((frames, spec.n_mels), dtype=np.float32)
    for number in range(1, 31):
        line = np.interp(number * pitch, centres, bands)[:, None]
        level = slope * np.log2(number) - 6 * ((bands - line) / 0.8) ** 2
        power += to_power(np.maximum(level, -80.0)) * (number * pitch < spec.fmax)[:, None]
    power = power * to_power(formants)
    if generator.random() < 0.6:  # with changing strength: breath, strokes, calls
        calls = interpolated(generator.uniform(-40, 0, turns + 1), frames)[:, None]
        power = power * to_power(calls)
    tilt = np.clip(generator.uniform(-6, 3) * np.log2(centres / 1_000.0), -40, 20)
    hiss = to_power(tilt) * speckle(generator, power.shape, spec)
    share = 10 ** (generator.uniform(-35, 0) / 10) * power.mean() / hiss.mean()
    sound: Windows = (power + hiss * share).astype(np.float32)
    return sound


def _tones(generator: Generator, frames: int, spec: FrontEndSpec, loudest_db: float) -> Windows:
    """Return beeps, hums and sirens: a few tones that may wobble and be switched on and off."""
    time, bands = np.arange(frames), np.arange(spec.n_mels)
    wobble = generator.choice([0.0, 0.0, generator.uniform(1, 12)]) * np.sin(
        2 * np.pi * time / generator.uniform(4, 40)
    )
    gate = np.full(frames, 1.0)
    if generator.random() < 0.5:
        period = generator.uniform(2, 20)
        phase = (time + generator.uniform(0, period)) % period
        gate = np.where(phase < period * generator.uniform(0.2, 0.8), 1.0, 1e-4)
    lowest, peak_db = generator.uniform(0, spec.n_mels - 1), loudest_db + generator.uniform(-5, 25)
    total = np.zeros((frames, spec.n_mels), dtype=np.float32)
    for number in range(int(generator.integers(1, 5))):
        centre = lowest + wobble + number * generator.uniform(2, 25)
        shape = ((bands - centre[:, None]) / generator.uniform(0.6, 1.2)) ** 2
        line = peak_db - generator.uniform(0, 10) - 6 * shape
        total += to_power(np.maximum(line, -100.0)) * gate[:, None].astype(np.float32)
    return total
