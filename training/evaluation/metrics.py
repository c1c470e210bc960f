"""Metrics of a bundle: by window, clip, vote and collection, for clean sound and through a microphone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live.bundle import BundleDescription
from live.classifier import Classifier
from live.errors import InputError
from live.events import NO_MUSIC, NOT_GENRES, OTHER_MUSIC, Verdict, genres_of

from ..dataset.clips import UNLABELLED
from ..dataset.shards import Progress
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .changes import follow_changes
from .estimates import Array, Bootstrap, Estimate, Votes
from .results import Evaluation, Measures, NoMusic, OtherMusic, Sureness
from .streamed_inference import ClassifiedClip, classify_segments, leading, vote_over

VOTE_SECONDS = (3, 5, 10, 20, 30)
LISTENING_TOLERANCE_S = 0.05  # the window of a vote "after 3 s" may end so much later
WRONG_GENRE_S = 3.0  # a genre named for longer than this without music counts as an error
SURE = 0.7  # lowest confidence of a verdict that counts as sure


@dataclass(frozen=True)
class _Outcome:
    """The values of one clip that the metrics average.

    Those of windows and votes that are right mean something only for a clip with one of the model's genres.
    """

    clip: ClassifiedClip
    windows_right: int
    predicted: int
    in_top3: bool
    votes_right: tuple[bool, ...]
    votes: Votes
    verdicts: int
    sure: int
    sure_right: int
    named_wrong: int
    named_s: float
    loudest: str
    no_music_windows: float


def _outcome(clip: ClassifiedClip, labels: tuple[str, ...], parameters: Mapping[str, float]) -> _Outcome:
    genres = [index for index, label in enumerate(labels) if label not in NOT_GENRES]
    target = labels.index(clip.label) if clip.label in labels else -1
    among_genres = clip.probabilities[:, genres]
    mean = clip.probabilities.mean(axis=0)
    order = np.argsort(-mean[genres], kind="stable")
    verdicts = vote_over(clip, labels, parameters)
    led = [leading(verdict) for verdict in verdicts]
    after = [
        max(0, int(np.searchsorted(clip.ends_s, seconds + LISTENING_TOLERANCE_S, side="right")) - 1)
        for seconds in VOTE_SECONDS
    ]
    spoken = [index for index, label in enumerate(led) if label is not None]
    lasted = np.diff(clip.ends_s, prepend=0.0)
    named = [verdict.genre is not None for verdict in verdicts]
    sure = [is_sure(verdict) for verdict in verdicts]
    right = [verdict.genre == clip.label for verdict in verdicts]
    no_music = labels.index(NO_MUSIC) if NO_MUSIC in labels else -1
    return _Outcome(
        clip=clip,
        windows_right=int((np.array(genres)[among_genres.argmax(axis=1)] == target).sum()),
        predicted=genres[order[0]],
        in_top3=target in {genres[index] for index in order[:3]},
        votes_right=tuple(led[index] == clip.label for index in after),
        votes=Votes(
            np.array([verdicts[k].distribution[led[k] or ""] for k in spoken]),
            np.array([float(led[k] == clip.label) for k in spoken]),
            np.array([led[k] not in NOT_GENRES for k in spoken], dtype=np.bool_),
        ),
        verdicts=len(verdicts),
        sure=sum(sure),
        sure_right=sum(s and r for s, r in zip(sure, right, strict=True)),
        named_wrong=sum(n and not r for n, r in zip(named, right, strict=True)),
        named_s=float(lasted[np.array(named, dtype=bool)].sum()),
        loudest=labels[int(mean.argmax())],
        no_music_windows=float((clip.probabilities.argmax(axis=1) == no_music).mean()),
    )


def is_sure(verdict: Verdict) -> bool:
    """Return whether a verdict names a genre and states 70 % or more."""
    return verdict.genre is not None and verdict.confidence >= SURE


def measure(clips: Sequence[ClassifiedClip], description: BundleDescription) -> Measures:
    """Compute the metrics of clips.

    Clips whose label the bundle does not have count as other music; unlabelled clips count only as music.

    Parameters
    ----------
    clips : sequence of ClassifiedClip
    description : BundleDescription
        Its labels and the vote's parameters are used.

    Returns
    -------
    Measures

    Raises
    ------
    InputError
        When no clip has one of the bundle's genres.
    """
    labels = description.labels
    genres = genres_of(labels)
    outcomes = [_outcome(clip, labels, description.vote) for clip in clips]
    known = [outcome for outcome in outcomes if outcome.clip.label in genres]
    silent = [outcome for outcome in outcomes if outcome.clip.label == NO_MUSIC]
    if not known:
        raise InputError(f"None of the clips has a genre that the model knows ({', '.join(labels)}).")
    label = np.array([labels.index(outcome.clip.label) for outcome in known])
    hits = _hits(known, labels)
    drawn = Bootstrap(len(known))
    windows = [float(len(outcome.clip.probabilities)) for outcome in known]
    votes = np.array([outcome.votes_right for outcome in known], dtype=np.float64)
    sureness = sureness_of(outcomes, labels)
    return Measures(
        clips=len(known),
        window_accuracy=drawn.ratio([float(outcome.windows_right) for outcome in known], windows),
        clip_accuracy=sureness.clip_accuracy,
        clip_balanced_accuracy=drawn.balanced(hits, label),
        clip_top3_accuracy=drawn.mean([float(outcome.in_top3) for outcome in known]),
        ece=sureness.ece,
        right_when_sure=sureness.right_when_sure,
        sure=sureness.sure,
        wrong_name=sureness.wrong_name,
        vote_accuracy={
            str(seconds): drawn.mean(votes[:, column]) for column, seconds in enumerate(VOTE_SECONDS)
        },
        per_genre={
            labels[value]: drawn.ratio(hits * (label == value), label == value) for value in np.unique(label)
        },
        confusion=_confusion(outcomes, labels),
        no_music=_no_music(silent, [o for o in outcomes if o.clip.label != NO_MUSIC]) if silent else None,
        other_music=_other_music(known, [o for o in outcomes if is_other(o.clip.label, genres)]),
        collections=_by_collection(outcomes, labels),
        votes=Votes(
            np.concatenate([outcome.votes.confidence for outcome in known]),
            np.concatenate([outcome.votes.right for outcome in known]),
            np.concatenate([outcome.votes.of_genre for outcome in known]),
        ),
    )


def is_other(label: str, genres: Sequence[str]) -> bool:
    """Return whether a clip's label is that of music outside of ``genres``."""
    return label not in genres and label not in {NO_MUSIC, UNLABELLED}


def _hits(known: Sequence[_Outcome], labels: tuple[str, ...]) -> Array:
    return np.array([float(labels[outcome.predicted] == outcome.clip.label) for outcome in known])


def sureness(clips: Sequence[ClassifiedClip], description: BundleDescription) -> Sureness:
    """Compute the reliability of a bundle's verdicts on clips."""
    labels = description.labels
    return sureness_of([_outcome(clip, labels, description.vote) for clip in clips], labels)


def sureness_of(outcomes: Sequence[_Outcome], labels: tuple[str, ...]) -> Sureness:
    """Compute the reliability of the verdicts of a set of clips."""
    genres = genres_of(labels)
    known = [outcome for outcome in outcomes if outcome.clip.label in genres]
    other = [outcome for outcome in outcomes if is_other(outcome.clip.label, genres)]
    drawn = Bootstrap(len(known))
    verdicts = [float(outcome.verdicts) for outcome in known]
    sure = [float(outcome.sure) for outcome in known]
    return Sureness(
        clips=len(known),
        clip_accuracy=drawn.mean(_hits(known, labels)),
        ece=drawn.calibration_error([outcome.votes for outcome in known]),
        right_when_sure=drawn.ratio([float(outcome.sure_right) for outcome in known], sure),
        sure=drawn.ratio(sure, verdicts),
        wrong_name=drawn.ratio([float(outcome.named_wrong) for outcome in known], verdicts),
        other_clips=len(other),
        other_named=_time_named(other),
    )


def _time_named(clips: Sequence[_Outcome]) -> Estimate:
    drawn = Bootstrap(len(clips))
    return drawn.ratio(
        [float(outcome.named_wrong) for outcome in clips], [float(outcome.verdicts) for outcome in clips]
    )


def _by_collection(outcomes: Sequence[_Outcome], labels: tuple[str, ...]) -> dict[str, Sureness]:
    """Return the reliability for each collection that has clips of genres."""
    members: dict[str, list[_Outcome]] = {}
    for outcome in outcomes:
        members.setdefault(outcome.clip.collection, []).append(outcome)
    measured = {name: sureness_of(clips, labels) for name, clips in members.items()}
    return {name: found for name, found in measured.items() if found.clips or found.other_clips}


def _confusion(outcomes: Sequence[_Outcome], labels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the confusion matrix of clips; for clips of a genre, only genres count as answers."""
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for outcome in outcomes:
        if outcome.clip.label in labels:
            is_genre = outcome.clip.label not in NOT_GENRES
            predicted = outcome.predicted if is_genre else labels.index(outcome.loudest)
            matrix[labels.index(outcome.clip.label), predicted] += 1
    return matrix


def _no_music(silent: Sequence[_Outcome], music: Sequence[_Outcome]) -> NoMusic:
    of_silent, of_music = Bootstrap(len(silent)), Bootstrap(len(music))
    return NoMusic(
        recall=of_silent.mean([float(outcome.loudest == NO_MUSIC) for outcome in silent]),
        window_recall=of_silent.mean([outcome.no_music_windows for outcome in silent]),
        false_alarm=of_music.mean([float(outcome.loudest == NO_MUSIC) for outcome in music]),
        window_false_alarm=of_music.mean([outcome.no_music_windows for outcome in music]),
        genre_named_over_3_s=of_silent.mean([float(outcome.named_s > WRONG_GENRE_S) for outcome in silent]),
        clips=len(silent),
    )


def _other_music(known: Sequence[_Outcome], other: Sequence[_Outcome]) -> OtherMusic | None:
    if not other:
        return None
    return OtherMusic(
        recall=Bootstrap(len(other)).mean([float(outcome.loudest == OTHER_MUSIC) for outcome in other]),
        false_alarm=Bootstrap(len(known)).mean([float(outcome.loudest == OTHER_MUSIC) for outcome in known]),
        genre_named=_time_named(other),
        clips=len(other),
    )


def check_front_end(description: BundleDescription, store: FeatureStore) -> None:
    """Check that a store's front end is that of a bundle.

    Raises
    ------
    InputError
        When it is not.
    """
    needed, stored = description.front_end.to_dict(), store.front_end.to_dict()
    differing = [name for name in needed if name not in {"top_db", "n_mfcc"} and needed[name] != stored[name]]
    if differing:
        wrong = ", ".join(f"{name} {stored[name]} instead of {needed[name]}" for name in differing)
        raise InputError(
            f"The model {description.name} cannot hear {store.path.name}, which was made with {wrong}."
        )


def evaluate(
    classifier: Classifier,
    store: FeatureStore,
    segments: Sequence[Segment],
    *,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a bundle on clips of a store.

    Parameters
    ----------
    classifier : Classifier
    store : FeatureStore
    segments : sequence of Segment
    notes : sequence of str
        Copied to the evaluation.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Returns
    -------
    Evaluation
    """
    check_front_end(classifier.description, store)
    measures = []
    for number, microphone in enumerate((False, True)):
        clips = []
        for done, clip in enumerate(classify_segments(classifier, store, segments, microphone=microphone)):
            clips.append(clip)
            if progress is not None:
                progress(number * len(segments) + done + 1, 2 * len(segments))
        measures.append(measure(clips, classifier.description))
    present = {store.label[segment.clip] for segment in segments}
    unknown = sorted(present - set(classifier.description.labels) - {NO_MUSIC, OTHER_MUSIC, UNLABELLED})
    said = list(notes)
    if unknown:
        said.append(
            f"The model does not know {', '.join(unknown)}: these clips count as music of none of its genres."
        )
    return Evaluation(
        labels=classifier.description.labels,
        clean=measures[0],
        microphone=measures[1],
        following=follow_changes(classifier, store, segments),
        notes=tuple(said),
    )
