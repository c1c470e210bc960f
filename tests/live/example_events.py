"""Example events for tests of sinks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from live.events import StartEvent, SummaryEvent, Verdict, VoteState, WindowEvent

LABELS = ("blues", "metal", "rock", "no_music")
AT = datetime(2026, 3, 1, 21, 30, 5, 250_000, timezone(timedelta(hours=1)))


def start(labels: Sequence[str] = LABELS, *, name: str = "song.wav") -> StartEvent:
    """Return the start event of a file."""
    return StartEvent("file", name, 44_100, "genre-lstm", tuple(labels), 3.0, 0.5, at=AT)


def verdict(
    genre: str | None = None,
    confidence: float = 0.7,
    *,
    state: VoteState | None = None,
    labels: Sequence[str] = LABELS,
) -> Verdict:
    """Return a verdict with a genre, or without one with a state."""
    likely = genre if genre is not None else labels[0]
    rest = round((1 - confidence) / (len(labels) - 1), 6)
    distribution = {label: confidence if label == likely else rest for label in labels}
    return Verdict(state or ("genre" if genre is not None else "unsure"), genre, confidence, distribution)


def window(
    time_s: float,
    genre: str | None = None,
    confidence: float = 0.7,
    *,
    state: VoteState | None = None,
    labels: Sequence[str] = LABELS,
    partial: bool = False,
) -> WindowEvent:
    """Return a window event."""
    said = verdict(genre, confidence, state=state, labels=labels)
    return WindowEvent(time_s, said.distribution, -18.3, 1.4, said, partial, at=AT)


def summary(duration_s: float = 30.0, windows: int = 52) -> SummaryEvent:
    """Return a summary event."""
    return SummaryEvent(duration_s, windows, 0, 0.0, "rock", {"rock": 0.8, "metal": 0.1}, at=AT)
