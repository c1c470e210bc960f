"""The front end alone: MFCCs of a window and of 30 s, by genre-live and by common libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.measuring import Measurement, Row, Scale, missing, on_one_core, pairs, seconds
from benchmarks.ordinary import librosa_mfcc
from benchmarks.sound import music
from live.bundle import read_description
from live.front_end import FrontEndSpec, MelFrames, dct_matrix, mel_filter_bank, mfcc
from live.samples import Samples

SOUND_S = 30.0

Work = Callable[[], object]


def _ours(samples: Samples, spec: FrontEndSpec) -> Work:
    mel_frames = MelFrames(spec)

    def work() -> object:
        mel_frames.reset()
        return mfcc(mel_frames.feed(samples).astype(np.float32), spec)

    return work


def _librosa(samples: Samples, spec: FrontEndSpec) -> Work:
    return lambda: librosa_mfcc(samples, spec)


def _essentia(samples: Samples, spec: FrontEndSpec) -> Work:
    importlib.import_module("essentia").log.infoActive = False
    standard = importlib.import_module("essentia.standard")
    window = standard.Windowing(type="hann", size=spec.n_fft, zeroPhase=False)
    spectrum = standard.Spectrum(size=spec.n_fft)
    coefficients = standard.MFCC(
        inputSize=1 + spec.n_fft // 2,
        sampleRate=spec.sample_rate,
        numberBands=spec.n_mels,
        numberCoefficients=spec.n_mfcc,
        lowFrequencyBound=spec.fmin,
        highFrequencyBound=spec.fmax,
        warpingFormula="slaneyMel",
        logType="dbpow",
    )

    def work() -> object:
        frames = standard.FrameGenerator(
            samples, frameSize=spec.n_fft, hopSize=spec.hop_length, startFromZero=True
        )
        return [coefficients(spectrum(window(frame)))[1] for frame in frames]

    return work


def _aubio(samples: Samples, spec: FrontEndSpec) -> Work:
    aubio = importlib.import_module("aubio")
    spectrum = aubio.pvoc(spec.n_fft, spec.hop_length)
    # aubio computes MFCCs only with Slaney's original 40 bands, and 13 coefficients are its usual number.
    coefficients = aubio.mfcc(spec.n_fft, 40, 13, spec.sample_rate)
    starts = range(0, len(samples) - spec.hop_length, spec.hop_length)
    return lambda: [coefficients(spectrum(samples[start : start + spec.hop_length])) for start in starts]


def _limit(samples: Samples, spec: FrontEndSpec) -> Work:
    """Return a function of only the FFTs and matrix products, with all inputs prepared."""
    count = 1 + (len(samples) - spec.n_fft) // spec.hop_length
    framed = np.stack(
        [samples[k * spec.hop_length : k * spec.hop_length + spec.n_fft] for k in range(count)]
    ).astype(np.float64)
    filters = np.ascontiguousarray(mel_filter_bank(spec).T)
    dct = dct_matrix(spec.n_mfcc, spec.n_mels)
    spectrum = np.empty((count, len(filters)), dtype=np.complex128)
    power = np.abs(np.fft.rfft(framed)) ** 2
    mel, coefficients = np.empty((count, spec.n_mels)), np.empty((count, spec.n_mfcc))

    def work() -> object:
        np.fft.rfft(framed, out=spectrum)
        np.matmul(power, filters, out=mel)
        return np.matmul(mel, dct, out=coefficients)

    return work


RIVALS: dict[str, Callable[[Samples, FrontEndSpec], Work]] = {
    "librosa": _librosa,
    "essentia": _essentia,
    "aubio (40 bands, 13 coefficients)": _aubio,
    "the limit: bare FFTs and products": _limit,
}


def measure(scale: Scale) -> Iterator[Row]:
    """Compare front ends, each on one core, and yield the rows."""
    description = read_description(scale.model)
    spec = description.front_end
    sound = music(6.0 if scale.quick else SOUND_S, spec.sample_rate)
    window = sound[: spec.window_samples(description.window_frames)]
    yield from _compare("MFCC of a window", window, spec, calls=20, rounds=scale.rounds(25))
    yield from _compare("MFCC of 30 s", sound, spec, calls=2, rounds=scale.rounds(25))


def _compare(what: str, samples: Samples, spec: FrontEndSpec, *, calls: int, rounds: int) -> Iterator[Row]:
    ours = _milliseconds(_ours(samples, spec), calls)
    for rival, make in RIVALS.items():
        try:
            theirs = make(samples, spec)
        except ImportError:
            yield missing(what, rival)
            continue
        with on_one_core():
            yield pairs(what, "ms", ours, rival, _milliseconds(theirs, calls), rounds=rounds)


def _milliseconds(work: Work, calls: int) -> Measurement:
    return lambda: 1e3 * seconds(work, calls)
