"""Extraction for training: clips per second, from WAV files to a feature store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import Row, Scale, missing, on_one_core, pairs, seconds
from benchmarks.ordinary import librosa_mfcc
from benchmarks.sound import write_wav
from live.bundle import read_description
from live.front_end import FrontEndSpec
from training.dataset.clips import Clip
from training.dataset.features import build_store

CLIP_S = 30.0
FILES = 8
Loop = Callable[[list[Clip], FrontEndSpec], list[object]]
MANY = 1_000  # clips, as many as in GTZAN, so that the start of the processes counts in proportion
FEW = 40  # clips for loops without a start-up time


def _clips(folder: Path, count: int, clip_s: float) -> list[Clip]:
    """Return ``count`` clips, many of which are the same file."""
    paths = [write_wav(folder / f"{number}.wav", clip_s, seed=number) for number in range(FILES)]
    return [Clip(str(number), paths[number % FILES], f"genre{number % 2}", "") for number in range(count)]


def _plain_loop(clips: list[Clip], spec: FrontEndSpec) -> list[object]:
    """Return the same MFCCs from librosa, one file after another."""
    import librosa

    features: list[object] = []
    for clip in clips:
        samples, _ = librosa.load(clip.path, sr=spec.sample_rate)
        features.append(librosa_mfcc(samples, spec))
    return features


def _tutorial_loop(clips: list[Clip], spec: FrontEndSpec) -> list[object]:
    """Return the MFCCs of tutorials on GTZAN: ten segments per clip, 13 MFCCs, a hop of 512 samples."""
    import librosa

    features: list[object] = []
    for clip in clips:
        samples, _ = librosa.load(clip.path, sr=spec.sample_rate)
        segment = len(samples) // 10
        features += [
            librosa.feature.mfcc(
                y=samples[start : start + segment],
                sr=spec.sample_rate,
                n_mfcc=13,
                n_fft=2_048,
                hop_length=512,
            )
            for start in range(0, 10 * segment, segment)
        ]
    return features


RIVALS = {"librosa loop, same MFCCs": _plain_loop, "librosa loop of tutorials, hop 512": _tutorial_loop}


def measure(scale: Scale) -> Iterator[Row]:
    """Compare extraction with a plain loop, and all cores with one, and yield the rows."""
    spec = read_description(scale.model).front_end
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = _clips(folder, 4 if scale.quick else MANY, 2.0 if scale.quick else CLIP_S)
        few = clips[:FEW]

        def extracted(workers: int) -> float:
            work = seconds(lambda: build_store(clips, spec, folder / "store.npz", workers=workers))
            return len(clips) / work

        what = "extraction, one core"
        for rival, loop in RIVALS.items():
            if find_spec("librosa") is None:
                yield missing(what, rival)
                continue

            def looped(loop: Loop = loop) -> float:
                return len(few) / seconds(lambda: loop(few, spec))

            with on_one_core():
                yield pairs(
                    what,
                    "clips/s",
                    lambda: extracted(1),
                    rival,
                    looped,
                    rounds=scale.rounds(7),
                    better="more",
                )

        def on_one() -> float:
            with on_one_core():
                return extracted(1)

        yield pairs(
            f"extraction, {cores} cores",
            "clips/s",
            lambda: extracted(cores),
            "genre-live, one core",
            on_one,
            rounds=scale.rounds(7),
            better="more",
            warm_up=False,
        )
