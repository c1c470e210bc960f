"""The genres' bars."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from live.events import NOT_GENRES, Verdict
from live.palette import DARK
from live.screen import Extras, render
from live.screen.animation import Animation, Pose, at_rest
from live.screen.correction import letters_for
from live.snapshot import Snapshot
from tests.live.screen.drawing import (
    GENRES,
    NO_MUSIC,
    ROCK,
    SILENCE,
    SIZES,
    SONG,
    UNSURE,
    WAITING,
    row_with,
    text_of,
)


def test_bars_keep_the_models_order_whatever_is_likely() -> None:
    def order(verdict: Verdict) -> list[str]:
        rows = text_of(render(replace(SONG, verdict=verdict)))
        labels = [row[4:14].strip() for row in rows if row[4:14].strip() in GENRES]
        return [label for label in labels if label in GENRES]

    assert order(ROCK) == order(UNSURE) == order(NO_MUSIC) == list(GENRES)


def bar_eighths(value: float, width: int = 80) -> int:
    pose = Pose((value,) * 10, -120, -120, False)
    row = row_with(text_of(render(SONG, pose=pose), width), "  jazz ")
    parts = "▏▎▍▌▋▊▉█"
    return sum(parts.index(character) + 1 for character in row if character in parts)


def test_bars_grow_by_eighths_of_a_cell() -> None:
    lengths = [bar_eighths(value / 1000) for value in range(1001)]
    assert lengths[0] == 0
    assert {after - before for before, after in pairwise(lengths)} == {0, 1}
    assert lengths[-1] % 8 == 0
    assert lengths[500] == pytest.approx(lengths[-1] / 2, abs=1)


def test_numbers_do_not_lag_behind_the_verdict() -> None:
    animation = Animation()
    animation.advance(replace(SONG, verdict=WAITING), 0.0)
    rows = text_of(render(SONG, pose=animation.advance(SONG, 0.1)))
    assert "71 %" in row_with(rows, "▸ rock")


def test_small_screens_show_the_likeliest_genres_in_the_models_order() -> None:
    rows = text_of(render(SONG), 30, 10)
    shown = [genre for row in rows for genre in GENRES if f" {genre} " in row[:14]]
    assert "rock" in shown
    assert "metal" in shown
    assert shown == sorted(shown, key=GENRES.index)


def test_what_was_heard_last_is_grey_while_paused() -> None:
    color = DARK.colors(GENRES)["rock"]

    def bar_is_colored(extras: Extras) -> bool:
        for line in render(SONG, extras=extras).lines(80, 24):
            if "".join(segment.text for segment in line)[4:8] == "rock":
                return any(s.style and s.style.color and s.style.color.name == color for s in line)
        raise AssertionError

    assert bar_is_colored(Extras())
    assert not bar_is_colored(Extras(paused=True))


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(SONG, source_condition="lost"),
        replace(SONG, source_condition="muted"),
        replace(SONG, verdict=SILENCE),
    ],
    ids=["lost", "muted", "silence"],
)
def test_there_are_no_bars_where_there_is_nothing_to_hear(snapshot: Snapshot) -> None:
    assert set(at_rest(snapshot).bars) == {0.0}
    assert "  0 %" in row_with(text_of(render(snapshot)), " rock ")


def test_each_genre_has_its_letter_while_the_listener_is_asked() -> None:
    letters = letters_for((*GENRES, *NOT_GENRES))
    for width, height in (*SIZES, (30, 14), (60, 12), (80, 14)):
        rows = text_of(render(SONG, extras=Extras(letters=letters)), width, height)
        bars = "\n".join(rows[1:-1])
        shown = [genre for genre in GENRES if f"{letters[genre]} {genre}" in bars]
        if width * height >= 60 * 20:
            assert shown == list(GENRES)
        else:
            assert len(shown) >= 3
        assert not any("▸" in row for row in rows)
    low = text_of(render(SONG, extras=Extras(letters=letters)), 120, 9)
    assert all(f"{letters[genre]} {genre}" in low[-1] for genre in GENRES)
