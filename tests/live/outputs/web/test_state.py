"""The newest snapshot as JSON: all that is so, in bounded length."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.outputs.web.state import MOST_STRETCHES, coarsened, state_json
from live.snapshot import Snapshot, Stretch
from tests.live.example_events import verdict

SNAPSHOT = Snapshot(
    source_kind="file",
    source_name="song.wav",
    sample_rate=44_100,
    source_condition="listening",
    model_name="genre-lstm",
    genres=("blues", "metal", "rock"),
    time_s=12.5,
    length_s=None,
    level_dbfs=-18.3,
    peak_dbfs=-3.0,
    clipped=False,
    verdict=verdict("rock", 0.71),
    timeline=(Stretch(0.0, 3.0, "unsure"), Stretch(3.0, 12.5, "genre", "rock")),
    share={"rock": 0.9},
    windows=20,
)


def test_a_snapshot_is_told_whole() -> None:
    state = json.loads(state_json([SNAPSHOT, replace(SNAPSHOT, source_name="bär")], "run-7"))
    assert state["id"] == "run-7"
    first, second = state["sources"]
    assert second["name"] == "bär"
    assert first["vote"]["genre"] == "rock"
    assert first["timeline"] == [[0.0, 3.0, "unsure", None], [3.0, 12.5, "genre", "rock"]]
    assert set(first["colors"]) == {"blues", "metal", "rock"}
    assert all(set(pair) == {"light", "dark"} for pair in first["colors"].values())
    assert state["words"]["states"]["no_music"] == "no music"


lengths = st.lists(
    st.tuples(st.floats(0.1, 500), st.sampled_from(["rock", "metal", "gap", "silence"])),
    min_size=1,
    max_size=60,
)


@given(lengths, st.integers(2, 20))
def test_a_long_timeline_is_told_in_steps_without_holes(pieces: list[tuple[float, str]], most: int) -> None:
    timeline, now_s = [], 0.0
    for length_s, word in pieces:
        state = word if word in ("gap", "silence") else "genre"
        genre = word if state == "genre" else None
        timeline.append(Stretch(now_s, now_s + length_s, state, genre))  # type: ignore[arg-type]
        now_s += length_s
    coarse, step_s = coarsened(timeline, most)
    assert len(coarse) <= max(most, 1)
    assert (step_s == 0) == (len(timeline) <= most)
    assert coarse[0].start_s == 0
    assert coarse[-1].end_s == pytest.approx(now_s)
    assert all(one.end_s == pytest.approx(other.start_s) for one, other in pairwise(coarse))
    if any(piece.state == "gap" for piece in timeline):
        assert any(piece.state == "gap" for piece in coarse), "lost sound is never left out"


def test_weeks_make_no_long_answer() -> None:
    timeline = tuple(Stretch(k, k + 1.0, "genre", ("rock", "metal")[k % 2]) for k in range(5_000))
    content = state_json([replace(SNAPSHOT, timeline=timeline)], "x-1")
    assert len(content) < 60_000
    assert len(json.loads(content)["sources"][0]["timeline"]) <= MOST_STRETCHES
