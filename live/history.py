"""The history of a session: its timeline, each genre's share, and the time that the computation took."""

from __future__ import annotations

from collections import deque

from live.events import Event, GapEvent, SummaryEvent, WindowEvent
from live.snapshot import Stretch
from live.tally import Tally, lengthen

LONGEST_TIMELINE = 5_000  # stretches; limits the memory of a session of weeks
COMPUTE_TIMES_KEPT = 101


class History:
    """Collects the events of a session, one by one.

    Attributes
    ----------
    last_gap : GapEvent or None
        The latest loss of sound.
    """

    def __init__(self) -> None:
        self._tally = Tally()
        self._stretches: deque[Stretch] = deque(maxlen=LONGEST_TIMELINE)
        self._compute_ms: deque[float] = deque(maxlen=COMPUTE_TIMES_KEPT)
        self.last_gap: GapEvent | None = None

    def add(self, event: Event) -> None:
        """Add the next event."""
        if isinstance(event, WindowEvent):
            self._compute_ms.append(event.compute_ms)
        elif isinstance(event, GapEvent):
            self.last_gap = event
        for stretch in self._tally.add(event):
            lengthen(self._stretches, stretch)

    @property
    def windows(self) -> int:
        """Number of classified windows."""
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
        """Part of the windows in which each genre was the verdict, 0 to 1, largest first."""
        return {genre: count / self.windows for genre, count in self._tally.verdicts.most_common()}

    @property
    def compute_ms(self) -> float:
        """Median time from samples to verdict of the latest windows, in ms."""
        times = sorted(self._compute_ms)
        return times[len(times) // 2] if times else 0.0

    def summary(self, duration_s: float, skipped_windows: int) -> SummaryEvent:
        """Return the summary event of the session.

        Parameters
        ----------
        duration_s : float
            Stream time at the end.
        skipped_windows : int
            Windows that were not classified because the program was too slow.
        """
        share = self.share
        genre = next(iter(share), None)
        return SummaryEvent(duration_s, self.windows, skipped_windows, self.lost_s, genre, share)
