"""How good a bundle is: by window, by clip and by vote, on clean sound and through a microphone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from live.classifier import BundleDescription, Classifier
from live.errors import InputError
from live.events import NO_MUSIC

from ..augmentation.mel_levels import Windows
from ..dataset.clips import UNLABELLED
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .streamed_inference import (
    HeardClip,
    hear_frames,
    hear_segments,
    leading,
    recalibrated,
    vote_over,
)

VOTE_SECONDS = (3, 5, 10, 20, 30)
CALIBRATION_BINS = 10
BOOTSTRAP_ROUNDS = 1_000
BOOTSTRAP_SEED = 0
INTERVAL = (2.5, 97.5)  # percentiles
LISTENING_TOLERANCE_S = 0.05  # a vote "after 3 s" may be of a window that ends this much later
MEDLEY_S = 15.0  # of each of the two clips of a medley
MOST_MEDLEYS = 100
WRONG_GENRE_S = 3.0  # a genre named for no music longer than this is a false one

Array = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Measures:
    """Figures of one hearing of a set of clips, and what pictures of them need.

    Attributes
    ----------
    figures : dict
        Named as in the JSON object of ``genre-train --evaluate``.
    intervals : dict
        95 % bootstrap interval, by clip, of each figure that is one number.
    confusion : ndarray [shape=(labels, labels)]
        Clips; rows true, columns heard.
    confidence, right : ndarray [shape=(votes,)]
        Of every vote over clips of a genre: what it said of itself, and whether it was right.
    """

    figures: dict[str, Any]
    intervals: dict[str, Any]
    confusion: npt.NDArray[np.int64]
    confidence: Array
    right: Array


@dataclass(frozen=True)
class Evaluation:
    """All that a report says of a bundle on a dataset.

    Attributes
    ----------
    labels : tuple of str
    clean, microphone : Measures
        Sound as it is, and through the fixed simulation.
    follow : dict
        How fast the vote follows a change of genre.
    notes : tuple of str
        What a reader should know.
    """

    labels: tuple[str, ...]
    clean: Measures
    microphone: Measures
    follow: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object of ``--json``."""
        return {
            **self.clean.figures,
            "intervals": self.clean.intervals,
            "microphone": {**self.microphone.figures, "intervals": self.microphone.intervals},
            "change_of_genre": self.follow,
            "labels": list(self.labels),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _ClipFigures:
    """Everything about one clip of a genre that figures are means of."""

    label: int
    windows: int
    windows_right: int
    heard: int
    in_top3: bool
    votes_right: tuple[bool, ...]
    vote_confidence: Array
    vote_right: Array


def _genre_indices(labels: Sequence[str]) -> list[int]:
    return [index for index, label in enumerate(labels) if label != NO_MUSIC]


def _clip_figures(heard: HeardClip, labels: tuple[str, ...], parameters: Mapping[str, float]) -> _ClipFigures:
    genres = _genre_indices(labels)
    target = labels.index(heard.label)
    among_genres = heard.probabilities[:, genres]
    window_heard = np.array(genres)[among_genres.argmax(axis=1)]
    mean = among_genres.mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    verdicts = vote_over(heard, labels, parameters)
    led = [leading(verdict) for verdict in verdicts]
    after = [
        max(0, int(np.searchsorted(heard.ends_s, seconds + LISTENING_TOLERANCE_S, side="right")) - 1)
        for seconds in VOTE_SECONDS
    ]
    spoken = [index for index, label in enumerate(led) if label is not None]
    return _ClipFigures(
        label=target,
        windows=len(heard.probabilities),
        windows_right=int((window_heard == target).sum()),
        heard=genres[order[0]],
        in_top3=target in {genres[index] for index in order[:3]},
        votes_right=tuple(led[index] == heard.label for index in after),
        vote_confidence=np.array([verdicts[k].distribution[led[k] or ""] for k in spoken]),
        vote_right=np.array([float(led[k] == heard.label) for k in spoken]),
    )


def _ratio(weights: Array, numerator: Array, denominator: Array) -> Array:
    """Weighted ratio for each row of weights [shape=(rounds, clips)]."""
    total = weights @ denominator
    ratio: Array = np.divide(weights @ numerator, total, out=np.full(len(total), np.nan), where=total > 0)
    return ratio


def _balanced(weights: Array, right: Array, label: npt.NDArray[np.int64]) -> Array:
    recalls = [
        _ratio(weights[:, label == value], right[label == value], np.ones((label == value).sum()))
        for value in np.unique(label)
    ]
    balanced: Array = np.nanmean(np.stack(recalls), axis=0)
    return balanced


def _interval(values: Array) -> list[float]:
    finite = values[np.isfinite(values)]
    return [round(float(value), 4) for value in np.percentile(finite, INTERVAL)] if len(finite) else []


def _round(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _ece_by_round(clips: Sequence[_ClipFigures], weights: Array) -> Array:
    """ECE of the votes for each row of weights, from each clip's sums over the bins.

    The mean distance of confidence and accuracy over equally wide bins of confidence (Guo et al., 2017).
    """
    distance = np.zeros((len(clips), CALIBRATION_BINS))
    votes = np.zeros(len(clips))
    for row, clip in enumerate(clips):
        number = np.minimum((clip.vote_confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        distance[row] = np.bincount(
            number, clip.vote_confidence - clip.vote_right, minlength=CALIBRATION_BINS
        )
        votes[row] = len(number)
    total = weights @ votes
    summed = np.abs(weights @ distance).sum(axis=1)
    ece: Array = np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
    return ece


def measure(heard: Sequence[HeardClip], description: BundleDescription) -> Measures:
    """Figures of clips that were heard.

    Clips of a label that the bundle does not know count as music alone.

    Parameters
    ----------
    heard : sequence of HeardClip
    description : BundleDescription
        Gives the labels and the vote's parameters.
    """
    labels = description.labels
    known = [clip for clip in heard if clip.label in labels and clip.label != NO_MUSIC]
    if not known:
        raise InputError(f"None of the clips bears a genre that the model knows ({', '.join(labels)}).")
    clips = [_clip_figures(clip, labels, description.vote) for clip in known]
    label = np.array([clip.label for clip in clips])
    hits = np.array([float(clip.heard == clip.label) for clip in clips])
    ones = np.ones(len(clips))
    windows = np.array([float(clip.windows) for clip in clips])
    windows_right = np.array([float(clip.windows_right) for clip in clips])
    top3 = np.array([float(clip.in_top3) for clip in clips])
    votes = np.array([clip.votes_right for clip in clips], dtype=np.float64)

    generator = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = generator.multinomial(len(clips), np.full(len(clips), 1 / len(clips)), BOOTSTRAP_ROUNDS)
    rounds = drawn.astype(np.float64)

    def both(compute: Callable[[Array], Array]) -> tuple[float | None, list[float]]:
        return _round(float(compute(ones[None])[0])), _interval(compute(rounds))

    computed = {
        "window_accuracy": both(lambda weights: _ratio(weights, windows_right, windows)),
        "clip_accuracy": both(lambda weights: _ratio(weights, hits, ones)),
        "clip_balanced_accuracy": both(lambda weights: _balanced(weights, hits, label)),
        "clip_top3_accuracy": both(lambda weights: _ratio(weights, top3, ones)),
        "ece": both(lambda weights: _ece_by_round(clips, weights)),
    }
    by_seconds = {
        str(seconds): both(lambda weights, column=column: _ratio(weights, votes[:, column], ones))  # type: ignore[misc]
        for column, seconds in enumerate(VOTE_SECONDS)
    }
    per_genre = {
        labels[value]: both(
            lambda weights, member=label == value: _ratio(  # type: ignore[misc]
                weights[:, member], hits[member], np.ones(member.sum())
            )
        )
        for value in np.unique(label)
    }
    figures: dict[str, Any] = {name: value for name, (value, _) in computed.items()}
    intervals: dict[str, Any] = {name: interval for name, (_, interval) in computed.items()}
    figures["vote_accuracy"] = {name: value for name, (value, _) in by_seconds.items()}
    intervals["vote_accuracy"] = {name: interval for name, (_, interval) in by_seconds.items()}
    figures["per_genre"] = {name: value for name, (value, _) in per_genre.items()}
    intervals["per_genre"] = {name: interval for name, (_, interval) in per_genre.items()}
    figures["clips"] = len(clips)
    silent = [clip for clip in heard if clip.label == NO_MUSIC]
    if silent:
        figures["no_music"], intervals["no_music"] = _no_music(heard, description)
    confusion = _confusion(clips, silent, labels)
    figures["confusion"] = confusion.tolist()
    return Measures(
        figures=figures,
        intervals=intervals,
        confusion=confusion,
        confidence=np.concatenate([clip.vote_confidence for clip in clips]),
        right=np.concatenate([clip.vote_right for clip in clips]),
    )


def _confusion(
    clips: Sequence[_ClipFigures], silent: Sequence[HeardClip], labels: tuple[str, ...]
) -> npt.NDArray[np.int64]:
    from sklearn.metrics import confusion_matrix

    true = [clip.label for clip in clips]
    heard = [clip.heard for clip in clips]
    if NO_MUSIC in labels:
        true += [labels.index(NO_MUSIC)] * len(silent)
        heard += [int(clip.probabilities.mean(axis=0).argmax()) for clip in silent]
    matrix: npt.NDArray[np.int64] = confusion_matrix(true, heard, labels=range(len(labels)))
    return matrix


def _no_music(
    heard: Sequence[HeardClip], description: BundleDescription
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How well no music is told from music: by clip (mean of its windows), by window and by vote."""
    labels = description.labels
    position = labels.index(NO_MUSIC) if NO_MUSIC in labels else None

    def rejected(clip: HeardClip) -> tuple[bool, float]:
        if position is None:
            return False, 0.0
        by_window = clip.probabilities.argmax(axis=1) == position
        return bool(clip.probabilities.mean(axis=0).argmax() == position), float(by_window.mean())

    def named_too_long(clip: HeardClip) -> bool:
        verdicts = vote_over(clip, labels, description.vote)
        lasted = np.diff(clip.ends_s, prepend=0.0)
        wrong_s = sum(float(s) for s, v in zip(lasted, verdicts, strict=True) if v.state == "genre")
        return wrong_s > WRONG_GENRE_S

    silent = [clip for clip in heard if clip.label == NO_MUSIC]
    music = [clip for clip in heard if clip.label != NO_MUSIC]
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    figures: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for name, window_name, clips in (
        ("recall", "window_recall", silent),
        ("false_alarm", "window_false_alarm", music),
    ):
        decisions = np.array([rejected(clip) for clip in clips], dtype=np.float64)
        drawn = generator.integers(len(clips), size=(BOOTSTRAP_ROUNDS, len(clips)))
        figures[name], figures[window_name] = (_round(value) for value in decisions.mean(axis=0))
        by_round = decisions[drawn].mean(axis=1)
        intervals[name], intervals[window_name] = _interval(by_round[:, 0]), _interval(by_round[:, 1])
    figures["genre_named_over_3_s"] = _round(float(np.mean([named_too_long(clip) for clip in silent])))
    figures["clips"] = len(silent)
    return figures, intervals


def fit_temperature(heard: Sequence[HeardClip], description: BundleDescription) -> float:
    """Temperature at which the vote's probabilities are likeliest.

    The vote is what a listener sees, so it is the vote's negative log-likelihood over all moments of the
    clips that is minimised, not that of single windows.

    Parameters
    ----------
    heard : sequence of HeardClip
        With probabilities at temperature 1.
    description : BundleDescription
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    known = [clip for clip in heard if clip.label in description.labels]
    if not known:
        return 1.0

    def loss(log_temperature: float) -> float:
        total, votes = 0.0, 0
        for clip in recalibrated(known, float(np.exp(log_temperature))):
            for verdict in vote_over(clip, description.labels, description.vote):
                total -= float(np.log(max(verdict.distribution[clip.label], 1e-9)))
                votes += 1
        return total / votes

    found = minimize_scalar(
        loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded", options={"xatol": 0.01}
    )
    return round(float(np.exp(found.x)), 4)


def follow_changes(
    classifier: Classifier, store: FeatureStore, segments: Sequence[Segment], seed: int = 0
) -> dict[str, Any]:
    """Seconds until the vote follows a change of genre, on pairs of clips played one after the other.

    Parameters
    ----------
    classifier : Classifier
    store : FeatureStore
    segments : sequence of Segment
        Each is followed by one of another genre, 15 s of both.
    seed : int

    Returns
    -------
    dict
        ``medleys`` played in which the second genre was not named before it began; ``followed``, the share
        of them in which it was named before the end; ``median_s``, over those, from the change until it was
        named; ``named_before``, how many medleys were left out.
    """
    description = classifier.description
    spec = description.front_end
    genres = set(description.labels) - {NO_MUSIC}
    frames = round(MEDLEY_S * spec.sample_rate / spec.hop_length)
    usable = [s for s in segments if store.label[s.clip] in genres and s.stop - s.start >= frames]
    generator = np.random.default_rng(seed)
    order = [usable[k] for k in generator.permutation(len(usable))]
    pairs = [
        (one, other)
        for one, other in zip(order, order[1:] + order[:1], strict=True)
        if store.label[one.clip] != store.label[other.clip]
    ][:MOST_MEDLEYS]
    delays: list[float] = []
    named_before = 0
    for one, other in pairs:
        mel_db: Windows = np.concatenate(
            [store.clip_frames(s.clip)[s.start : s.start + frames].astype(np.float32) for s in (one, other)]
        )
        label = store.label[other.clip]
        heard = hear_frames(classifier, mel_db, store.clip[other.clip], label)
        change_s = frames * spec.hop_length / spec.sample_rate
        verdicts = vote_over(heard, description.labels, description.vote)
        says_it = [verdict.genre == label for verdict in verdicts]
        after = int(np.searchsorted(heard.ends_s, change_s, side="right"))
        if after > 0 and says_it[after - 1]:  # by mistake: there is no change to be seen
            named_before += 1
            continue
        delays.append(float(next(compress(heard.ends_s[after:] - change_s, says_it[after:]), np.nan)))
    followed = [delay for delay in delays if np.isfinite(delay)]
    return {
        "medleys": len(delays),
        "followed": _round(len(followed) / len(delays)) if delays else None,
        "median_s": _round(float(np.median(followed))) if followed else None,
        "named_before": named_before,
    }


def check_front_end(description: BundleDescription, store: FeatureStore) -> None:
    """See that a store's frames are the ones that a bundle hears.

    Raises
    ------
    InputError
        When they are not.
    """
    heard, stored = description.front_end.to_dict(), store.front_end.to_dict()
    differing = [name for name in heard if name not in {"top_db", "n_mfcc"} and heard[name] != stored[name]]
    if differing:
        wrong = ", ".join(f"{name} {stored[name]} instead of {heard[name]}" for name in differing)
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
        Passed on into the evaluation.
    progress : callable, optional
        Told the number of hearings done and of all.
    """
    check_front_end(classifier.description, store)
    measures = []
    for number, microphone in enumerate((False, True)):
        heard = []
        for done, clip in enumerate(hear_segments(classifier, store, segments, microphone=microphone)):
            heard.append(clip)
            if progress is not None:
                progress(number * len(segments) + done + 1, 2 * len(segments))
        measures.append(measure(heard, classifier.description))
    present = {store.label[segment.clip] for segment in segments}
    unknown = sorted(present - set(classifier.description.labels) - {NO_MUSIC, UNLABELLED})
    said = list(notes)
    if unknown:
        said.append(f"The model does not know {', '.join(unknown)}: these clips count as music alone.")
    return Evaluation(
        labels=classifier.description.labels,
        clean=measures[0],
        microphone=measures[1],
        follow=follow_changes(classifier, store, segments),
        notes=tuple(said),
    )
