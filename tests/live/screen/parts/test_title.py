"""A station's title."""

from __future__ import annotations

from dataclasses import replace

from live.screen import render
from tests.live.screen.drawing import SIZES, SONG, has_letters, row_with, text_of


def test_it_stands_by_the_verdict_where_a_station_tells_it() -> None:
    station = replace(SONG, title="Nina Simone –\x1b Sinnerman")
    for width, height in SIZES:
        rows = text_of(render(station), width, height)
        row = row_with(rows, "Nina Simone –  Sinnerman")
        assert rows.index(row) < rows.index(row_with(rows, "since 0:54"))
        assert has_letters(rows, "rock")
        assert not any("Nina" in row for row in text_of(render(SONG), width, height))


def test_the_screen_does_not_jump_between_two_songs() -> None:
    without = text_of(render(replace(SONG, title="")))
    titled = text_of(render(replace(SONG, title="Sinnerman")))
    assert [row for row in titled if "Sinnerman" not in row] == [
        row for row, other in zip(without, titled, strict=True) if "Sinnerman" not in other
    ]
