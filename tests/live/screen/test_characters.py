"""Characters for terminals of each kind."""

from __future__ import annotations

import string
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from live.screen.block_letters import HUGE, TALL
from live.screen.characters import ASCII, LINUX_CONSOLE, UNICODE, Characters, genre_name, printable
from tests.live.screen.drawing import ALL_CHARACTERS

# In the fonts of Debian's console-setup (Lat15 and Uni2, of Fixed, Terminus and VGA), and of the kernel.
IN_ITS_FONTS = set("█─│░▒·•■×»↑↓")


def signs_of(characters: Characters) -> list[str]:
    names = [field.name for field in fields(Characters) if field.name not in ("words", "encoding")]
    return [getattr(characters, name) for name in names]


@pytest.mark.parametrize("characters", ALL_CHARACTERS)
def test_every_sign_is_one_cell_wide(characters: Characters) -> None:
    assert all(cell_len(sign) == 1 for group in signs_of(characters) for sign in group)
    assert characters.parts[-1] in "█#"


@given(st.text())
def test_ascii_terminals_get_ascii_alone(text: str) -> None:
    assert ASCII.write(text).isascii()
    assert UNICODE.write(text) == text


def test_patterns_can_be_told_apart() -> None:
    for characters in ALL_CHARACTERS:
        patterns = [characters.pattern(state) for state in ("silence", "no_music", "unsure", "other")]
        assert len({*patterns, characters.gap, characters.genre}) == len(patterns) + 2


def test_the_linux_console_gets_what_its_fonts_have_and_names_as_they_are() -> None:
    drawn = "".join(glyph for font in (HUGE, TALL) for row in font.draw("rock…") or () for glyph in row)
    written = LINUX_CONSOLE.write(f"{drawn}71 % · −18 dBFS – don’t ↑↓")
    assert {sign for sign in "".join(signs_of(LINUX_CONSOLE)) + written if not sign.isascii()} <= IN_ITS_FONTS
    assert LINUX_CONSOLE.write("Café") == "Café"


def test_letters_stay_different_without_half_blocks() -> None:
    drawings = {
        letter: tuple(map(LINUX_CONSOLE.write, TALL.draw(letter) or ()))
        for letter in string.ascii_lowercase + string.digits + "%…&?"
    }
    assert len(set(drawings.values())) == len(drawings) - 1  # o and 0


def test_what_could_move_the_cursor_becomes_a_space() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd e") == "a [2Jb c d e"
    assert genre_name("hip_hop\t") == "hip hop "
