"""The last row."""

from __future__ import annotations

from live.screen import Extras, render
from live.screen.screen import KEYS
from tests.live.screen.drawing import SONG, text_of


def test_hints_are_shown_only_when_keys_work() -> None:
    assert not any("quit" in row for row in text_of(render(SONG)))


def test_a_message_takes_the_place_of_the_line_of_health() -> None:
    rows = text_of(render(SONG, extras=Extras(keys=KEYS, message="Saved picture.svg")))
    assert rows[-1].strip() == "Saved picture.svg"
