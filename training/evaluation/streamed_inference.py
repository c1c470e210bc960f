"""Inference on clips as in live listening: windows at the same times, and the same vote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from live.classifier import Classifier, calibrated
from live.events import NO_MUSIC, OTHER_MUSIC, Verdict, genres_of
from live.front_end import FrontEndSpec
from live.meter import FLOOR_DBFS
from live.options import DEFAULTS
from live.vote import Vote

from ..augmentation.mel_levels import band_widths
from ..augmentation.room import microphone_simulation
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore


@dataclass(frozen=True)
class ClassifiedClip:
    """The output of a bundle for one clip.

    Attributes
    ----------
    clip, label : str
    probabilities : ndarray [shape=(windows, labels)]
    ends_s : ndarray [shape=(windows,)]
        End of each window, in seconds from the clip's start.
    level_dbfs : ndarray [shape=(windows,)]
        RMS level of the sound that is new in each window, in dBFS.
    collection : str
        The dataset of the clip.
    """

    clip: str
    label: str
    probabilities: npt.NDArray[np.float32]
    ends_s: npt.NDArray[np.float64]
    level_dbfs: npt.NDArray[np.float64]
    collection: str = ""


def window_ends(
    frames: int, spec: FrontEndSpec, window_frames: int, hop_s: float = DEFAULTS.hop
) -> list[tuple[int, float]]:
    """Return the newest frame and the end, in seconds, of each window of a stream of ``frames`` frames.

    A window ends every ``hop_s`` seconds of samples, as in ``live.analyser``, and holds the frames that are
    complete by then.
    """
    hop = max(1, round(hop_s * spec.sample_rate))
    first = spec.window_samples(window_frames)
    length = spec.window_samples(frames)
    return [(spec.complete_frames(end) - 1, end / spec.sample_rate) for end in range(first, length + 1, hop)]


def mel_level_dbfs(mel_db: npt.NDArray[np.floating[Any]], spec: FrontEndSpec) -> float:
    """Compute the RMS level, in dBFS, of the sound of mel frames, by Parseval's theorem, to about 1 dB.

    Parameters
    ----------
    mel_db : ndarray [shape=(frames, n_mels)]
    spec : FrontEndSpec
    """
    hann_energy = 0.375 * spec.n_fft
    spectrum_power = float(
        (np.exp(mel_db.astype(np.float64) * (math.log(10) / 10)) @ band_widths(spec)).mean()
    )
    mean_square = 2 * spectrum_power / (spec.n_fft * hann_energy)
    return max(FLOOR_DBFS, 10 * math.log10(max(mean_square, 1e-30)))


def classify_frames(
    classifier: Classifier,
    mel_db: npt.NDArray[np.floating[Any]],
    clip: str,
    label: str,
    *,
    hop_s: float = DEFAULTS.hop,
    collection: str = "",
) -> ClassifiedClip:
    """Return the output for mel frames, window by window; too few frames are repeated to fill a window.

    Parameters
    ----------
    classifier : Classifier
    mel_db : ndarray [shape=(frames, n_mels)]
        In dB.
    clip, label : str
        Fields of the result.
    hop_s : float
        Time from one window to the next, in seconds.
    collection : str
        Field of the result.
    """
    spec, window_frames = classifier.description.front_end, classifier.description.window_frames
    if len(mel_db) < window_frames:
        mel_db = np.tile(mel_db, (-(-window_frames // len(mel_db)), 1))[:window_frames]
    probabilities, ends_s, levels = [], [], []
    after_previous = 0
    for newest, end_s in window_ends(len(mel_db), spec, window_frames, hop_s):
        window = mel_db[newest + 1 - window_frames : newest + 1]
        probabilities.append(classifier(window))
        levels.append(mel_level_dbfs(mel_db[min(after_previous, newest) : newest + 1], spec))
        ends_s.append(end_s)
        after_previous = newest + 1
    return ClassifiedClip(
        clip, label, np.stack(probabilities), np.array(ends_s), np.array(levels), collection
    )


def classify_segments(
    classifier: Classifier, store: FeatureStore, segments: Sequence[Segment], *, microphone: bool = False
) -> Iterator[ClassifiedClip]:
    """Yield the output for each clip, clean or through the fixed microphone simulation.

    Parameters
    ----------
    classifier : Classifier
    store : FeatureStore
        Its front end must be that of the bundle.
    segments : sequence of Segment
    microphone : bool
        Whether to simulate a room and a microphone.
    """
    for segment in segments:
        clip = store.clip[segment.clip]
        mel_db = store.clip_frames(segment.clip).astype(np.float32)
        if microphone:
            mel_db = microphone_simulation(mel_db, clip, classifier.description.front_end)
        yield classify_frames(
            classifier,
            mel_db[segment.start : segment.stop],
            clip,
            store.label[segment.clip],
            collection=store.collection_of(segment.clip),
        )


def recalibrated(classified: Sequence[ClassifiedClip], temperature: float) -> list[ClassifiedClip]:
    """Return the same clips with probabilities at another temperature; they must be at temperature 1."""
    return [replace(clip, probabilities=calibrated(clip.probabilities, temperature)) for clip in classified]


def vote_over(
    clip: ClassifiedClip,
    labels: Sequence[str],
    parameters: Mapping[str, float],
    *,
    smooth_s: float = DEFAULTS.smooth,
) -> list[Verdict]:
    """Return the verdict after each window of a clip.

    Parameters
    ----------
    clip : ClassifiedClip
    labels : sequence of str
        In the order of the probabilities.
    parameters : mapping
        Parameters of the vote.
    smooth_s : float
        Smoothing time of the vote, in seconds.
    """
    vote = Vote(labels, smooth_s=smooth_s, parameters=parameters)
    verdicts, before = [], 0.0
    for probabilities, end_s, level in zip(clip.probabilities, clip.ends_s, clip.level_dbfs, strict=True):
        verdicts.append(vote.update(probabilities, level_dbfs=float(level), elapsed_s=float(end_s - before)))
        before = float(end_s)
    return verdicts


def leading(verdict: Verdict) -> str | None:
    """Return the label of a verdict, or when it is unsure, its most likely genre.

    None for silence.
    """
    if verdict.state in {"silence", "waiting"}:
        return None
    if verdict.state == "no_music":
        return NO_MUSIC
    if verdict.state == "other":
        return OTHER_MUSIC
    if verdict.genre is not None:
        return verdict.genre
    return max(genres_of(list(verdict.distribution)), key=lambda label: verdict.distribution[label])
