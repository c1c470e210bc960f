"""The first row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.screen import Extras, Keeping, render
from live.screen.animation import at_rest
from live.snapshot import SourceCondition
from tests.live.screen.drawing import SONG, text_of


def test_it_says_what_is_heard_how_it_is_and_the_time() -> None:
    assert text_of(render(SONG), 80, 24)[0].split() == [
        "●", "listening", "Night", "Train.flac", "·", "file", "1:37", "of", "3:34",
    ]  # fmt: skip
    microphone = replace(SONG, source_kind="microphone", source_name="USB Audio", length_s=None)
    assert text_of(render(microphone), 80, 24)[0].rstrip().endswith("1:37")


def test_a_long_name_is_cut_short_before_the_time() -> None:
    row = text_of(render(replace(SONG, source_name="x" * 200)), 60, 20)[0]
    assert "…" in row
    assert row.rstrip().endswith("  1:37 of 3:34")


def test_the_sign_of_life_beats_only_while_sound_is_heard() -> None:
    def sign(condition: SourceCondition, *, pulse: bool, paused: bool = False) -> str:
        snapshot = replace(SONG, source_condition=condition)
        frame = render(snapshot, pose=replace(at_rest(SONG), pulse=pulse), extras=Extras(paused=paused))
        return text_of(frame)[0].strip()[0]

    assert sign("listening", pulse=True) != sign("listening", pulse=False)
    for condition in ("opening", "lost", "muted", "ended"):
        assert sign(condition, pulse=True) == sign(condition, pulse=False)
    assert sign("listening", pulse=True, paused=True) == sign("lost", pulse=True)


def test_it_shows_that_clips_are_kept_and_what_keeps_them_from_being() -> None:
    kept = text_of(render(SONG, extras=Extras(keeping=Keeping(12))), 60, 20)[0]
    assert "listening   ● rec 12   Night Train.flac" in kept
    problem = Extras(keeping=Keeping(12, "No space left on device"))
    assert "■ not kept: No space left on device" in text_of(render(SONG, extras=problem), 80, 24)[0]
    for width in (30, 60):
        for extras in (Extras(keeping=Keeping(10**6)), problem):
            assert text_of(render(SONG, extras=extras), width, 20)[0].rstrip().endswith("1:37 of 3:34")
    assert "rec" not in text_of(render(SONG))[0]


@pytest.mark.parametrize("width", [8, 12, 20])
def test_the_time_stays_on_narrow_screens(width: int) -> None:
    row = text_of(render(replace(SONG, length_s=None)), width, 24)[0]
    assert len(row) == width
    if width >= 20:
        assert "1:37" in row
