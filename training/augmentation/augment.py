"""Augmentation of the live recipe: speed, pitch, equalisation, room, microphone and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from live.events import NO_MUSIC
from live.front_end import FrontEndSpec

from .call import through_a_call
from .mel_levels import (
    Generator,
    Range,
    Windows,
    at_unit_power,
    band_centres,
    happens,
    interpolated,
    to_decibels,
    to_power,
    uniform,
)
from .noises import mechanical_noise, simulated_noise
from .room import FITTED, in_a_room, through_microphone

Targets = dict[str, Windows]
"""``genre`` [shape=(windows, labels)]."""

SPEED_RATIO = 1.1
IN_A_ROOM, THROUGH_A_MICROPHONE = 0.6, 0.5  # independent probabilities
MIXED, MIXED_SHAPE = 0.5, 0.4


@dataclass(frozen=True)
class AugmentationContext:
    """What an augmentation may use besides the windows.

    Attributes
    ----------
    spec : FrontEndSpec
    labels : tuple of str
        In the order of the targets' columns.
    noise : callable or None
        ``noise(windows, frames, generator)`` draws excerpts of the training part's ``no_music`` clips
        [shape=(windows, frames, n_mels)], in dB; None if there are none.
    window_frames : int or None
        Mel frames of a window, if crops have more frames before it; None if not.
    """

    spec: FrontEndSpec
    labels: tuple[str, ...]
    noise: Callable[[int, int, Generator], Windows] | None = None
    window_frames: int | None = None


def equalised(
    mel_db: Windows, generator: Generator, *, knots: int, reach_db: float, chance: float
) -> Windows:
    """Return windows filtered by a smooth random frequency response, one for each window.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    generator : Generator
    knots : int
        Number of equally spaced bands at which the response is drawn.
    reach_db : float
        Largest boost or cut at a knot, in dB.
    chance : float
        Probability of a change.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    windows, _, n_mels = mel_db.shape
    curve = interpolated(generator.uniform(-reach_db, reach_db, (windows, 1, knots)), n_mels)
    return mel_db + curve * happens(generator, chance, windows)


def frequency_warped(
    mel_db: Windows, spec: FrontEndSpec, generator: Generator, *, ratio: float, chance: float
) -> Windows:
    """Return windows with the pitch shifted up or down by up to ``ratio``.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    spec : FrontEndSpec
    generator : Generator
    ratio : float
        Largest factor of the frequency.
    chance : float
        Probability of a change.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
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
    """Return windows with bands and frames replaced by the window's mean (SpecAugment, Park et al., 2019).

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    generator : Generator
    bands, frames : int
        Largest widths of a mask.
    masks : int
        Number of masks over bands, and of masks over frames.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
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
    """Return windows played faster or slower by up to ``ratio``, with the same end.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, longer, n_mels)]
        In dB.
    frames : int
        Frames of the result; ``longer`` should be at least ``frames * ratio``.
    generator : Generator
    ratio : float
        Largest factor of the speed.
    chance : float
        Probability of a change.

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


def over_noise_floor(
    mel_db: Windows, spec: FrontEndSpec, generator: Generator, *, below_db: Range, chance: float
) -> Windows:
    """Return windows with a steady, tilted noise that is ``below_db`` below the window's loudest level.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    spec : FrontEndSpec
    generator : Generator
    below_db : range
        Range of the distance, in dB.
    chance : float
        Probability of a noise.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    windows = len(mel_db)
    octaves = np.log2(band_centres(spec) / 1_000.0)
    tilt = np.clip(uniform(generator, (-6.0, 2.0), windows) * octaves, -30, 15)
    level = mel_db.max(axis=(1, 2), keepdims=True) - uniform(generator, below_db, windows) + tilt
    scatter = generator.uniform(0.5, 1.5, mel_db.shape).astype(np.float32)
    noise = to_power(level) * scatter * happens(generator, chance, windows)
    return to_decibels(to_power(mel_db) + noise)


def _noise_beside(windows: int, frames: int, context: AugmentationContext, generator: Generator) -> Windows:
    """Return noise to mix with music, from ``no_music`` clips if there are any [power]."""
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
                heard[speaks] += at_unit_power(to_power(context.noise(len(speaks), frames, generator)), spec)
        noise[real] = heard
    return noise


def _changed_no_music(
    mel_db: Windows, targets: Targets, context: AugmentationContext, generator: Generator
) -> Windows:
    """Return varied ``no_music`` windows: two noises mixed, synthetic noises, and reversed noises."""
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
        other = at_unit_power(to_power(context.noise(len(mixed), frames, generator)), spec)
        at = to_power(uniform(generator, (-30.0, 3.0), len(mixed)))
        power[mixed] = at_unit_power(power[mixed], spec) + other * at
    backwards = np.flatnonzero(generator.random(len(rows)) < 0.25)
    power[backwards] = power[backwards, ::-1]
    changed[rows] = to_decibels(power)
    return changed


def mixed_in_pairs(mel_db: Windows, targets: Targets, generator: Generator) -> tuple[Windows, Targets]:
    """Mix some windows and their targets with others at the same peak level (mixup, Zhang et al., 2018).

    The share of the louder part has a beta distribution. Unlabelled music is not mixed.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    targets : Targets
    generator : Generator

    Returns
    -------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
    targets : Targets
    """
    genre = targets["genre"]
    windows = len(mel_db)
    partner = generator.permutation(windows)
    share = generator.beta(MIXED_SHAPE, MIXED_SHAPE, windows)
    known = genre.sum(axis=1) == 1
    chosen = known & known[partner] & (generator.random(windows) < MIXED)
    own = np.where(chosen, np.maximum(share, 1 - share), 1.0).astype(np.float32)[:, None]
    loudest = mel_db.max(axis=(1, 2), keepdims=True)
    other = (mel_db - loudest)[partner] + loudest
    both: Windows = mel_db * own[:, :, None] + other * (1 - own[:, :, None])
    return both, {**targets, "genre": genre * own + genre[partner] * (1 - own)}


def augmented(
    mel_db: Windows, targets: Targets, context: AugmentationContext, generator: Generator
) -> tuple[Windows, Targets]:
    """Apply the augmentation of the ``live`` recipe: rooms, microphones and mixing, each to some windows.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, longer, n_mels)]
        Crops, in dB.
    targets : Targets
    context : AugmentationContext
    generator : Generator

    Returns
    -------
    mel_db : ndarray [shape=(windows, window_frames, n_mels)]
        Without ``window_frames`` in the context, nine tenths of ``longer``: a change of speed needs the rest.
    targets : Targets
    """
    spec = context.spec
    frames = int(mel_db.shape[1] / SPEED_RATIO)
    changed = _changed_no_music(mel_db, targets, context, generator)
    changed = resampled_in_time(changed, frames, generator, ratio=SPEED_RATIO, chance=0.5)
    changed = frequency_warped(changed, spec, generator, ratio=1.12, chance=0.5)
    changed = equalised(changed, generator, knots=6, reach_db=10.0, chance=0.7)
    inside = generator.random(len(changed)) < IN_A_ROOM
    if inside.any():
        changed[inside] = to_decibels(in_a_room(to_power(changed[inside]), spec, generator))
    through = generator.random(len(changed)) < THROUGH_A_MICROPHONE
    if through.any():
        beside = _noise_beside(int(through.sum()), frames, context, generator)
        heard = through_microphone(to_power(changed[through]), spec, generator, FITTED, beside)
        changed[through] = through_a_call(heard, generator, chance=0.15)
    if not through.all():
        changed[~through] = over_noise_floor(
            changed[~through], spec, generator, below_db=(20.0, 80.0), chance=0.5
        )
    changed = over_noise_floor(changed, spec, generator, below_db=(60.0, 90.0), chance=0.7)
    windows = changed[:, -(context.window_frames or frames) :]
    windows = masked(windows, generator, bands=spec.n_mels // 8, frames=max(1, windows.shape[1] // 6))
    return mixed_in_pairs(windows, targets, generator)
