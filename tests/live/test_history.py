"""What was heard so far: shares that add up, a timeline without holes, and no growth over weeks."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from live.events import Event, GapEvent, SourceEvent, WindowEvent
from live.history import LONGEST_TIMELINE, History
from tests.live.example_events import start, window


def history(*events: Event) -> History:
    subject = History()
    for event in events:
        subject.add(event)
    return subject


def heard(subject: History) -> list[tuple[float, float, str, str | None]]:
    return [(piece.start_s, piece.end_s, piece.state, piece.genre) for piece in subject.timeline]


def test_windows_of_one_verdict_become_one_stretch() -> None:
    subject = history(start(), window(3.0, "rock"), window(3.5, "rock"), window(4.0, "metal"))
    assert heard(subject) == [(0.0, 3.5, "genre", "rock"), (3.5, 4.0, "genre", "metal")]


def test_states_without_a_genre_are_stretches_too() -> None:
    subject = history(window(3.0), window(3.5, state="silence"), window(4.0, state="silence"))
    assert heard(subject) == [(0.0, 3.0, "unsure", None), (3.0, 4.0, "silence", None)]


def test_a_gap_is_a_stretch_of_its_own_length() -> None:
    subject = history(window(3.0, "rock"), GapEvent(8.2, 5.0, "stall"), window(11.2, "rock"))
    assert heard(subject) == [
        (0.0, 3.0, "genre", "rock"),
        (3.0, pytest.approx(3.2), "waiting", None),  # heard, and in no window
        (pytest.approx(3.2), 8.2, "gap", None),
        (8.2, 11.2, "genre", "rock"),
    ]
    assert subject.lost_s == 5.0
    assert subject.last_gap == GapEvent(8.2, 5.0, "stall")


def test_a_pause_is_no_part_of_the_verdict_after_it() -> None:
    subject = history(start(), window(3.0, "rock"), window(603.0, "rock"), window(603.5, "rock"))
    reach_s = start().reach_s
    assert heard(subject) == [
        (0.0, 3.0, "genre", "rock"),
        (3.0, 603.0 - reach_s, "waiting", None),
        (603.0 - reach_s, 603.5, "genre", "rock"),
    ]


def test_verdicts_that_lie_further_apart_than_a_window_hold_until_the_next() -> None:
    subject = history(replace(start(), hop_s=60.0), window(60.0, "rock"), window(120.0, "rock"))
    assert heard(subject) == [(0.0, 120.0, "genre", "rock")]


def test_the_timeline_has_no_holes_whatever_comes() -> None:
    events: list[Event] = []
    for k in range(200):
        events.append(window(3 + k * 2.0, ["rock", "metal", None][k % 3]))
        if k % 7 == 0:
            events.append(GapEvent(4 + k * 2.0, 0.5, "behind"))
        if k % 5 == 0:
            events.append(SourceEvent(4 + k * 2.0, "muted"))
    pieces = history(*events).timeline
    assert all(piece.start_s < piece.end_s for piece in pieces)
    assert all(before.end_s == after.start_s for before, after in itertools.pairwise(pieces))
    assert all(
        (before.state, before.genre) != (after.state, after.genre)
        for before, after in itertools.pairwise(pieces)
    )


def test_weeks_fill_no_memory() -> None:
    subject = history(*(window(3 + k, ["rock", "metal"][k % 2]) for k in range(3 * LONGEST_TIMELINE)))
    assert len(subject.timeline) == LONGEST_TIMELINE
    assert subject.timeline[-1].end_s == 3 + 3 * LONGEST_TIMELINE - 1
    assert subject.share == {"rock": 0.5, "metal": 0.5}


def test_shares_are_of_all_windows_the_largest_first() -> None:
    subject = history(*(window(k, "blues" if k < 2 else "rock" if k < 5 else None) for k in range(10)))
    assert subject.share == {"rock": 0.3, "blues": 0.2}
    assert list(subject.share) == ["rock", "blues"]
    assert subject.windows == 10


def test_a_summary_adds_it_up() -> None:
    subject = history(window(3.0, "rock"), GapEvent(4.0, 0.5, "stall"), window(8.0, "rock"), window(8.5))
    summary = subject.summary(9.0, skipped_windows=2)
    assert (summary.duration_s, summary.windows, summary.skipped_windows) == (9.0, 3, 2)
    assert (summary.lost_s, summary.genre) == (0.5, "rock")
    assert summary.share == {"rock": pytest.approx(2 / 3)}


def test_nothing_heard_sums_up_to_nothing() -> None:
    summary = History().summary(0.0, 0)
    assert (summary.windows, summary.genre, summary.share) == (0, None, {})
    assert History().compute_ms == 0.0


def test_the_compute_time_is_that_of_the_latest_windows() -> None:
    def took(time_s: float, compute_ms: float) -> WindowEvent:
        heard = window(time_s, "rock")
        return WindowEvent(time_s, heard.probabilities, -20.0, compute_ms, heard.vote)

    subject = history(*(took(k, 500.0) for k in range(500)), *(took(500 + k, k % 101) for k in range(202)))
    assert subject.compute_ms == 50.0  # the median of 0 to 100
