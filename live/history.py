"""What was heard so far: the timeline, each genre's share, and the cost of hearing it."""

from __future__ import annotations

import math
from collections import Counter, deque

from live.events import Event, GapEvent, StartEvent, SummaryEvent, WindowEvent
from live.snapshot import Heard, Stretch

LONGEST_TIMELINE = 5_000  # stretches; weeks of listening must not fill the memory
COMPUTE_TIMES_KEPT = 101


class History:
    """Takes a session's events, one by one, and keeps their sum."""

    def __init__(self) -> None:
        self._stretches: deque[Stretch] = deque(maxlen=LONGEST_TIMELINE)
        self._verdicts: Counter[str] = Counter()
        self._compute_ms: deque[float] = deque(maxlen=COMPUTE_TIMES_KEPT)
        self._reach_s = math.inf
        self.windows = 0
        self.lost_s = 0.0

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, StartEvent):
            self._reach_s = event.reach_s
        elif isinstance(event, WindowEvent):
            self.windows += 1
            self._compute_ms.append(event.compute_ms)
            if event.vote.genre is not None:
                self._verdicts[event.vote.genre] += 1
            self._extend(event.time_s - self._reach_s, "waiting", None)  # a pause: nobody heard it
            self._extend(event.time_s, event.vote.state, event.vote.genre)
        elif isinstance(event, GapEvent):
            self.lost_s += event.lost_s
            self._extend(event.time_s - event.lost_s, "waiting", None)
            self._extend(event.time_s, "gap", None)

    def _extend(self, until_s: float, state: Heard, genre: str | None) -> None:
        """Lengthen the last stretch if it says the same, else begin a new one."""
        last = self._stretches[-1] if self._stretches else Stretch(0.0, 0.0, "waiting")
        if until_s <= last.end_s:
            return
        if self._stretches and (last.state, last.genre) == (state, genre):
            self._stretches[-1] = Stretch(last.start_s, until_s, state, genre)
        else:
            self._stretches.append(Stretch(last.end_s, until_s, state, genre))

    @property
    def timeline(self) -> tuple[Stretch, ...]:
        """All stretches so far, oldest first."""
        return tuple(self._stretches)

    @property
    def share(self) -> dict[str, float]:
        """Part of the windows that each genre was the verdict of, largest first."""
        return {genre: count / self.windows for genre, count in self._verdicts.most_common()}

    @property
    def compute_ms(self) -> float:
        """Median time of the latest windows, from samples to verdict."""
        times = sorted(self._compute_ms)
        return times[len(times) // 2] if times else 0.0

    def summary(self, duration_s: float, skipped_windows: int) -> SummaryEvent:
        """Sum the session up."""
        share = self.share
        genre = next(iter(share), None)
        return SummaryEvent(duration_s, self.windows, skipped_windows, self.lost_s, genre, share)
