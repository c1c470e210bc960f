"""Figures with their uncertainty: a value and its bootstrap interval over clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from live.errors import InputError

BOOTSTRAP_ROUNDS = 1_000
BOOTSTRAP_SEED = 0
INTERVAL = (2.5, 97.5)  # percentiles
CALIBRATION_BINS = 10
DECIMALS = 6  # more than any table shows: a figure that is rounded twice may come out wrong

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """One figure.

    Attributes
    ----------
    value : float or None
        None if it could not be measured.
    interval : tuple of float, optional
        95 % bootstrap interval over clips.
    """

    value: float | None
    interval: tuple[float, float] | None = None

    @classmethod
    def from_json(cls, value: Any, interval: Any = None) -> Estimate:
        """Return the estimate of a figure of ``--json`` and its interval.

        Raises
        ------
        InputError
            When they are not numbers.
        """
        try:
            bounds = (float(interval[0]), float(interval[1])) if interval else None
            return cls(None if value is None else float(value), bounds)
        except (TypeError, ValueError, IndexError, KeyError):
            raise InputError("A figure of the report is not a number: make the report again.") from None

    @property
    def bounds(self) -> list[float]:
        """The interval as a list for JSON; empty if there is none."""
        return [] if self.interval is None else list(self.interval)


def rounded(value: float) -> float | None:
    """Return a figure rounded for reports; None for NaN."""
    return round(float(value), DECIMALS) if np.isfinite(value) else None


@dataclass(frozen=True)
class Votes:
    """The confidence of each vote over a clip, and whether it was right.

    Attributes
    ----------
    confidence, right : ndarray [shape=(votes,)]
    of_genre : ndarray of bool [shape=(votes,)]
        Whether its most likely label is a genre, and not that of no music or other music.
    """

    confidence: Array
    right: Array
    of_genre: npt.NDArray[np.bool_]


def calibration_bins(confidence: Array) -> npt.NDArray[np.int64]:
    """Return the number of each confidence's bin [shape=(votes,)]."""
    numbers: npt.NDArray[np.int64] = np.minimum(
        (confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1
    )
    return numbers


class Bootstrap:
    """Computes estimates over a set of clips with bootstrap intervals (Efron, 1979).

    Parameters
    ----------
    clips : int
        Number of clips; every method takes one value for each clip.
    """

    def __init__(self, clips: int) -> None:
        self._ones = np.ones((1, clips))
        generator = np.random.default_rng(BOOTSTRAP_SEED)
        self._rounds = np.empty((BOOTSTRAP_ROUNDS, 0))
        if clips:
            drawn = generator.multinomial(clips, np.full(clips, 1 / clips), BOOTSTRAP_ROUNDS)
            self._rounds = drawn.astype(np.float64)

    def of(self, compute: Callable[[Array], Array]) -> Estimate:
        """Return the estimate of ``compute``, a function of weights [shape=(rounds, clips)]."""
        drawn = compute(self._rounds)
        finite = drawn[np.isfinite(drawn)]
        interval = None
        if len(finite):
            low, high = np.percentile(finite, INTERVAL)
            interval = (round(float(low), DECIMALS), round(float(high), DECIMALS))
        return Estimate(rounded(float(compute(self._ones)[0])), interval)

    def ratio(self, numerator: Sequence[float] | Array, denominator: Sequence[float] | Array) -> Estimate:
        """Return the ratio of two sums over clips; its value is None if the second is 0."""
        above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
        return self.of(lambda weights: weighted_ratio(weights, above, below))

    def mean(self, values: Sequence[float] | Array) -> Estimate:
        """Return the mean over clips."""
        return self.ratio(values, np.ones(len(values)))

    def balanced(self, right: Array, label: npt.NDArray[np.int64]) -> Estimate:
        """Return the balanced accuracy: the mean over labels of the accuracy of their clips."""

        def compute(weights: Array) -> Array:
            recalls = [
                weighted_ratio(weights, right * (label == value), (label == value).astype(np.float64))
                for value in np.unique(label)
            ]
            mean: Array = np.nanmean(np.stack(recalls), axis=0)
            return mean

        return self.of(compute)

    def calibration_error(self, votes: Sequence[Votes]) -> Estimate:
        """Return the expected calibration error of the votes of all clips (Guo et al., 2017).

        This is the weighted mean of the distance between confidence and accuracy in bins of equal width.
        """
        distance = np.zeros((len(votes), CALIBRATION_BINS))
        for row, said in enumerate(votes):
            numbers = calibration_bins(said.confidence)
            distance[row] = np.bincount(numbers, said.confidence - said.right, minlength=CALIBRATION_BINS)
        count = np.array([len(said.confidence) for said in votes], dtype=np.float64)

        def compute(weights: Array) -> Array:
            total, summed = weights @ count, np.abs(weights @ distance).sum(axis=1)
            error: Array = np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
            return error

        return self.of(compute)


def weighted_ratio(weights: Array, numerator: Array, denominator: Array) -> Array:
    """Return the ratio of weighted sums for each row of weights [shape=(rounds, clips)]."""
    total = weights @ denominator
    ratio: Array = np.divide(weights @ numerator, total, out=np.full(len(total), np.nan), where=total > 0)
    return ratio
