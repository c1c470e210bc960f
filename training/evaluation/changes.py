"""Measurement of how fast the vote follows a change of genre, with medleys of two clips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from live.classifier import Classifier
from live.events import genres_of

from ..augmentation.mel_levels import Windows
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .estimates import rounded
from .results import Following
from .streamed_inference import classify_frames, vote_over

MEDLEY_S = 15.0  # length of each of the two clips
MOST_MEDLEYS = 100


def _pairs(
    store: FeatureStore, segments: Sequence[Segment], genres: Sequence[str], frames: int, seed: int
) -> list[tuple[Segment, Segment]]:
    """Return pairs of sufficiently long clips of different genres."""
    usable = [s for s in segments if store.label[s.clip] in genres and s.stop - s.start >= frames]
    order = [usable[k] for k in np.random.default_rng(seed).permutation(len(usable))]
    return [
        (one, other)
        for one, other in zip(order, order[1:] + order[:1], strict=True)
        if store.label[one.clip] != store.label[other.clip]
    ][:MOST_MEDLEYS]


def follow_changes(
    classifier: Classifier, store: FeatureStore, segments: Sequence[Segment], seed: int = 0
) -> Following:
    """Return how often, and after how many seconds, the vote follows a change of genre.

    Parameters
    ----------
    classifier : Classifier
    store : FeatureStore
    segments : sequence of Segment
        Each is followed by one of another genre, with 15 s of both.
    seed : int
        Seed of their order.
    """
    description = classifier.description
    spec = description.front_end
    frames = round(MEDLEY_S * spec.sample_rate / spec.hop_length)
    change_s = frames * spec.hop_length / spec.sample_rate
    delays: list[float] = []
    named_before = 0
    for one, other in _pairs(store, segments, genres_of(description.labels), frames, seed):
        mel_db: Windows = np.concatenate(
            [store.clip_frames(s.clip)[s.start : s.start + frames].astype(np.float32) for s in (one, other)]
        )
        label = store.label[other.clip]
        classified = classify_frames(classifier, mel_db, store.clip[other.clip], label)
        verdicts = vote_over(classified, description.labels, description.vote)
        says_it = [verdict.genre == label for verdict in verdicts]
        after = int(np.searchsorted(classified.ends_s, change_s, side="right"))
        if after > 0 and says_it[after - 1]:  # named too early by mistake: nothing to measure
            named_before += 1
            continue
        delays.append(float(next(compress(classified.ends_s[after:] - change_s, says_it[after:]), np.nan)))
    followed = [delay for delay in delays if np.isfinite(delay)]
    return Following(
        medleys=len(delays),
        followed=rounded(len(followed) / len(delays)) if delays else None,
        median_s=rounded(float(np.median(followed))) if followed else None,
        named_before=named_before,
    )
