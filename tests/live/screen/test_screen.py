"""The screen, drawn on captured consoles of fixed size."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions

from live.events import Verdict, VoteState
from live.palette import DARK, LIGHT
from live.screen import Extras, Frame, Screen, render, save_picture, timeline
from live.screen.lettering import FONTS, SMALL, TALL, Font
from live.screen.loop import KEYS
from live.screen.motion import Motion, Pose, at_rest
from live.screen.terminal import theme_for, theme_from_answer
from live.snapshot import Heard, Snapshot, SourceCondition, Stretch

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
SIZES = [(60, 20), (80, 24), (120, 40), (200, 50)]
TINY = [(1, 1), (2, 3), (10, 2), (20, 1), (20, 5), (30, 8), (40, 12), (300, 3), (12, 60)]


def distribution(**parts: float) -> dict[str, float]:
    rest = (1.0 - sum(parts.values())) / (len(GENRES) + 1 - len(parts))
    return {label: parts.get(label, rest) for label in (*GENRES, "no_music")}


ROCK = Verdict("genre", "rock", 0.71, distribution(rock=0.71, metal=0.12))
UNSURE = Verdict("unsure", None, 0.34, distribution(rock=0.34, blues=0.29))
SILENCE = Verdict("silence", None, 0.0, distribution())
NO_MUSIC = Verdict("no_music", None, 0.83, distribution(no_music=0.83))
WAITING = Verdict("waiting", None, 0.0, distribution())

SONG = Snapshot(
    source_kind="file",
    source_name="Night Train.flac",
    sample_rate=44_100,
    source_condition="listening",
    model_name="gtzan-lstm",
    genres=GENRES,
    time_s=97.0,
    length_s=214.0,
    level_dbfs=-18.3,
    peak_dbfs=-7.2,
    clipped=False,
    verdict=ROCK,
    timeline=(
        Stretch(0, 3, "waiting"),
        Stretch(3, 30, "genre", "blues"),
        Stretch(30, 36, "unsure"),
        Stretch(36, 54, "genre", "jazz"),
        Stretch(54, 97, "genre", "rock"),
    ),
    share={"rock": 0.5, "jazz": 0.22, "blues": 0.2},
    windows=180,
    compute_ms=1.42,
)


def console_of(
    width: int, height: int, *, color: bool = True, encoding: str = "utf-8", **environment: str
) -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    return Console(
        file=file,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor" if color else None,
        legacy_windows=False,
        _environ=environment,
    )


def printed(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.TextIOWrapper)
    buffer = file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(file.encoding)


def text_of(frame: Frame, width: int = 80, height: int = 24, **options: bool) -> list[str]:
    return ["".join(segment.text for segment in line) for line in frame.lines(width, height, **options)]


def has_letters(rows: list[str], words: str) -> bool:
    """Tell whether the rows show ``words`` in one of the block fonts."""
    for font in FONTS:
        drawn = font.draw(words)
        assert drawn is not None
        for first in range(len(rows) - font.rows + 1):
            if all(line.strip() in row for line, row in zip(drawn, rows[first:], strict=False)):
                return True
    return False


def strip_in(rows: list[str], label: str = "file") -> str:
    """Give the strip with ``label`` before it."""
    return next(row for row in rows if row.strip().startswith(f"{label} "))


def row_with(rows: list[str], word: str) -> str:
    return next(row for row in rows if word in row)


names = st.text(min_size=0, max_size=30) | st.sampled_from(
    ["drum & bass", "ヒップホップ", "hip-hop", "a" * 90]
)


@st.composite
def verdicts(draw: st.DrawFn, genres: tuple[str, ...]) -> Verdict:
    state: VoteState = draw(st.sampled_from(get_args(VoteState)))
    genre = draw(st.sampled_from(genres)) if state == "genre" and genres else None
    if state == "genre" and genre is None:
        state = "waiting"
    weights = [draw(st.floats(0, 1)) for _ in genres]
    return Verdict(state, genre, draw(st.floats(0, 1)), dict(zip(genres, weights, strict=True)))


@st.composite
def timelines(draw: st.DrawFn, genres: tuple[str, ...]) -> tuple[tuple[Stretch, ...], float]:
    time_s = draw(st.floats(0, 50))
    stretches = []
    states: list[Heard] = ["unsure", "silence", "no_music", "waiting", "gap"]
    for duration_s in draw(st.lists(st.floats(0.01, 4000), max_size=12)):
        state: Heard = draw(st.sampled_from([*states, "genre"] if genres else states))
        genre = draw(st.sampled_from(genres)) if state == "genre" else None
        stretches.append(Stretch(time_s, time_s + duration_s, state, genre))
        time_s += duration_s
    return tuple(stretches), time_s


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    genres = tuple(draw(st.lists(names, max_size=22, unique=True)))
    stretches, time_s = draw(timelines(genres))
    level = st.floats(-120, 3)
    return Snapshot(
        source_kind=draw(st.sampled_from(["file", "microphone"])),
        source_name=draw(st.text(max_size=60)),
        sample_rate=48_000,
        source_condition=draw(st.sampled_from(get_args(SourceCondition))),
        model_name=draw(st.text(max_size=40)),
        genres=genres,
        time_s=time_s + draw(st.floats(0, 1)),
        length_s=draw(st.none() | st.floats(0, 20_000)),
        level_dbfs=draw(level | st.just(float("-inf"))),
        peak_dbfs=draw(level),
        clipped=draw(st.booleans()),
        verdict=draw(verdicts(genres)),
        timeline=stretches,
        share={genre: draw(st.floats(0, 1)) for genre in genres[:3]},
        windows=draw(st.integers(0, 10**6)),
        skipped_windows=draw(st.integers(0, 10**6)),
        lost_s=draw(st.floats(0, 10**5)),
        compute_ms=draw(st.floats(0, 1000)),
    )


@settings(max_examples=150, deadline=None)
@given(
    snapshot=snapshots(),
    width=st.integers(1, 220),
    height=st.integers(1, 60),
    colored=st.booleans(),
    ascii_only=st.booleans(),
    keys=st.sampled_from([(), KEYS]),
    message=st.text(max_size=100),
    paused=st.booleans(),
)
def test_every_line_is_exactly_as_wide_as_the_screen(
    snapshot: Snapshot,
    width: int,
    height: int,
    colored: bool,
    ascii_only: bool,
    keys: tuple[tuple[str, str], ...],
    message: str,
    paused: bool,
) -> None:
    frame = render(snapshot, extras=Extras(keys=keys, paused=paused, message=message))
    rows = text_of(frame, width, height, colored=colored, ascii_only=ascii_only)
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}
    assert not any(character in "\x1b\r\n\t\x07\x08" for row in rows for character in row)
    if ascii_only:
        assert all(row.isascii() for row in rows)


@pytest.mark.parametrize(("width", "height"), [*SIZES, *TINY])
@pytest.mark.parametrize("verdict", [ROCK, UNSURE, SILENCE, NO_MUSIC, WAITING], ids=lambda v: v.state)
def test_printing_fills_the_console_and_does_not_scroll(width: int, height: int, verdict: Verdict) -> None:
    console = console_of(width, height, color=False)
    console.print(render(replace(SONG, verdict=verdict)), end="")
    rows = printed(console).split("\n")
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_genre_is_the_largest_thing(width: int, height: int) -> None:
    rows = text_of(render(SONG), width, height)
    assert has_letters(rows, "rock")
    assert any("71 % sure" in row for row in rows)
    assert any("since 0:54" in row for row in rows)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 50)])
def test_how_sure_is_in_block_letters_too(width: int, height: int) -> None:
    assert has_letters(text_of(render(SONG), width, height), "71%")


def test_what_it_might_be_is_in_block_letters_where_there_is_room() -> None:
    rows = text_of(render(replace(SONG, verdict=UNSURE)), 120, 40)
    assert has_letters(rows, "unsure")
    assert has_letters(rows, "rock 34%")
    assert has_letters(rows, "blues 29%")
    narrower = text_of(render(replace(SONG, verdict=UNSURE)), 80, 40)
    assert has_letters(narrower, "rock")
    assert has_letters(narrower, "blues")


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (replace(SONG, verdict=UNSURE), ["UNSURE", "rock 34 %", "blues 29 %"]),
        (replace(SONG, verdict=SILENCE), ["SILENCE", "nothing to hear"]),
        (replace(SONG, verdict=NO_MUSIC), ["NO MUSIC", "83 % sure"]),
        (replace(SONG, verdict=WAITING), ["LISTENING…", "few seconds"]),
        (
            replace(SONG, source_condition="lost", source_kind="microphone"),
            ["NO SOURCE", "cable", "source lost"],
        ),
        (replace(SONG, source_condition="muted"), ["MUTED", "digital silence"]),
    ],
    ids=["unsure", "silence", "no_music", "waiting", "lost", "muted"],
)
def test_each_state_is_told_by_words(snapshot: Snapshot, words: list[str]) -> None:
    # Few rows leave no room for block letters: the words stand in plain text.
    rows = "\n".join(text_of(render(snapshot), 80, 6))
    for word in words:
        assert word in rows
    letters = TALL.draw(words[0].lower())
    large = "\n".join(text_of(render(snapshot), 80, 24))
    assert letters is not None
    assert all(line.strip() in large for line in letters)


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


def test_hints_are_shown_only_when_keys_work() -> None:
    assert not any("quit" in row for row in text_of(render(SONG)))


def test_a_message_takes_the_place_of_the_line_of_health() -> None:
    rows = text_of(render(SONG, extras=Extras(keys=KEYS, message="Saved picture.svg")))
    assert rows[-1].strip() == "Saved picture.svg"


def test_pausing_is_told_and_points_at_no_genre() -> None:
    for verdict in (ROCK, UNSURE):
        for width, height in SIZES:
            paused = render(replace(SONG, verdict=verdict), extras=Extras(paused=True))
            rows = text_of(paused, width, height)
            assert "paused" in rows[0]
            assert any("paused" in row for row in rows[1:])
            assert not any("▸" in row for row in rows)


def test_clipping_is_told_by_a_word() -> None:
    assert "CLIPPING" in row_with(text_of(render(replace(SONG, clipped=True))), "level")
    assert "−18 dBFS" in row_with(text_of(render(SONG)), "level")


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


def test_without_colour_the_timeline_still_names_the_genres() -> None:
    strip = strip_in(text_of(render(SONG), 120, 40, colored=False))
    for name in ("blues", "jazz", "rock"):
        assert f"▐{name}" in strip
    assert "▒" in strip


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


def test_bars_keep_the_models_order_whatever_is_likely() -> None:
    def order(verdict: Verdict) -> list[str]:
        rows = text_of(render(replace(SONG, verdict=verdict)))
        labels = [row[4:14].strip() for row in rows if row[4:14].strip() in GENRES]
        return [label for label in labels if label in GENRES]

    assert order(ROCK) == order(UNSURE) == order(NO_MUSIC) == list(GENRES)


def bar_eighths(value: float, width: int = 80) -> int:
    pose = Pose((value,) * 10, -120, -120, False)
    row = row_with(text_of(render(SONG, pose=pose), width), "  jazz ")
    parts = "▏▎▍▌▋▊▉█"
    return sum(parts.index(character) + 1 for character in row if character in parts)


def test_bars_grow_by_eighths_of_a_cell() -> None:
    lengths = [bar_eighths(value / 1000) for value in range(1001)]
    assert lengths[0] == 0
    assert {after - before for before, after in pairwise(lengths)} == {0, 1}
    assert lengths[-1] % 8 == 0
    assert lengths[500] == pytest.approx(lengths[-1] / 2, abs=1)


def test_numbers_do_not_lag_behind_the_verdict() -> None:
    motion = Motion()
    motion.advance(replace(SONG, verdict=WAITING), 0.0)
    rows = text_of(render(SONG, pose=motion.advance(SONG, 0.1)))
    assert "71 %" in row_with(rows, "▸ rock")


def test_small_screens_show_the_likeliest_genres_in_the_models_order() -> None:
    rows = text_of(render(SONG), 30, 10)
    shown = [genre for row in rows for genre in GENRES if f" {genre} " in row[:14]]
    assert "rock" in shown
    assert "metal" in shown
    assert shown == sorted(shown, key=GENRES.index)


def test_what_was_heard_last_is_grey_while_paused() -> None:
    color = DARK.colors(GENRES)["rock"]

    def bar_is_colored(extras: Extras) -> bool:
        for line in render(SONG, extras=extras).lines(80, 24):
            if "".join(segment.text for segment in line)[4:8] == "rock":
                return any(s.style and s.style.color and s.style.color.name == color for s in line)
        raise AssertionError

    assert bar_is_colored(Extras())
    assert not bar_is_colored(Extras(paused=True))


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(SONG, source_condition="lost"),
        replace(SONG, source_condition="muted"),
        replace(SONG, verdict=SILENCE),
    ],
    ids=["lost", "muted", "silence"],
)
def test_there_are_no_bars_where_there_is_nothing_to_hear(snapshot: Snapshot) -> None:
    assert set(at_rest(snapshot).bars) == {0.0}
    assert "  0 %" in row_with(text_of(render(snapshot)), " rock ")


def test_bars_ease_towards_their_values_and_arrive() -> None:
    motion = Motion()
    motion.advance(replace(SONG, verdict=WAITING), 0.0)
    lengths = [motion.advance(SONG, 0.1 * step).bars[-1] for step in range(1, 40)]
    assert 0.0 < lengths[0] < 0.5
    assert all(before <= after for before, after in pairwise(lengths))
    assert lengths[-1] == 0.71


def test_easing_depends_on_time_and_not_on_the_number_of_frames() -> None:
    few, many = Motion(), Motion()
    for motion in (few, many):
        motion.advance(replace(SONG, verdict=WAITING), 0.0)
    for step in range(1, 10):
        many.advance(SONG, 0.02 * step)
    assert many.advance(SONG, 0.2).bars == pytest.approx(few.advance(SONG, 0.2).bars)


def test_the_level_rises_at_once_falls_slowly_and_holds_its_peak() -> None:
    motion = Motion()
    quiet = replace(SONG, level_dbfs=-50.0, peak_dbfs=-45.0)
    loud = replace(SONG, level_dbfs=-10.0, peak_dbfs=-3.0)
    motion.advance(quiet, 0.0)
    assert motion.advance(loud, 0.1).level_dbfs == -10.0
    after = motion.advance(quiet, 0.6)
    assert -50.0 < after.level_dbfs < -10.0
    assert after.hold_dbfs == -3.0
    assert motion.advance(quiet, 3.0).hold_dbfs < -3.0
    rest = motion.advance(quiet, 20.0)
    assert (rest.level_dbfs, rest.hold_dbfs) == (-50.0, -45.0)


def test_clipping_stays_visible_for_a_moment() -> None:
    motion = Motion()
    motion.advance(replace(SONG, clipped=True), 0.0)
    assert motion.advance(SONG, 1.0).clipped
    assert not motion.advance(SONG, 5.0).clipped


@pytest.mark.parametrize("condition", ["opening", "lost", "ended"])
def test_the_meter_falls_to_the_floor_when_no_sound_comes_in(condition: SourceCondition) -> None:
    motion = Motion()
    motion.advance(SONG, 0.0)
    pose = motion.advance(replace(SONG, source_condition=condition, clipped=True), 10.0)
    assert (pose.level_dbfs, pose.hold_dbfs, pose.clipped) == (-120.0, -120.0, False)


def test_the_meter_falls_while_paused() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        screen.draw(SONG)
        screen.paused = True
        clock.time_s = 10.0
        screen.draw(SONG)
    assert "−120 dBFS" in printed(console)


def test_nothing_is_claimed_before_the_first_window() -> None:
    assert set(at_rest(replace(SONG, verdict=WAITING)).bars) == {0.0}


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


def test_lost_sound_is_marked_however_short() -> None:
    lossy = (*SONG.timeline[:-1], Stretch(54, 70, "genre", "rock"), Stretch(70, 70.01, "gap"))
    lossy = (*lossy, Stretch(70.01, 97, "genre", "rock"))
    for colored in (True, False):
        before = "\n".join(text_of(render(SONG), colored=colored))
        after = "\n".join(text_of(render(replace(SONG, timeline=lossy)), colored=colored))
        assert "╳" not in before
        assert after.count("╳") == 1


@pytest.mark.parametrize(
    ("state", "sign"), [("silence", "·"), ("no_music", "░"), ("unsure", "▒"), ("gap", "╳")]
)
def test_what_is_no_genre_has_a_sign_of_its_own(state: Heard, sign: str) -> None:
    stretches = (*SONG.timeline[:-1], Stretch(54, 97, state))
    strip = strip_in(text_of(render(replace(SONG, timeline=stretches))))
    assert strip.count(sign) >= 3


def test_the_strip_has_time_ticks_where_the_time_is() -> None:
    rows = text_of(render(SONG), 120, 40)
    strip, ticks = next((a, b) for a, b in pairwise(rows) if "╵1:00" in b)
    start = ticks.index("╵0:00")
    cells = len(strip.rstrip()) - start
    assert ticks.index("╵1:00") - start == pytest.approx(60 / 214 * (120 - 2 - start), abs=1)
    assert cells > 0


def test_cells_show_what_took_most_of_their_time() -> None:
    stretches = (Stretch(0, 6, "genre", "jazz"), Stretch(6, 10, "genre", "pop"), Stretch(10, 20, "silence"))
    scale = timeline.Scale(0.0, 10.0, 3, "session")
    assert timeline.runs(stretches, scale, 20.0) == [
        timeline.Run(1, "genre", "jazz"),
        timeline.Run(1, "silence"),
        timeline.Run(1, None),
    ]


def test_what_is_remembered_is_what_would_be_worked_out() -> None:
    memory = timeline.Memory()
    states: tuple[Heard, ...] = ("genre", "silence", "gap", "unsure")
    past: tuple[Stretch, ...] = ()
    for step in range(120):
        start_s, state = step * 4.0, states[step % 4]
        for time_s in (start_s + 0.2, start_s + 1.7, start_s + 4.0):
            stretches = (*past, Stretch(start_s, time_s, state, "jazz" if state == "genre" else None))
            for scale in (timeline.recent_scale(time_s, None, 40), timeline.whole_scale(time_s, None, 40)):
                remembered = memory.runs(stretches, scale, time_s)
                assert remembered == timeline.runs(stretches, scale, time_s)
                assert memory.runs(stretches, scale, time_s) is remembered
        past = stretches


def test_a_short_file_is_shown_whole_and_a_long_one_by_its_last_minutes() -> None:
    assert timeline.recent_scale(10.0, 200.0, 60).end_s == pytest.approx(200.0)
    long = timeline.recent_scale(5000.0, 7200.0, 60)
    assert long.label == "last 5 min"
    assert long.end_s - long.start_s == pytest.approx(300.0)
    assert long.start_s <= 5000.0 <= long.end_s


def test_the_moving_strip_moves_by_whole_cells() -> None:
    starts = [timeline.recent_scale(5000.0 + step / 10, None, 60).start_s for step in range(100)]
    steps = {round(after - before, 6) for before, after in pairwise(starts)}
    assert steps == {0.0, 5.0}


def test_a_long_session_gets_a_second_strip_where_there_is_room() -> None:
    long = replace(SONG, source_kind="microphone", length_s=None, time_s=7400.0)
    large = text_of(render(long), 120, 40)
    assert row_with(large, "last 10 min")
    assert strip_in(large, "session")
    assert not any(row.strip().startswith("session") for row in text_of(render(long), 80, 24))


@given(st.floats(0, 10**7), st.none() | st.floats(0.5, 10**6), st.integers(1, 300))
def test_scales_hold_the_present(time_s: float, length_s: float | None, cells: int) -> None:
    for scale in (
        timeline.recent_scale(time_s, length_s, cells),
        timeline.whole_scale(time_s, length_s, cells),
    ):
        assert scale.start_s <= time_s <= scale.end_s * (1 + 1e-9)
        marks = timeline.ticks(scale)
        assert len(marks) <= cells
        assert all(0 <= cell < cells for cell, _ in marks)
        ends = [cell + len(words) for cell, words in marks]
        assert all(end < cell for end, (cell, _) in zip(ends, marks[1:], strict=False))


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


def test_one_long_name_does_not_take_the_letters_from_the_others() -> None:
    genres = (*GENRES, "progressive psychedelic trance")
    assert has_letters(text_of(render(replace(SONG, genres=genres)), 80, 24), "rock")
    long = replace(SONG, genres=genres, verdict=Verdict("genre", genres[-1], 0.6, {genres[-1]: 0.6}))
    assert any("P R O G R E S S I V E" in row for row in text_of(render(long), 80, 24))
    assert has_letters(text_of(render(SONG), 30, 8), "rock")


def test_accents_are_left_out_and_unknown_signs_refused() -> None:
    assert SMALL.draw("café_été") == SMALL.draw("cafe ete")
    assert SMALL.draw("演歌") is None


def test_a_genre_without_block_letters_is_written_plainly() -> None:
    genres = ("演歌", "rock")
    verdict = Verdict("genre", "演歌", 0.9, {"演歌": 0.9, "rock": 0.1})
    snapshot = replace(SONG, genres=genres, verdict=verdict)
    rows = text_of(render(snapshot))
    assert any(row.strip() == "演 歌" for row in rows)
    assert any("90 % sure" in row for row in rows)
    assert "演歌  90 %" in text_of(render(snapshot), 80, 3)[0]


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


class Ended(threading.Event):
    """An end that comes by itself after a number of frames, each as long as it was asked to wait."""

    def __init__(self, clock: Clock, frames: int) -> None:
        super().__init__()
        self.clock = clock
        self.frames = frames
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.clock.time_s += timeout
        if len(self.waits) > self.frames:
            self.set()
        return self.is_set()


def test_only_lines_that_changed_are_written() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        assert screen.draw(SONG) == 24
        assert screen.draw(SONG) == 0
        clock.time_s += 0.01
        assert screen.draw(replace(SONG, lost_s=3.0)) == 1
        assert "3.0 s lost" in printed(console)


def test_what_is_written_line_by_line_adds_up_to_the_frame() -> None:
    clock = Clock()
    console = console_of(60, 20, color=False)
    with Screen(console, clock=clock, theme=DARK) as screen:
        for verdict in (WAITING, ROCK, UNSURE, ROCK):
            for _ in range(5):
                clock.time_s += 0.1
                screen.draw(replace(SONG, verdict=verdict))
        clock.time_s += 10
        screen.draw(SONG)
    cells: dict[int, str] = {}
    for row, column, text in re.findall(r"\x1b\[(\d+);(\d+)H([^\x1b]*)", printed(console)):
        assert column == "1"
        cells[int(row) - 1] = text
    expected = text_of(
        render(SONG, pose=replace(at_rest(SONG), pulse=clock.time_s % 2 < 1)), 60, 20, colored=False
    )
    assert [cells[row] for row in range(20)] == expected


def test_a_new_size_draws_everything_again() -> None:
    console = console_of(80, 24)
    with Screen(console, clock=Clock(), theme=DARK) as screen:
        screen.draw(SONG)
        console.size = ConsoleDimensions(60, 20)
        assert screen.draw(SONG) == 20


def test_the_terminal_is_restored_also_after_an_error() -> None:
    console = console_of(80, 24)

    def fail() -> Snapshot:
        raise RuntimeError("no snapshot")

    with pytest.raises(RuntimeError, match="no snapshot"), Screen(console, theme=DARK) as screen:
        screen.run(fail, threading.Event())
    text = printed(console)
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?25h\x1b[?1049l")


def test_the_loop_looks_less_often_while_nothing_moves() -> None:
    clock = Clock()
    ended = Ended(clock, 40)
    still = replace(SONG, source_condition="muted")
    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run(lambda: still, ended)
    assert max(ended.waits) <= 0.25
    assert ended.waits[1] == pytest.approx(0.1)
    assert ended.waits[-1] == pytest.approx(0.25)


def test_the_loop_keeps_its_pace_while_something_moves() -> None:
    clock = Clock()
    ended = Ended(clock, 40)

    def moving() -> Snapshot:
        return replace(SONG, level_dbfs=-30 + 20 * (clock.time_s % 1))

    with Screen(console_of(80, 24), clock=clock, theme=DARK) as screen:
        screen.run(moving, ended)
    assert set(ended.waits[1:]) == {0.1}


def test_an_end_before_the_beginning_draws_nothing() -> None:
    ended = threading.Event()
    ended.set()
    with Screen(console_of(80, 24), theme=DARK) as screen:
        screen.run(lambda: pytest.fail("asked for a snapshot"), ended)


def test_a_message_goes_away_by_itself() -> None:
    clock = Clock()
    console = console_of(80, 24)
    with Screen(console, clock=clock, theme=DARK) as screen:
        screen.show_message("hello")
        screen.draw(SONG)
        assert "hello" in printed(console)
        clock.time_s += 10
        screen.draw(SONG)
        assert "nothing lost" in printed(console)


PROGRAM = """
import threading
from live.screen import Screen
from tests.live.screen.test_screen import SONG

ended = threading.Event()

def on_key(key):
    if key == "q":
        ended.set()
    return f"pressed {key}"

with Screen() as screen:
    screen.run(lambda: SONG, ended, on_key)
print("restored")
"""


class Shell:
    """A program on a pseudo-terminal of its own, and all that it has written."""

    def __init__(self, program: str, width: int, height: int) -> None:
        import pty

        self.process, self.terminal = pty.fork()
        if self.process == 0:
            # A width and height that the environment fixes must not keep the screen from growing.
            environment = {"PATH": os.defpath, "TERM": "xterm-256color", "COLORFGBG": "15;0"}
            environment |= {"COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(Path(__file__).parents[3])}
            program = f"input()\n{program}"
            os.execve(sys.executable, [sys.executable, "-c", program], environment)
        self.written = b""
        self.resize(width, height)
        self.press("\n")

    def resize(self, width: int, height: int) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read on until ``text`` was written; what came before it is forgotten."""
        give_up_s = time.monotonic() + 60.0
        while text.encode() not in self.written:
            left_s = give_up_s - time.monotonic()
            assert left_s > 0, self.written[-500:]
            if select.select([self.terminal], [], [], left_s)[0]:
                self.written += os.read(self.terminal, 65536)
        self.written = self.written.partition(text.encode())[2]

    def end(self) -> int:
        """Give the exit status."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self.process = 0
        return status

    def close(self) -> None:
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            self.end()
        os.close(self.terminal)

    def echoes(self) -> bool:
        import termios

        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_real_terminal_keys_sizes_and_stopping_work_and_all_is_restored() -> None:
    with contextlib.closing(Shell(PROGRAM, 80, 24)) as shell:
        shell.wait_for("\x1b[?1049h")
        shell.wait_for("\x1b[24;1H")
        shell.press("s")
        shell.wait_for("pressed s")
        assert not shell.echoes()
        shell.resize(60, 20)
        shell.wait_for("\x1b[2J")
        shell.wait_for("\x1b[20;1H")
        shell.press("\x1a")  # Ctrl-Z
        shell.wait_for("\x1b[?1049l")
        _, status = os.waitpid(shell.process, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert shell.echoes()
        os.kill(shell.process, signal.SIGCONT)
        shell.wait_for("\x1b[?1049h")
        shell.wait_for("\x1b[20;1H")
        shell.press("q")
        shell.wait_for("\x1b[?25h\x1b[?1049l")
        shell.wait_for("restored")
        assert shell.echoes()
        assert shell.end() == 0


@pytest.mark.parametrize(("term", "usable"), [("dumb", False), ("xterm-256color", True)])
def test_dumb_terminals_get_no_screen(term: str, usable: bool) -> None:
    assert Screen.usable(console_of(80, 24, TERM=term)) is usable


def test_a_file_is_no_screen() -> None:
    assert not Screen.usable(Console(file=io.StringIO(), _environ={}))


def test_a_saved_picture_shows_the_screen(tmp_path: Path) -> None:
    path = save_picture(SONG, tmp_path / "picture.svg", width=80, height=24)
    picture = path.read_text(encoding="utf-8").replace("&#160;", " ")
    assert picture.startswith("<svg")
    assert "genre-live" in picture
    assert "71 % sure" in picture
    assert DARK.colors(GENRES)["rock"] in picture


def test_a_saved_picture_needs_no_network_and_no_font_for_its_blocks(tmp_path: Path) -> None:
    path = save_picture(SONG, tmp_path / "picture.svg", width=80, height=24)
    picture = path.read_text(encoding="utf-8")
    assert not re.search(r"url\(.?http|@import|<image", picture)
    assert not set(picture) & set("█▀▄▏▎▍▌▋▊▉")
    style = re.search(rf"\.(\S+) {{ fill: {DARK.colors(GENRES)['rock']} }}", picture)
    assert style is not None
    drawing = ElementTree.fromstring(picture)
    wide = [
        float(rectangle.attrib["width"])
        for rectangle in drawing.iter("{http://www.w3.org/2000/svg}rect")
        if rectangle.get("class") == style.group(1)
    ]
    assert max(wide) > 100  # the bar
    assert len(wide) > 20  # the letters


def test_the_screen_saves_what_it_shows(tmp_path: Path) -> None:
    with Screen(console_of(80, 24), theme=LIGHT) as screen:
        with pytest.raises(ValueError, match="drawn"):
            screen.save_picture(tmp_path / "early.svg")
        screen.draw(SONG)
        assert LIGHT.background in screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_a_picture_of_a_screen_that_is_paused_says_so(tmp_path: Path) -> None:
    with Screen(console_of(80, 24), theme=DARK) as screen:
        screen.paused = True
        screen.show_message("Saved")
        screen.draw(SONG, keys=True)
        picture = screen.save_picture(tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "paused" in picture
    assert "listening" not in picture
    assert "Saved" not in picture


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


def test_rendering_is_pure() -> None:
    assert text_of(render(SONG)) == text_of(render(SONG))
