"""What a room and a microphone do to music, on mel power, so that the feature store is all it needs.

Everything here works on batches of windows [shape=(windows, frames, n_mels)] in dB and draws its random
numbers from the generator it is given.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from live.events import NO_MUSIC
from live.front_end import FrontEndSpec, mel_filter_bank

Windows = npt.NDArray[np.float32]
Generator = np.random.Generator
Range = tuple[float, float]
Targets = dict[str, Windows]
"""``genre`` [shape=(windows, labels)] and, with a teacher, ``tags`` [shape=(windows, 1 + tags)]."""

SMALLEST_POWER = 1e-10
RIPPLE_KNOTS = 10
TALKERS = 4
SYLLABLES_PER_S = 4.0
SPEED_RATIO = 1.1


@dataclass(frozen=True)
class RoomRanges:
    """Ranges that a room and a microphone are drawn from.

    Attributes
    ----------
    chance : float
        Probability of each part: reverberation, high-pass, low-pass, ripples and noise.
    rt60_s : range
        Reverberation time, in seconds.
    wet : range
        Share of the reverberated sound.
    high_pass_hz, low_pass_hz : range
        Corner frequencies, of 12 and 18 dB an octave.
    ripple_db : float
        Largest boost or cut at each of the ten knots of the capsule's response.
    snr_db : range
        Music over noise as the microphone hears them.
    """

    chance: float
    rt60_s: Range
    wet: Range
    high_pass_hz: Range
    low_pass_hz: Range
    ripple_db: float
    snr_db: Range


MEASURED = RoomRanges(
    chance=1.0,
    rt60_s=(0.3, 0.8),
    wet=(0.3, 0.7),
    high_pass_hz=(100.0, 300.0),
    low_pass_hz=(5_000.0, 9_000.0),
    ripple_db=6.0,
    snr_db=(10.0, 20.0),
)
"""The fixed simulation that reports measure with; narrower than what is fitted on."""

FITTED = RoomRanges(
    chance=0.7,
    rt60_s=(0.1, 1.0),
    wet=(0.2, 0.8),
    high_pass_hz=(30.0, 400.0),
    low_pass_hz=(4_000.0, 11_000.0),
    ripple_db=8.0,
    snr_db=(5.0, 35.0),
)


@dataclass(frozen=True)
class AugmentationContext:
    """What an augmentation may use beside the windows.

    Attributes
    ----------
    spec : FrontEndSpec
    labels : tuple of str
        In the order of the targets' columns.
    noise : callable or None
        ``noise(windows, frames, generator)`` draws stretches of the training part's ``no_music`` clips
        [shape=(windows, frames, n_mels)], in dB; None where there are none.
    """

    spec: FrontEndSpec
    labels: tuple[str, ...]
    noise: Callable[[int, int, Generator], Windows] | None = None


def to_power(decibels: npt.NDArray[np.floating[Any]]) -> Windows:
    """DB to power."""
    power: Windows = np.exp(decibels * np.float32(np.log(10) / 10), dtype=np.float32)
    return power


def to_decibels(power: npt.NDArray[np.floating[Any]]) -> Windows:
    """Power to dB, not below −100 dB."""
    decibels: Windows = (10 * np.log10(np.maximum(power, SMALLEST_POWER))).astype(np.float32)
    return decibels


@lru_cache(maxsize=8)
def band_centres(spec: FrontEndSpec) -> npt.NDArray[np.float64]:
    """Centre of gravity of each mel band, in Hz [shape=(n_mels,)]."""
    filters = mel_filter_bank(spec)
    bins = np.linspace(0.0, spec.sample_rate / 2, filters.shape[1])
    weight = np.maximum(filters.sum(axis=1), 1e-12)  # a band narrower than a bin may be empty
    centres: npt.NDArray[np.float64] = np.maximum(filters @ bins / weight, 1.0)
    return centres


@lru_cache(maxsize=8)
def band_widths(spec: FrontEndSpec) -> npt.NDArray[np.float64]:
    """What each band's level is multiplied by to give power: half its width, in Hz [shape=(n_mels,)]."""
    peak = mel_filter_bank(spec).max(axis=1)
    widths: npt.NDArray[np.float64] = np.divide(1.0, peak, out=np.zeros_like(peak), where=peak > 0)
    return widths


def interpolated(knots: npt.NDArray[np.floating[Any]], points: int) -> Windows:
    """Smooth curves through equally spaced knots (raised-cosine interpolation).

    Parameters
    ----------
    knots : ndarray [shape=(..., knots)]
    points : int

    Returns
    -------
    ndarray [shape=(..., points)]
    """
    position = np.linspace(0, knots.shape[-1] - 1, points)
    left = np.minimum(position.astype(int), knots.shape[-1] - 2)
    share = (1 - np.cos(np.pi * (position - left))) / 2
    curves: Windows = (knots[..., left] * (1 - share) + knots[..., left + 1] * share).astype(np.float32)
    return curves


def _uniform(generator: Generator, bounds: Range, windows: int) -> Windows:
    return generator.uniform(*bounds, (windows, 1, 1)).astype(np.float32)


def _happens(generator: Generator, chance: float, windows: int) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = generator.random((windows, 1, 1)) < chance
    return mask


def reverberate(power: Windows, rt60_s: Windows, wet: Windows, hop_s: float) -> Windows:
    """Smear power exponentially along time, at the same mean power.

    Parameters
    ----------
    power : ndarray [shape=(windows, frames, n_mels)]
    rt60_s, wet : ndarray [shape=(windows, 1, 1)]
    hop_s : float
        From frame to frame, in seconds.
    """
    decay = np.power(10.0, -6 * hop_s / rt60_s, dtype=np.float32)[:, 0]
    tail = np.empty_like(power)
    state = power[:, 0]
    for frame in range(power.shape[1]):
        state = decay * state + (1 - decay) * power[:, frame]
        tail[:, frame] = state
    return (1 - wet) * power + wet * tail


def _speckle(generator: Generator, shape: tuple[int, ...], spec: FrontEndSpec) -> Windows:
    """The scatter of a noise's power in one frame about its mean: a gamma variable, as bins are averaged."""
    bins = np.maximum(band_widths(spec) * spec.n_fft / spec.sample_rate, 1.0)
    scatter: Windows = (generator.standard_gamma(np.broadcast_to(bins, shape)) / bins).astype(np.float32)
    return scatter


def steady_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Noise of a room: a spectrum that falls 0 to 6 dB an octave, steady in time.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    octaves = np.log2(band_centres(spec) / 1_000.0).clip(-5, 4)
    slope = _uniform(generator, (-6.0, 0.0), windows)
    return to_power(slope * octaves) * _speckle(generator, (windows, frames, spec.n_mels), spec)


def babble(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Four voices at once: the long-term spectrum of speech, its syllables and its changing vowels.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        Power.
    """
    centres = band_centres(spec)
    # Speech is about level from 150 to 500 Hz and falls by 9 dB an octave above (Byrne et al., 1994).
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
    return total * _speckle(generator, total.shape, spec)


def simulated_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Steady noise or babble, each window one or the other [shape=(windows, frames, n_mels)], power."""
    speaks = _happens(generator, 0.5, windows)
    steady = steady_noise(generator, windows, frames, spec)
    return np.where(speaks, babble(generator, windows, frames, spec), steady)


def _loudness(power: Windows, spec: FrontEndSpec) -> Windows:
    mean: Windows = (power @ band_widths(spec)).mean(axis=1)[:, None, None].astype(np.float32)
    return np.maximum(mean, np.float32(1e-20))


def room_and_microphone(
    mel_db: Windows,
    spec: FrontEndSpec,
    generator: Generator,
    ranges: RoomRanges,
    noise: Windows | None = None,
) -> Windows:
    """Hear windows through a room and a small microphone.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    spec : FrontEndSpec
    generator : Generator
    ranges : RoomRanges
    noise : ndarray [shape=(windows, frames, n_mels)], optional
        Power of the noise in the room; simulated by default.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    windows, frames, n_mels = mel_db.shape
    centres = band_centres(spec)
    hop_s = spec.hop_length / spec.sample_rate
    wet = _uniform(generator, ranges.wet, windows) * _happens(generator, ranges.chance, windows)
    music = reverberate(to_power(mel_db), _uniform(generator, ranges.rt60_s, windows), wet, hop_s)

    high_pass = _uniform(generator, ranges.high_pass_hz, windows)
    high_pass = np.where(_happens(generator, ranges.chance, windows), high_pass, np.float32(0))
    low_pass = _uniform(generator, ranges.low_pass_hz, windows)
    low_pass = np.where(_happens(generator, ranges.chance, windows), low_pass, np.float32(1e6))
    knots = generator.uniform(-ranges.ripple_db, ranges.ripple_db, (windows, 1, RIPPLE_KNOTS))
    ripple = interpolated(knots, n_mels) * _happens(generator, ranges.chance, windows)
    response = (to_power(ripple) / (1 + (high_pass / centres) ** 4) / (1 + (centres / low_pass) ** 6)).astype(
        np.float32
    )

    music *= response
    around = simulated_noise(generator, windows, frames, spec) if noise is None else noise
    around = around * response
    snr = to_power(_uniform(generator, ranges.snr_db, windows))
    share = _loudness(music, spec) / _loudness(around, spec) / snr
    return to_decibels(music + around * share * _happens(generator, ranges.chance, windows))


def microphone_simulation(mel_db: npt.NDArray[np.floating[Any]], clip: str, spec: FrontEndSpec) -> Windows:
    """The fixed simulation that reports measure with: a clip's id alone decides on its room and microphone.

    Parameters
    ----------
    mel_db : ndarray [shape=(frames, n_mels)]
        A whole clip, in dB.
    clip : str
        Its id.
    spec : FrontEndSpec

    Returns
    -------
    ndarray [shape=(frames, n_mels)]
        In dB.
    """
    generator = np.random.default_rng(zlib.crc32(clip.encode()))
    heard: Windows = room_and_microphone(mel_db.astype(np.float32)[None], spec, generator, MEASURED)[0]
    return heard


def equalised(
    mel_db: Windows, generator: Generator, *, knots: int, reach_db: float, chance: float
) -> Windows:
    """Change the balance of low and high by a smooth curve, one a window."""
    windows, _, n_mels = mel_db.shape
    curve = interpolated(generator.uniform(-reach_db, reach_db, (windows, 1, knots)), n_mels)
    return mel_db + curve * _happens(generator, chance, windows)


def frequency_warped(
    mel_db: Windows, spec: FrontEndSpec, generator: Generator, *, ratio: float, chance: float
) -> Windows:
    """Shift the pitch by up to ``ratio`` either way, as playing faster or slower does."""
    centres = band_centres(spec)
    bands = np.arange(spec.n_mels)
    warped = mel_db.copy()
    for index in np.flatnonzero(generator.random(len(mel_db)) < chance):
        factor = ratio ** generator.uniform(-1, 1)
        position = np.interp(centres * factor, centres, bands)
        left = np.minimum(position.astype(int), spec.n_mels - 2)
        share = (position - left).astype(np.float32)
        window = mel_db[index]
        warped[index] = window[:, left] * (1 - share) + window[:, left + 1] * share
    return warped


def masked(mel_db: Windows, generator: Generator, *, bands: int, frames: int, masks: int = 2) -> Windows:
    """SpecAugment (Park et al., 2019): stretches of bands and of frames replaced by the window's mean."""
    covered = mel_db.copy()
    for window in covered:
        mean = window.mean()
        for axis, widest in ((1, bands), (0, frames)):
            for _ in range(masks):
                width = int(generator.integers(0, widest + 1))
                start = int(generator.integers(0, window.shape[axis] - width + 1))
                if axis == 0:
                    window[start : start + width] = mean
                else:
                    window[:, start : start + width] = mean
    return covered


def resampled_in_time(
    mel_db: Windows, frames: int, generator: Generator, *, ratio: float, chance: float
) -> Windows:
    """Play windows faster or slower by up to ``ratio``, keeping their end.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, longer, n_mels)]
    frames : int
        To leave; ``longer`` should be at least ``frames * ratio``.
    generator : Generator
    ratio, chance : float

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
    """
    windows, longer, _ = mel_db.shape
    speed = np.where(generator.random(windows) < chance, ratio ** generator.uniform(-1, 1, windows), 1.0)
    position = np.maximum(longer - 1 - np.arange(frames)[::-1] * speed[:, None], 0)
    before = np.minimum(position.astype(int), longer - 2)
    share = (position - before).astype(np.float32)[:, :, None]
    row = np.arange(windows)[:, None]
    played: Windows = mel_db[row, before] * (1 - share) + mel_db[row, before + 1] * share
    return played


def level_controlled(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Take out a part of the slow changes of level, as a phone's automatic gain does."""
    windows, frames, _ = mel_db.shape
    level = to_decibels(to_power(mel_db).mean(axis=2, keepdims=True))
    slow = level.copy()
    for frame in range(1, frames):
        slow[:, frame] = 0.7 * slow[:, frame - 1] + 0.3 * level[:, frame]
    slow = np.maximum(slow - slow.mean(axis=1, keepdims=True), np.float32(-30))
    share = _uniform(generator, (0.2, 0.8), windows) * _happens(generator, chance, windows)
    controlled: Windows = mel_db - slow * share
    return controlled


def _frame_level(mel_db: Windows) -> Windows:
    """Each frame's level below the window's loudest frame, in dB [shape=(windows, frames, 1)]."""
    level = to_decibels(to_power(mel_db).mean(axis=2, keepdims=True))
    below: Windows = level - level.max(axis=1, keepdims=True)
    return below


def gated(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Turn down the quiet frames, as a noise gate does that takes them for noise."""
    windows = len(mel_db)
    threshold = _uniform(generator, (-40.0, -15.0), windows)
    reduction = _uniform(generator, (6.0, 30.0), windows) * _happens(generator, chance, windows)
    turned_down: Windows = mel_db - reduction * (_frame_level(mel_db) < threshold)
    return turned_down


def limited(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Turn down the loud frames, as a limiter does: what exceeds its threshold, all but a tenth."""
    windows = len(mel_db)
    threshold = _uniform(generator, (-15.0, -3.0), windows)
    excess = np.maximum(_frame_level(mel_db) - threshold, 0)
    turned_down: Windows = mel_db - 0.9 * excess * _happens(generator, chance, windows)
    return turned_down


def lossily_coded(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Leave out what louder neighbours mask, as a codec short of bits does."""
    windows, _, n_mels = mel_db.shape
    reach = max(1, n_mels // 16)
    padded = np.pad(mel_db, ((0, 0), (0, 0), (reach, reach)), mode="edge")
    loudest = np.max([padded[:, :, shift : shift + n_mels] for shift in range(2 * reach + 1)], axis=0)
    masked_below = loudest - _uniform(generator, (12.0, 30.0), windows)
    lost = (mel_db < masked_below) & _happens(generator, chance, windows)
    holes: Windows = np.where(lost, mel_db - _uniform(generator, (10.0, 40.0), windows), mel_db)
    return np.maximum(holes, np.float32(-100))


def through_a_call(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """The path of a telephone or a conference: automatic gain, noise gate, limiter, lossy codec.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    generator : Generator
    chance : float
        Probability of each part.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    heard = level_controlled(mel_db, generator, chance=chance)
    heard = gated(heard, generator, chance=chance)
    heard = limited(heard, generator, chance=chance)
    return lossily_coded(heard, generator, chance=chance)


def over_noise_floor(
    mel_db: Windows, spec: FrontEndSpec, generator: Generator, *, below_db: Range, chance: float
) -> Windows:
    """Add a steady, tilted noise that lies ``below_db`` under the window's loudest level."""
    windows = len(mel_db)
    octaves = np.log2(band_centres(spec) / 1_000.0)
    tilt = np.clip(_uniform(generator, (-6.0, 2.0), windows) * octaves, -30, 15)
    level = mel_db.max(axis=(1, 2), keepdims=True) - _uniform(generator, below_db, windows) + tilt
    scatter = generator.uniform(0.5, 1.5, mel_db.shape).astype(np.float32)
    noise = to_power(level) * scatter * _happens(generator, chance, windows)
    return to_decibels(to_power(mel_db) + noise)


def _scaled(power: Windows, spec: FrontEndSpec) -> Windows:
    """Each window at the same mean power."""
    return power / _loudness(power, spec)


def mechanical_noise(generator: Generator, windows: int, frames: int, spec: FrontEndSpec) -> Windows:
    """Noises of machines, weather and alarms: coloured noise that gusts, pulses or clicks, and tones.

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
    elif kind == "clicks":  # knocks at random, each dying away
        strength = (generator.random(frames) < generator.uniform(0.02, 0.25)) * generator.uniform(
            10, 40, frames
        )
        fall, loudness = generator.uniform(3, 20), 0.0
        for frame in range(frames):
            loudness = max(loudness - fall, float(strength[frame]), 0.0)
            level[frame] += loudness - 20
    noise = to_power(level) * _speckle(generator, (frames, spec.n_mels), spec)
    if generator.random() < 0.5:
        noise = noise + _tones(generator, frames, spec, 10 * np.log10(float(noise.max())))
    return noise.astype(np.float32)


def _gliding_harmonics(generator: Generator, frames: int, spec: FrontEndSpec) -> Windows:
    """Motors, saws, cries and howls: harmonics of a pitch that never rests on a note, over some hiss."""
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
    if generator.random() < 0.6:  # it comes and goes: breath, strokes, calls
        calls = interpolated(generator.uniform(-40, 0, turns + 1), frames)[:, None]
        power = power * to_power(calls)
    tilt = np.clip(generator.uniform(-6, 3) * np.log2(centres / 1_000.0), -40, 20)
    hiss = to_power(tilt) * _speckle(generator, power.shape, spec)
    share = 10 ** (generator.uniform(-35, 0) / 10) * power.mean() / hiss.mean()
    sound: Windows = (power + hiss * share).astype(np.float32)
    return sound


def _tones(generator: Generator, frames: int, spec: FrontEndSpec, loudest_db: float) -> Windows:
    """Beeps, hums and sirens: a few lines that may wobble and be switched on and off."""
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


def _noise_beside(windows: int, frames: int, context: AugmentationContext, generator: Generator) -> Windows:
    """Noise that music is heard beside: voices and noises of the data where there are any [power]."""
    spec = context.spec
    noise = np.empty((windows, frames, spec.n_mels), dtype=np.float32)
    made = generator.random(windows) < (1.0 if context.noise is None else 0.2)
    by_machines = made & (generator.random(windows) < 0.4)
    by_people = made & ~by_machines
    if by_machines.any():
        noise[by_machines] = mechanical_noise(generator, int(by_machines.sum()), frames, spec)
    if by_people.any():
        noise[by_people] = simulated_noise(generator, int(by_people.sum()), frames, spec)
    real = np.flatnonzero(~made)
    if context.noise is not None and len(real):
        most = 6
        voices = generator.integers(2, most + 1, len(real)) * (generator.random(len(real)) < 0.5)
        heard = np.zeros((len(real), frames, spec.n_mels), dtype=np.float32)
        for voice in range(most):
            speaks = np.flatnonzero(np.maximum(voices, 1) > voice)
            if len(speaks):
                heard[speaks] += _scaled(to_power(context.noise(len(speaks), frames, generator)), spec)
        noise[real] = heard
    return noise


def _changed_no_music(
    mel_db: Windows, targets: Targets, context: AugmentationContext, generator: Generator
) -> Windows:
    """More kinds of no music: two noises at once, noises made in code, some of them backwards."""
    if NO_MUSIC not in context.labels:
        return mel_db
    rows = np.flatnonzero(targets["genre"][:, context.labels.index(NO_MUSIC)] == 1)
    if len(rows) == 0:
        return mel_db
    changed = mel_db.copy()
    spec, frames = context.spec, mel_db.shape[1]
    power = to_power(mel_db[rows])
    made = np.flatnonzero(generator.random(len(rows)) < 0.2)
    if len(made):
        power[made] = mechanical_noise(generator, len(made), frames, spec)
    mixed = np.flatnonzero(generator.random(len(rows)) < 0.35)
    if len(mixed) and context.noise is not None:
        other = _scaled(to_power(context.noise(len(mixed), frames, generator)), spec)
        at = to_power(_uniform(generator, (-30.0, 3.0), len(mixed)))
        power[mixed] = _scaled(power[mixed], spec) + other * at
    backwards = np.flatnonzero(generator.random(len(rows)) < 0.25)
    power[backwards] = power[backwards, ::-1]
    changed[rows] = to_decibels(power)
    return changed


def augmented(
    mel_db: Windows, targets: Targets, context: AugmentationContext, generator: Generator
) -> tuple[Windows, Targets]:
    """The ``live`` recipe's augmentation: half the windows go through a room and a microphone.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, longer, n_mels)]
        Crops, in dB.
    targets : Targets
    context : AugmentationContext
    generator : Generator

    Returns
    -------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        ``longer`` less a tenth, which playing slower needs.
    targets : Targets
    """
    spec = context.spec
    frames = int(mel_db.shape[1] / SPEED_RATIO)
    changed = _changed_no_music(mel_db, targets, context, generator)
    changed = resampled_in_time(changed, frames, generator, ratio=SPEED_RATIO, chance=0.5)
    changed = frequency_warped(changed, spec, generator, ratio=1.12, chance=0.5)
    changed = equalised(changed, generator, knots=6, reach_db=10.0, chance=0.7)
    through = generator.random(len(changed)) < 0.5
    if through.any():
        beside = _noise_beside(int(through.sum()), frames, context, generator)
        heard = room_and_microphone(changed[through], spec, generator, FITTED, beside)
        changed[through] = through_a_call(heard, generator, chance=0.15)
    if not through.all():
        changed[~through] = over_noise_floor(
            changed[~through], spec, generator, below_db=(20.0, 80.0), chance=0.5
        )
    changed = over_noise_floor(changed, spec, generator, below_db=(60.0, 90.0), chance=0.7)
    return masked(changed, generator, bands=spec.n_mels // 8, frames=max(1, frames // 6)), targets
