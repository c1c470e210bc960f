"""How the rows are shared out, and what it takes to add a part."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.palette import DARK
from live.screen.animation import at_rest
from live.screen.canvas import Canvas, Row
from live.screen.characters import UNICODE
from live.screen.layout import SLOTS, Slot, rows_of, share_out
from live.screen.parts.bars import Bars
from live.screen.parts.details import Details
from live.screen.parts.footer import Footer
from live.screen.parts.header import Header
from live.screen.parts.level import Level
from live.screen.parts.part import Part
from live.screen.parts.strips import RecentStrip, SessionStrip
from live.screen.parts.verdict import Verdict
from live.screen.strip_cells import StripCache
from live.screen.view import Extras, View
from live.snapshot import Snapshot
from tests.live.screen.drawing import GENRES, SONG, snapshots

LONG = replace(SONG, source_kind="microphone", length_s=None, time_s=7400.0)


def heights(width: int, height: int, snapshot: Snapshot = SONG) -> dict[type[Part], int]:
    view = View(snapshot, at_rest(snapshot), Extras(), StripCache())
    canvas = Canvas(width, height, DARK, snapshot.genres, UNICODE)
    parts = {slot.part: slot.part(view) for slot in SLOTS}
    return {part: rows for part, _, rows in share_out(parts, canvas)}


@given(snapshots(), st.integers(1, 220), st.integers(1, 80))
def test_the_rows_are_as_many_as_the_screen_has(snapshot: Snapshot, width: int, height: int) -> None:
    view = View(snapshot, at_rest(snapshot), Extras(), StripCache())
    canvas = Canvas(width, height, DARK, snapshot.genres, UNICODE)
    assert len(rows_of(view, canvas)) <= height
    if height >= 10 and len(snapshot.genres) <= 10:
        assert len(rows_of(view, canvas)) == height


@pytest.mark.parametrize(
    ("height", "shown"),
    [
        (1, [Verdict]),
        (2, [Verdict, Level]),
        (3, [Verdict, RecentStrip, Level]),
        (4, [Header, Verdict, RecentStrip, Level]),
        (5, [Header, Verdict, Details, RecentStrip, Level]),
        (6, [Header, Verdict, Details, RecentStrip, Level, Footer]),
        (12, [Header, Verdict, Details, Bars, RecentStrip, Level, Footer]),
    ],
)
def test_what_matters_most_is_there_on_the_smallest_screens(height: int, shown: list[type[Part]]) -> None:
    assert list(heights(80, height)) == shown


def test_the_rows_stay_where_they_are_whatever_is_heard() -> None:
    for size in ((60, 20), (80, 24), (200, 50)):
        shares = [
            heights(*size, replace(SONG, verdict=verdict, lost_s=lost_s, source_condition=condition))
            for verdict in (SONG.verdict, replace(SONG.verdict, state="silence", genre=None))
            for lost_s in (0.0, 3.0)
            for condition in ("listening", "lost", "muted")
        ]
        assert all(share == shares[0] for share in shares)


def test_letters_matter_more_than_one_column_of_bars() -> None:
    assert heights(80, 19)[Verdict] == 5
    assert heights(80, 19)[Bars] < len(GENRES)
    assert heights(80, 24)[Bars] >= len(GENRES)


def test_a_strip_of_the_whole_session_needs_a_long_session_and_room() -> None:
    assert SessionStrip in heights(120, 40, LONG)
    assert SessionStrip not in heights(120, 40, SONG)
    assert SessionStrip not in heights(80, 24, LONG)


def test_letters_below_the_word_come_only_with_the_largest() -> None:
    assert heights(200, 50)[Details] == 3
    assert heights(60, 50)[Details] == 1


def test_a_new_part_is_one_class_and_one_slot() -> None:
    class Greeting(Part):
        def rows(self, canvas: Canvas, height: int) -> list[Row]:  # noqa: ARG002
            row = canvas.row()
            row.write("hello")
            return [row]

    slots = (SLOTS[0], Slot(Greeting, from_rows=20, gap=15), *SLOTS[1:])
    view = View(SONG, at_rest(SONG), Extras(), StripCache())
    for height, is_there in ((19, False), (20, True), (50, True)):
        rows = rows_of(view, Canvas(80, height, DARK, GENRES, UNICODE), slots)
        assert len(rows) == height
        words = ["".join(segment.text for segment in row.line).strip() for row in rows]
        assert ("hello" in words) is is_there
