"""The line below the word."""

from __future__ import annotations

from dataclasses import replace

from live.screen import render
from tests.live.screen.drawing import SONG, UNSURE, has_letters, text_of


def test_what_it_might_be_is_in_block_letters_where_there_is_room() -> None:
    rows = text_of(render(replace(SONG, verdict=UNSURE)), 120, 40)
    assert has_letters(rows, "unsure")
    assert has_letters(rows, "rock 34%")
    assert has_letters(rows, "blues 29%")
    narrower = text_of(render(replace(SONG, verdict=UNSURE)), 80, 40)
    assert has_letters(narrower, "rock")
    assert has_letters(narrower, "blues")
