"""The usual way of tutorials to classify music: librosa's MFCCs of a segment, and Keras's predict.

    python -m benchmarks.ordinary BUNDLE FILE              verdict on a file, window by window
    python -m benchmarks.ordinary BUNDLE FILE --segments   the same with all segments in one predict
    python -m benchmarks.ordinary BUNDLE FILE --live 20    like live listening, for 20 seconds

It uses the same network and the same windows as genre-live.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

from live.front_end import FrontEndSpec

HOP_S = 0.5


def is_installed() -> bool:
    """Return whether both librosa and Keras are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("keras", "librosa"))


def librosa_mfcc(samples: Any, spec: FrontEndSpec) -> Any:
    """Return librosa's MFCCs with the same frames and bands as genre-live's [shape=(n_mfcc, frames)]."""
    librosa = importlib.import_module("librosa")
    return librosa.feature.mfcc(
        y=samples,
        sr=spec.sample_rate,
        n_mfcc=spec.n_mfcc,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        center=False,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
    )


class OrdinaryWay:
    """Classifies windows with librosa and Keras.

    Parameters
    ----------
    bundle : Path
        Its ``network.keras`` is used.
    """

    def __init__(self, bundle: Path) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        import keras
        import librosa

        from live.bundle import read_description

        self._librosa = librosa
        self.description = read_description(bundle)
        self.spec = self.description.front_end
        self.window = self.spec.window_samples(self.description.window_frames)
        self.network: Any = keras.models.load_model(bundle / "network.keras")

    def load(self, path: Path) -> Any:
        """Return a file's samples at the network's sample rate."""
        return self._librosa.load(path, sr=self.spec.sample_rate)[0]

    def mfcc(self, samples: Any) -> Any:
        """Return MFCCs [shape=(frames, n_mfcc)], float32."""
        return librosa_mfcc(samples, self.spec).T

    def hear(self, samples: Any) -> Any:
        """Return the probabilities of one window [shape=(window,)]."""
        return self.network.predict(self.mfcc(samples)[None], verbose=0)[0]


def verdict(way: OrdinaryWay, path: Path, *, segments: bool) -> str:
    """Return the genre of a file, from the mean of its windows."""
    import numpy as np

    samples = way.load(path)
    step = way.window if segments else round(HOP_S * way.spec.sample_rate)
    starts = range(0, len(samples) - way.window + 1, step)
    if segments:
        inputs = np.stack([way.mfcc(samples[start : start + way.window]) for start in starts])
        probabilities = way.network.predict(inputs, verbose=0)
    else:
        probabilities = np.stack([way.hear(samples[start : start + way.window]) for start in starts])
    return way.description.labels[int(probabilities.mean(axis=0).argmax())]


def listen(way: OrdinaryWay, path: Path, seconds: float) -> None:
    """Classify a window every half second, in real time."""
    samples = way.load(path)
    began = time.monotonic()
    for number in range(int(seconds / HOP_S)):
        start = number * round(HOP_S * way.spec.sample_rate) % (len(samples) - way.window)
        way.hear(samples[start : start + way.window])
        time.sleep(max(0.0, began + (number + 1) * HOP_S - time.monotonic()))


def main() -> None:
    """Classify a file in the usual way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ordinary", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--segments", action="store_true")
    parser.add_argument("--live", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    way = OrdinaryWay(arguments.bundle)
    if arguments.live is not None:
        listen(way, arguments.file, arguments.live)
    else:
        print(verdict(way, arguments.file, segments=arguments.segments))


if __name__ == "__main__":
    main()
