"""Where the CPU time of one file goes: each stage of classifying it alone, and what is left of the whole."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measuring import Figure, Row
from live.archive.classification import TOGETHER, ScanSettings, classify
from live.archive.middle import sound_of
from live.classifier import Classifier
from live.front_end import MelFrames
from live.resampling import Resampler, to_mono
from live.sources.decoders.decoding import open_decoder

STAGES = ("all of it", "decoding", "mixing and resampling", "front end", "network", "all else")


class _Laps:
    """CPU time, in ms, since the lap before."""

    def __init__(self) -> None:
        self._began_s = time.process_time()

    def next_ms(self) -> float:
        """End a lap and begin the next."""
        before_s, self._began_s = self._began_s, time.process_time()
        return 1_000 * (self._began_s - before_s)


def _round(classifier: Classifier, model: Path, path: Path) -> list[float]:
    """Measure all stages once; returns CPU time for a minute of sound, in ms, in the order of STAGES."""
    spec = classifier.description.front_end
    laps = _Laps()
    result = classify(str(path), classifier, ScanSettings(str(model)))
    whole_ms = laps.next_ms()
    parts = [0.0, 0.0, 0.0]
    with contextlib.closing(open_decoder(str(path))) as decoder:
        resampler, mel_frames = Resampler(decoder.sample_rate, spec.sample_rate), MelFrames(spec)
        for piece in sound_of(decoder, sys.maxsize):
            parts[0] += laps.next_ms()
            if not isinstance(piece, int):
                mono = resampler.feed(to_mono(piece))
                parts[1] += laps.next_ms()
                mel_frames.feed(mono)
                parts[2] += laps.next_ms()
    parts[0] += laps.next_ms()
    shape = (TOGETHER, classifier.description.window_frames, spec.n_mels)
    windows = np.random.default_rng(0).uniform(-80, 0, shape).astype(np.float32)
    calls = max(1, round(result.windows / TOGETHER))
    laps.next_ms()
    for _ in range(calls):
        classifier.classify(windows)
    parts.append(laps.next_ms() * result.windows / (calls * TOGETHER))
    rest_ms = max(0.0, whole_ms - sum(parts))
    return [60 * ms / result.duration_s for ms in (whole_ms, *parts, rest_ms)]


def stages(model: Path, path: Path, rounds: int) -> Iterator[Row]:
    """Measure the stages of classifying a file, in turn."""
    classifier = Classifier(model)
    _round(classifier, model, path)
    taken = [_round(classifier, model, path) for _ in range(rounds)]
    for name, values in zip(STAGES, zip(*taken, strict=True), strict=True):
        yield Row(f"CPU for a minute of MP3: {name}", "ms", Figure.of(values))
