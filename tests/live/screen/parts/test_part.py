"""What a part is without any rules of its own."""

from __future__ import annotations

import pytest

from live.palette import DARK
from live.screen.animation import at_rest
from live.screen.canvas import Canvas
from live.screen.characters import UNICODE
from live.screen.parts.part import Part
from live.screen.strip_cells import StripCache
from live.screen.view import Extras, View
from tests.live.screen.drawing import GENRES, SONG


def test_it_is_one_row_that_is_always_there_and_never_taller() -> None:
    part = Part(View(SONG, at_rest(SONG), Extras(), StripCache()))
    canvas = Canvas(80, 24, DARK, GENRES, UNICODE)
    assert part.is_wanted(canvas)
    assert part.heights(canvas) == (1,)
    assert part.taller(canvas, {Part: 1}) == 1
    with pytest.raises(NotImplementedError):
        part.rows(canvas, 1)
