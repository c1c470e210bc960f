"""The times of day of a session: right though clocks jump, drift, and change their offset from UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from live.events import CorrectionEvent, Event, GapEvent, SourceEvent, stamped
from live.outputs.recording import Recording
from live.outputs.times_of_day import MOST_ANCHORS
from tests.live.example_events import AT, summary, window
from tests.live.outputs.timed_events import (
    at,
    heard,
    live_start,
    recorded,
    stream_time,
    timed,
)


def is_near(moment: datetime, expected: datetime) -> bool:
    return abs(moment - expected) <= timedelta(seconds=1)


def test_a_clock_that_is_set_soon_after_the_start_dates_the_whole_session() -> None:
    behind = AT - timedelta(days=150)
    events = timed([live_start(), *heard(3.0, 7.5)], behind) + timed(heard(8.0, 4_000.0, 4.0))
    recording = recorded(*events)
    for time_s in (0.0, 5.0, 7.75, 8.0, 1_234.0, 4_000.0):
        assert is_near(at(recording, time_s), AT + timedelta(seconds=time_s))


def test_a_session_that_only_began_is_dated_by_its_start() -> None:
    assert at(recorded(live_start()), 0.0) == AT


def test_a_start_that_disagrees_with_all_that_follows_is_not_believed() -> None:
    (began,) = timed([live_start()], AT - timedelta(days=150))
    recording = recorded(began, *timed([GapEvent(3_600.0, 3_600.0, "stall"), *heard(3_603.0, 3_700.0)]))
    assert at(recording, 0.0) == AT


def test_a_sleep_of_the_computer_leaves_the_times_before_it() -> None:
    slept = timedelta(hours=8)
    before, after = [live_start(), *heard(3.0, 3_600.0)], heard(3_600.5, 7_200.0)
    recording = recorded(*timed(before), *timed(after, AT + slept))
    assert at(recording, 0.0) == AT
    assert at(recording, 3_600.0) == AT + timedelta(seconds=3_600)
    assert at(recording, 3_600.5) == AT + timedelta(seconds=3_600.5) + slept
    assert at(recording, 7_200.0) == AT + timedelta(seconds=7_200) + slept


@pytest.mark.parametrize(("offset_before", "offset_after"), [(1, 2), (2, 1)])
def test_each_time_has_the_offset_from_utc_of_its_season(offset_before: int, offset_after: int) -> None:
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # as in Berlin
    began = change - timedelta(hours=1)

    def local(moment: datetime) -> datetime:
        hours = offset_before if moment < change else offset_after
        return moment.astimezone(timezone(timedelta(hours=hours)))

    events: list[Event] = [live_start(), *heard(3.0, 7_200.0, 1.5)]
    recording = recorded(
        *(stamped(event, at=local(began + timedelta(seconds=stream_time(event)))) for event in events)
    )
    for time_s in (0.0, 3_597.0, 3_601.5, 7_200.0):
        expected = local(began + timedelta(seconds=time_s))
        assert is_near(at(recording, time_s), expected)
        assert at(recording, time_s).utcoffset() == expected.utcoffset()


def test_the_drift_of_a_sound_card_does_not_add_up() -> None:
    week_s, drift = 7 * 86_400.0, 2e-4  # two minutes in a week
    events: list[Event] = [live_start(), *heard(30.0, week_s, 30.0)]
    recording = recorded(
        *(stamped(event, at=AT + (1 + drift) * timedelta(seconds=stream_time(event))) for event in events)
    )
    for time_s in (0.0, 0.3 * week_s, week_s):
        assert is_near(at(recording, time_s), AT + (1 + drift) * timedelta(seconds=time_s))


def long_recording(jumps_every: int) -> Recording:
    """Return a month of a session whose clock jumps by an hour again and again."""
    events = timed([live_start(), *heard(130.0, 130.0 * 20_000, 130.0)])
    recording = Recording(None)
    for number, event in enumerate(events):
        moved = timedelta(hours=number // jumps_every)
        recording.add(replace(event, at=AT + moved + timedelta(seconds=stream_time(event))))
    return recording


@pytest.mark.parametrize("jumps_every", [15_000, 7, 1])
def test_the_anchors_of_a_month_are_few(jumps_every: int) -> None:
    assert len(long_recording(jumps_every)._times._anchors) <= MOST_ANCHORS


def test_a_jump_in_a_month_is_kept_to_the_event() -> None:
    recording, jump_s = long_recording(15_000), 130.0 * 15_000
    assert at(recording, jump_s - 130) == AT + timedelta(seconds=jump_s - 130)
    assert at(recording, jump_s) == AT + timedelta(seconds=jump_s, hours=1)


def test_a_log_without_its_head_is_dated_by_its_events() -> None:
    recording = recorded(*timed([*heard(86_400.0, 86_500.0), summary(86_500.0)]))
    assert at(recording, recording.begin_s) == AT + timedelta(seconds=recording.begin_s)


def test_an_event_while_the_source_is_lost_dates_nothing_else() -> None:
    told: list[Event] = [SourceEvent(100.0, "lost"), CorrectionEvent(100.0, "rock", "metal")]
    late = timed(told, AT + timedelta(minutes=30))
    lone = recorded(*late)
    assert at(lone, 100.0) == AT + timedelta(minutes=30, seconds=100)
    assert at(recorded(*timed([summary(100.0)])), 100.0) == AT + timedelta(seconds=100)
    recording = recorded(*late, *timed([GapEvent(3_700.0, 3_600.0, "stall"), *heard(3_703.0, 3_800.0)]))
    assert at(recording, 100.0) == AT + timedelta(seconds=100)


def test_times_beyond_the_calendar_are_unknown() -> None:
    latest = datetime.max.replace(tzinfo=UTC)
    recording = recorded(replace(live_start(), at=latest), stamped(window(1e10, "rock"), at=latest))
    assert recording.time_of_day(1e10) == latest
    assert recording.time_of_day(2e10) is None


def test_a_log_of_before_events_told_the_time_of_day_has_none() -> None:
    recording = recorded(replace(live_start(), at=None), replace(window(3.0, "rock"), at=None))
    assert recording.time_of_day(0.0) is None
