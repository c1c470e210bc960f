"""What the cells of a strip show."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.screen import strip_cells
from live.snapshot import Stretch, StretchState


def test_cells_show_what_took_most_of_their_time() -> None:
    stretches = (Stretch(0, 6, "genre", "jazz"), Stretch(6, 10, "genre", "pop"), Stretch(10, 20, "silence"))
    scale = strip_cells.Scale(0.0, 10.0, 3, "session")
    assert strip_cells.runs(stretches, scale, 20.0) == [
        strip_cells.Run(1, "genre", "jazz"),
        strip_cells.Run(1, "silence"),
        strip_cells.Run(1, None),
    ]


def test_what_is_remembered_is_what_would_be_worked_out() -> None:
    strips = strip_cells.StripCache()
    states: tuple[StretchState, ...] = ("genre", "silence", "gap", "unsure")
    past: tuple[Stretch, ...] = ()
    for step in range(120):
        start_s, state = step * 4.0, states[step % 4]
        for time_s in (start_s + 0.2, start_s + 1.7, start_s + 4.0):
            stretches = (*past, Stretch(start_s, time_s, state, "jazz" if state == "genre" else None))
            for scale in (
                strip_cells.recent_scale(time_s, None, 40),
                strip_cells.whole_scale(time_s, None, 40),
            ):
                remembered = strips.runs(stretches, scale, time_s)
                assert remembered == strip_cells.runs(stretches, scale, time_s)
                assert strips.runs(stretches, scale, time_s) is remembered
        past = stretches


def test_a_short_file_is_shown_whole_and_a_long_one_by_its_last_minutes() -> None:
    assert strip_cells.recent_scale(10.0, 200.0, 60).end_s == pytest.approx(200.0)
    long = strip_cells.recent_scale(5000.0, 7200.0, 60)
    assert long.label == "last 5 min"
    assert long.end_s - long.start_s == pytest.approx(300.0)
    assert long.start_s <= 5000.0 <= long.end_s


def test_the_moving_strip_moves_by_whole_cells() -> None:
    starts = [strip_cells.recent_scale(5000.0 + step / 10, None, 60).start_s for step in range(100)]
    steps = {round(after - before, 6) for before, after in pairwise(starts)}
    assert steps == {0.0, 5.0}


@given(st.floats(0, 10**7), st.none() | st.floats(0.5, 10**6), st.integers(1, 300))
def test_scales_hold_the_present(time_s: float, length_s: float | None, cells: int) -> None:
    for scale in (
        strip_cells.recent_scale(time_s, length_s, cells),
        strip_cells.whole_scale(time_s, length_s, cells),
    ):
        assert scale.start_s <= time_s <= scale.end_s * (1 + 1e-9)
        marks = strip_cells.ticks(scale)
        assert len(marks) <= cells
        assert all(0 <= cell < cells for cell, _ in marks)
        ends = [cell + len(words) for cell, words in marks]
        assert all(end < cell for end, (cell, _) in zip(ends, marks[1:], strict=False))


@given(st.floats(0, 10**7), st.integers(1, 300), st.floats(0, 10**7))
def test_the_strips_of_a_list_end_now_and_show_the_same_span(
    time_s: float, cells: int, oldest_s: float
) -> None:
    scale = strip_cells.list_scale(time_s, cells, oldest_s)
    assert scale.end_s - scale.cell_s - 1e-6 <= time_s <= scale.end_s + 1e-6
    assert scale.cell_s * cells >= min(oldest_s, 600) - 1e-6
    assert scale.label == strip_cells.list_scale(0.0, cells, oldest_s).label


def test_the_span_of_a_list_grows_with_its_oldest_source() -> None:
    labels = [strip_cells.list_scale(5.0, 40, oldest_s).label for oldest_s in (5, 70, 400, 10_000)]
    assert labels == ["last 1 min", "last 2 min", "last 10 min", "last 10 min"]
