"""Calibration of a bundle on clips that it was not fitted on: temperature, and thresholds of the vote.

Both are chosen over all collections, of which the worst counts most. Values that suit only one collection
would make the model confident and wrong on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from live.bundle import BundleDescription
from live.events import NO_MUSIC, OTHER_MUSIC, Verdict, genres_of
from live.vote import VoteParameters

from ..dataset.clips import UNLABELLED
from ..dataset.collections import by_collection, worst_weighted
from .streamed_inference import ClassifiedClip, recalibrated, vote_over

MOST_CLIPS = 400  # of a collection, evenly spaced, to try thresholds on
FEWEST_TO_CHOOSE = 20  # with fewer clips, the recipe's thresholds are kept
LEAST_GAIN = 0.002  # smallest increase of the mean worth for which a threshold is changed
WRONG_STATE = -0.5  # the worth of "no music" or "other" for music of one of the genres
THRESHOLDS: Mapping[str, tuple[float, ...]] = {
    "unsure_below": (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7),
    "no_music_above": (0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
    "other_above": (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6),
}


def fit_temperature(classified: Sequence[ClassifiedClip], description: BundleDescription) -> float:
    """Return the temperature with the smallest negative log-likelihood of the vote.

    Users see the vote, so the loss is that of the vote over all moments of the clips, not that of single
    windows. Temperature scaling: Guo et al., 2017.

    Parameters
    ----------
    classified : sequence of ClassifiedClip
        With probabilities at temperature 1.
    description : BundleDescription
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    known = [clip for clip in classified if clip.label in description.labels]
    if not known:
        return 1.0
    collections = by_collection(known, lambda clip: clip.collection)

    def loss_of(clips: Sequence[ClassifiedClip], temperature: float) -> float:
        said = [
            -np.log(max(verdict.distribution[clip.label], 1e-9))
            for clip in recalibrated(clips, temperature)
            for verdict in vote_over(clip, description.labels, description.vote)
        ]
        return float(np.mean(said))

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return worst_weighted([loss_of(clips, temperature) for clips in collections])

    found = minimize_scalar(
        loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded", options={"xatol": 0.01}
    )
    return round(float(np.exp(found.x)), 4)


def worth(verdict: Verdict, label: str, genres: Sequence[str]) -> float:
    """Return the worth of a verdict to a user, for a clip of a label, from −1 to 1.

    A right answer is worth 1, a wrong genre −1, ``unsure`` 0, and a wrong state −0.5.

    Parameters
    ----------
    verdict : Verdict
    label : str
        The true label of the clip.
    genres : sequence of str
        The genres of the model.
    """
    if verdict.state == "genre":
        if label == UNLABELLED:
            return 0.0
        return 1.0 if verdict.genre == label else -1.0
    if verdict.state == "no_music":
        return 1.0 if label == NO_MUSIC else WRONG_STATE
    if verdict.state == "other":
        return {NO_MUSIC: WRONG_STATE, UNLABELLED: 0.0}.get(label, WRONG_STATE if label in genres else 1.0)
    return 0.0


def choose_thresholds(
    classified: Sequence[ClassifiedClip], description: BundleDescription
) -> dict[str, float]:
    """Return the vote's parameters with the thresholds of the largest mean worth.

    Each threshold is optimised in turn, twice, with the others fixed. With few clips, the bundle's own are
    kept.

    Parameters
    ----------
    classified : sequence of ClassifiedClip
        With probabilities at the bundle's temperature.
    description : BundleDescription
        The search starts from the parameters of its vote.
    """
    chosen = dict(description.vote)
    if len(classified) < FEWEST_TO_CHOOSE:
        return chosen
    genres = genres_of(description.labels)
    collections = [_thinned(clips) for clips in by_collection(classified, lambda clip: clip.collection)]

    def loss(parameters: Mapping[str, float]) -> float:
        worths = [
            [
                worth(verdict, clip.label, genres)
                for clip in clips
                for verdict in vote_over(clip, description.labels, parameters)
            ]
            for clips in collections
        ]
        return worst_weighted([-float(np.mean(one)) for one in worths])

    needed = {"unsure_below": None, "no_music_above": NO_MUSIC, "other_above": OTHER_MUSIC}
    usable = [name for name, label in needed.items() if label is None or label in description.labels]
    least = loss(chosen)
    for name in usable * 2:
        own = getattr(VoteParameters.from_mapping(chosen), name)
        for value in THRESHOLDS[name]:
            if value != own and (tried := loss({**chosen, name: value})) < least - LEAST_GAIN:
                least, chosen = tried, {**chosen, name: value}
    return chosen


def _thinned(clips: Sequence[ClassifiedClip]) -> list[ClassifiedClip]:
    if len(clips) <= MOST_CLIPS:
        return list(clips)
    return [clips[k] for k in np.linspace(0, len(clips) - 1, MOST_CLIPS).astype(int)]


def recalibrated_description(
    classified: Sequence[ClassifiedClip], description: BundleDescription
) -> BundleDescription:
    """Return the description with temperature and thresholds chosen on clips classified at temperature 1."""
    temperature = fit_temperature(classified, description)
    warmed = replace(description, temperature=temperature)
    return replace(warmed, vote=choose_thresholds(recalibrated(classified, temperature), warmed))
