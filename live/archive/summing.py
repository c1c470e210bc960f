"""The result of one file, computed from its events."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import Counter

from live.bundle import BundleDescription
from live.events import GapEvent, StartEvent, Verdict, VoteState, WindowEvent
from live.file_results import FileResult
from live.history import History
from live.meter import FLOOR_DBFS
from live.snapshot import Stretch

TINY_S = 1e-6  # tolerance for sums of floats


class FileSum:
    """Collects the windows and gaps of a file.

    Parameters
    ----------
    description : BundleDescription
        Description of the model.

    Attributes
    ----------
    length_s : float or None
        Length of the file in seconds, once it is known.
    duration_s : float
        Seconds of sound so far, including lost sound.
    error : str or None
        Why the file could not be read, or not to its end.
    """

    def __init__(self, description: BundleDescription) -> None:
        self._description = description
        self._history = History()
        self._last: WindowEvent | None = None
        self._probabilities = dict.fromkeys(description.labels, 0.0)
        self._smoothed = dict.fromkeys(description.labels, 0.0)
        self._states: Counter[VoteState] = Counter()
        self._ends_s, self._confidences = array("d"), array("d")
        self._energy = self._energy_s = self._reached_s = 0.0
        self.length_s: float | None = None
        self.duration_s = self._start_s = 0.0
        self.error: str | None = None

    def begin(self, name: str, sample_rate: int, hop_s: float, start_s: float) -> None:
        """Begin the file, or the part of it that is classified."""
        self._start_s = self._reached_s = start_s
        description = self._description
        self._history.add(
            StartEvent(
                "file", name, sample_rate, description.name, description.labels, description.window_s, hop_s
            )
        )

    def reach(self, time_s: float) -> None:
        """Set the current stream time, including lost sound."""
        self.duration_s = time_s - self._start_s

    def add(self, event: WindowEvent | GapEvent) -> None:
        """Add the next event."""
        self._history.add(event)
        if isinstance(event, GapEvent):
            self.error = (
                f"It is damaged or cut short: {event.lost_s:.1f} s before {event.time_s:.1f} s could not be "
                "decoded."
            )
            return
        fresh_s = event.time_s - self._reached_s
        self._reached_s = event.time_s
        self._energy += 10 ** (event.level_dbfs / 10) * fresh_s
        self._energy_s += fresh_s
        for label, probability in event.probabilities.items():
            self._probabilities[label] += probability
        for label, probability in event.vote.distribution.items():
            self._smoothed[label] += probability
        self._states[event.vote.state] += 1
        self._ends_s.append(event.time_s)
        self._confidences.append(event.vote.confidence)
        self._last = event

    def result(self) -> FileResult:
        """Return the result of the file."""
        share, windows = self._history.share, self._history.windows
        genre = next(iter(share), None)
        timeline = self._history.timeline
        confidences = tuple(self._confidence(stretch) for stretch in timeline)
        state: VoteState = "waiting"
        if genre is not None:
            state, confidence = "genre", self._smoothed[genre] / windows
        else:
            state = self._states.most_common(1)[0][0] if windows else "waiting"
            own = [
                (stretch.end_s - stretch.start_s, confidence)
                for stretch, confidence in zip(timeline, confidences, strict=True)
                if stretch.state == state
            ]
            total_s = sum(length_s for length_s, _ in own)
            confidence = sum(length_s * value for length_s, value in own) / total_s if total_s else 0.0
        mean = self._energy / self._energy_s if self._energy_s else 0.0
        return FileResult(
            genre=genre,
            share=share,
            verdict=self._last.vote if self._last else Verdict("waiting", None, 0.0, {}),
            timeline=timeline,
            distribution={label: total / windows for label, total in self._probabilities.items() if windows},
            duration_s=self.duration_s,
            lost_s=self._history.lost_s,
            windows=windows,
            state=state,
            states={state: count / windows for state, count in self._states.most_common()},
            confidence=confidence,
            confidences=confidences,
            level_dbfs=max(FLOOR_DBFS, 10 * math.log10(mean)) if mean > 0 else FLOOR_DBFS,
            length_s=self.length_s,
            error=self.error,
        )

    def _confidence(self, stretch: Stretch) -> float:
        """Return the mean confidence of the windows that end in a stretch."""
        first = bisect_right(self._ends_s, stretch.start_s + TINY_S)
        last = bisect_right(self._ends_s, stretch.end_s + TINY_S)
        return sum(self._confidences[first:last]) / (last - first) if last > first else 0.0
