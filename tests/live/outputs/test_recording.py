"""A session summed up: right where it is short, bounded where it is long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.events import CorrectionEvent, Event, GapEvent, SourceEvent, StartEvent, stamped
from live.outputs.recording import (
    MOST_ANCHORS,
    MOST_BINS,
    MOST_LABELS,
    MOST_STRETCHES,
    Recording,
    split_sessions,
)
from live.snapshot import Stretch
from tests.live.example_events import AT, start, summary, window
from tests.live.outputs.timed_events import live_start, stream_time, timed


def recorded(*events: Event) -> Recording:
    (recording,), count = split_sessions(events, 10)
    assert count == 1
    return recording


def rows_of(stretches: list[Stretch]) -> list[tuple[float, float, str]]:
    return [(stretch.start_s, stretch.end_s, stretch.genre or stretch.state) for stretch in stretches]


def test_a_short_session_is_told_exactly() -> None:
    recording = recorded(
        start(),
        window(3.0, "rock", 0.7),
        window(3.5, "rock", 0.9),
        window(4.0, "metal"),
        SourceEvent(4.0, "lost"),
        GapEvent(6.0, 2.0, "stall"),
        SourceEvent(6.0, "back"),
        window(9.0, state="silence"),
        summary(10.0, windows=4),
    )
    expected = [
        (0.0, 3.5, "rock"),
        (3.5, 4.0, "metal"),
        (4.0, 6.0, "gap"),
        (6.0, 9.0, "silence"),
        (9.0, 10.0, "waiting"),
    ]
    assert rows_of(recording.changes(100)[0]) == expected
    assert rows_of(recording.strip()) == expected
    assert recording.share == {"rock": 2, "metal": 1}
    assert (recording.windows, recording.lost_s, recording.losses) == (4, 2.0, 1)
    assert [(note.time_s, note.what) for note in recording.notes] == [
        (4.0, "lost"), (4.0, "stall"), (6.0, "back")
    ]  # fmt: skip
    heard = {begin_s: piece for begin_s, piece in recording.pieces() if piece.windows}
    assert list(heard) == [2.5, 3.0, 3.5, 8.5]
    assert heard[3.0].distribution["rock"] == pytest.approx(0.9)


def test_a_piece_of_several_states_is_drawn_as_a_gap_or_as_what_it_mostly_was() -> None:
    recording = recorded(
        start(),
        window(3.0, "rock"),
        GapEvent(3.1, 0.1, "overflow"),
        window(3.5, "rock"),
        window(3.7, "metal"),
        window(4.0, "blues"),
    )
    assert rows_of(recording.strip()) == [(0.0, 3.0, "rock"), (3.0, 3.5, "gap"), (3.5, 4.0, "blues")]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 50_000), st.sampled_from(["rock", "metal", None]), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_no_time_is_lost_or_counted_twice(steps: list[tuple[float, str | None, bool]]) -> None:
    recording, now_s = Recording(start()), 0.0
    for step_s, genre, is_gap in steps:
        now_s += step_s
        recording.add(GapEvent(now_s, step_s, "stall") if is_gap else window(now_s, genre))
    pieces = list(recording.pieces())
    assert len(pieces) <= MOST_BINS
    assert sum(sum(piece.states.values()) for _, piece in pieces) == pytest.approx(now_s, rel=1e-6)
    assert sum(piece.windows for _, piece in pieces) == recording.windows
    strip = recording.strip()
    assert strip[0].start_s == 0
    assert strip[-1].end_s == recording.end_s
    assert all(one.end_s == other.start_s for one, other in pairwise(strip))


def test_a_pause_is_no_part_of_the_verdict_after_it() -> None:
    recording = Recording(start())
    for time_s in (3.0, 603.0, 603.5):
        recording.add(window(time_s, "rock"))
    told = [(piece.end_s, piece.state, piece.genre) for piece in recording.strip()]
    assert told == [
        (3.0, "genre", "rock"),
        (pytest.approx(600.0, abs=0.1), "waiting", None),
        (603.5, "genre", "rock"),
    ]


def test_a_day_is_bounded() -> None:
    recording = Recording(start())
    genres = ("rock", "metal", "blues")
    for number in range(30_000):
        recording.add(window(3.0 + 3 * number, genres[number // 2 % 3]))
        if number % 50 == 0:
            recording.add(GapEvent(5.0 + 3 * number, 0.1, "overflow"))
    assert len(list(recording.pieces())) <= MOST_BINS
    assert recording._stretches is None, f"more than {MOST_STRETCHES} are not kept"
    assert len(recording.notes) + recording.notes_left_out == recording.losses == 600
    changes, step_s = recording.changes(300)
    assert 0 < len(changes) <= 300
    assert step_s > 0
    assert (changes[0].start_s, changes[-1].end_s) == (0.0, recording.end_s)
    assert recording.share.total() == recording.windows == 30_000


def test_too_many_changes_are_told_by_what_was_mostly_heard() -> None:
    recording = Recording(start())
    for number in range(400):  # mostly rock, then mostly metal
        usual = "rock" if number < 200 else "metal"
        recording.add(window(3.0 + number, "blues" if number % 4 == 3 else usual))
    stretches, step_s = recording.changes(10)
    assert step_s >= 2
    assert [stretch.genre for stretch in stretches] == ["rock", "metal"]
    assert stretches[0].end_s == stretches[1].start_s == pytest.approx(203, abs=step_s)
    assert (stretches[0].start_s, stretches[1].end_s) == (0.0, 402.0)
    exact, step_s = recording.changes(1_000)
    assert step_s == 0
    assert len(exact) == 200


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


def test_labels_without_end_take_no_memory() -> None:
    events: list[Event] = [start()]
    for number in range(200):
        labels = [f"{number} {label}" for label in range(100)]
        events.append(window(3.0 + number, labels[0], labels=labels))
    recording = recorded(*events)
    assert len(recording.labels) <= MOST_LABELS + 100
    assert len({label for _, piece in recording.pieces() for label in piece.shares}) <= MOST_LABELS + 100
    assert set(recording.share) <= set(recording.labels)


def test_wild_numbers_do_no_harm() -> None:
    recording = recorded(start(), window(1e10, "rock"), GapEvent(1e10, 1e10, "stall"), window(1e10, "rock"))
    assert len(list(recording.pieces())) <= MOST_BINS


def at(recording: Recording, time_s: float) -> datetime:
    moment = recording.time_of_day(time_s)
    assert moment is not None
    return moment


def heard(first_s: float, last_s: float, step_s: float = 0.5) -> list[Event]:
    """Return the windows from one stream time to another."""
    count = round((last_s - first_s) / step_s)
    return [window(first_s + number * step_s, "rock") for number in range(count + 1)]


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


def rotated(*events: Event, after_s: float) -> tuple[list[Event], list[Event]]:
    """Return the events of two files, of which the second begins after a stream time."""
    starts = [event for event in events if isinstance(event, StartEvent)]
    old = [event for event in events if stream_time(event) <= after_s]
    return old, [*starts, *events[len(old) :]]


DAY_S = 86_400.0


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
