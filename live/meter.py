"""How loud sound is, and whether there is any signal in it at all."""

from __future__ import annotations

import math

import numpy as np

from live.resampling import to_mono
from live.samples import Samples

FLOOR_DBFS = -120.0
FULL_SCALE = 0.999
SHOWN_S = 0.1  # of sound, the newest, that the level is of


def level_dbfs(samples: Samples) -> float:
    """Return the RMS level in dB below full scale (a full-scale square wave is 0 dBFS); −120 at the least."""
    if len(samples) == 0:
        return FLOOR_DBFS
    mean_square = float(np.dot(samples, samples)) / len(samples)
    return max(FLOOR_DBFS, 10 * math.log10(mean_square)) if mean_square > 0 else FLOOR_DBFS


def _peak(samples: Samples) -> float:
    """Return the largest magnitude of either sign, 1 where it is infinite; NaN where a sample is."""
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
        Whether the peak is of all that came, since it cannot be heard again, or of the newest sound.

    Attributes
    ----------
    level_dbfs, peak_dbfs : float
        RMS and peak of the newest tenth of a second; −120 is the floor.
    clipped : bool
        Whether that touched full scale.
    not_finite : int
        Samples so far that are no numbers.
    zero_s : float
        For how long there has been nothing but digital zero, in seconds of sound.
    """

    def __init__(self, sample_rate: int, *, is_live: bool) -> None:
        self._sample_rate, self._is_live = sample_rate, is_live
        self.level_dbfs = self.peak_dbfs = FLOOR_DBFS
        self.clipped = False
        self.not_finite = 0
        self._zero_samples = 0

    @property
    def zero_s(self) -> float:
        """For how long there has been nothing but digital zero."""
        return self._zero_samples / self._sample_rate

    def measure(self, samples: Samples) -> None:
        """Take the next samples [shape=(n, channels)]."""
        every = samples.ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            energy = float(np.dot(every, every))  # one pass without a copy, over a block that may be large
        if not math.isfinite(energy):
            self.not_finite += int(samples.size - np.count_nonzero(np.isfinite(samples)))
        newest = samples[-max(1, round(SHOWN_S * self._sample_rate)) :]
        peak = _peak(samples if self._is_live else newest)
        self.level_dbfs = level_dbfs(to_mono(newest))
        self.peak_dbfs = max(FLOOR_DBFS, 20 * math.log10(peak)) if peak > 0 else FLOOR_DBFS
        self.clipped = peak >= FULL_SCALE
        self._zero_samples = self._zero_samples + len(samples) if energy == 0 else 0

    def forget_zeros(self) -> None:
        """Count digital zero anew, as after a loss."""
        self._zero_samples = 0
