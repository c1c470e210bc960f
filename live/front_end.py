"""Samples to mel frames to MFCCs, as librosa defines them, frame by frame while the samples arrive.

The formulas are those of librosa 0.11: a power spectrogram whose frames are not centred
(``center=False``), so that a frame depends only on past samples; Slaney's mel filters with area
normalisation; ``power_to_db`` with a floor ``top_db`` below the loudest value of the window; the
orthonormal DCT-II. They are computed with NumPy only, which needs no compilation at the first call. Frames
are computed in float64 and do not depend on how the samples were cut into blocks.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from live.samples import Samples

Frames = npt.NDArray[np.float64]
Levels = npt.NDArray[np.floating[Any]]
Real = TypeVar("Real", bound=np.floating[Any])

SMALLEST_POWER = 1e-10  # librosa.power_to_db's ``amin``
FRAMES_AT_ONCE = 32  # limits the memory of one call with a long signal
BAND_GROUPS = 6


@dataclass(frozen=True)
class FrontEndSpec:
    """The parameters of the MFCCs that a model takes.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    n_fft : int
        Samples of one mel frame, and of its Hann window.
    hop_length : int
        Samples from one mel frame to the next.
    n_mels : int
        Number of mel bands (Slaney's scale, area-normalised).
    fmin, fmax : float
        Lower edge of the first band and upper edge of the last, in Hz.
    top_db : float
        Floor of a window's mel levels, in dB below its loudest value.
    n_mfcc : int
        Number of coefficients, from the 0th on.
    """

    sample_rate: int = 22_050
    n_fft: int = 2_048
    hop_length: int = 1_920
    n_mels: int = 96
    fmin: float = 0.0
    fmax: float = 11_025.0
    top_db: float = 80.0
    n_mfcc: int = 96

    def __post_init__(self) -> None:
        bounds = {
            "sample_rate": (4_000, 96_000),
            "n_fft": (64, 16_384),
            "hop_length": (16, 16_384),
            "n_mels": (4, 512),
            "top_db": (10.0, 200.0),
        }
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = (int,) if field.type == "int" else (int, float)
            if not isinstance(value, wanted) or isinstance(value, bool) or not abs(value) < 1e9:
                raise ValueError(f"front_end.{field.name} must be a number, not {value!r}")
        for name, (lowest, highest) in bounds.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"front_end.{name} must lie in {lowest} to {highest}")
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise ValueError("front_end.n_mfcc must lie in 1 to n_mels")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError("front_end.fmin and fmax must satisfy 0 ≤ fmin < fmax ≤ sample_rate / 2")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrontEndSpec:
        """Return the spec of a bundle's or store's JSON object.

        Raises
        ------
        ValueError
            When a field is missing, unknown or out of range.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            wrong = ", ".join(sorted(set(values) ^ known))
            raise ValueError(f"front_end must have exactly its known fields; check {wrong}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self)

    def complete_frames(self, samples: int) -> int:
        """Return the number of mel frames within the first ``samples`` samples of a signal."""
        return 0 if samples < self.n_fft else 1 + (samples - self.n_fft) // self.hop_length

    def window_samples(self, window_frames: int) -> int:
        """Return the number of samples that a window of ``window_frames`` mel frames covers."""
        return (window_frames - 1) * self.hop_length + self.n_fft


def _hz_to_mel(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert Hz to Slaney's mel scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    linear = frequency / (200.0 / 3)
    step = math.log(6.4) / 27.0
    return np.where(frequency < 1_000.0, linear, 15.0 + np.log(np.maximum(frequency, 1e-9) / 1_000.0) / step)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    step = math.log(6.4) / 27.0
    return np.where(mel < 15.0, mel * (200.0 / 3), 1_000.0 * np.exp(step * (mel - 15.0)))


def mel_filter_bank(spec: FrontEndSpec) -> Frames:
    """Return triangular mel filters of unit area.

    Returns
    -------
    ndarray [shape=(n_mels, 1 + n_fft // 2)]
        Equal to ``librosa.filters.mel(..., htk=False, norm="slaney")``.
    """
    bins = np.linspace(0.0, spec.sample_rate / 2, 1 + spec.n_fft // 2)
    limits = _hz_to_mel(np.array([spec.fmin, spec.fmax], dtype=np.float64))
    edges = _mel_to_hz(np.linspace(limits[0], limits[1], spec.n_mels + 2))
    widths = np.diff(edges)
    slopes = edges[:, None] - bins[None, :]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    filters: Frames = triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters


def dct_matrix(n_mfcc: int, n_mels: int) -> Frames:
    """Return the matrix of the orthonormal DCT-II, as in ``scipy.fft.dct(type=2, norm="ortho")``.

    Returns
    -------
    ndarray [shape=(n_mels, n_mfcc)]
        ``mel_db @ dct_matrix`` are the coefficients.
    """
    band = np.arange(n_mels, dtype=np.float64)[:, None]
    order = np.arange(n_mfcc, dtype=np.float64)[None, :]
    matrix: Frames = np.cos(np.pi * order * (2 * band + 1) / (2 * n_mels)) * math.sqrt(2.0 / n_mels)
    matrix[:, 0] /= math.sqrt(2.0)
    return matrix


def power_to_db(power: Frames) -> Frames:
    """Return 10·log10 of power, at least −100 dB; ``top_db`` is not applied here."""
    decibels: Frames = 10.0 * np.log10(np.maximum(power, SMALLEST_POWER))
    return decibels


@functools.lru_cache(maxsize=8)
def _dct_matrix_of(spec: FrontEndSpec, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return dct_matrix(spec.n_mfcc, spec.n_mels).astype(dtype)


def mfcc(mel_db: npt.NDArray[Real], spec: FrontEndSpec) -> npt.NDArray[Real]:
    """Compute the MFCCs of one window or of several.

    Parameters
    ----------
    mel_db : ndarray [shape=(..., frames, n_mels)]
        Mel levels of each window, in dB.
    spec : FrontEndSpec
        Its ``top_db`` and ``n_mfcc`` are used.

    Returns
    -------
    ndarray [shape=(..., frames, n_mfcc)]
        For each window the transpose of what ``librosa.feature.mfcc`` returns for the same frames, in the
        precision of ``mel_db``.
    """
    floor = mel_db.max(axis=(-2, -1), keepdims=True) - spec.top_db
    coefficients: npt.NDArray[Real] = np.maximum(mel_db, floor) @ _dct_matrix_of(spec, mel_db.dtype)
    return coefficients


@functools.lru_cache(maxsize=8)
def _filter_groups(spec: FrontEndSpec) -> list[tuple[slice, slice, Frames]]:
    """Return the mel filters in groups of neighbouring bands: slice of bands, slice of bins, filters.

    Most of the filter bank is zero. Multiplying only the bins below each group takes a third of the time or
    less.
    """
    filters = mel_filter_bank(spec)
    groups = []
    for bands in np.array_split(np.arange(len(filters)), min(BAND_GROUPS, len(filters))):
        first, last = bands[0], bands[-1] + 1
        under = np.flatnonzero(filters[first:last].any(axis=0))
        bins = slice(under[0], under[-1] + 1) if len(under) else slice(0, 1)
        groups.append((slice(first, last), bins, np.ascontiguousarray(filters[first:last, bins].T)))
    return groups


class MelFrames:
    """Computes mel frames from samples that come in blocks of any size; each frame is computed once.

    Frame ``t`` covers samples ``t * hop_length`` to ``t * hop_length + n_fft`` since the last reset.

    Parameters
    ----------
    spec : FrontEndSpec
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self.spec = spec
        # The periodic Hann window that librosa takes from scipy.signal.get_window("hann", n_fft).
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.n_fft) / spec.n_fft)
        self._filters = _filter_groups(spec)
        self._waiting = np.empty(0, dtype=np.float32)
        self._skip = 0

    def reset(self) -> None:
        """Discard the samples of incomplete frames, and begin again at frame 0."""
        self._waiting = np.empty(0, dtype=np.float32)
        self._skip = 0

    def feed(self, samples: Samples) -> Frames:
        """Return the mel frames that the next samples of the stream complete.

        Parameters
        ----------
        samples : ndarray [shape=(n,)]
            Mono, at ``spec.sample_rate``, full scale = 1.

        Returns
        -------
        ndarray [shape=(frames, n_mels)]
            10·log10 of mel power, at least −100 dB; ``frames`` may be 0.
        """
        hop_length = self.spec.hop_length
        if self._skip:  # with a hop longer than a frame, there are samples between frames
            skipped = min(self._skip, len(samples))
            self._skip -= skipped
            samples = samples[skipped:]
        signal = np.concatenate((self._waiting, samples)) if len(self._waiting) else samples
        count = self.spec.complete_frames(len(signal))
        used = count * hop_length
        self._skip += max(0, used - len(signal))
        self._waiting = np.array(signal[used:], dtype=np.float32)
        if count == 0:
            return np.empty((0, self.spec.n_mels))
        parts = [
            power_to_db(self._mel_power(signal[start * hop_length :], min(FRAMES_AT_ONCE, count - start)))
            for start in range(0, count, FRAMES_AT_ONCE)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _mel_power(self, signal: Samples, count: int) -> Frames:
        """Return the mel power of the first ``count`` frames of a signal."""
        n_fft, hop_length = self.spec.n_fft, self.spec.hop_length
        framed = np.empty((count, n_fft))
        for frame in range(count):
            start = frame * hop_length
            framed[frame] = signal[start : start + n_fft]
        framed *= self._window
        spectrum = np.fft.rfft(framed, axis=1)
        power: Frames = spectrum.real**2
        power += spectrum.imag**2
        mel_power = np.empty((count, self.spec.n_mels))
        for bands, bins, filters in self._filters:
            np.matmul(power[:, bins], filters, out=mel_power[:, bands])
        return mel_power
