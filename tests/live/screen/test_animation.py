"""The moving parts, on a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from live.screen.animation import Animation, at_rest
from live.snapshot import SourceCondition
from tests.live.screen.drawing import SONG, WAITING


def test_bars_ease_towards_their_values_and_arrive() -> None:
    animation = Animation()
    animation.advance(replace(SONG, verdict=WAITING), 0.0)
    lengths = [animation.advance(SONG, 0.1 * step).bars[-1] for step in range(1, 40)]
    assert 0.0 < lengths[0] < 0.5
    assert all(before <= after for before, after in pairwise(lengths))
    assert lengths[-1] == 0.71


def test_easing_depends_on_time_and_not_on_the_number_of_frames() -> None:
    few, many = Animation(), Animation()
    for animation in (few, many):
        animation.advance(replace(SONG, verdict=WAITING), 0.0)
    for step in range(1, 10):
        many.advance(SONG, 0.02 * step)
    assert many.advance(SONG, 0.2).bars == pytest.approx(few.advance(SONG, 0.2).bars)


def test_the_level_rises_at_once_falls_slowly_and_holds_its_peak() -> None:
    animation = Animation()
    quiet = replace(SONG, level_dbfs=-50.0, peak_dbfs=-45.0)
    loud = replace(SONG, level_dbfs=-10.0, peak_dbfs=-3.0)
    animation.advance(quiet, 0.0)
    assert animation.advance(loud, 0.1).level_dbfs == -10.0
    after = animation.advance(quiet, 0.6)
    assert -50.0 < after.level_dbfs < -10.0
    assert after.hold_dbfs == -3.0
    assert animation.advance(quiet, 3.0).hold_dbfs < -3.0
    rest = animation.advance(quiet, 20.0)
    assert (rest.level_dbfs, rest.hold_dbfs) == (-50.0, -45.0)


def test_clipping_stays_visible_for_a_moment() -> None:
    animation = Animation()
    animation.advance(replace(SONG, clipped=True), 0.0)
    assert animation.advance(SONG, 1.0).clipped
    assert not animation.advance(SONG, 5.0).clipped


@pytest.mark.parametrize("condition", ["opening", "lost", "ended"])
def test_the_meter_falls_to_the_floor_when_no_sound_comes_in(condition: SourceCondition) -> None:
    animation = Animation()
    animation.advance(SONG, 0.0)
    pose = animation.advance(replace(SONG, source_condition=condition, clipped=True), 10.0)
    assert (pose.level_dbfs, pose.hold_dbfs, pose.clipped) == (-120.0, -120.0, False)


def test_nothing_is_claimed_before_the_first_window() -> None:
    assert set(at_rest(replace(SONG, verdict=WAITING)).bars) == {0.0}
