"""Simulation of rooms and microphones on mel power, for which the feature store is enough."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live.front_end import FrontEndSpec

from .mel_levels import (
    Generator,
    Range,
    Windows,
    band_centres,
    band_widths,
    happens,
    interpolated,
    mean_power,
    to_decibels,
    to_power,
    uniform,
)
from .noises import simulated_noise

RIPPLE_KNOTS = 10
DECAY_KNOTS = 6
FRAMES_BEFORE = 20  # the mean of so many frames stands for the sound before a crop
INDEPENDENT_BINS = 0.6  # part of a band's bins that is independent, because the Hann window correlates them
FEWEST_INDEPENDENT = 0.3
CROSS_TERM_KEPT = 0.9


@dataclass(frozen=True)
class MicrophoneRanges:
    """Ranges of the random parameters of a microphone and of the noise beside the music.

    Attributes
    ----------
    chance : float
        Probability of each of high-pass, low-pass, ripple and noise.
    high_pass_hz, low_pass_hz : range
        Corner frequencies in Hz, of slopes of 12 and 18 dB per octave.
    ripple_db : float
        Largest boost or cut at each of the ten knots of the capsule's response.
    snr_db : range
        Signal-to-noise ratio at the microphone, in dB.
    """

    chance: float
    high_pass_hz: Range
    low_pass_hz: Range
    ripple_db: float
    snr_db: Range


MEASURED = MicrophoneRanges(
    chance=1.0,
    high_pass_hz=(100.0, 300.0),
    low_pass_hz=(5_000.0, 9_000.0),
    ripple_db=6.0,
    snr_db=(10.0, 20.0),
)
"""The microphone of the fixed simulation that reports measure with; narrower than what is fitted on."""
MEASURED_RT60_S, MEASURED_WET = (0.3, 0.8), (0.3, 0.7)

FITTED = MicrophoneRanges(
    chance=0.7,
    high_pass_hz=(30.0, 400.0),
    low_pass_hz=(3_500.0, 11_000.0),
    ripple_db=8.0,
    snr_db=(5.0, 35.0),
)


@dataclass(frozen=True)
class RoomRanges:
    """Ranges of the random parameters of a room.

    Attributes
    ----------
    rt60_s : range
        Reverberation time at 1 kHz, in seconds; its logarithm is uniform.
    direct_db : range
        Direct-to-reverberant energy ratio, in dB.
    slope : range
        Exponent of the decrease of the reverberation time with frequency.
    unevenness : float
        Standard deviation, in nepers, of a smooth random deviation from that.
    """

    rt60_s: Range = (0.15, 3.5)
    direct_db: Range = (-14.0, 8.0)
    slope: Range = (0.0, 0.4)
    unevenness: float = 0.15


ROOMS = RoomRanges()


def reverberate(power: Windows, rt60_s: Windows, wet: Windows, hop_s: float) -> Windows:
    """Return power smeared exponentially over time, with the same mean power.

    Parameters
    ----------
    power : ndarray [shape=(windows, frames, n_mels)]
    rt60_s : ndarray [shape=(windows, 1, 1)]
        Reverberation time, in seconds.
    wet : ndarray [shape=(windows, 1, 1)]
        Share of the reverberation, 0 to 1.
    hop_s : float
        Time from one frame to the next, in seconds.
    """
    decay = np.power(10.0, -6 * hop_s / rt60_s, dtype=np.float32)[:, 0]
    tail = np.empty_like(power)
    state = power[:, 0]
    for frame in range(power.shape[1]):
        state = decay * state + (1 - decay) * power[:, frame]
        tail[:, frame] = state
    return (1 - wet) * power + wet * tail


def diffuse_tail(power: Windows, rt60_s: Windows, hop_s: float) -> Windows:
    """Return the mean power of a room's diffuse reverberation, with the same energy as the direct sound.

    The tail of the sound of each frame decays exponentially, and its energy is distributed over the frames
    that follow. The sound before the first frame is assumed to be like the mean of the first twenty.

    Parameters
    ----------
    power : ndarray [shape=(windows, frames, n_mels)]
    rt60_s : ndarray [shape=(windows, 1, n_mels)]
        Reverberation time of each band, in seconds.
    hop_s : float
        Time from one frame to the next, in seconds.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
    """
    nepers = (6 * np.log(10) * hop_s / rt60_s)[:, 0].astype(np.float32)
    decay = np.exp(-nepers)
    own = 1 - (1 - decay) / nepers
    later = (1 - decay) ** 2 / nepers
    state = power[:, :FRAMES_BEFORE].mean(axis=1) * later / (1 - decay)
    tail = np.empty_like(power)
    for frame in range(power.shape[1]):
        tail[:, frame] = own * power[:, frame] + state
        state = decay * state + later * power[:, frame]
    return tail


def fluctuation(generator: Generator, shape: tuple[int, ...], freedom: Windows) -> Windows:
    """Return random factors of a diffuse sound's power: gamma variables of mean 1 and shape ``freedom``.

    They are approximated by the cube of a normal variable (Wilson and Hilferty, 1931), which is faster.

    Parameters
    ----------
    generator : Generator
    shape : tuple of int
        Shape of the result.
    freedom : ndarray
        Shape parameters, which broadcast to ``shape``.
    """
    ninth = np.float32(1 / 9) / np.maximum(freedom, np.float32(FEWEST_INDEPENDENT))
    normal = generator.standard_normal(shape, dtype=np.float32)
    drawn: Windows = np.maximum(1 - ninth + normal * np.sqrt(ninth), np.float32(0.02)) ** 3
    return drawn


def in_a_room(
    power: Windows, spec: FrontEndSpec, generator: Generator, ranges: RoomRanges = ROOMS
) -> Windows:
    """Return windows as they sound in rooms: the direct sound, and a diffuse tail with random fluctuations.

    The result is as close to a convolution as two rooms with the same parameters are to each other
    (distances in ``docs/training.md``). The tail of noise-like sound fluctuates from frame to frame; that of
    a steady tone is amplified or attenuated constantly. Each window has a mixture of both.

    Parameters
    ----------
    power : ndarray [shape=(windows, frames, n_mels)]
    spec : FrontEndSpec
    generator : Generator
    ranges : RoomRanges

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    windows, _, n_mels = power.shape
    centres = np.maximum(band_centres(spec), 125.0)
    rt60_s = np.exp(uniform(generator, (np.log(ranges.rt60_s[0]), np.log(ranges.rt60_s[1])), windows))
    bent = interpolated(generator.normal(0, ranges.unevenness, (windows, 1, DECAY_KNOTS)), n_mels)
    by_band = rt60_s * (centres / 1_000.0) ** -uniform(generator, ranges.slope, windows) * np.exp(bent)
    tail = diffuse_tail(power, np.clip(by_band, 0.05, 6.0), spec.hop_length / spec.sample_rate)
    wet: Windows = (1 / (1 + to_power(uniform(generator, ranges.direct_db, windows)))).astype(np.float32)
    bins = np.maximum(band_widths(spec) * spec.n_fft / spec.sample_rate, 1.0)
    freedom: Windows = (INDEPENDENT_BINS * bins).astype(np.float32)
    still = uniform(generator, (0.0, 1.0), windows)
    lasting: Windows = (freedom / np.maximum(still, 0.05)).astype(np.float32)
    passing: Windows = (freedom / np.maximum(1 - still, 0.05)).astype(np.float32)
    tail *= fluctuation(generator, (windows, 1, n_mels), lasting)
    tail *= fluctuation(generator, power.shape, passing)
    direct: Windows = (power * (1 - wet)).astype(np.float32)
    tail *= wet
    together = direct + tail
    crossing = np.sqrt(2 * direct * tail / freedom) * generator.standard_normal(power.shape, dtype=np.float32)
    crossed = np.maximum(together + crossing, 0)
    heard: Windows = (CROSS_TERM_KEPT * crossed + (1 - CROSS_TERM_KEPT) * together).astype(np.float32)
    return heard


def through_microphone(
    music: Windows,
    spec: FrontEndSpec,
    generator: Generator,
    ranges: MicrophoneRanges,
    noise: Windows | None = None,
) -> Windows:
    """Return windows and noise as a small microphone records them.

    Parameters
    ----------
    music : ndarray [shape=(windows, frames, n_mels)]
        Power.
    spec : FrontEndSpec
    generator : Generator
    ranges : MicrophoneRanges
    noise : ndarray [shape=(windows, frames, n_mels)], optional
        Power of the noise in the room. Default: simulated noise.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    windows, frames, n_mels = music.shape
    centres = band_centres(spec)
    high_pass = uniform(generator, ranges.high_pass_hz, windows)
    high_pass = np.where(happens(generator, ranges.chance, windows), high_pass, np.float32(0))
    low_pass = uniform(generator, ranges.low_pass_hz, windows)
    low_pass = np.where(happens(generator, ranges.chance, windows), low_pass, np.float32(1e6))
    knots = generator.uniform(-ranges.ripple_db, ranges.ripple_db, (windows, 1, RIPPLE_KNOTS))
    ripple = interpolated(knots, n_mels) * happens(generator, ranges.chance, windows)
    response = (to_power(ripple) / (1 + (high_pass / centres) ** 4) / (1 + (centres / low_pass) ** 6)).astype(
        np.float32
    )

    music = music * response
    around = simulated_noise(generator, windows, frames, spec) if noise is None else noise
    around = around * response
    snr = to_power(uniform(generator, ranges.snr_db, windows))
    share = mean_power(music, spec) / mean_power(around, spec) / snr
    return to_decibels(music + around * share * happens(generator, ranges.chance, windows))


def microphone_simulation(mel_db: npt.NDArray[np.floating[Any]], clip: str, spec: FrontEndSpec) -> Windows:
    """Apply the fixed simulation of the reports, whose random room and microphone depend on the clip's id.

    Parameters
    ----------
    mel_db : ndarray [shape=(frames, n_mels)]
        A whole clip, in dB.
    clip : str
        Its id, from which the random numbers are seeded.
    spec : FrontEndSpec

    Returns
    -------
    ndarray [shape=(frames, n_mels)]
        In dB.
    """
    generator = np.random.default_rng(zlib.crc32(clip.encode()))
    power = to_power(mel_db.astype(np.float32)[None])
    wet = uniform(generator, MEASURED_WET, 1) * happens(generator, MEASURED.chance, 1)
    rt60_s = uniform(generator, MEASURED_RT60_S, 1)
    reverberated = reverberate(power, rt60_s, wet, spec.hop_length / spec.sample_rate)
    heard: Windows = through_microphone(reverberated, spec, generator, MEASURED)[0]
    return heard
