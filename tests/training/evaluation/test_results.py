"""What stands side by side: collections, other music, and all of it through JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from live.errors import InputError
from tests.training.evaluation.test_metrics import BLUES, DESCRIPTION, JAZZ, NOTHING, heard, random_clips
from training.evaluation.calibration import choose_thresholds, worth
from training.evaluation.estimates import Estimate
from training.evaluation.metrics import measure
from training.evaluation.report import ReportSubject, page
from training.evaluation.results import Evaluation, Following, RoomMeasure
from training.evaluation.streamed_inference import ClassifiedClip, vote_over
from training.evaluation.tables import collection_table

FIVE = replace(DESCRIPTION, labels=("blues", "jazz", "no_music", "other_music", "pop"))


def of(collection: str, clip: ClassifiedClip) -> ClassifiedClip:
    return replace(clip, collection=collection)


def test_each_collection_is_measured_by_itself() -> None:
    clips = [
        of("old", heard("1", "blues", [BLUES] * 20)),
        of("old", heard("2", "jazz", [JAZZ] * 20)),
        of("new", heard("3", "blues", [JAZZ] * 20)),
        of("new", heard("4", "folk", [JAZZ] * 20)),
        of("noise", heard("5", "no_music", [NOTHING] * 20)),
    ]
    found = measure(clips, DESCRIPTION).collections
    assert set(found) == {"old", "new"}  # noise has no music whose genre could be right
    assert (found["old"].clip_accuracy.value, found["new"].clip_accuracy.value) == (1.0, 0.0)
    assert (found["old"].right_when_sure.value, found["new"].right_when_sure.value) == (1.0, 0.0)
    assert (found["old"].sure.value, found["old"].wrong_name.value) == (1.0, 0.0)
    assert (found["new"].clips, found["new"].wrong_name.value) == (1, 1.0)
    assert (found["old"].other_clips, found["old"].other_named.value) == (0, None)
    assert (found["new"].other_clips, found["new"].other_named.value) == (1, 1.0)


def test_what_is_not_sure_is_not_counted_as_sure() -> None:
    leaning = [0.55, 0.35, 0.0, 0.1]
    figures = measure([heard("1", "blues", [leaning] * 20)], DESCRIPTION)
    assert (figures.sure.value, figures.right_when_sure.value) == (0.0, None)
    assert figures.clip_accuracy.value == 1.0


def test_other_music_is_counted_apart_and_no_genre() -> None:
    other, blues = np.eye(5)[3].tolist(), np.eye(5)[0].tolist()
    clips = [
        heard("1", "blues", [blues] * 20),
        heard("2", "blues", [other] * 20),
        heard("3", "other_music", [other] * 20),
        heard("4", "other_music", [blues] * 20),
        heard("5", "polka", [blues] * 20),  # a label that the model has not is other music too
    ]
    measures = measure(clips, FIVE)
    assert measures.clips == 2
    assert set(measures.per_genre) == {"blues"}
    assert measures.other_music is not None
    assert measures.other_music.clips == 3
    assert measures.other_music.recall.value == pytest.approx(1 / 3, abs=1e-4)
    assert measures.other_music.false_alarm.value == 0.5
    assert measures.other_music.genre_named.value == pytest.approx(2 / 3, abs=1e-4)
    assert measures.vote_accuracy["10"].value == 0.5  # leaning to other music is wrong
    assert measures.confusion[3].tolist() == [1, 0, 0, 1, 0]


def evaluation() -> Evaluation:
    clips = [of("old" if k % 2 else "new", clip) for k, clip in enumerate(random_clips(30))]
    clips += [of("new", heard("x", "folk", [BLUES] * 9)), heard("y", "no_music", [NOTHING] * 9)]
    measures = measure(clips, DESCRIPTION)
    room = RoomMeasure(1.5, -10.0, 30, Estimate(0.5, (0.4, 0.6)), Estimate(0.25, None))
    return Evaluation(DESCRIPTION.labels, measures, measures, Following(9, 0.5, 4.5, 1), ("a note",), (room,))


def test_a_report_can_be_rendered_again_from_its_figures() -> None:
    first = evaluation()
    text = json.dumps(first.to_dict())
    second = Evaluation.from_dict(json.loads(text))
    assert json.dumps(second.to_dict()) == text
    pages = [page(ReportSubject("title", {"a": "b"}, parts={"valid": each})) for each in (first, second)]
    assert pages[0] == pages[1]
    assert "| new |" in pages[0]
    assert "| 1.5 s | -10 dB | 30 | 0.500 (0.40–0.60) | 0.250 |" in pages[0]


@pytest.mark.parametrize(
    "damage", [{"clips": "many"}, {"labels": 3}, {"per_genre": None}, {"microphone": {}}]
)
def test_figures_that_are_none_are_refused(damage: dict[str, object]) -> None:
    with pytest.raises(InputError, match="report"):
        Evaluation.from_dict(evaluation().to_dict() | damage)


def test_the_table_of_collections_has_a_row_for_each_and_each_hearing() -> None:
    names = [row[0] for row in collection_table(evaluation()).rows]
    assert names == ["new", "old", "new, microphone", "old, microphone"]


def test_thresholds_heed_the_collection_that_fares_worst() -> None:
    sure, unsure = [0.9, 0.1, 0.0, 0.0], [0.55, 0.45, 0.0, 0.0]
    good = [of("good", heard(f"g{k}", "blues", [sure] * 12)) for k in range(12)]
    bad = [of("bad", heard(f"b{k}", "jazz", [unsure] * 12)) for k in range(12)]
    bold = replace(DESCRIPTION, vote={"unsure_below": 0.4})
    chosen = choose_thresholds([*good, *bad], bold)
    assert chosen["unsure_below"] > 0.5  # so that nothing is named where it would be wrong
    states = {v.state for clip in bad for v in vote_over(clip, DESCRIPTION.labels, chosen)}
    assert states == {"unsure"}
    assert choose_thresholds(good[:5], bold) == dict(bold.vote)  # too few to tell


def test_a_wrong_name_is_worth_less_than_none() -> None:
    genres = ("blues", "jazz")
    blues, other = (
        vote_over(heard("1", "blues", [np.eye(5)[k].tolist()] * 9), FIVE.labels, {})[-1] for k in (0, 3)
    )
    assert worth(blues, "blues", genres) == 1.0
    assert worth(blues, "jazz", genres) == worth(blues, "no_music", genres) == -1.0
    assert worth(other, "folk", genres) == worth(other, "other_music", genres) == 1.0
    assert worth(other, "blues", genres) < 0 <= worth(other, "unlabelled", genres)
