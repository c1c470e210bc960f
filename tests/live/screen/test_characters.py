"""Characters for terminals of both kinds."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from live.screen.characters import ASCII, UNICODE, Characters, genre_name, printable


@pytest.mark.parametrize("characters", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_sign_is_one_cell_wide(characters: Characters) -> None:
    signs = [getattr(characters, field.name) for field in fields(Characters) if field.name != "words"]
    assert all(cell_len(sign) == 1 for group in signs for sign in group)
    assert characters.parts[-1] in "█#"


@given(st.text())
def test_ascii_terminals_get_ascii_alone(text: str) -> None:
    assert ASCII.write(text).isascii()
    assert UNICODE.write(text) == text


def test_patterns_can_be_told_apart() -> None:
    for characters in (UNICODE, ASCII):
        patterns = [characters.pattern(state) for state in ("silence", "no_music", "unsure", "other")]
        assert len({*patterns, characters.gap, characters.genre}) == len(patterns) + 2


def test_what_could_move_the_cursor_becomes_a_space() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd e") == "a [2Jb c d e"
    assert genre_name("hip_hop\t") == "hip hop "
