"""The times of day of a logged session, from those that its events tell."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MOST_ANCHORS = 1_000
JUMP_S = 60.0  # more than drift and jitter: the clock was set, or the computer slept
CLOCK_IS_SET_WITHIN_S = 180.0  # at first, a computer without a clock chip has the time of its last shutdown


@dataclass(frozen=True)
class Anchor:
    """A stream time and its time of day, as an event tells them."""

    time_s: float
    at: datetime

    def time_of_day(self, time_s: float) -> datetime | None:
        """Return the time of day of another stream time; None beyond the calendar."""
        try:
            return self.at + timedelta(seconds=time_s - self.time_s)
        except OverflowError:
            return None

    def is_before_jump(self, later: Anchor) -> bool:
        """Return whether the clock and the stream differ in how much time passed until ``later``."""
        passed_s = (later.at - self.at).total_seconds()
        return abs(passed_s - (later.time_s - self.time_s)) > JUMP_S

    def is_before_change(self, later: Anchor) -> bool:
        """Return whether the clock jumped, or its offset from UTC changed, until ``later``."""
        return self.at.utcoffset() != later.at.utcoffset() or self.is_before_jump(later)


class TimesOfDay:
    """The times of day of a session, by anchors that become sparser as the session becomes longer.

    Where the clock jumps, there is an anchor on each side. When it jumps soon after the start, it was wrong
    before and is right now, so the anchors before the jump are discarded.
    """

    def __init__(self) -> None:
        self._anchors: list[Anchor] = []
        self._spacing_s = 1.0

    def add(self, anchor: Anchor) -> None:
        """Add an anchor, if it tells something new; anchors are added in order."""
        last = self._anchors[-1] if self._anchors else None
        if last is not None:
            if anchor.time_s < last.time_s:
                return
            if not last.is_before_change(anchor) and anchor.time_s - last.time_s < self._spacing_s:
                return
            is_at_first = last.time_s == 0 or anchor.time_s <= CLOCK_IS_SET_WITHIN_S
            if is_at_first and last.is_before_jump(anchor):
                self._anchors.clear()
        self._anchors.append(anchor)
        if len(self._anchors) > MOST_ANCHORS:
            self._thin_out()

    def _thin_out(self) -> None:
        """Double the spacing; keep the changes of the clock, unless there are too many of them."""
        self._spacing_s *= 2
        kept = self._anchors[:1]
        for before, anchor in pairwise(self._anchors):
            if before.is_before_change(anchor) or anchor.time_s - kept[-1].time_s >= self._spacing_s:
                kept.append(anchor)
        self._anchors = kept if len(kept) <= 0.75 * MOST_ANCHORS else kept[::2]

    def at(self, time_s: float) -> datetime | None:
        """Return the time of day of a stream time, by the nearest anchor on its side of a change."""
        if not self._anchors:
            return None
        place = bisect_right(self._anchors, time_s, key=lambda anchor: anchor.time_s)
        nearest = self._anchors[max(0, place - 1)]
        for later in self._anchors[place : place + 1]:
            is_nearer = later.time_s - time_s < time_s - nearest.time_s
            if is_nearer and not nearest.is_before_change(later):
                nearest = later
        return nearest.time_of_day(time_s)
