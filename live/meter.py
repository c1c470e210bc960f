"""Level of the sound, and detection of a muted source."""

from __future__ import annotations

import math

import numpy as np

from live.resampling import to_mono
from live.samples import Samples

FLOOR_DBFS = -120.0
FULL_SCALE = 0.999
SHOWN_S = 0.1  # length of the newest sound that the level is measured over


def level_dbfs(samples: Samples) -> float:
    """Return the RMS level in dBFS, at least −120; a full-scale square wave has 0 dBFS.

    A constant part, as some sound cards add, is not sound and does not count.
    """
    if len(samples) == 0:
        return FLOOR_DBFS
    sound = samples - samples.mean()
    mean_square = float(np.dot(sound, sound)) / len(sound)
    return max(FLOOR_DBFS, 10 * math.log10(mean_square)) if mean_square > 0 else FLOOR_DBFS


def _peak(samples: Samples) -> float:
    """Return the largest magnitude; 1 where it is infinite, NaN where a sample is NaN."""
    if samples.size == 0:
        return 0.0
    peak = max(float(samples.max()), -float(samples.min()), 0.0)
    return min(peak, 1.0) if math.isinf(peak) else peak


class Meter:
    """Measures the sound of one source, block by block.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    is_live : bool
        With True, the peak is that of the whole block, so that no clipping is missed; with False, that of
        its newest tenth of a second.
    is_shown : bool
        With False, levels and peaks are not measured and stay at the floor.

    Attributes
    ----------
    level_dbfs, peak_dbfs : float
        RMS and peak level of the newest tenth of a second, in dBFS; at least −120.
    clipped : bool
        Whether the peak has reached full scale.
    not_finite : int
        Number of samples so far that are NaN or infinite.
    zero_s : float
        Seconds of digital zero up to now.
    """

    def __init__(self, sample_rate: int, *, is_live: bool, is_shown: bool = True) -> None:
        self._sample_rate, self._is_live, self._is_shown = sample_rate, is_live, is_shown
        self.level_dbfs = self.peak_dbfs = FLOOR_DBFS
        self.clipped = False
        self.not_finite = 0
        self._zero_samples = 0

    @property
    def zero_s(self) -> float:
        """Seconds of digital zero up to now."""
        return self._zero_samples / self._sample_rate

    def measure(self, samples: Samples) -> None:
        """Measure the next samples [shape=(n, channels)]."""
        every = samples.ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            energy = float(np.dot(every, every))  # one pass without a copy, over a block that may be large
        if not math.isfinite(energy):
            self.not_finite += int(np.count_nonzero(~np.isfinite(samples).all(axis=1)))
        self._zero_samples = self._zero_samples + len(samples) if energy == 0 else 0
        if self._is_shown:
            self._measure_levels(samples)

    def _measure_levels(self, samples: Samples) -> None:
        newest = samples[-max(1, round(SHOWN_S * self._sample_rate)) :]
        peak = _peak(samples if self._is_live else newest)
        self.level_dbfs = level_dbfs(to_mono(newest))
        self.peak_dbfs = max(FLOOR_DBFS, 20 * math.log10(peak)) if peak > 0 else FLOOR_DBFS
        self.clipped = peak >= FULL_SCALE

    def forget_zeros(self) -> None:
        """Start to count digital zero again, as after a loss."""
        self._zero_samples = 0
