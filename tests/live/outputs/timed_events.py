"""Events with the times of day at which a microphone's session would tell them, and their recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from live.events import Event, StartEvent, SummaryEvent, stamped
from live.outputs.log_sessions import split_sessions
from live.outputs.recording import Recording
from live.snapshot import Stretch
from tests.live.example_events import AT, start, window

DAY_S = 86_400.0


def live_start(*, name: str = "USB Audio") -> StartEvent:
    """Return the start event of a microphone."""
    return replace(start(name=name), source_kind="microphone")


def stream_time(event: Event) -> float:
    """Return the stream time of an event."""
    match event:
        case StartEvent():
            return 0.0
        case SummaryEvent():
            return event.duration_s
    return event.time_s


def timed(events: Iterable[Event], began: datetime = AT, *, source: str | None = None) -> list[Event]:
    """Return the events as a session tells them that began at ``began``."""
    return [
        stamped(event, at=began + timedelta(seconds=stream_time(event)), source=source) for event in events
    ]


def recorded(*events: Event) -> Recording:
    """Return the recording of a log of one session."""
    (recording,), count = split_sessions(events, 10)
    assert count == 1
    return recording


def rows_of(stretches: list[Stretch]) -> list[tuple[float, float, str]]:
    """Return the beginning, end and verdict of each stretch."""
    return [(stretch.start_s, stretch.end_s, stretch.genre or stretch.state) for stretch in stretches]


def heard(first_s: float, last_s: float, step_s: float = 0.5) -> list[Event]:
    """Return the windows from one stream time to another."""
    count = round((last_s - first_s) / step_s)
    return [window(first_s + number * step_s, "rock") for number in range(count + 1)]


def at(recording: Recording, time_s: float) -> datetime:
    """Return the time of day of a stream time, which is known."""
    moment = recording.time_of_day(time_s)
    assert moment is not None
    return moment
