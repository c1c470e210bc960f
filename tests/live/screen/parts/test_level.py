"""The level meter."""

from __future__ import annotations

from dataclasses import replace

from live.palette import DARK
from live.screen import render
from live.screen.animation import Pose
from live.screen.canvas import Canvas
from live.screen.characters import UNICODE
from live.screen.parts.level import draw_level_line
from tests.live.screen.drawing import SONG, row_with, text_of


def test_clipping_is_told_by_a_word() -> None:
    assert "CLIPPING" in row_with(text_of(render(replace(SONG, clipped=True))), "level")
    assert "−18 dBFS" in row_with(text_of(render(SONG)), "level")


def test_the_level_of_one_of_many_is_a_line_that_warns() -> None:
    canvas = Canvas(80, 24, DARK, SONG.genres, UNICODE)

    def line(level_dbfs: float, *, clipped: bool = False) -> tuple[int, str]:
        row = canvas.empty()
        draw_level_line(canvas, row, 12, Pose((), level_dbfs, level_dbfs, clipped))
        assert row.width == 12
        style = row.line[0].style
        assert style is not None
        assert style.color is not None
        return "".join(segment.text for segment in row.line).count("━"), style.color.name

    assert line(-30.0) == (6, DARK.accent)
    assert line(-6.0) == (11, DARK.warning)
    assert line(0.0, clipped=True) == (12, DARK.alarm)
    assert line(-120.0)[0] == 0
