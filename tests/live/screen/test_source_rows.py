"""One of many sources, in one row and in several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.palette import DARK
from live.screen.animation import at_rest
from live.screen.block_letters import SMALL, TALL
from live.screen.canvas import Canvas
from live.screen.characters import UNICODE
from live.screen.source_rows import Columns, SourceRows
from live.screen.strip_cells import StripCache
from live.screen.view import Extras, View
from live.snapshot import Snapshot
from tests.live.screen.drawing import GENRES, SONG, UNSURE, has_letters

PLAIN = Columns(number=2, name=12, title=0, level=8, strip=20)


def drawn(
    snapshot: Snapshot, height: int, letters: int, columns: Columns = PLAIN, *, selected: bool = False
) -> list[str]:
    canvas = Canvas(120, 24, DARK, GENRES, UNICODE)
    view = View(snapshot, at_rest(snapshot), Extras(), StripCache())
    rows = SourceRows(view, 7, selected, columns, snapshot.source_name).rows(canvas, height, letters)
    assert all(row.width <= canvas.right for row in rows)
    return ["".join(segment.text for segment in row.line).rstrip() for row in rows]


@pytest.mark.parametrize(
    ("height", "letters", "columns"),
    [
        (1, 1, PLAIN),
        (2, 1, PLAIN),
        (2, 1, replace(PLAIN, title_below=True)),
        (3, 1, PLAIN),
        (8, 5, PLAIN),
        (9, 5, PLAIN),
        (10, 5, PLAIN),
        (6, 3, PLAIN),
        (4, 3, replace(PLAIN, font=SMALL, letters=45)),
        (7, 5, replace(PLAIN, font=TALL, letters=56)),
    ],
)
def test_each_way_fills_its_rows_and_says_all(height: int, letters: int, columns: Columns) -> None:
    rows = drawn(replace(SONG, title="Sinnerman"), height, letters, columns)
    assert len(rows) == height
    text = "\n".join(rows)
    assert " 7 ● " in text
    assert "ROCK" in text or has_letters(rows, "rock")
    assert "71 %" in text or has_letters(rows, "71%")
    assert ("Sinnerman" in text) is (height > 1 and (height > 2 or columns.title_below))


def test_what_is_pointed_at_is_marked() -> None:
    assert drawn(SONG, 1, 1, selected=True)[0].startswith("  ▸  7 ● ")
    assert "▸" not in drawn(SONG, 1, 1)[0]


def test_a_word_that_has_no_letters_is_written_plainly() -> None:
    snapshot = replace(SONG, genres=("演歌",), verdict=replace(SONG.verdict, genre="演歌"))
    rows = drawn(snapshot, 4, 3, replace(PLAIN, font=SMALL, letters=40))
    assert any("演歌" in row for row in rows)


def test_what_it_might_be_is_told_where_there_is_room() -> None:
    rows = drawn(replace(SONG, verdict=UNSURE), 4, 3, replace(PLAIN, name=30, font=SMALL, letters=30))
    assert any("rock 34 % or blues 29 %" in row for row in rows)


def test_a_lost_source_stands_still_and_has_no_number() -> None:
    row = drawn(replace(SONG, source_condition="lost"), 1, 1)[0]
    assert " 7 ■ " in row
    assert "NO SOURCE" in row
    assert "%" not in row
