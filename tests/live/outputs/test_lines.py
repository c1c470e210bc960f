"""A session in words: one line a changed verdict, and a sum at the end."""

from __future__ import annotations

import errno
import io
import json
from dataclasses import replace

import pytest

from live.errors import RunningError
from live.events import Event, GapEvent, SourceEvent, Verdict
from live.outputs.lines import JsonLines, PlainLines, clock, say_summary, say_verdict
from tests.live.example_events import start, summary, verdict, window


def said(*events: Event) -> list[str]:
    stream = io.StringIO()
    sink = PlainLines(stream)
    for event in events:
        sink(event)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.999, "0:59"),
        (60, "1:00"),
        (3_599.9, "59:59"),
        (3_600, "1:00:00"),
        (360_061, "100:01:01"),
    ],
)
def test_times_are_written_as_people_do(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_verdicts_are_put_in_words() -> None:
    assert say_verdict(verdict("rock", 0.7)) == "rock 70%"
    spread = {"rock": 1.0}
    assert say_verdict(Verdict("no_music", None, 0.9, spread)) == "no music"
    assert say_verdict(Verdict("waiting", None, 0.0, spread)) == "listening"
    assert say_verdict(Verdict("silence", None, 0.0, spread)) == "silence"
    assert say_verdict(Verdict("unsure", None, 0.3, spread)) == "unsure"


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


def test_a_summary_says_what_matters_and_no_more() -> None:
    assert say_summary(summary(30.0)) == "Listened for 0:30; rock 80%, metal 10%."
    bad = replace(summary(30.0), lost_s=1.26, skipped_windows=3, share={"rock": 0.996, "metal": 0.004})
    assert say_summary(bad) == "Listened for 0:30; rock 100%; 1.3 s of sound lost; 3 windows skipped."
    assert say_summary(replace(summary(2.0), share={}, genre=None)) == "Listened for 0:02; no genre heard."


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
