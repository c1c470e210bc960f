"""A frame asks nothing of the console but its size, its colours and its characters."""

from __future__ import annotations

from typing import Any, Self

import pytest
from rich.segment import Segment

from live.screen.canvas import Line
from live.screen.characters import ASCII, UNICODE, Characters
from live.screen.console_frame import ConsoleFrame
from tests.live.screen.drawing import console_of, printed


class Letters(ConsoleFrame):
    """A letter for each line, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()

    def lines(
        self, width: int, height: int, *, colored: bool = True, characters: Characters = UNICODE
    ) -> list[Line]:
        self.asked = (width, height, colored, characters)
        return [[Segment(letter * width)] for letter in "abcdefgh"[:height]]

    def without_hints(self) -> Self:
        return self


@pytest.mark.parametrize(
    ("options", "colored", "characters"),
    [
        ({}, True, UNICODE),
        ({"color": False}, False, UNICODE),
        ({"NO_COLOR": "1"}, False, UNICODE),
        ({"encoding": "ascii"}, True, ASCII),
    ],
)
def test_a_frame_fills_the_console_in_its_colours_and_characters(
    options: dict[str, Any], colored: bool, characters: Characters
) -> None:
    console, frame = console_of(4, 3, **options), Letters()
    console.print(frame, end="")
    assert printed(console) == "aaaa\nbbbb\ncccc"
    assert frame.asked == (4, 3, colored, characters)
