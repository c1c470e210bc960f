"""Conversion of a session's events to counts and stretches of time, for the history and for logs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import MutableSequence

from live.events import Event, GapEvent, StartEvent, WindowEvent
from live.snapshot import Stretch, StretchState


class Tally:
    """Counts the events of a session and converts them to stretches; events are added in order.

    A verdict stands for the time back to the previous one, but not for longer than ``reach_s`` of the start
    event: what lies before that was a pause. Lost sound is a stretch of its own.

    Parameters
    ----------
    begin_s : float
        Stream time at which the first stretch begins.
    start : StartEvent, optional
        The session's first event, if it will not be added.

    Attributes
    ----------
    end_s : float
        Stream time at which the latest stretch ends.
    windows : int
        Number of classified windows.
    verdicts : counter of str
        Number of windows in which each genre was the verdict.
    gaps : int
        Number of gaps.
    lost_s : float
        Seconds of lost sound.
    """

    def __init__(self, begin_s: float = 0.0, start: StartEvent | None = None) -> None:
        self.end_s = begin_s
        self._reach_s = math.inf if start is None else start.reach_s
        self.windows = 0
        self.verdicts: Counter[str] = Counter()
        self.gaps = 0
        self.lost_s = 0.0

    def add(self, event: Event) -> list[Stretch]:
        """Add the next event, and return the new stretches, which follow the previous ones without a gap."""
        match event:
            case StartEvent():
                self._reach_s = event.reach_s
            case WindowEvent():
                self.windows += 1
                if event.vote.genre is not None:
                    self.verdicts[event.vote.genre] += 1
                return [
                    *self._until(event.time_s - self._reach_s, "waiting"),
                    *self._until(event.time_s, event.vote.state, event.vote.genre),
                ]
            case GapEvent():
                self.gaps += 1
                self.lost_s += event.lost_s
                return [
                    *self._until(event.time_s - event.lost_s, "waiting"),
                    *self._until(event.time_s, "gap"),
                ]
        return []

    def wait(self, until_s: float) -> list[Stretch]:
        """Return the stretch without a verdict up to ``until_s``; empty if there is none."""
        return self._until(until_s, "waiting")

    def _until(self, until_s: float, state: StretchState, genre: str | None = None) -> list[Stretch]:
        since_s = self.end_s
        if until_s <= since_s:
            return []
        self.end_s = until_s
        return [Stretch(since_s, until_s, state, genre)]


def lengthen(stretches: MutableSequence[Stretch], stretch: Stretch) -> None:
    """Append a stretch, or lengthen the last one if it has the same state and genre."""
    last = stretches[-1] if stretches else None
    if last is not None and (last.state, last.genre) == (stretch.state, stretch.genre):
        stretches[-1] = Stretch(last.start_s, stretch.end_s, last.state, last.genre)
    else:
        stretches.append(stretch)
