"""Cross-validation of a model: every clip is heard by a fit of the same recipe to which it was new."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from live.bundle import BundleDescription
from live.classifier import Classifier, calibrated

from ..dataset.shards import Progress
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .calibration import recalibrated_description
from .changes import follow_changes
from .metrics import check_front_end, measure
from .results import Evaluation
from .rooms import measure_rooms
from .streamed_inference import ClassifiedClip, classify_segments, recalibrated


@dataclass(frozen=True)
class Fold:
    """A fit and the clips that were left out of it.

    Attributes
    ----------
    classifier : Classifier
    segments : sequence of Segment
        No clip should be in two folds.
    """

    classifier: Classifier
    segments: Sequence[Segment]


def evaluate_folds(
    folds: Sequence[Fold],
    description: BundleDescription,
    store: FeatureStore,
    *,
    notes: Sequence[str] = (),
    rooms: bool = False,
    progress: Progress | None = None,
) -> tuple[BundleDescription, Evaluation]:
    """Choose temperature and thresholds on the clips of all folds together, and evaluate them.

    Changes of genre and rooms are evaluated with the first fold only.

    Parameters
    ----------
    folds : sequence of Fold
        Of models with the same labels and front end as ``description``.
    description : BundleDescription
        Of the model fitted on all clips; the search for thresholds starts from its vote.
    store : FeatureStore
    notes : sequence of str
        Copied to the evaluation.
    rooms : bool
        Whether to evaluate the clips' audio in rooms as well.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Returns
    -------
    description : BundleDescription
        With the chosen temperature and thresholds.
    evaluation : Evaluation
    """
    clips = 2 * sum(len(fold.segments) for fold in folds)
    classified: dict[bool, list[ClassifiedClip]] = {False: [], True: []}
    for microphone, found in classified.items():
        for fold in folds:
            check_front_end(fold.classifier.description, store)
            for clip in classify_segments(fold.classifier, store, fold.segments, microphone=microphone):
                found.append(_at_temperature_1(clip, fold.classifier.description.temperature))
                if progress is not None:
                    progress(len(classified[False]) + len(classified[True]), clips)
    chosen = recalibrated_description(classified[False], replace(description, temperature=1.0))
    clean, through_microphone = (
        measure(recalibrated(found, chosen.temperature), chosen) for found in classified.values()
    )
    first, listens = folds[0], _with_vote_of(chosen, folds[0].classifier)
    return chosen, Evaluation(
        labels=chosen.labels,
        clean=clean,
        microphone=through_microphone,
        following=follow_changes(listens, store, first.segments),
        notes=tuple(notes),
        rooms=measure_rooms(listens, store, first.segments) if rooms else (),
    )


def _with_vote_of(chosen: BundleDescription, classifier: Classifier) -> Classifier:
    """Return the classifier of a fold with the temperature and thresholds that were chosen on all folds."""
    other = copy.copy(classifier)
    other.description = replace(classifier.description, temperature=chosen.temperature, vote=chosen.vote)
    return other


def _at_temperature_1(clip: ClassifiedClip, temperature: float) -> ClassifiedClip:
    return replace(clip, probabilities=calibrated(clip.probabilities, 1 / temperature))
