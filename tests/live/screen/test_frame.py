"""One frame, drawn on captured consoles of fixed size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from live.events import Verdict
from live.palette import DARK, LIGHT
from live.screen import Extras, render
from live.screen.animation import at_rest
from live.screen.characters import ASCII, Characters
from live.screen.screen import KEYS
from live.snapshot import Snapshot
from tests.live.screen.drawing import (
    ALL_CHARACTERS,
    GENRES,
    NO_MUSIC,
    OTHER,
    ROCK,
    SILENCE,
    SIZES,
    SONG,
    TINY,
    UNSURE,
    WAITING,
    console_of,
    printed,
    row_with,
    snapshots,
    strip_in,
    text_of,
)


@settings(max_examples=150)
@given(
    snapshot=snapshots(),
    width=st.integers(1, 220),
    height=st.integers(1, 60),
    colored=st.booleans(),
    characters=st.sampled_from(ALL_CHARACTERS),
    keys=st.sampled_from([(), KEYS]),
    message=st.text(max_size=100),
    paused=st.booleans(),
)
def test_every_line_is_exactly_as_wide_as_the_screen(
    snapshot: Snapshot,
    width: int,
    height: int,
    colored: bool,
    characters: Characters,
    keys: tuple[tuple[str, str], ...],
    message: str,
    paused: bool,
) -> None:
    frame = render(snapshot, extras=Extras(keys=keys, paused=paused, message=message))
    rows = text_of(frame, width, height, colored=colored, characters=characters)
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}
    assert not any(character in "\x1b\r\n\t\x07\x08" for row in rows for character in row)
    if characters is ASCII:
        assert all(row.isascii() for row in rows)


@pytest.mark.parametrize(("width", "height"), [*SIZES, *TINY])
@pytest.mark.parametrize("verdict", [ROCK, UNSURE, OTHER, SILENCE, NO_MUSIC, WAITING], ids=lambda v: v.state)
def test_printing_fills_the_console_and_does_not_scroll(width: int, height: int, verdict: Verdict) -> None:
    console = console_of(width, height, color=False)
    console.print(render(replace(SONG, verdict=verdict)), end="")
    rows = printed(console).split("\n")
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}


def colors_in(text: str) -> list[str]:
    return [
        code
        for code in re.findall(r"\x1b\[([0-9;]*)m", text)
        if re.search(r"(^|;)[34]8;|(^|;)[34][0-7]", code)
    ]


def test_no_color_is_honoured() -> None:
    colored, plain = console_of(80, 24), console_of(80, 24, NO_COLOR="1")
    for console in (colored, plain):
        console.print(render(SONG), end="")
    assert colors_in(printed(colored))
    assert not colors_in(printed(plain))


def test_ascii_terminals_get_ascii() -> None:
    console = console_of(80, 24, encoding="ascii")
    console.print(render(replace(SONG, source_name="Später – ヒ.flac")), end="")
    printed(console).encode("ascii")


def test_a_genre_has_the_same_colour_in_word_bar_and_timeline() -> None:
    for theme in (DARK, LIGHT):
        color = theme.colors(GENRES)["rock"]
        lines = render(SONG, theme=theme).lines(80, 24)
        wearing = [
            number
            for number, line in enumerate(lines)
            for segment in line
            if segment.style and segment.style.color and segment.style.color.name == color
        ]
        assert {2, 3, 4, 5, 6} <= set(wearing)  # the word
        texts = ["".join(segment.text for segment in line) for line in lines]
        assert texts.index(row_with(texts, "▸ rock")) in wearing
        assert texts.index(strip_in(texts)) in wearing


def test_broken_numbers_do_no_harm() -> None:
    nan = float("nan")
    verdict = replace(ROCK, distribution=dict.fromkeys(GENRES, nan))
    pose = at_rest(replace(SONG, verdict=verdict, level_dbfs=nan, peak_dbfs=float("-inf")))
    assert set(pose.bars) == {0.0}
    assert (pose.level_dbfs, pose.hold_dbfs) == (-120.0, -120.0)
    for width, height in SIZES:
        assert "0 % sure" in "".join(
            text_of(render(replace(SONG, verdict=replace(verdict, confidence=nan))), width, height)
        )


def test_pausing_is_told_and_points_at_no_genre() -> None:
    for verdict in (ROCK, UNSURE):
        for width, height in SIZES:
            paused = render(replace(SONG, verdict=verdict), extras=Extras(paused=True))
            rows = text_of(paused, width, height)
            assert "paused" in rows[0]
            assert any("paused" in row for row in rows[1:])
            assert not any("▸" in row for row in rows)


def test_source_time_health_share_and_keys_are_shown() -> None:
    frame = render(replace(SONG, lost_s=1.6, skipped_windows=3), extras=Extras(keys=KEYS))
    rows = text_of(frame, 120, 40)
    header, footer = rows[0], rows[-1]
    assert "listening" in header
    assert "Night Train.flac" in header
    assert "file" in header
    assert "1:37 of 3:34" in header
    assert "1.6 s lost · 3 skipped · 1.4 ms a window · gtzan-lstm" in footer
    assert all(f"{key} {action}" in footer for key, action in KEYS)
    assert row_with(rows, "▸ rock").rstrip().endswith("50 %")


def test_rendering_is_pure() -> None:
    assert text_of(render(SONG)) == text_of(render(SONG))
