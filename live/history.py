"""What was heard so far: the timeline, each genre's share, and the cost of hearing it."""

from __future__ import annotations

from collections import deque

from live.events import Event, SummaryEvent, WindowEvent
from live.snapshot import Stretch
from live.tally import Tally, lengthen

LONGEST_TIMELINE = 5_000  # stretches; weeks of listening must not fill the memory
COMPUTE_TIMES_KEPT = 101


class History:
    """Takes a session's events, one by one, and keeps their sum."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._stretches: deque[Stretch] = deque(maxlen=LONGEST_TIMELINE)
        self._compute_ms: deque[float] = deque(maxlen=COMPUTE_TIMES_KEPT)

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, WindowEvent):
            self._compute_ms.append(event.compute_ms)
        for stretch in self._tally.add(event):
            lengthen(self._stretches, stretch)

    @property
    def windows(self) -> int:
        """Windows heard."""
        return self._tally.windows

    @property
    def lost_s(self) -> float:
        """Seconds of sound lost."""
        return self._tally.lost_s

    @property
    def timeline(self) -> tuple[Stretch, ...]:
        """All stretches so far, oldest first."""
        return tuple(self._stretches)

    @property
    def share(self) -> dict[str, float]:
        """Part of the windows that each genre was the verdict of, largest first."""
        return {genre: count / self.windows for genre, count in self._tally.verdicts.most_common()}

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
