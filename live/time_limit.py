"""The end of a session that is limited by ``--duration``."""

from __future__ import annotations

import math
import time


class TimeLimit:
    """Limits a session to so much stream time; lost sound counts like sound that was heard.

    Parameters
    ----------
    duration_s : float or None
        Stream time after which the session ends, in seconds; None for no limit.
    sample_rate : int
        In Hz.
    """

    def __init__(self, duration_s: float | None, sample_rate: int) -> None:
        self._end = None if duration_s is None else round(duration_s * sample_rate)
        self._sample_rate = sample_rate
        self._sound_at_s = time.monotonic()

    def is_reached(self, position: int) -> bool:
        """Return whether the sample at ``position`` lies behind the end."""
        return self._end is not None and position >= self._end

    def allowed(self, samples: int, position: int) -> int:
        """Return how many of ``samples`` samples from ``position`` on lie before the end."""
        return samples if self._end is None else min(samples, self._end - position)

    def note_sound(self, ago_s: float = 0.0) -> None:
        """Record that the latest sound arrived ``ago_s`` seconds ago."""
        self._sound_at_s = time.monotonic() - ago_s

    def left_s(self, position: int) -> float:
        """Return the seconds left if only silence has passed since the latest sound."""
        if self._end is None:
            return math.inf
        return (self._end - position) / self._sample_rate - (time.monotonic() - self._sound_at_s)
