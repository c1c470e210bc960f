"""Helpers for tests of the screen: a session to draw, captured consoles, and generated snapshots."""

from __future__ import annotations

import io
from typing import Any, get_args

from hypothesis import strategies as st
from rich.console import Console

from live.events import Verdict, VoteState
from live.screen import Frame
from live.screen.block_letters import FONTS
from live.screen.characters import ASCII, LINUX_CONSOLE, UNICODE
from live.snapshot import Snapshot, SourceCondition, Stretch, StretchState

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
SIZES = [(60, 20), (80, 24), (120, 40), (200, 50)]
ALL_CHARACTERS = [UNICODE, ASCII, LINUX_CONSOLE]
TINY = [(1, 1), (2, 3), (10, 2), (20, 1), (20, 5), (30, 8), (40, 12), (300, 3), (12, 60)]


def distribution(**parts: float) -> dict[str, float]:
    rest = (1.0 - sum(parts.values())) / (len(GENRES) + 1 - len(parts))
    return {label: parts.get(label, rest) for label in (*GENRES, "no_music")}


ROCK = Verdict("genre", "rock", 0.71, distribution(rock=0.71, metal=0.12))
UNSURE = Verdict("unsure", None, 0.34, distribution(rock=0.34, blues=0.29))
SILENCE = Verdict("silence", None, 0.0, distribution())
NO_MUSIC = Verdict("no_music", None, 0.83, distribution(no_music=0.83))
OTHER = Verdict("other", None, 0.64, {**distribution(), "other_music": 0.64})
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


def text_of(frame: Frame, width: int = 80, height: int = 24, **options: Any) -> list[str]:
    return ["".join(segment.text for segment in line) for line in frame.lines(width, height, **options)]


def has_letters(rows: list[str], words: str) -> bool:
    """Return whether the rows show ``words`` in one of the block fonts."""
    for font in FONTS:
        drawn = font.draw(words)
        assert drawn is not None
        for first in range(len(rows) - font.rows + 1):
            if all(line.strip() in row for line, row in zip(drawn, rows[first:], strict=False)):
                return True
    return False


def strip_in(rows: list[str], label: str = "file") -> str:
    """Return the strip with ``label`` before it."""
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
    states: list[StretchState] = ["unsure", "other", "silence", "no_music", "waiting", "gap"]
    for duration_s in draw(st.lists(st.floats(0.01, 4000), max_size=12)):
        state: StretchState = draw(st.sampled_from([*states, "genre"] if genres else states))
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
