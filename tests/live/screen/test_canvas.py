"""Rows of a known width, in this terminal's characters and colours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from live.palette import DARK
from live.screen.block_letters import SMALL
from live.screen.canvas import Canvas, Row
from live.screen.characters import ASCII, UNICODE, printable
from tests.live.screen.drawing import GENRES


def canvas_of(width: int = 80, *, ascii_only: bool = False, colored: bool = True) -> Canvas:
    return Canvas(width, 24, DARK, GENRES, ASCII if ascii_only else UNICODE, colored=colored)


def text(row: Row) -> str:
    return "".join(segment.text for segment in row.line)


@given(st.integers(1, 220), st.text(max_size=60), st.integers(0, 250))
def test_words_never_reach_beyond_the_margin(width: int, words: str, until: int) -> None:
    canvas = canvas_of(width)
    row = canvas.row()
    row.write(printable(words))
    assert row.width <= max(canvas.right, canvas.margin)
    row = canvas.row()
    row.write(printable(words), until=until)
    assert row.width <= max(until, canvas.margin)


def test_words_that_are_cut_short_end_in_an_ellipsis() -> None:
    canvas = canvas_of(20)
    row = canvas.row()
    row.write("a very long name of a source")
    assert text(row) == "a very long name of…"
    assert canvas.cut("whole", 5) == "whole"
    assert canvas.cut("演歌演歌", 4) == "演 …"


@given(st.text(max_size=40))
def test_a_row_knows_its_width(signs: str) -> None:
    row = canvas_of().empty()
    row.add(printable(signs))
    assert row.width == cell_len(text(row))


def test_spaces_before_a_text_are_a_piece_of_their_own() -> None:
    row = canvas_of().empty()
    row.add("   word")
    assert [segment.text for segment in row.line] == ["   ", "word"]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_bar_fills_its_cells_whatever_its_value(ascii_only: bool) -> None:
    for value in (-1.0, 0.0, 0.01, 0.5, 0.999, 1.0, 7.0):
        row = canvas_of(ascii_only=ascii_only).empty()
        canvas_of(ascii_only=ascii_only).bar(row, value, 12, "#ffffff")
        assert row.width == 12
        if value >= 1:
            assert set(text(row)) == {"#" if ascii_only else "█"}


def test_bars_strips_and_meter_begin_below_each_other() -> None:
    for width in (30, 60, 200):
        canvas = canvas_of(width)
        row = canvas.row()
        canvas.label(row, "last 20 minutes of a session")
        assert row.width == canvas.left


def test_whole_blocks_are_painted_behind_and_only_in_colour() -> None:
    for colored in (True, False):
        canvas = canvas_of(colored=colored)
        rows = [canvas.empty() for _ in range(3)]
        canvas.letters(rows, "rock", SMALL, "#ff0000")
        behind = {segment.style.bgcolor is not None for row in rows for segment in row.line if segment.style}
        assert (True in behind) is colored


def test_a_genre_has_its_colour_and_all_else_a_tone() -> None:
    canvas = canvas_of()
    assert canvas.color("quiet", "rock") == DARK.colors(GENRES)["rock"]
    assert canvas.color("quiet", "polka") == DARK.quiet
    assert canvas.color("alarm") == DARK.alarm
