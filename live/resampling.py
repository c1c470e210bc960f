"""Conversion from the source's sample rate and channels to the mono stream that a model takes."""

from __future__ import annotations

import numpy as np

from live.samples import Samples

LOUDEST = 1e6  # times full scale; anything above is not sound, and could overflow later computations


def to_mono(samples: Samples) -> Samples:
    """Return the mean of the channels; values that are not finite, or far too large, become 0.

    Parameters
    ----------
    samples : ndarray [shape=(n, channels)]

    Returns
    -------
    ndarray [shape=(n,)]
    """
    channels = samples.shape[1]
    mono: Samples = samples[:, 0]
    if len(mono) == 0:
        return mono
    with np.errstate(over="ignore", invalid="ignore"):
        if channels > 1:  # column by column: NumPy's mean over such a short axis takes ten times as long
            mono = mono + samples[:, 1]
            for channel in range(2, channels):
                mono += samples[:, channel]
            mono *= np.float32(1 / channels)
        if not (mono.max() <= LOUDEST and mono.min() >= -LOUDEST):  # true for NaN as well
            mono = np.where(np.abs(mono) <= LOUDEST, mono, np.float32(0))
    return mono


class Resampler:
    """Converts the sample rate of a stream with soxr, at its quality "HQ".

    Parameters
    ----------
    source_rate, target_rate : int
        In Hz; with equal rates, samples pass unchanged.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self.source_rate, self.target_rate = source_rate, target_rate
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        if self.source_rate == self.target_rate:
            self._stream = None
            return
        import soxr

        self._stream = soxr.ResampleStream(
            self.source_rate, self.target_rate, 1, dtype="float32", quality=soxr.HQ
        )

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """Convert the next samples.

        Parameters
        ----------
        samples : ndarray [shape=(n,)]
            At the source's rate.
        last : bool
            Whether the stream ends here; then the result includes the samples delayed by soxr.

        Returns
        -------
        ndarray [shape=(m,)]
            At the target rate. Sample k of the whole output is at time k / target_rate.
        """
        if self._stream is None:
            return samples
        converted: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        return converted
