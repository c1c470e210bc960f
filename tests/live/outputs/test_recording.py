"""A session summed up: right where it is short, bounded where it is long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.events import Event, GapEvent, SourceEvent
from live.outputs.recording import MOST_BINS, MOST_LABELS, MOST_STRETCHES, Recording
from tests.live.example_events import start, summary, window
from tests.live.outputs.timed_events import recorded, rows_of


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
