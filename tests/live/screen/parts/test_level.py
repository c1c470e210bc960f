"""The level meter."""

from __future__ import annotations

from dataclasses import replace

from live.screen import render
from tests.live.screen.drawing import SONG, row_with, text_of


def test_clipping_is_told_by_a_word() -> None:
    assert "CLIPPING" in row_with(text_of(render(replace(SONG, clipped=True))), "level")
    assert "−18 dBFS" in row_with(text_of(render(SONG)), "level")
