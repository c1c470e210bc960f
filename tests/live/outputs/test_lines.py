"""A session in words: one line a changed verdict, and a sum at the end."""

from __future__ import annotations

import errno
import io
import json
import sys

import pytest

from live.errors import RunningError
from live.events import Event, GapEvent, SourceEvent, stamped
from live.outputs.lines import JsonLines, PlainLines, nobody_reads
from tests.live.example_events import AT, start, summary, window


def said(*events: Event) -> list[str]:
    stream = io.StringIO()
    sink = PlainLines(stream)
    for event in events:
        sink(event)
    return stream.getvalue().splitlines()


def test_only_a_changed_verdict_is_worth_a_line() -> None:
    lines = said(
        start(),
        window(3.0, "rock"),
        window(3.5, "rock", 0.9),
        window(4.0, "metal"),
        window(4.5, state="silence"),
        window(5.0, state="silence"),
        window(65.0, "metal"),
    )
    assert lines == [
        "Listening to song.wav with the model genre-lstm.",
        "   0:03  rock 70%",
        "   0:04  metal 70%",
        "   0:04  silence",
        "   1:05  metal 70%",
    ]


def test_what_was_lost_and_what_became_of_the_source_is_said() -> None:
    lines = said(GapEvent(12.0, 2.5, "overflow"), SourceEvent(20.0, "lost"), SourceEvent(30.0, "muted"))
    assert lines[0] == "   0:12  2.5 s lost: the device overflowed"
    assert "gone" in lines[1]
    assert "muted" in lines[2]


def test_what_a_station_plays_is_said_when_it_changes() -> None:
    songs = [None, "a song", "a song", "another"]
    lines = said(*(stamped(window(3.0 + k, "rock"), at=AT, title=song) for k, song in enumerate(songs)))
    assert lines == ["   0:03  rock 70%", "   0:04  playing: a song", "   0:06  playing: another"]


def test_json_lines_are_one_object_a_line_in_ascii() -> None:
    stream = io.StringIO()
    sink = JsonLines(stream)
    for event in (start(name="Привет\n🎵.wav"), window(3.0, "rock"), summary()):
        sink(event)
    assert stream.getvalue().isascii()
    values = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [value["event"] for value in values] == ["start", "window", "summary"]
    assert values[0]["source"]["name"] == "Привет\n🎵.wav"


class Broken(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize("sink", [JsonLines, PlainLines])
def test_an_output_that_fails_is_an_error_in_words(sink: type[JsonLines | PlainLines]) -> None:
    with pytest.raises(RunningError, match="No space left"):
        sink(Broken(OSError(errno.ENOSPC, "No space left on device")))(start())
    with pytest.raises(BrokenPipeError):
        sink(Broken(BrokenPipeError()))(start())


@pytest.mark.parametrize(("platform", "error"), [("win32", BrokenPipeError), ("linux", OSError)])
def test_a_closed_pipe_of_windows_is_one(
    platform: str, error: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(error) as raised, nobody_reads():
        raise OSError(errno.EINVAL, "Invalid argument")
    assert raised.type is error
