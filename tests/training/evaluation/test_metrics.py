from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from live.bundle import BundleDescription
from live.classifier import Classifier
from live.errors import InputError
from live.front_end import FrontEndSpec
from training.dataset.splits import whole_store
from training.dataset.store import StoreWriter, open_store
from training.evaluation.calibration import fit_temperature
from training.evaluation.changes import follow_changes
from training.evaluation.estimates import CALIBRATION_BINS, Bootstrap, Votes
from training.evaluation.metrics import measure
from training.evaluation.model_card import model_card
from training.evaluation.pictures import risk_and_coverage
from training.evaluation.report import ReportSubject, write_report
from training.evaluation.results import Evaluation
from training.evaluation.streamed_inference import ClassifiedClip, recalibrated
from training.evaluation.tables import cell

SPEC = FrontEndSpec()
DESCRIPTION = BundleDescription(
    name="test", labels=("blues", "jazz", "no_music", "pop"), front_end=SPEC, window_frames=34,
    temperature=1.0, sha256={}, vote={},
)  # fmt: skip


def heard(clip: str, label: str, windows: list[list[float]]) -> ClassifiedClip:
    probabilities = np.array(windows, np.float32)
    ends_s = np.arange(3.0, 3.0 + 0.5 * len(windows), 0.5)
    return ClassifiedClip(clip, label, probabilities, ends_s, np.full(len(windows), -20.0))


BLUES, JAZZ, NOTHING, POP = np.eye(4).tolist()
LEANING = [0.6, 0.3, 0.0, 0.1]


def test_windows_clips_and_top_three() -> None:
    clips = [
        heard("1", "blues", [LEANING, LEANING, JAZZ]),  # two windows of three, and by their mean jazz
        heard("2", "blues", [BLUES, BLUES, BLUES]),
        heard("3", "jazz", [[0.5, 0.4, 0.0, 0.1]]),
        heard("4", "pop", [[0.5, 0.4, 0.0, 0.1]]),
    ]
    figures = measure(clips, DESCRIPTION).to_dict()
    assert figures["window_accuracy"] == pytest.approx(5 / 8)
    assert figures["clip_accuracy"] == pytest.approx(1 / 4)
    assert figures["clip_balanced_accuracy"] == pytest.approx(1 / 6, abs=1e-4)
    assert figures["clip_top3_accuracy"] == 1.0
    assert figures["clips"] == 4
    assert figures["per_genre"] == {"blues": 0.5, "jazz": 0.0, "pop": 0.0}
    assert figures["confusion"] == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert "no_music" not in figures


def test_the_vote_is_read_at_each_time() -> None:
    switches = heard("1", "jazz", [BLUES] * 5 + [JAZZ] * 60)
    votes = measure([switches], DESCRIPTION).to_dict()["vote_accuracy"]
    assert votes["3"] == votes["5"] == 0.0
    assert votes["20"] == votes["30"] == 1.0
    short = heard("1", "jazz", [JAZZ])
    assert set(measure([short], DESCRIPTION).to_dict()["vote_accuracy"].values()) == {1.0}


def test_a_clip_in_which_a_vote_says_no_music_is_heard_wrongly() -> None:
    figures = measure([heard("1", "jazz", [[0.0, 0.2, 0.8, 0.0]] * 9)], DESCRIPTION).to_dict()
    assert figures["clip_accuracy"] == 1.0  # among the genres
    assert figures["vote_accuracy"]["5"] == 0.0


def test_no_music_is_counted_apart() -> None:
    clips = [
        heard("1", "jazz", [JAZZ, NOTHING]),
        heard("2", "pop", [NOTHING, NOTHING]),
        heard("3", "no_music", [NOTHING, NOTHING]),
        heard("4", "no_music", [BLUES] * 9),
        heard("5", "unheard of", [NOTHING]),
        heard("6", "unheard of", [JAZZ]),
    ]
    measures = measure(clips, DESCRIPTION)
    no_music = measures.to_dict()["no_music"]
    assert no_music["recall"] == 0.5
    assert no_music["false_alarm"] == 0.5  # the second and fifth of four
    assert no_music["genre_named_over_3_s"] == 0.5
    assert measures.to_dict()["clips"] == 2
    assert measures.confusion[2].tolist() == [1, 0, 1, 0]


def random_clips(count: int) -> list[ClassifiedClip]:
    generator = np.random.default_rng(0)
    clips = []
    for number in range(count):
        target = number % 3
        scores = generator.normal(0, 1, (8, 4)) + 1.2 * np.eye(4)[(0, 1, 3)[target]]
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        clips.append(heard(str(number), ("blues", "jazz", "pop")[target], probabilities.tolist()))
    return clips


def test_intervals_hold_their_figure_and_narrow_with_more_clips() -> None:
    few, many = measure(random_clips(30), DESCRIPTION), measure(random_clips(480), DESCRIPTION)
    for measures in (few, many):
        for key in ("window_accuracy", "clip_accuracy", "clip_balanced_accuracy", "clip_top3_accuracy"):
            low, high = measures.to_dict()["intervals"][key]
            assert low <= measures.to_dict()[key] <= high
    widths = [high - low for low, high in (m.clip_accuracy.bounds for m in (few, many))]
    assert widths[0] > 2 * widths[1]


def test_balanced_accuracy_is_scikit_learns() -> None:
    clips = random_clips(40)[:31]
    measures = measure(clips, DESCRIPTION)
    true = [clip.label for clip in clips]
    genres = [0, 1, 3]
    said = [
        DESCRIPTION.labels[genres[int(clip.probabilities[:, genres].mean(axis=0).argmax())]] for clip in clips
    ]
    expected = balanced_accuracy_score(true, said)
    assert measures.to_dict()["clip_balanced_accuracy"] == pytest.approx(expected, abs=1e-4)


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Vote by vote, as Guo et al. (2017) define it."""
    number = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return float(np.abs(np.bincount(number, confidence - right)).sum() / len(confidence))


def test_the_ece_of_a_report_is_that_of_its_votes() -> None:
    measures = measure(random_clips(30), DESCRIPTION)
    expected = expected_calibration_error(measures.votes.confidence, measures.votes.right)
    assert measures.to_dict()["ece"] == pytest.approx(expected, abs=1e-4)


def test_temperature_undoes_overconfidence() -> None:
    clips = random_clips(60)
    fitted = fit_temperature(clips, DESCRIPTION)
    sharpened = recalibrated(clips, 0.25)
    assert fit_temperature(sharpened, DESCRIPTION) == pytest.approx(4 * fitted, rel=0.05)


def test_clips_without_a_known_genre_cannot_be_measured() -> None:
    with pytest.raises(InputError, match="None of the clips"):
        measure([heard("1", "polka", [BLUES])], DESCRIPTION)


def test_parameters_of_the_vote_come_from_the_bundle() -> None:
    wary = replace(DESCRIPTION, vote={"no_music_above": 0.9})
    clip = heard("1", "jazz", [[0.0, 0.2, 0.8, 0.0]] * 9)
    assert measure([clip], wary).to_dict()["vote_accuracy"]["5"] == 1.0


def test_a_figure_is_rounded_once() -> None:
    shown = cell(Bootstrap(42).mean([1.0] * 29 + [0.0] * 13), with_interval=False)
    assert shown == f"{29 / 42:.3f}"  # and not the 0.691 of 0.6905


def test_risk_falls_as_coverage_does_when_confidence_means_something() -> None:
    votes = Votes(np.array([0.9, 0.5, 0.7, 0.5]), np.array([1.0, 0, 1, 1]), np.ones(4, dtype=bool))
    threshold, coverage, risk = risk_and_coverage(votes)
    np.testing.assert_allclose(threshold, [0.9, 0.7, 0.5])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 1.0])
    np.testing.assert_allclose(risk, [0, 0, 0.25])


def test_a_vote_for_no_music_names_no_genre_in_the_curve_of_risk() -> None:
    clip = heard("1", "jazz", [NOTHING, NOTHING, NOTHING])
    measures = measure([clip, heard("2", "jazz", [JAZZ])], DESCRIPTION)
    assert measures.wrong_name.value == 0
    _, coverage, risk = risk_and_coverage(measures.votes)
    assert (coverage.tolist(), risk.tolist()) == ([0.25], [0.0])


@pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")
def test_clips_too_soft_for_a_vote_have_a_report_and_a_card(tmp_path: Path) -> None:
    silent = [replace(clip, level_dbfs=np.full(8, -90.0)) for clip in random_clips(3)]
    measures = measure(silent, DESCRIPTION)
    assert measures.to_dict()["ece"] is None
    parts = {"valid": Evaluation(DESCRIPTION.labels, measures, measures)}
    write_report(tmp_path, ReportSubject("soft", {}, parts=parts), threshold=0.4)
    card = model_card(DESCRIPTION, parts)
    assert "| Calibration error of the vote (ECE, less is better) | – | – |" in card


class _Deaf:
    """Hears jazz whatever is played."""

    description = replace(
        DESCRIPTION, front_end=FrontEndSpec(n_mels=24, n_mfcc=12), labels=("blues", "jazz"), window_frames=34
    )

    def __call__(self, _mel_db: np.ndarray) -> np.ndarray:
        return np.array([0.02, 0.98], dtype=np.float32)


def test_a_vote_that_never_changes_follows_nothing(tmp_path: Path) -> None:
    spec = _Deaf.description.front_end
    with StoreWriter(tmp_path / "store.npz", spec) as writer:
        for number in range(12):
            levels = np.full((200, spec.n_mels), -20.0)
            writer.add(clip=str(number), label=("blues", "jazz")[number % 2], group="", mel_db=levels)
    store = open_store(tmp_path / "store.npz")
    following = follow_changes(cast("Classifier", _Deaf()), store, whole_store(store))
    assert following.named_before > 0
    assert following.medleys > 0
    assert (following.followed, following.median_s) == (0.0, None)
    measures = measure(random_clips(3), DESCRIPTION)
    parts = {"valid": Evaluation(DESCRIPTION.labels, measures, measures, following)}
    write_report(tmp_path, ReportSubject("deaf", {}, parts=parts), threshold=0.4)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"In {following.medleys} medleys of two genres, 15 s each, the vote named the second" in page
    assert f"in time in 0%. {following.named_before} more do not count" in page
