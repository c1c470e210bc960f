"""Reading a log back: what was written comes out, what is broken is named, what is foreign is refused."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.errors import InputError
from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    GapReason,
    SourceEvent,
    SourceKind,
    SourceStatus,
    StartEvent,
    SummaryEvent,
    Verdict,
    VoteState,
    WindowEvent,
    stamped,
    to_json_line,
)
from live.outputs.log_reading import FOREIGN_AFTER_LINES, LONGEST_LINE, LogReader, event_from_dict
from tests.live.example_events import AT, start, summary, window

names = st.text(min_size=1, max_size=8)
parts = st.floats(0, 1).map(lambda value: round(value, 4))
times = st.floats(0, 1e6).map(lambda value: round(value, 3))
distributions = st.dictionaries(names, parts, min_size=1, max_size=4)
verdicts = st.builds(Verdict, st.sampled_from(get_args(VoteState)), st.none() | names, parts, distributions)
levels = st.floats(-120, 0).map(lambda value: round(value, 1))
lengths = st.floats(0.01, 3_600).map(lambda length: round(length, 3))
events = st.one_of(
    st.builds(
        StartEvent,
        st.sampled_from(get_args(SourceKind)),
        names,
        st.integers(1, 768_000),
        names,
        st.lists(names, min_size=1, max_size=4).map(tuple),
        lengths,
        lengths,
    ),
    st.builds(WindowEvent, times, distributions, levels, times, verdicts, st.booleans()),
    st.builds(GapEvent, times, times, st.sampled_from(get_args(GapReason))),
    st.builds(SourceEvent, times, st.sampled_from(get_args(SourceStatus))),
    st.builds(CorrectionEvent, times, names, names),
    st.builds(
        SummaryEvent,
        times,
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        times,
        st.none() | names,
        st.dictionaries(names, parts, max_size=4),
    ),
)


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=offsets).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
)


@given(events, moments, st.none() | names, st.none() | names)
@example(window(3.0, "rock", 1.0), AT, None, None)
def test_what_was_written_comes_out(
    event: Event, at: datetime, source: str | None, title: str | None
) -> None:
    is_start = isinstance(event, StartEvent)  # whose source is an object that holds the name
    event = stamped(event, at=at, source=None if is_start else source, title=title)
    assert event_from_dict(json.loads(to_json_line(event))) == event


def test_a_log_of_before_events_told_the_time_of_day_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [window(3.0, "rock").to_dict() for _ in range(3)]
    del lines[0]["at"]
    lines[1]["at"] = "2026-03-01T21:30:05"  # no offset: nobody knows when
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found, reader = read(path)
    assert [event.at for event in found] == [None, AT]
    assert reader.broken == [2]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["event", "time_s", "vote", "source", "model", "lost_s", "at", "heard", "genre"]
                ),
                inner | st.sampled_from(["start", "window", "gap", "source", "correction", "summary"]),
            )
        ),
    )
)
def test_what_is_no_event_is_refused(values: object) -> None:
    try:
        event = event_from_dict(values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    assert isinstance(event, GapEvent | SourceEvent | CorrectionEvent)


def test_numbers_that_no_session_has_are_refused() -> None:
    for key, value in (("level_dbfs", 10**400), ("compute_ms", math.nan)):
        with pytest.raises(ValueError, match="out of range"):
            event_from_dict(window(3.0, "rock").to_dict() | {key: value})
    for key, value in (("hop_s", 5e-324), ("window_s", 1e300), ("hop_s", 0.0)):
        with pytest.raises(ValueError, match="out of range"):
            event_from_dict(start().to_dict() | {key: value})
    many = window(3.0, "rock").to_dict()
    many["vote"]["distribution"] = {str(number): 0.0 for number in range(5_000)}
    with pytest.raises(ValueError, match="more labels"):
        event_from_dict(many)
    with pytest.raises(TypeError, match="not a distribution"):
        event_from_dict(window(3.0, "rock").to_dict() | {"probabilities": {}})


def read(path: Path) -> tuple[list[Event], LogReader]:
    reader = LogReader(path)
    return list(reader), reader


def test_broken_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    good = [to_json_line(event).encode() for event in (start(), window(3.0, "rock"), summary())]
    lines = [
        good[0],
        b"{",
        b"\xff\xfe",
        b"",
        good[1],
        b"[" * 50_000,
        b'{"event": "window"}',
        good[2],
        b'{"ev',
    ]
    path.write_bytes(b"\n".join(lines))
    found, reader = read(path)
    assert found == [start(), window(3.0, "rock"), summary()]
    assert reader.broken == [2, 3, 6, 7, 9]
    assert reader.complaint == f"5 lines (2, 3, 6, 7, 9) of {path} cannot be read: left out."
    assert read(path)[1].broken_lines == 5, "it can be read again"


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    line = to_json_line(start()).encode() + b"\n"
    path.write_bytes(line + b"x" * (3 * LONGEST_LINE) + b"\n" + line)
    found, reader = read(path)
    assert len(found) == 2
    assert reader.complaint == f"Line 2 of {path} cannot be read: left out."


def test_only_some_of_many_broken_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(to_json_line(start()) + "\n" + "x\n" * 50)
    complaint = read(path)[1].complaint
    assert complaint is not None
    assert complaint.startswith("50 lines (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …) of ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"hello\n",
        b"{}\n",
        b"time_s,state\n1,2\n",
        random.Random(0).randbytes(5_000),  # the same for each process that collects the tests
        b"[1]\n" * 1_000,
        b"\0" * 9_000,
    ],
)
def test_a_foreign_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a session log: give a file of JSON lines"):
        read(path)


def test_a_foreign_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("x\n" * 10 * FOREIGN_AFTER_LINES)
    reader = LogReader(path)
    with pytest.raises(InputError):
        list(reader)
    assert reader.broken_lines == FOREIGN_AFTER_LINES


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no log"):
        read(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="cannot be read: "):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot be read: "):
        read(Path("a\0b"))
