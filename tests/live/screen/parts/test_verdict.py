"""The word to be read from afar."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.events import Verdict
from live.screen import render
from live.screen.block_letters import TALL
from live.screen.characters import ASCII, LINUX_CONSOLE, Characters
from live.snapshot import Snapshot
from tests.live.screen.drawing import (
    GENRES,
    NO_MUSIC,
    OTHER,
    SILENCE,
    SIZES,
    SONG,
    UNSURE,
    WAITING,
    has_letters,
    row_with,
    text_of,
)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_genre_is_the_largest_thing(width: int, height: int) -> None:
    rows = text_of(render(SONG), width, height)
    assert has_letters(rows, "rock")
    assert any("71 % sure" in row for row in rows)
    assert any("since 0:54" in row for row in rows)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 50)])
def test_how_sure_is_in_block_letters_too(width: int, height: int) -> None:
    assert has_letters(text_of(render(SONG), width, height), "71%")


@pytest.mark.parametrize("characters", [ASCII, LINUX_CONSOLE], ids=["ascii", "linux"])
def test_small_block_letters_need_half_blocks_and_without_them_the_word_is_plain(
    characters: Characters,
) -> None:
    assert has_letters(text_of(render(SONG), 60, 16), "rock")
    assert "  R O C K" in row_with(text_of(render(SONG), 60, 16, characters=characters), "R O C K")
    assert "R O C K" not in "\n".join(text_of(render(SONG), 80, 24, characters=characters))


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (replace(SONG, verdict=UNSURE), ["UNSURE", "rock 34 %", "blues 29 %"]),
        (replace(SONG, verdict=OTHER), ["OTHER MUSIC", "none of its genres", "64 % sure"]),
        (replace(SONG, verdict=SILENCE), ["SILENCE", "nothing to hear"]),
        (replace(SONG, verdict=NO_MUSIC), ["NO MUSIC", "83 % sure"]),
        (replace(SONG, verdict=WAITING), ["LISTENING…", "few seconds"]),
        (
            replace(SONG, source_condition="lost", source_kind="microphone"),
            ["NO SOURCE", "cable", "source lost"],
        ),
        (replace(SONG, source_condition="muted"), ["MUTED", "digital silence"]),
    ],
    ids=["unsure", "other", "silence", "no_music", "waiting", "lost", "muted"],
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


def test_one_long_name_does_not_take_the_letters_from_the_others() -> None:
    genres = (*GENRES, "progressive psychedelic trance")
    assert has_letters(text_of(render(replace(SONG, genres=genres)), 80, 24), "rock")
    long = replace(SONG, genres=genres, verdict=Verdict("genre", genres[-1], 0.6, {genres[-1]: 0.6}))
    assert any("P R O G R E S S I V E" in row for row in text_of(render(long), 80, 24))
    assert has_letters(text_of(render(SONG), 30, 8), "rock")


def test_a_genre_without_block_letters_is_written_plainly() -> None:
    genres = ("演歌", "rock")
    verdict = Verdict("genre", "演歌", 0.9, {"演歌": 0.9, "rock": 0.1})
    snapshot = replace(SONG, genres=genres, verdict=verdict)
    rows = text_of(render(snapshot))
    assert any(row.strip() == "演 歌" for row in rows)
    assert any("90 % sure" in row for row in rows)
    assert "演歌  90 %" in text_of(render(snapshot), 80, 3)[0]
