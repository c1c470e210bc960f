"""Simulation of a phone or conference call: automatic gain, noise gate, limiter and lossy codec."""

from __future__ import annotations

import numpy as np

from .mel_levels import Generator, Windows, happens, to_decibels, to_power, uniform


def level_controlled(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Return windows with slow changes of level reduced, as by automatic gain control."""
    windows, frames, _ = mel_db.shape
    level = _frame_level(mel_db)
    slow = level.copy()
    for frame in range(1, frames):
        slow[:, frame] = 0.7 * slow[:, frame - 1] + 0.3 * level[:, frame]
    slow = np.maximum(slow - slow.mean(axis=1, keepdims=True), np.float32(-30))
    share = uniform(generator, (0.2, 0.8), windows) * happens(generator, chance, windows)
    controlled: Windows = mel_db - slow * share
    return controlled


def _frame_level(mel_db: Windows) -> Windows:
    """Return each frame's level, in dB [shape=(windows, frames, 1)]."""
    return to_decibels(to_power(mel_db).mean(axis=2, keepdims=True))


def _below_loudest(mel_db: Windows) -> Windows:
    """Return the level of each frame relative to the loudest one, in dB [shape=(windows, frames, 1)]."""
    level = _frame_level(mel_db)
    below: Windows = level - level.max(axis=1, keepdims=True)
    return below


def gated(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Return windows with quiet frames attenuated, as by a noise gate."""
    windows = len(mel_db)
    threshold = uniform(generator, (-40.0, -15.0), windows)
    reduction = uniform(generator, (6.0, 30.0), windows) * happens(generator, chance, windows)
    turned_down: Windows = mel_db - reduction * (_below_loudest(mel_db) < threshold)
    return turned_down


def limited(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Return windows with loud frames attenuated, as by a limiter with a ratio of 10 : 1."""
    windows = len(mel_db)
    threshold = uniform(generator, (-15.0, -3.0), windows)
    excess = np.maximum(_below_loudest(mel_db) - threshold, 0)
    turned_down: Windows = mel_db - 0.9 * excess * happens(generator, chance, windows)
    return turned_down


def lossily_coded(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Return windows without levels that louder neighbours mask, as after a codec at a low bit rate."""
    windows, _, n_mels = mel_db.shape
    reach = max(1, n_mels // 16)
    padded = np.pad(mel_db, ((0, 0), (0, 0), (reach, reach)), mode="edge")
    loudest = np.max([padded[:, :, shift : shift + n_mels] for shift in range(2 * reach + 1)], axis=0)
    masked_below = loudest - uniform(generator, (12.0, 30.0), windows)
    lost = (mel_db < masked_below) & happens(generator, chance, windows)
    holes: Windows = np.where(lost, mel_db - uniform(generator, (10.0, 40.0), windows), mel_db)
    return np.maximum(holes, np.float32(-100))


def through_a_call(mel_db: Windows, generator: Generator, *, chance: float) -> Windows:
    """Apply a call's processing: automatic gain, noise gate, limiter, lossy codec.

    Parameters
    ----------
    mel_db : ndarray [shape=(windows, frames, n_mels)]
        In dB.
    generator : Generator
    chance : float
        Probability of each of the four.

    Returns
    -------
    ndarray [shape=(windows, frames, n_mels)]
        In dB.
    """
    heard = level_controlled(mel_db, generator, chance=chance)
    heard = gated(heard, generator, chance=chance)
    heard = limited(heard, generator, chance=chance)
    return lossily_coded(heard, generator, chance=chance)
