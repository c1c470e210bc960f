"""Events with the times of day at which a microphone's session would tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from live.events import Event, StartEvent, SummaryEvent, stamped
from tests.live.example_events import AT, start


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
