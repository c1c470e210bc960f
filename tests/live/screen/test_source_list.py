"""Many sources on one screen."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from live.events import Verdict
from live.palette import DARK, ink
from live.screen.animation import at_rest
from live.screen.canvas import margin
from live.screen.characters import ASCII, LINUX_CONSOLE, UNICODE, Characters
from live.screen.navigation import Navigation
from live.screen.screen import LIST_KEYS
from live.screen.source_list import SourceList, arrange, short_names
from live.screen.strip_cells import StripCache
from live.screen.view import Extras, Keeping, View
from live.snapshot import Snapshot, Stretch
from tests.live.screen.drawing import (
    ALL_CHARACTERS,
    GENRES,
    OTHER,
    SILENCE,
    SIZES,
    SONG,
    UNSURE,
    console_of,
    distribution,
    has_letters,
    printed,
    row_with,
    snapshots,
)

ROOM = replace(SONG, source_kind="microphone", length_s=None, time_s=97.0)


def sources(count: int) -> list[Snapshot]:
    """Make sources named s1, s2 and so on."""
    return [replace(ROOM, source_name=f"s{number}") for number in range(1, count + 1)]


def list_of(
    snapshots: list[Snapshot], place: Navigation | None = None, extras: Extras | None = None
) -> SourceList:
    extras = extras or Extras()
    views = [View(snapshot, at_rest(snapshot), extras, StripCache()) for snapshot in snapshots]
    return SourceList(views, place or Navigation(), DARK, extras)


def text_of(picture: SourceList, width: int = 80, height: int = 24, **options: Any) -> list[str]:
    return ["".join(segment.text for segment in line) for line in picture.lines(width, height, **options)]


@settings(max_examples=60)
@given(
    shown=st.lists(snapshots(), min_size=1, max_size=12),
    width=st.integers(1, 220),
    height=st.integers(1, 60),
    place=st.builds(Navigation, st.integers(0, 30), st.integers(0, 30)),
    colored=st.booleans(),
    characters=st.sampled_from(ALL_CHARACTERS),
    message=st.text(max_size=60),
)
def test_every_line_is_exactly_as_wide_as_the_screen(
    shown: list[Snapshot],
    width: int,
    height: int,
    place: Navigation,
    colored: bool,
    characters: Characters,
    message: str,
) -> None:
    titled = [replace(snapshot, title=snapshot.model_name or None) for snapshot in shown]
    extras = Extras(keys=LIST_KEYS, message=message, keeping=Keeping(3))
    rows = text_of(list_of(titled, place, extras), width, height, colored=colored, characters=characters)
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}
    assert not any(character in "\x1b\r\n\t\x07\x08" for row in rows for character in row)
    if characters is ASCII:
        assert all(row.isascii() for row in rows)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("count", [2, 8])
def test_all_of_a_few_are_in_view_with_verdict_name_and_number(width: int, height: int, count: int) -> None:
    rows = text_of(list_of(sources(count)), width, height)
    text = "\n".join(rows)
    for number in range(1, count + 1):
        assert re.search(rf"{number} ● s{number}\b", text)
    assert text.count("71 %") == count or has_letters(rows, "71%")
    assert "ROCK" in text or has_letters(rows, "rock")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_two_sources_have_letters_to_be_read_from_afar(width: int, height: int) -> None:
    assert arrange(2, width - 4, height, GENRES).letters >= 5
    assert has_letters(text_of(list_of(sources(2)), width, height), "rock")


@settings(max_examples=60)
@given(
    width=st.integers(40, 220),
    height=st.integers(8, 60),
    count=st.integers(1, 6),
    genres=st.sampled_from([GENRES, ("classical", "rock", "blues"), ("classical", "演歌", "rock", "blues")]),
)
@example(width=60, height=20, count=2, genres=GENRES)
@example(width=100, height=30, count=2, genres=GENRES)
@example(width=120, height=30, count=2, genres=GENRES)
def test_how_sure_it_is_or_why_there_is_no_verdict_is_told_at_every_size(
    width: int, height: int, count: int, genres: tuple[str, ...]
) -> None:
    room = replace(ROOM, genres=genres)
    sure = replace(room, verdict=Verdict("genre", "classical", 0.87, distribution(classical=0.87)))
    plan = arrange(count, width - 2 * margin(width), height, genres)
    is_card = plan.letters > 1 and not plan.beside
    for shown, words in (
        (sure, "87 % sure" if is_card else "87 %"),
        (replace(room, verdict=UNSURE), "rock 34 % or blues 29 %"),
        (replace(room, source_condition="lost"), "check its cable"),
    ):
        rows = text_of(list_of([shown] * count), width, height)
        told = sum(words in row for row in rows)
        if is_card:
            assert told == count
        elif shown is sure:
            assert told == plan.in_view or has_letters(rows, "87%")


def test_sources_without_an_empty_row_of_their_own_share_what_is_left_over() -> None:
    rows = text_of(list_of(sources(2)), 60, 20)
    assert not rows[next(number for number, row in enumerate(rows) if "● s2" in row) - 1].strip()
    assert "nothing lost" in rows[-1]
    assert rows[-2].strip()


def test_on_a_narrow_screen_the_name_gets_the_columns_that_nothing_else_needs() -> None:
    hall = replace(ROOM, source_name="Left of the bar")
    for width, name in ((30, "Left of…"), (40, "Left of the…"), (52, "Left of the bar")):
        assert f"{name} █ROCK" in row_with(text_of(list_of([hall] * 4), width, 12), "1 ●")


@pytest.mark.parametrize("characters", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_names_with_a_common_beginning_can_be_told_apart_where_they_do_not_fit(
    characters: Characters,
) -> None:
    names = [
        "Monitor of HDMI",
        "Monitor of Built-in Audio Analog Stereo",
        "USB Audio (hw:1,0)",
        "USB Audio (hw:2,0)",
    ]
    rows = text_of(
        list_of([replace(ROOM, source_name=name) for name in names]), 40, 12, characters=characters
    )
    for name in ("Monitor…HDMI", "…Built-in A…", "USB…(hw:1,0)", "USB…(hw:2,0)"):
        assert sum(characters.write(name) in row for row in rows) == 1


@pytest.mark.parametrize(
    ("names", "columns", "short"),
    [
        (("USB Audio", "USB Audio 2"), 11, ("USB Audio", "USB Audio 2")),
        (("USB Audio", "USB Audio 2"), 10, ("USB Audio", "US…Audio 2")),
        (("演歌の 部屋", "演歌の 台所"), 8, ("演…部屋", "演…台所")),
        (("Microphone1", "Microphone2"), 8, ("Microphone1", "Microphone2")),
        (("a long name", "a long name"), 6, ("a long name", "a long name")),
        ((), 8, ()),
    ],
)
def test_names_are_left_whole_where_they_fit_or_share_no_word(
    names: tuple[str, ...], columns: int, short: tuple[str, ...]
) -> None:
    assert short_names(names, columns) == short


@pytest.mark.parametrize("characters", [ASCII, LINUX_CONSOLE], ids=["ascii", "linux"])
@pytest.mark.parametrize(("width", "height", "count"), [(80, 25, 3), (120, 33, 6)])
def test_without_half_blocks_words_are_plain_where_letters_would_be_small(
    width: int, height: int, count: int, characters: Characters
) -> None:
    assert list_of(sources(count)).arrangement(width, height).letters == 3
    assert list_of(sources(count)).arrangement(width, height, characters).letters == 1
    rows = text_of(list_of(sources(count)), width, height, characters=characters)
    assert sum("ROCK" in row and "71 %" in row for row in rows) == count


def test_fifty_scroll_and_say_where_they_are() -> None:
    place = Navigation(selected=30, first=20)
    rows = text_of(list_of(sources(50), place), 80, 24)
    shown = [int(found) for row in rows for found in re.findall(r"● s(\d+)", row)]
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert f"{shown[0]}–{shown[-1]} of 50" in rows[0]
    assert "▸ 31 ● s31" in row_with(rows, "s31")
    thumb = [number for number, row in enumerate(rows) if row.endswith("█")]
    track = [number for number, row in enumerate(rows) if row.endswith("│")]
    assert len(thumb) == pytest.approx(len(shown) * len(shown) / 50, abs=1)
    assert min(track) < thumb[0]
    assert thumb[-1] < max(track)


def test_rows_stay_in_their_order_and_place_whatever_is_heard() -> None:
    before = sources(8)
    after = [*before]
    after[2] = replace(before[2], verdict=UNSURE)
    after[5] = replace(before[5], source_condition="lost")
    for width, height in SIZES:
        places = [
            [row.index(f"s{number}") for number in range(1, 9) for row in rows if f"● s{number}" in row]
            for rows in (text_of(list_of(before), width, height),)
        ]
        names = [
            [number for number, row in enumerate(text_of(list_of(state), width, height)) if " s" in row]
            for state in (before, after)
        ]
        assert len(places[0]) == 8
        assert names[0] == names[1]


def test_each_state_is_told_by_words_and_counted() -> None:
    shown = [
        ROOM,
        replace(ROOM, verdict=UNSURE),
        replace(ROOM, verdict=OTHER),
        replace(ROOM, verdict=SILENCE),
        replace(ROOM, source_condition="lost"),
        replace(ROOM, source_condition="muted"),
        replace(ROOM, source_condition="opening"),
    ]
    for width, height in ((60, 20), (80, 24)):
        rows = text_of(list_of(shown), width, height)
        text = "\n".join(rows)
        for words in ("ROCK", "UNSURE", "OTHER MUSIC", "SILENCE", "NO SOURCE", "MUTED"):
            assert words in text
        assert "7 sources · 4 listening · 1 lost · 1 muted" in rows[0]


def test_a_genre_has_its_own_models_colour_and_a_state_has_none() -> None:
    other = replace(ROOM, genres=("waltz", "rock"))
    for shown in (ROOM, other):
        color = DARK.colors(shown.genres)["rock"]
        lines = list_of([shown] * 8).lines(80, 24)
        words = [segment for line in lines for segment in line if segment.text.startswith("ROCK")]
        assert len(words) == 8
        for segment in words:
            assert segment.style is not None
            assert segment.style.bgcolor is not None
            assert segment.style.bgcolor.name == color
            assert segment.style.color is not None
            assert segment.style.color.name == ink(color)


def test_a_stations_title_stands_beside_its_verdict() -> None:
    shown = [replace(snapshot, title="Nina Simone – Sinnerman") for snapshot in sources(8)]
    wide = text_of(list_of(shown * 6), 140, 30)
    assert "Nina Simone – Sinnerman" in row_with(wide, "● s1 ")
    for width, height in SIZES:
        text = "\n".join(text_of(list_of(shown), width, height))
        assert text.count("Nina Simone – Sinnerman") == 8


def test_the_last_minutes_of_all_end_now() -> None:
    young = replace(ROOM, time_s=60.0, timeline=(Stretch(0, 60, "genre", "jazz"),))
    old = replace(ROOM, time_s=6_000.0, timeline=(Stretch(0, 6_000, "genre", "jazz"),))
    rows = text_of(list_of([young, old] * 20), 120, 24, colored=False)
    first, second = (row_with(rows, f" {number} ●").rstrip("│█ ") for number in (1, 2))
    assert first.count("━") < second.count("━")
    assert "last 10 min" in row_with(rows, "verdict")


def test_what_was_lost_anywhere_is_told() -> None:
    shown = [replace(ROOM, lost_s=1.5), replace(ROOM, lost_s=0.5, skipped_windows=3)]
    assert "2.0 s lost · 3 skipped" in text_of(list_of(shown, extras=Extras(keys=LIST_KEYS)), 120, 40)[-1]
    assert "nothing lost" in text_of(list_of([ROOM, ROOM]))[-1]


def test_it_prints_itself_on_a_console_of_any_size() -> None:
    console: Console = console_of(70, 18, color=False)
    console.print(list_of(sources(3)), end="")
    rows = printed(console).split("\n")
    assert len(rows) == 18
    assert {cell_len(row) for row in rows} == {70}


def test_keeping_and_pausing_are_shown() -> None:
    extras = Extras(paused=True, keeping=Keeping(4))
    rows = text_of(list_of(sources(3), extras=extras))
    assert "3 sources · 3 paused" in rows[0]
    assert "● rec 4" in rows[0]


def test_an_ascii_terminal_is_told_of_the_arrow_keys_too() -> None:
    rows = text_of(list_of(sources(3), extras=Extras(keys=LIST_KEYS)), 80, 24, characters=ASCII)
    assert "^v choose" in rows[-1]
