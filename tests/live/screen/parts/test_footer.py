"""The last row."""

from __future__ import annotations

from live.events import NOT_GENRES
from live.screen import Extras, render
from live.screen.correction import letters_for
from live.screen.screen import KEYS
from tests.live.screen.drawing import SONG, text_of


def test_hints_are_shown_only_when_keys_work() -> None:
    assert not any("quit" in row for row in text_of(render(SONG)))


def test_it_asks_what_is_really_heard_and_says_how_to_leave() -> None:
    letters = letters_for((*SONG.genres, *NOT_GENRES))
    extras = Extras(keys=KEYS, message="Saved", letters=letters)
    row = text_of(render(SONG, extras=extras), 80, 24)[-1]
    assert row.strip() == "What is it really?  n no music  t other music  Esc back"


def test_a_message_takes_the_place_of_the_line_of_health() -> None:
    rows = text_of(render(SONG, extras=Extras(keys=KEYS, message="Saved picture.svg")))
    assert rows[-1].strip() == "Saved picture.svg"
