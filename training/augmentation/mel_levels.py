"""Helpers for batches of mel levels [shape=(windows, frames, n_mels)]: power and dB, and random numbers.

All functions that change windows draw their random numbers from the generator that they are given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from live.front_end import SMALLEST_POWER, FrontEndSpec, mel_filter_bank

Windows = npt.NDArray[np.float32]
Generator = np.random.Generator
Range = tuple[float, float]


def to_power(decibels: npt.NDArray[np.floating[Any]]) -> Windows:
    """Return the power of levels in dB."""
    power: Windows = np.exp(decibels * np.float32(np.log(10) / 10), dtype=np.float32)
    return power


def to_decibels(power: npt.NDArray[np.floating[Any]]) -> Windows:
    """Return power as levels in dB, at least −100 dB."""
    decibels: Windows = (10 * np.log10(np.maximum(power, SMALLEST_POWER))).astype(np.float32)
    return decibels


@lru_cache(maxsize=8)
def band_centres(spec: FrontEndSpec) -> npt.NDArray[np.float64]:
    """Return the centre of gravity of each mel band, in Hz [shape=(n_mels,)]."""
    filters = mel_filter_bank(spec)
    bins = np.linspace(0.0, spec.sample_rate / 2, filters.shape[1])
    weight = np.maximum(filters.sum(axis=1), 1e-12)  # a band narrower than a bin may be empty
    centres: npt.NDArray[np.float64] = np.maximum(filters @ bins / weight, 1.0)
    return centres


@lru_cache(maxsize=8)
def band_widths(spec: FrontEndSpec) -> npt.NDArray[np.float64]:
    """Return the weight of each band in the total power: half its width, in Hz [shape=(n_mels,)]."""
    peak = mel_filter_bank(spec).max(axis=1)
    widths: npt.NDArray[np.float64] = np.divide(1.0, peak, out=np.zeros_like(peak), where=peak > 0)
    return widths


def interpolated(knots: npt.NDArray[np.floating[Any]], points: int) -> Windows:
    """Return smooth curves through equally spaced knots (raised-cosine interpolation).

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


def uniform(generator: Generator, bounds: Range, windows: int) -> Windows:
    """Return a uniform random number within ``bounds`` for each window [shape=(windows, 1, 1)]."""
    return generator.uniform(*bounds, (windows, 1, 1)).astype(np.float32)


def happens(generator: Generator, chance: float, windows: int) -> npt.NDArray[np.bool_]:
    """Return for each window whether an event of probability ``chance`` happens [shape=(windows, 1, 1)]."""
    mask: npt.NDArray[np.bool_] = generator.random((windows, 1, 1)) < chance
    return mask


def mean_power(power: Windows, spec: FrontEndSpec) -> Windows:
    """Return the mean power of each window, above 0 [shape=(windows, 1, 1)]."""
    mean: Windows = (power @ band_widths(spec)).mean(axis=1)[:, None, None].astype(np.float32)
    return np.maximum(mean, np.float32(1e-20))


def at_unit_power(power: Windows, spec: FrontEndSpec) -> Windows:
    """Return each window scaled to a mean power of 1."""
    return power / mean_power(power, spec)
