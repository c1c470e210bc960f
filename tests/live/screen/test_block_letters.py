"""The block fonts."""

from __future__ import annotations

import pytest

from live.screen.block_letters import FONTS, SMALL, Font


@pytest.mark.parametrize("font", FONTS, ids=lambda font: f"{font.rows} rows")
def test_every_letter_is_drawn_and_no_two_are_alike(font: Font) -> None:
    drawings: dict[tuple[str, ...], str] = {}
    for character in "abcdefghijklmnopqrstuvwxyz0123456789%…-+&'./?! ":
        rows = font.draw(character)
        assert rows is not None
        assert len(rows) == font.rows
        assert len({len(row) for row in rows}) == 1
        drawings[rows] = drawings.get(rows, "") + character
    assert [characters for characters in drawings.values() if len(characters) > 1] == ["o0"]


def test_accents_are_left_out_and_unknown_signs_refused() -> None:
    assert SMALL.draw("café_été") == SMALL.draw("cafe ete")
    assert SMALL.draw("演歌") is None
