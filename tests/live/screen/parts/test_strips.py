"""The timeline as the screen draws it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from live.palette import DARK
from live.screen import render
from live.screen.canvas import Canvas
from live.screen.characters import UNICODE
from live.screen.parts.strips import draw_runs
from live.screen.strip_cells import Run
from live.snapshot import Stretch, StretchState
from tests.live.screen.drawing import OTHER, SONG, row_with, strip_in, text_of


def test_without_colour_the_timeline_still_names_the_genres() -> None:
    strip = strip_in(text_of(render(SONG), 120, 40, colored=False))
    for name in ("blues", "jazz", "rock"):
        assert f"▐{name}" in strip
    assert "▒" in strip


def test_lost_sound_is_marked_however_short() -> None:
    lossy = (*SONG.timeline[:-1], Stretch(54, 70, "genre", "rock"), Stretch(70, 70.01, "gap"))
    lossy = (*lossy, Stretch(70.01, 97, "genre", "rock"))
    for colored in (True, False):
        before = "\n".join(text_of(render(SONG), colored=colored))
        after = "\n".join(text_of(render(replace(SONG, timeline=lossy)), colored=colored))
        assert "╳" not in before
        assert after.count("╳") == 1


@pytest.mark.parametrize(
    ("state", "sign"), [("silence", "·"), ("no_music", "░"), ("unsure", "▒"), ("other", "╱"), ("gap", "╳")]
)
def test_what_is_no_genre_has_a_sign_of_its_own(state: StretchState, sign: str) -> None:
    stretches = (*SONG.timeline[:-1], Stretch(54, 97, state))
    strip = strip_in(text_of(render(replace(SONG, timeline=stretches))))
    assert strip.count(sign) >= 3


def test_the_strip_has_time_ticks_where_the_time_is() -> None:
    rows = text_of(render(SONG), 120, 40)
    strip, ticks = next((a, b) for a, b in pairwise(rows) if "╵1:00" in b)
    start = ticks.index("╵0:00")
    cells = len(strip.rstrip()) - start
    assert ticks.index("╵1:00") - start == pytest.approx(60 / 214 * (120 - 2 - start), abs=1)
    assert cells > 0


def test_a_long_session_gets_a_second_strip_where_there_is_room() -> None:
    long = replace(SONG, source_kind="microphone", length_s=None, time_s=7400.0)
    large = text_of(render(long), 120, 40)
    assert row_with(large, "last 10 min")
    assert strip_in(large, "session")
    assert not any(row.strip().startswith("session") for row in text_of(render(long), 80, 24))


def test_other_music_is_named_and_brighter_than_what_is_no_music() -> None:
    stretches = (Stretch(0, 50, "other"), Stretch(50, 97, "no_music"))
    canvas_line = next(
        line
        for line in render(replace(SONG, verdict=OTHER, timeline=stretches)).lines(120, 40)
        if any("other music" in segment.text and "╱" in segment.text for segment in line)
    )
    colors = {
        segment.text[0]: segment.style.color.name
        for segment in canvas_line
        if segment.style and segment.style.color and segment.text[0] in "╱░"
    }
    assert colors == {"╱": DARK.quiet, "░": DARK.faint}


def test_a_low_strip_leaves_half_of_its_row_free_and_names_what_is_long() -> None:
    for colored in (True, False):
        canvas = Canvas(80, 24, DARK, SONG.genres, UNICODE, colored=colored)
        row = canvas.empty()
        runs = [Run(6, "genre", "jazz"), Run(20, "genre", "rock"), Run(5, "genre", "pop", has_gap=True)]
        draw_runs(canvas, row, runs, words=True, low=True)
        text = "".join(segment.text for segment in row.line)
        assert row.width == 31
        assert "╳" in text
        assert ("▄ rock ▄" in text) is colored
        assert "█" not in text
