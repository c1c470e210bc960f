"""The vote: a distribution that sums to 1, a verdict that follows the music and does not flicker."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.events import Verdict
from live.vote import Vote, VoteParameters

LABELS = ("blues", "rock", "techno", "no_music")
LOUD, SILENT = -20.0, -90.0


def towards(label: str, share: float = 0.9) -> np.ndarray:
    rest = (1 - share) / (len(LABELS) - 1)
    return np.array([share if name == label else rest for name in LABELS])


def hear(
    vote: Vote, probabilities: np.ndarray, *, seconds: float = 0.5, level: float = LOUD, hop_s: float = 0.5
) -> Verdict:
    for _ in range(max(1, round(seconds / hop_s))):
        verdict = vote.update(probabilities, level_dbfs=level, elapsed_s=hop_s)
    return verdict


def changes(verdicts: Iterable[Verdict]) -> list[tuple[str, str | None]]:
    said = [(verdict.state, verdict.genre) for verdict in verdicts]
    return [now for before, now in zip([None, *said], said, strict=False) if now != before]


windows = st.tuples(
    st.lists(st.floats(0.001, 1), min_size=4, max_size=4),
    st.floats(-120, 0),
    st.floats(0.01, 100),
    st.floats(0, 100),
)


@settings(max_examples=200)
@given(heard=st.lists(windows, max_size=30), smooth_s=st.floats(0.1, 3_600))
def test_whatever_it_hears_the_verdict_makes_sense(
    heard: list[tuple[list[float], float, float, float]], smooth_s: float
) -> None:
    vote = Vote(LABELS, smooth_s=smooth_s)
    verdicts = [vote.verdict]
    for shares, level, elapsed_s, lost_s in heard:
        if lost_s > 50:
            vote.gap(lost_s)
            verdicts.append(vote.verdict)
        probabilities = np.array(shares) / sum(shares)
        verdicts.append(vote.update(probabilities, level_dbfs=level, elapsed_s=elapsed_s))
        assert verdicts[-1] == vote.verdict
    for verdict in verdicts:
        assert list(verdict.distribution) == list(LABELS)
        assert sum(verdict.distribution.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in verdict.distribution.values())
        assert (verdict.genre is not None) == (verdict.state == "genre")
        genres = {label: share for label, share in verdict.distribution.items() if label != "no_music"}
        expected = {
            "genre": genres.get(verdict.genre or "", 0.0),
            "unsure": max(genres.values()),
            "no_music": verdict.distribution["no_music"],
            "silence": 0.0,
            "waiting": 0.0,
        }
        assert verdict.confidence == pytest.approx(expected[verdict.state])


def test_it_waits_until_it_has_heard_something() -> None:
    vote = Vote(LABELS)
    assert vote.verdict.state == "waiting"
    assert vote.verdict.distribution == dict.fromkeys(LABELS, 0.25)
    hear(vote, towards("rock"), level=SILENT)
    assert vote.verdict.state == "waiting"


def test_the_first_window_counts_fully() -> None:
    vote = Vote(LABELS)
    verdict = hear(vote, towards("rock", 0.7))
    assert (verdict.state, verdict.genre) == ("genre", "rock")
    assert verdict.confidence == pytest.approx(0.7)


def test_evidence_counts_a_twentieth_at_the_end_of_a_memory() -> None:
    vote = Vote(LABELS, smooth_s=4.0, parameters={"lasting": 3.0})
    before, after = np.array([0.1, 0.5, 0.3, 0.1]), np.array([0.1, 0.3, 0.5, 0.1])  # no clear change
    hear(vote, before, seconds=400)
    verdict = hear(vote, after, seconds=12.0)
    fading = math.exp(-3)
    expected = np.exp(fading * np.log(before) + (1 - fading) * np.log(after))
    np.testing.assert_allclose(list(verdict.distribution.values()), expected / expected.sum(), atol=1e-6)


def test_a_clear_change_is_followed_long_before_the_past_has_faded() -> None:
    clear, faint = Vote(LABELS, smooth_s=10.0), Vote(LABELS, smooth_s=10.0)
    delays = []
    for vote, share in ((clear, 0.9), (faint, 0.45)):
        hear(vote, towards("rock", share), seconds=120)
        heard_s = 0.0
        while hear(vote, towards("blues", share)).genre != "blues":
            heard_s += 0.5
            assert heard_s < 30
        delays.append(heard_s)
    assert delays[0] <= 3
    assert delays[1] >= 6


def test_after_a_change_nothing_of_before_is_left() -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    hear(vote, towards("rock"), seconds=120)
    verdict = hear(vote, towards("blues"), seconds=6)  # as long as the recent memory
    assert verdict.distribution["rock"] < 0.06


def test_the_lasting_memory_outvotes_a_few_wrong_windows() -> None:
    steady, forgetful = Vote(LABELS), Vote(LABELS, parameters={"lasting": 0.6})
    generator = np.random.default_rng(3)
    wrong = {"steady": 0, "forgetful": 0}
    for _ in range(600):
        label = "rock" if generator.random() < 0.6 else str(generator.choice(["blues", "techno"]))
        for name, vote in (("steady", steady), ("forgetful", forgetful)):
            said = vote.update(towards(label, 0.45), level_dbfs=LOUD, elapsed_s=0.5).distribution
            wrong[name] += max(said, key=lambda label: said[label]) != "rock"
    assert wrong["steady"] < wrong["forgetful"] / 3


def test_after_a_pause_another_piece_is_heard_as_such() -> None:
    paused, going_on = Vote(LABELS), Vote(LABELS)
    for vote in (paused, going_on):
        hear(vote, towards("rock", 0.5), seconds=60)
    hear(paused, towards("rock"), seconds=6, level=SILENT)
    for vote in (paused, going_on):
        hear(vote, towards("blues", 0.5), seconds=2)
    assert paused.verdict.genre == "blues"
    assert going_on.verdict.genre == "rock"


def test_how_often_it_is_asked_does_not_change_what_it_remembers() -> None:
    seldom, often = Vote(LABELS, smooth_s=5.0), Vote(LABELS, smooth_s=5.0)
    for label in ("rock", "blues"):
        hear(seldom, towards(label), seconds=5, hop_s=1.0)
        hear(often, towards(label), seconds=5, hop_s=0.1)
    for label in LABELS:
        assert seldom.verdict.distribution[label] == pytest.approx(
            often.verdict.distribution[label], abs=0.05
        )


def test_a_window_counts_by_the_time_it_stands_for() -> None:
    long_rock, long_blues = Vote(LABELS, smooth_s=1_000.0), Vote(LABELS, smooth_s=1_000.0)
    for vote, rock_s, blues_s in ((long_rock, 3.0, 0.5), (long_blues, 0.5, 3.0)):
        vote.update(towards("rock"), level_dbfs=LOUD, elapsed_s=rock_s)
        vote.update(towards("blues"), level_dbfs=LOUD, elapsed_s=blues_s)
    assert long_rock.verdict.genre == "rock"
    assert long_blues.verdict.genre == "blues"
    assert long_rock.verdict.confidence == pytest.approx(long_blues.verdict.confidence, abs=0.01)


def test_it_follows_a_change_of_genre_once() -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    verdicts = [hear(vote, towards("rock")) for _ in range(60)]
    verdicts += [hear(vote, towards("blues")) for _ in range(60)]
    assert changes(verdicts) == [("genre", "rock"), ("genre", "blues")]
    switched = next(k for k, verdict in enumerate(verdicts) if verdict.genre == "blues") - 60
    assert 1 <= switched * 0.5 <= 10  # seconds: neither at once nor later than its memory


def test_one_odd_window_changes_nothing() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=10)
    assert hear(vote, towards("blues")).genre == "rock"


def test_two_genres_alike_do_not_flicker() -> None:
    vote = Vote(LABELS, smooth_s=9.0)
    generator = np.random.default_rng(0)
    verdicts = []
    for _ in range(1_000):
        tilt = generator.normal(scale=0.01)
        probabilities = np.array([0.45 + tilt, 0.45 - tilt, 0.05, 0.05])
        verdicts.append(vote.update(probabilities, level_dbfs=LOUD, elapsed_s=0.5))
    likeliest = [max(LABELS, key=lambda label: verdict.distribution[label]) for verdict in verdicts]
    assert sum(now != before for before, now in itertools.pairwise(likeliest)) > 20
    assert len(changes(verdicts)) <= 2


def test_it_takes_the_margin_to_take_over() -> None:
    vote = Vote(LABELS, smooth_s=1.0, parameters={"switch_margin": 0.1})
    hear(vote, np.array([0.4, 0.5, 0.05, 0.05]), seconds=20)
    assert hear(vote, np.array([0.49, 0.41, 0.05, 0.05]), seconds=20).genre == "rock"
    assert hear(vote, np.array([0.52, 0.38, 0.05, 0.05]), seconds=20).genre == "blues"


def test_no_genre_is_named_below_the_threshold_nor_left_at_its_edge() -> None:
    vote = Vote(LABELS, smooth_s=1.0, parameters={"unsure_below": 0.4, "hysteresis": 0.05})
    unsure = np.array([0.39, 0.31, 0.3, 0.0])
    assert hear(vote, unsure, seconds=20).state == "unsure"
    assert vote.verdict.confidence == pytest.approx(0.39, abs=0.01)
    assert hear(vote, np.array([0.45, 0.3, 0.25, 0.0]), seconds=20).genre == "blues"
    assert hear(vote, unsure, seconds=20).genre == "blues"  # within the hysteresis
    assert hear(vote, np.array([0.34, 0.33, 0.33, 0.0]), seconds=20).state == "unsure"


def test_no_music_is_a_state_with_a_threshold_of_its_own() -> None:
    vote = Vote(LABELS, smooth_s=1.0)
    assert hear(vote, towards("no_music", 0.55), seconds=20).state == "no_music"
    assert vote.verdict.confidence == pytest.approx(0.55)
    assert hear(vote, np.array([0.45, 0.05, 0.03, 0.47]), seconds=20).state == "no_music"  # hysteresis
    assert hear(vote, np.array([0.5, 0.05, 0.03, 0.42]), seconds=20).genre == "blues"
    assert hear(vote, np.array([0.45, 0.05, 0.03, 0.47]), seconds=20).genre == "blues"


def test_no_music_is_never_named_as_a_genre() -> None:
    vote = Vote(LABELS, smooth_s=1.0, parameters={"no_music_above": 0.99, "unsure_below": 0.1})
    assert hear(vote, np.array([0.2, 0.1, 0.1, 0.6]), seconds=20).genre == "blues"


OTHER_LABELS = ("blues", "rock", "other_music", "no_music")


def test_other_music_is_a_state_with_a_threshold_of_its_own() -> None:
    vote = Vote(OTHER_LABELS, smooth_s=1.0, parameters={"other_above": 0.4})
    verdict = hear(vote, np.array([0.3, 0.15, 0.45, 0.1]), seconds=20)
    assert (verdict.state, verdict.genre) == ("other", None)
    assert verdict.confidence == pytest.approx(0.45)
    assert hear(vote, np.array([0.4, 0.13, 0.37, 0.1]), seconds=20).state == "other"  # hysteresis
    assert hear(vote, np.array([0.45, 0.12, 0.33, 0.1]), seconds=20).genre == "blues"
    assert hear(vote, np.array([0.4, 0.13, 0.37, 0.1]), seconds=20).genre == "blues"


def test_other_music_is_never_named_as_a_genre() -> None:
    vote = Vote(OTHER_LABELS, smooth_s=1.0, parameters={"other_above": 0.99, "unsure_below": 0.2})
    assert hear(vote, np.array([0.3, 0.1, 0.5, 0.1]), seconds=20).genre == "blues"
    verdict = hear(vote, np.array([0.1, 0.05, 0.75, 0.1]), seconds=20)
    assert verdict.state == "unsure"
    assert verdict.confidence == pytest.approx(0.1)


def test_sound_without_music_comes_before_other_music() -> None:
    vote = Vote(OTHER_LABELS, smooth_s=1.0, parameters={"other_above": 0.3, "no_music_above": 0.3})
    assert hear(vote, np.array([0.1, 0.1, 0.4, 0.4]), seconds=20).state == "no_music"


@given(st.lists(windows, min_size=1, max_size=30), st.floats(0, 1))
def test_a_threshold_for_other_music_changes_nothing_for_a_model_without_that_label(
    heard: list[tuple[list[float], float, float, float]], other_above: float
) -> None:
    votes = [Vote(LABELS), Vote(LABELS, parameters={"other_above": other_above})]
    for weights, level_dbfs, elapsed_s, _ in heard:
        shares = np.array(weights) / sum(weights)
        first, second = (vote.update(shares, level_dbfs=level_dbfs, elapsed_s=elapsed_s) for vote in votes)
        assert first == second


def test_labels_without_no_music_do() -> None:
    vote = Vote(("a", "b"))
    assert vote.update(np.array([0.2, 0.8]), level_dbfs=LOUD, elapsed_s=1.0).genre == "b"


def test_silence_is_said_after_its_time_and_not_before() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=10)
    assert hear(vote, towards("techno"), level=SILENT).genre == "rock"
    verdict = hear(vote, towards("techno"), level=SILENT)
    assert (verdict.state, verdict.genre, verdict.confidence) == ("silence", None, 0.0)


def test_what_the_network_makes_of_silence_is_no_evidence() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=10)
    before = vote.verdict.distribution["rock"]
    hear(vote, towards("techno"), seconds=20, level=SILENT)
    assert vote.verdict.distribution["rock"] == pytest.approx(before)
    assert hear(vote, towards("rock")).genre == "rock"


def test_silence_at_the_edge_does_not_flicker() -> None:
    vote = Vote(LABELS)
    verdicts = [hear(vote, towards("rock"), seconds=5)]
    verdicts += [hear(vote, towards("rock"), level=-61.0 if k < 4 else -58.5 - k % 2) for k in range(40)]
    assert changes(verdicts) == [("genre", "rock"), ("silence", None)]
    assert hear(vote, towards("rock"), level=-50.0).genre == "rock"


def test_after_a_long_silence_the_old_genre_holds_no_grip() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=60)
    hear(vote, towards("rock"), seconds=120, level=SILENT)
    assert hear(vote, towards("blues"), seconds=1).genre == "blues"


def test_a_gap_lets_the_past_fade() -> None:
    listened_on, interrupted = Vote(LABELS), Vote(LABELS)
    for vote in (listened_on, interrupted):
        hear(vote, towards("rock"), seconds=30)
    interrupted.gap(60.0)
    assert hear(listened_on, towards("blues")).genre == "rock"
    assert hear(interrupted, towards("blues")).genre == "blues"


def test_a_short_gap_changes_little() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=30)
    vote.gap(0.1)
    assert hear(vote, towards("blues")).genre == "rock"


@pytest.mark.parametrize("lost_s", [10.0, 3_600.0])
def test_a_gap_as_long_as_its_memory_ends_what_it_said(lost_s: float) -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    hear(vote, towards("rock"), seconds=30)
    vote.gap(lost_s)
    assert (vote.verdict.state, vote.verdict.genre, vote.verdict.confidence) == ("waiting", None, 0.0)
    assert hear(vote, towards("rock")).genre == "rock"


def test_a_gap_in_pieces_is_one_gap() -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    hear(vote, towards("rock"), seconds=30)
    for _ in range(126):
        vote.gap(0.08)
    assert (vote.verdict.state, vote.verdict.genre) == ("waiting", None)


def test_short_gaps_with_sound_between_them_do_not_add_up() -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    for _ in range(20):
        hear(vote, towards("rock"), seconds=2)
        vote.gap(1.0)
        assert vote.verdict.genre == "rock"


def test_after_such_a_gap_the_lasting_memory_is_gone_too() -> None:
    vote = Vote(LABELS, smooth_s=10.0)
    hear(vote, towards("rock", 0.5), seconds=120)
    vote.gap(10.0)
    assert hear(vote, towards("blues", 0.5), seconds=1).genre == "blues"


def test_weeks_of_one_genre_overflow_nothing() -> None:
    vote = Vote(LABELS, smooth_s=3_600.0)
    for _ in range(1_000):
        verdict = vote.update(towards("rock"), level_dbfs=LOUD, elapsed_s=3_600.0)
    assert verdict.confidence == pytest.approx(0.9)


def test_a_reset_forgets_everything() -> None:
    vote = Vote(LABELS)
    hear(vote, towards("rock"), seconds=30)
    vote.reset()
    assert vote.verdict == Vote(LABELS).verdict


def test_a_bundles_parameters_are_taken_and_unknown_ones_left() -> None:
    parameters = VoteParameters.from_mapping({"silence_s": 3, "from_the_future": 1.0})
    assert parameters == VoteParameters(silence_s=3.0)


@pytest.mark.parametrize("length", [0.0, -3.0, 1e8])
def test_a_bundle_with_absurd_memories_breaks_nothing(length: float) -> None:
    vote = Vote(LABELS, parameters={"recent": length, "lasting": length, "change_nats": -length})
    hear(vote, towards("rock"), seconds=30)
    vote.gap(3.0)
    assert hear(vote, towards("rock"), seconds=30).genre == "rock"


def test_a_vote_without_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="smooth_s"):
        Vote(LABELS, smooth_s=0.0)
