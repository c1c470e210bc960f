"""A log of several sessions is split where they begin, and one that was rotated is not."""

from __future__ import annotations

from datetime import timedelta, timezone

from live.events import Event, GapEvent, StartEvent, stamped
from live.outputs.log_sessions import split_sessions
from tests.live.example_events import AT, start, summary, window
from tests.live.outputs.timed_events import (
    DAY_S,
    at,
    heard,
    live_start,
    recorded,
    rows_of,
    stream_time,
    timed,
)


def test_a_log_of_several_sessions_is_split() -> None:
    events: list[Event] = [
        start(),
        window(3.0, "rock"),
        summary(),
        start(),
        window(3.0, "metal"),
        start(),
        summary(0.0),
    ]
    recordings, count = split_sessions(events, 10)
    assert count == 3
    assert [dict(recording.share) for recording in recordings] == [{"rock": 1}, {"metal": 1}, {}]
    assert [recording.summary is not None for recording in recordings] == [True, False, True]
    latest, count = split_sessions(events, 2)
    assert (len(latest), count) == (2, 3)
    assert dict(latest[0].share) == {"metal": 1}


def test_sessions_of_several_sources_lie_one_in_the_other() -> None:
    def of(event: Event, source: str) -> Event:
        return stamped(event, at=AT, source=source)

    events = [
        start(name="bar"),
        start(name="hall"),
        of(window(3.0, "rock"), "bar"),
        of(window(900.0, "metal"), "hall"),
        of(window(3.5, "rock"), "bar"),
        of(summary(4.0), "bar"),
        of(window(900.5, "metal"), "hall"),
        of(summary(901.0), "hall"),
        start(name="bar"),
        of(window(3.0, "blues"), "bar"),
    ]
    recordings, count = split_sessions(events, 10)
    assert count == 3
    assert [recording.start.source_name for recording in recordings if recording.start is not None] == [
        "bar", "hall", "bar"
    ]  # fmt: skip
    assert [dict(recording.share) for recording in recordings] == [{"rock": 2}, {"metal": 2}, {"blues": 1}]
    assert [recording.summary is not None for recording in recordings] == [True, True, False]


def test_a_log_that_begins_in_the_middle_is_told_from_there() -> None:
    recording = recorded(window(86_400.0, "rock"), window(86_400.5, "metal"), summary(86_401.0))
    assert (recording.begin_s, recording.end_s) == (86_399.5, 86_401.0)
    assert rows_of(recording.strip())[0] == (86_399.5, 86_400.0, "rock")
    assert recording.labels == tuple(window(0, "rock").vote.distribution)


def test_time_that_jumps_back_without_a_start_begins_another_session() -> None:
    recordings, count = split_sessions([window(500.0, "rock"), window(3.0, "metal")], 10)
    assert count == 2
    assert recordings[1].begin_s == 2.5


def rotated(*events: Event, after_s: float) -> tuple[list[Event], list[Event]]:
    """Return the events of two files, of which the second begins after a stream time."""
    starts = [event for event in events if isinstance(event, StartEvent)]
    old = [event for event in events if stream_time(event) <= after_s]
    return old, [*starts, *events[len(old) :]]


def test_the_rest_of_a_rotated_session_begins_where_its_file_does() -> None:
    drifted = timedelta(seconds=50)
    events = timed([live_start(), *heard(3.0, 600.0)])
    in_summer = AT.astimezone(timezone(timedelta(hours=2)))
    later = timed([*heard(DAY_S, DAY_S + 600), summary(DAY_S + 600)], in_summer + drifted)
    _, new = rotated(*events, *later, after_s=600.0)
    recording = recorded(*new)
    assert recording.start == live_start()
    assert (recording.begin_s, recording.end_s) == (DAY_S - 0.5, DAY_S + 600)
    assert rows_of(recording.strip()) == [(DAY_S - 0.5, DAY_S + 600, "rock")]
    assert at(recording, recording.begin_s) == AT + timedelta(seconds=DAY_S - 0.5) + drifted
    assert at(recording, recording.begin_s).utcoffset() == in_summer.utcoffset()
    assert recording.summary is not None


def test_a_rotated_session_in_one_piece_is_one_session() -> None:
    events = timed([live_start(), *heard(3.0, 600.0), summary(600.0)])
    old, new = rotated(*events, after_s=300.0)
    whole, joined = recorded(*events), recorded(*old, *new)
    assert rows_of(joined.strip()) == rows_of(whole.strip())
    assert joined.share == whole.share
    assert joined.summary == whole.summary
    assert recorded(*old).summary is None


def test_rotated_files_in_the_wrong_order_are_two_sessions_with_their_own_times() -> None:
    old, new = rotated(*timed([live_start(), *heard(3.0, 600.0)]), after_s=300.0)
    recordings, count = split_sessions([*new, *old], 10)
    assert count == 2
    assert [recording.start for recording in recordings] == [live_start()] * 2
    assert [(recording.begin_s, recording.end_s) for recording in recordings] == [
        (300.0, 600.0),
        (0.0, 300.0),
    ]
    for recording in recordings:
        assert at(recording, 300.0) == AT + timedelta(seconds=300)


def test_a_repeated_start_with_nothing_after_it_is_no_session() -> None:
    began, *windows = timed([live_start(), *heard(3.0, 10.0)])
    assert recorded(began, *windows, began).windows == len(windows)


def test_a_loss_at_the_beginning_is_no_rotation() -> None:
    recording = recorded(
        *timed([live_start(), GapEvent(3_600.0, 3_600.0, "stall"), *heard(3_603.0, 3_700.0)])
    )
    assert recording.begin_s == 0
    assert recording.lost_s == 3_600


def test_a_silent_source_of_a_rotated_log_keeps_its_name_and_place() -> None:
    names = [f"room {number}" for number in range(25)]
    starts: list[Event] = [live_start(name=name) for name in names]
    told = [event for name in names[1:] for event in timed(heard(DAY_S, DAY_S + 10), source=name)]
    recordings, count = split_sessions([*starts, *told], 20, 100)
    assert count == 25
    assert [recording.source for recording in recordings] == names
    assert not recordings[0].has_events
