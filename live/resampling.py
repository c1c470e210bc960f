"""From the source's rate and channels to the mono stream that a model hears."""

from __future__ import annotations

import numpy as np

from live.samples import Samples

LOUDEST = 1e6  # times full scale; no sound, and near the largest float it would overflow what follows


def to_mono(samples: Samples) -> Samples:
    """Mean of the channels, with what is no finite number, or absurdly large, heard as silence.

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
        if channels > 1:  # column by column: NumPy's own mean over so short an axis takes ten times as long
            mono = mono + samples[:, 1]
            for channel in range(2, channels):
                mono += samples[:, channel]
            mono *= np.float32(1 / channels)
        if not (mono.max() <= LOUDEST and mono.min() >= -LOUDEST):  # so of what is no number, too
            mono = np.where(np.abs(mono) <= LOUDEST, mono, np.float32(0))
    return mono


class Resampler:
    """Streaming conversion of the sample rate by soxr, at its high quality.

    Parameters
    ----------
    source_rate, target_rate : int
        In Hz; equal rates pass samples through.
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
            Whether the stream ends here, so that what soxr holds back comes too.

        Returns
        -------
        ndarray [shape=(m,)]
            At the target rate. Sample k of the whole output stands at time k / target_rate.
        """
        if self._stream is None:
            return samples
        converted: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        return converted
