"""When a clip is kept, of what, and that nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.events import CorrectionEvent, Event, GapEvent, VoteState
from live.outputs.clip_folder import Clip, ClipFolder
from live.outputs.clips import ClipKeeper, ClipWriter, RecentSound
from tests.live.example_events import start, summary, window

RATE = 1_000
AT = datetime(2026, 3, 1, 21, 30, 5, tzinfo=UTC)


class Room:
    """A source whose sound says when it was: each sample is the stream time, in kiloseconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.writer = ClipWriter(ClipFolder(folder), self.said.append, seconds=4.0)
        self.keeper: ClipKeeper = self.writer.keeper()
        self.time_s = 0.0
        self.writer.start()
        self.tell(replace(start(), sample_rate=RATE))

    def tell(self, event: Event) -> None:
        self.keeper(replace(event, at=AT))

    def hear(self, genre: str | None, seconds: float, state: VoteState = "genre") -> None:
        """Feed sound with one verdict, and a window each half second."""
        for _ in range(round(2 * seconds)):
            times = self.time_s + np.arange(RATE // 2) / RATE
            self.keeper.feed((times / 1_000).astype(np.float32)[:, None])
            self.time_s += 0.5
            event = window(self.time_s, genre, state=state)
            self.tell(event)

    def correct(self, genre: str) -> None:
        self.tell(CorrectionEvent(self.time_s, "rock", genre))

    def end(self) -> dict[str, list[tuple[float, float]]]:
        """End, and return the clips of each label: the stream times that they begin and end at."""
        self.tell(summary(self.time_s))
        self.writer.close()
        clips: dict[str, list[tuple[float, float]]] = {}
        for path in sorted(self.folder.glob("*/*.flac")):
            sound, rate = soundfile.read(path)
            assert rate == RATE
            end_s = round(float(sound[-1]) * 1_000, 1)
            clips.setdefault(path.parent.name, []).append((round(end_s - len(sound) / rate, 1), end_s))
        return {label: sorted(spans) for label, spans in clips.items()}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.writer.close()


def test_a_changed_verdict_gives_one_clip_of_what_it_names(room: Room) -> None:
    room.hear("rock", 10)
    room.hear("jazz", 20)
    assert room.end() == {"rock": [(0.0, 2.5)], "jazz": [(8.5, 12.5)]}
    assert room.said == []


def test_a_verdict_that_soon_ends_is_kept_when_it_does(room: Room) -> None:
    room.hear("rock", 10)
    room.hear("jazz", 1)
    room.hear("rock", 1)
    assert room.end() == {"rock": [(0.0, 2.5), (8.0, 12.0)], "jazz": [(7.5, 11.5)]}


def test_less_than_a_second_of_sound_is_not_kept(room: Room) -> None:
    room.hear("rock", 6)
    room.tell(GapEvent(room.time_s, 5.0, "stall"))
    room.hear("pop", 0.5)
    assert set(room.end()) == {"rock"}


def test_being_unsure_is_kept_after_a_while_and_then_now_and_again(room: Room) -> None:
    room.hear(None, 10, state="unsure")
    room.hear("rock", 3)
    room.hear(None, 100, state="unsure")
    clips = room.end()
    assert [end for _, end in clips["unsure"]] == [28.5, 88.5]
    assert len(clips["rock"]) == 1


def test_other_music_and_no_music_have_the_folders_of_their_labels_and_silence_has_none(room: Room) -> None:
    for state in ("waiting", "other", "silence", "no_music"):
        room.hear(None, 6, state=state)
    assert set(room.end()) == {"other_music", "no_music"}


def test_a_correction_keeps_the_sound_under_the_right_name_and_moves_what_was_under_the_wrong(
    room: Room,
) -> None:
    room.hear("rock", 10)
    room.correct("tango")
    room.hear("rock", 10)
    assert room.end() == {"tango": [(0.0, 2.5), (6.0, 10.0)]}


def test_a_correction_says_nothing_of_what_was_saved_long_before(room: Room) -> None:
    room.hear("rock", 40)
    room.correct("tango")
    assert room.end() == {"unsure": [(0.0, 2.5)], "tango": [(36.0, 40.0)]}


def test_a_correction_of_a_slip_moves_all_of_the_sound(room: Room) -> None:
    room.hear("rock", 10)
    room.correct("tango")
    room.hear("rock", 2)
    room.correct("samba")  # what was meant
    room.hear("rock", 20)
    room.correct("waltz")  # something else is playing now
    clips = room.end()
    assert clips == {"samba": [(0.0, 2.5), (6.0, 10.0), (8.0, 12.0)], "waltz": [(28.0, 32.0)]}


def test_a_correction_before_the_clip_was_due_leaves_nothing_under_the_wrong_name(room: Room) -> None:
    room.hear("rock", 1.5)
    room.correct("tango")
    room.hear("rock", 10)
    room.hear("jazz", 5)
    assert set(room.end()) == {"tango", "jazz"}


def test_a_clip_does_not_span_a_pause(room: Room) -> None:
    room.hear("rock", 10)
    room.keeper.reset()
    room.time_s += 100
    room.hear("rock", 2)
    room.correct("tango")
    assert room.end() == {"rock": [(0.0, 2.5)], "tango": [(110.0, 112.0)]}


def test_a_loss_parts_the_sound_and_a_tiny_one_does_not(room: Room) -> None:
    room.hear("rock", 6)
    room.hear("jazz", 1)
    room.tell(GapEvent(room.time_s, 0.01, "overflow"))
    room.hear("jazz", 2)
    room.hear("pop", 1)
    room.tell(GapEvent(room.time_s, 5.0, "stall"))
    room.hear("pop", 2)
    clips = room.end()
    assert [end - begin for begin, end in clips["jazz"]] == [4.0]
    assert [end - begin for begin, end in clips["pop"]] == [pytest.approx(1.5)]


def test_nobody_waits_for_a_disk_that_hangs_and_what_was_missed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()
    write = ClipFolder.write

    def hang(self: ClipFolder, clip: Clip, *, beyond_bounds: bool = False) -> Path:
        going.wait(60)
        return write(self, clip, beyond_bounds=beyond_bounds)

    monkeypatch.setattr(ClipFolder, "write", hang)
    room = Room(tmp_path)
    for number in range(30):  # returns, though not one clip can be written
        room.hear(("rock", "jazz")[number % 2], 3)
    going.set()
    clips = room.end()
    kept = len(clips["rock"]) + len(clips["jazz"])
    assert 8 <= kept < 30
    assert room.said == [f"{30 - kept} clips were not kept: the disk was too slow."]
    assert room.writer.kept == kept
    assert room.writer._thread.daemon, "the program ends though the disk still hangs"


def test_a_full_folder_is_told_once_and_corrections_still_find_room(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.writer._folder._most_clips = 1
    for genre in ("rock", "jazz", "pop", "metal"):
        room.hear(genre, 4)
    room.correct("tango")
    assert set(room.end()) == {"rock", "tango"}
    assert len(room.said) == 1
    assert "holds 1 clips, and no more are kept: move some away" in room.said[0]


def test_a_disk_that_refuses_is_told_once_and_shown_until_it_takes_clips_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = [OSError(28, "No space left on device")] * 2
    written = threading.Event()
    write = ClipFolder.write

    def refuse(self: ClipFolder, clip: Clip, *, beyond_bounds: bool = False) -> Path:
        if refusing:
            raise refusing.pop()
        path = write(self, clip, beyond_bounds=beyond_bounds)
        problems.append(room.writer.problem)
        written.set()
        return path

    monkeypatch.setattr(ClipFolder, "write", refuse)
    problems: list[str | None] = []
    room = Room(tmp_path)
    for genre in ("rock", "jazz", "pop"):
        room.hear(genre, 4)
    assert written.wait(60)
    assert problems == ["No space left on device"]
    assert set(room.end()) == {"pop"}
    assert room.writer.problem is None
    assert [sentence for sentence in room.said if "No space left on device" in sentence] == room.said
    assert len(room.said) == 1


def test_only_the_newest_sound_stays_in_memory() -> None:
    recent = RecentSound(2.0)
    recent.begin(RATE)
    for number in range(100):
        recent.add(np.full((150, 2), number / 100, dtype=np.float32))
        assert recent._samples <= 2 * RATE + 150
    take = recent.take()
    recent.add(np.ones((500, 2), dtype=np.float32))
    assert take().shape == (2 * RATE,)
    assert take()[-1] == pytest.approx(0.99)
    assert recent.heard_s == 2.0
