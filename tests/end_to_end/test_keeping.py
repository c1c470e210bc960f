"""``--keep`` as a user runs it: clips of what is heard, and corrections on the screen."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
import soundfile

from tests.end_to_end.commands import genre_live
from tests.end_to_end.listener import Listener
from tests.end_to_end.test_terminal import Terminal

DEMO = Path(__file__).parents[2] / "examples" / "demo.ogg"


def clips(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"), key=lambda path: path.name)


def test_each_verdict_of_a_file_leaves_a_clip_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    # Thirty times as fast as it is played, so that each second of the day sees more than one verdict.
    told = genre_live("--json", "--file", DEMO, "--speed", "30", "--keep", folder, "--keep-seconds", "8")
    session = told.session()
    said: list[str] = []
    for window in session.windows:
        vote = window["vote"]
        label = {"other": "other_music"}.get(vote["state"], vote["genre"] or vote["state"])
        if not said or said[-1] != label:
            said.append(label)
    named = {label for label in said if label not in ("waiting", "silence", "unsure")}
    assert named
    assert {path.parent.name for path in clips(folder)} - {"unsure"} == named
    for path in clips(folder):
        assert path.suffix == ".flac"
        moment = datetime.strptime(path.stem[:19], "%Y-%m-%d_%H-%M-%S")
        assert abs((datetime.now() - moment).total_seconds()) < 600
        with soundfile.SoundFile(path) as file:
            assert 1.0 <= file.frames / file.samplerate <= 8.0
    assert told.error == ""


def test_without_it_nothing_is_kept(tmp_path: Path) -> None:
    genre_live("--json", "--file", DEMO, "--speed", "max", folder=tmp_path).session()
    assert list(tmp_path.iterdir()) == []


def test_a_correction_on_the_screen_keeps_the_clip_under_the_right_name(tmp_path: Path) -> None:
    folder, log = tmp_path / "clips", tmp_path / "evening.jsonl"
    words = ["--file", str(DEMO), "--keep", str(folder), "--log", str(log)]
    with Terminal(*words) as terminal:
        terminal.wait_for(b"% sure")
        assert "● rec ".encode() in terminal.seen
        terminal.press(b"c")
        terminal.wait_for(b"really?")
        terminal.press(b"k")
        terminal.wait_for(b"Corrected: rock")
        terminal.press(b"q")
        assert terminal.read_to_its_end() == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    correction = next(event for event in events if event["event"] == "correction")
    assert correction["genre"] == "rock"
    before = [event["vote"] for event in events[: events.index(correction)] if event["event"] == "window"]
    assert correction["heard"] == (before[-1]["genre"] or before[-1]["state"])
    kept = [path for path in clips(folder) if path.parent.name == "rock"]
    assert kept
    with soundfile.SoundFile(kept[0]) as file:
        assert file.frames / file.samplerate >= 1.0
    # What was saved of the same sound before is not left under the wrong name.
    assert {path.parent.name for path in clips(folder)} == {"rock"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--keep", "/proc/nowhere"], "Clips cannot be kept in /proc/nowhere"),
        (["--keep-seconds", "5"], "--keep-seconds is for --keep: give a folder with it"),
        (["--keep", "clips", "--keep-seconds", "0.5"], "'0.5' is not a number of seconds from 3 to 60"),
        (["--keep", "clips", "--keep-format", "wav"], "invalid choice: 'wav'"),
    ],
)
def test_what_cannot_be_kept_is_said_at_once(words: list[str], reason: str, tmp_path: Path) -> None:
    refused = genre_live("--file", DEMO, *words, folder=tmp_path)
    assert refused.status == 2
    assert reason in refused.error


def test_a_disk_that_is_full_is_told_once_and_the_listening_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    told = genre_live(
        "--json",
        "--file",
        DEMO,
        "--speed",
        "30",
        "--keep",
        folder,
        "--keep-seconds",
        "4",
        "--keep-clips",
        "1",
    )
    assert len(told.session().windows) > 100
    assert len(clips(folder)) == 1
    assert "holds 1 clips, and no more are kept" in told.sentence()


def test_what_is_heard_while_it_is_interrupted_is_kept(tmp_path: Path) -> None:
    words = ["--file", str(DEMO), "--speed", "8", "--keep", str(tmp_path)]
    with Listener(words) as listener:
        _, event = listener.wait_for(
            lambda event: event["event"] == "window" and event["vote"]["state"] == "genre"
        )
        listener.end()
    assert event["vote"]["genre"] in {path.parent.name for path in clips(tmp_path)}


def test_clips_of_several_sources_say_whose_they_are(tmp_path: Path) -> None:
    other = tmp_path / "other.ogg"
    other.write_bytes(DEMO.read_bytes())
    words: list[str | Path] = [
        "--json",
        "--file",
        DEMO,
        "--file",
        other,
        "--speed",
        "30",
        "--keep",
        tmp_path / "clips",
    ]
    told = genre_live(*words)
    assert told.status == 0, told.error
    names = {path.stem[20:].partition("-")[0] for path in clips(tmp_path / "clips")}
    assert names == {"demo.ogg", "other.ogg"}
