"""Evaluation in rooms: audio is convolved with synthetic impulse responses."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from live.classifier import Classifier
from live.errors import GenreLiveError, InputError
from live.events import genres_of
from live.front_end import MelFrames
from live.samples import Samples

from ..dataset.extraction import read_samples
from ..dataset.features import file_of
from ..dataset.shards import Progress
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .metrics import sureness
from .results import RoomMeasure
from .streamed_inference import ClassifiedClip, classify_frames

RT60_S = (0.5, 1.0, 1.5, 2.0, 3.0)
DIRECT_DB = (0.0, -10.0)
ROOMS = ((0.0, 0.0), *((rt60_s, direct_db) for direct_db in DIRECT_DB for rt60_s in RT60_S))
MOST_CLIPS = 60
LONGEST_S = 30.0
FIRST_REFLECTION_S = 0.003
DECAY_NEPERS = 3 * np.log(10)  # decrease of the amplitude during RT60, which is 60 dB


def impulse_response(rt60_s: float, direct_db: float, sample_rate: int, seed: int) -> Samples:
    """Return a synthetic impulse response: the direct sound, then exponentially decaying white noise.

    Parameters
    ----------
    rt60_s : float
        Reverberation time, in which the noise decays by 60 dB, in seconds.
    direct_db : float
        Direct-to-reverberant energy ratio, in dB.
    sample_rate : int
        In Hz.
    seed : int

    Returns
    -------
    ndarray [shape=(samples,)]
        With unit energy.
    """
    time_s = np.arange(round(rt60_s * sample_rate)) / sample_rate
    tail = np.random.default_rng(seed).standard_normal(len(time_s)) * np.exp(-DECAY_NEPERS * time_s / rt60_s)
    tail[: round(FIRST_REFLECTION_S * sample_rate)] = 0.0
    tail /= np.sqrt(np.sum(tail**2))
    direct = 10 ** (direct_db / 20)
    tail[0] = direct
    response: Samples = (tail / np.hypot(1.0, direct)).astype(np.float32)
    return response


def in_room(samples: Samples, rt60_s: float, direct_db: float, sample_rate: int, seed: int) -> Samples:
    """Return samples as they sound in a room, with the same length and level.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
    rt60_s : float
        Reverberation time, in seconds; 0 for no room.
    direct_db : float
        Direct-to-reverberant energy ratio, in dB.
    sample_rate : int
        In Hz.
    seed : int
        Seed of the impulse response.

    Returns
    -------
    ndarray [shape=(n,)]
    """
    if rt60_s == 0:
        return samples
    from scipy.signal import fftconvolve  # type: ignore[import-untyped]

    response = impulse_response(rt60_s, direct_db, sample_rate, seed)
    heard = fftconvolve(samples, response)[: len(samples)]
    loudness = np.sqrt(np.mean(samples**2) / max(float(np.mean(heard**2)), 1e-20))
    louder: Samples = (heard * loudness).astype(np.float32)
    return louder


def _chosen(store: FeatureStore, segments: Sequence[Segment], genres: Sequence[str]) -> list[int]:
    """Return clips of genres whose files are known, with equal numbers for all genres if possible."""
    of_genre: dict[str, list[int]] = {}
    for clip in dict.fromkeys(segment.clip for segment in segments):
        if store.label[clip] in genres and store.fingerprint and file_of(store.fingerprint[clip]):
            of_genre.setdefault(store.label[clip], []).append(clip)
    each = max(1, MOST_CLIPS // max(1, len(of_genre)))
    return [
        members[k]
        for members in of_genre.values()
        for k in sorted(set(np.linspace(0, len(members) - 1, min(each, len(members))).astype(int).tolist()))
    ]


def _audio(store: FeatureStore, clips: Sequence[int], sample_rate: int) -> Iterator[tuple[int, Samples]]:
    for clip in clips:
        file: Path | None = file_of(store.fingerprint[clip])
        try:
            if file is not None:
                yield clip, read_samples(file, sample_rate, LONGEST_S)
        except (GenreLiveError, OSError):  # the file may be gone since its features were extracted
            continue


def measure_rooms(
    classifier: Classifier,
    store: FeatureStore,
    segments: Sequence[Segment],
    progress: Progress | None = None,
) -> tuple[RoomMeasure, ...]:
    """Evaluate a bundle for several reverberation times and direct-to-reverberant ratios.

    Parameters
    ----------
    classifier : Classifier
    store : FeatureStore
        The files of its clips are read again.
    segments : sequence of Segment
        Up to sixty of their clips are used, with equal numbers for all genres.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Raises
    ------
    InputError
        When none of the files exists.
    """
    description = classifier.description
    spec = description.front_end
    clips = _chosen(store, segments, genres_of(description.labels))
    classified: dict[tuple[float, float], list[ClassifiedClip]] = {room: [] for room in ROOMS}
    for done, (clip, samples) in enumerate(_audio(store, clips, spec.sample_rate)):
        for number, (rt60_s, direct_db) in enumerate(ROOMS):
            seed = zlib.crc32(f"{store.clip[clip]} {number}".encode())
            sound = in_room(samples, rt60_s, direct_db, spec.sample_rate, seed)
            mel_db = MelFrames(spec).feed(sound)
            classified[rt60_s, direct_db].append(
                classify_frames(classifier, mel_db, store.clip[clip], store.label[clip])
            )
            if progress is not None:
                progress(done * len(ROOMS) + number + 1, len(clips) * len(ROOMS))
    if not classified[ROOMS[0]]:
        raise InputError("--rooms needs the audio itself: give a folder or a manifest whose files are there.")
    measured = []
    for (rt60_s, direct_db), found in classified.items():
        figures = sureness(found, description)
        measured.append(
            RoomMeasure(rt60_s, direct_db, figures.clips, figures.clip_accuracy, figures.wrong_name)
        )
    return tuple(measured)
