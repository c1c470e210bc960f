"""What there is to see, before anything is drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.screen.animation import at_rest
from live.screen.strip_cells import StripCache
from live.screen.view import Extras, View
from live.snapshot import Snapshot
from tests.live.screen.drawing import NO_MUSIC, SONG, UNSURE


def view_of(snapshot: Snapshot, *, paused: bool = False) -> View:
    return View(snapshot, at_rest(snapshot), Extras(paused=paused), StripCache())


def test_the_genre_heard_is_pointed_at_or_the_two_that_it_might_be() -> None:
    assert view_of(SONG).chosen == {"rock"}
    assert view_of(replace(SONG, verdict=UNSURE)).chosen == {"rock", "blues"}
    assert view_of(replace(SONG, verdict=NO_MUSIC)).chosen == set()


@pytest.mark.parametrize(
    "view",
    [
        view_of(SONG, paused=True),
        view_of(replace(SONG, source_condition="lost")),
        view_of(replace(SONG, source_condition="muted")),
        view_of(replace(SONG, source_condition="opening")),
    ],
    ids=["paused", "lost", "muted", "opening"],
)
def test_nothing_is_pointed_at_while_nothing_is_heard(view: View) -> None:
    assert view.is_stale
    assert view.chosen == set()


def test_the_words_know_of_a_pause() -> None:
    assert view_of(SONG, paused=True).headline.details[0].text == "paused"
