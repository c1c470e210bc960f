"""What a session's events add up to, and the stretches of time that they fill: for history and for logs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import MutableSequence
from dataclasses import replace

from live.events import Event, GapEvent, StartEvent, WindowEvent
from live.snapshot import Heard, Stretch


class Tally:
    """Takes a session's events, one by one, in order.

    A verdict holds back to the one before, but not beyond what was heard for it: what lies further back was
    a pause, in which nobody listened. Lost sound is a stretch of its own.

    Parameters
    ----------
    begin_s : float
        Stream time at which the telling begins.
    start : StartEvent, optional
        The session's first event, where it is not to be added.

    Attributes
    ----------
    end_s : float
        Stream time up to which it is known what was heard.
    windows : int
        Windows heard.
    verdicts : counter of str
        Windows that each genre was the verdict of.
    gaps : int
        Times that sound was lost.
    lost_s : float
        Seconds of it.
    """

    def __init__(self, begin_s: float = 0.0, start: StartEvent | None = None) -> None:
        self.end_s = begin_s
        self._reach_s = math.inf if start is None else start.reach_s
        self.windows = 0
        self.verdicts: Counter[str] = Counter()
        self.gaps = 0
        self.lost_s = 0.0

    def add(self, event: Event) -> list[Stretch]:
        """Take the next event; returns the stretches that it adds, each from where the one before ended."""
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
        """Return the stretch up to a time in which nothing more was said."""
        return self._until(until_s, "waiting")

    def _until(self, until_s: float, state: Heard, genre: str | None = None) -> list[Stretch]:
        since_s = self.end_s
        if until_s <= since_s:
            return []
        self.end_s = until_s
        return [Stretch(since_s, until_s, state, genre)]


def lengthen(stretches: MutableSequence[Stretch], stretch: Stretch) -> None:
    """Append a stretch, or lengthen the last where it says the same."""
    last = stretches[-1] if stretches else None
    if last is not None and (last.state, last.genre) == (stretch.state, stretch.genre):
        stretches[-1] = replace(last, end_s=stretch.end_s)
    else:
        stretches.append(stretch)
