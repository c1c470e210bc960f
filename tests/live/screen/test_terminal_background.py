"""Whether the terminal is dark or light."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from live.palette import DARK, LIGHT
from live.screen.terminal_background import theme_for, theme_from_answer
from tests.live.screen.drawing import console_of


@pytest.mark.parametrize(
    ("answer", "theme"),
    [
        (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\\x1b[?62c", DARK),
        (b"\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?1;2c", LIGHT),
        (b"\x1b]11;rgb:f/f/f\x07", LIGHT),
        (b"\x1b]11;rgba:fdfd/f6f6/e3e3/ffff\x1b\\", LIGHT),
        (b"\x1b[?6c", DARK),
        (b"", DARK),
        (b"nonsense", DARK),
    ],
)
def test_the_theme_follows_the_terminals_answer(answer: bytes, theme: object) -> None:
    assert theme_from_answer(answer) is theme


def test_the_theme_follows_the_environment() -> None:
    console = console_of(80, 24)
    assert theme_for(console, {"COLORFGBG": "0;15"}) is LIGHT
    assert theme_for(console, {"COLORFGBG": "15;default;0"}) is DARK
    assert theme_for(Console(file=io.StringIO(), _environ={}), {}) is DARK
