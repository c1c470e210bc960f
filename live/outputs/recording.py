"""Summary of a logged session for the report, in bounded memory for a session of any length."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    VoteState,
    WindowEvent,
)
from live.outputs.times_of_day import Anchor, TimesOfDay
from live.snapshot import Stretch, StretchState
from live.tally import Tally, lengthen

MOST_BINS = 1_200
MOST_STRETCHES = 2_000
MOST_NOTES = 200
MOST_LABELS = 1_000
DEFAULT_HOP_S = 0.5

State = tuple[StretchState, str | None]


@dataclass
class Bin:
    """One piece of the session, with its states and its mean distribution."""

    windows: int = 0
    shares: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    states: defaultdict[State, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: Bin) -> None:
        """Merge another piece into this one."""
        self.add_windows(other.shares, other.windows)
        for state, seconds in other.states.items():
            self.states[state] += seconds

    def add_windows(self, distribution: Mapping[str, float], windows: int = 1) -> None:
        """Add the distribution of a window, or the sum of several."""
        self.windows += windows
        for label, share in distribution.items():
            self.shares[label] += share

    @property
    def state(self) -> State:
        """The state for most of the piece; a gap, if it has one."""
        for state in self.states:
            if state[0] == "gap":
                return state
        return self.main_state

    @property
    def main_state(self) -> State:
        """The state for most of the piece."""
        return max(self.states, key=self.states.__getitem__) if self.states else ("waiting", None)

    @property
    def distribution(self) -> dict[str, float]:
        """The mean of the vote's distribution."""
        return {label: share / self.windows for label, share in self.shares.items()} if self.windows else {}


@dataclass(frozen=True)
class Note:
    """A gap, or a source that is lost or back."""

    time_s: float
    what: str
    lost_s: float = 0.0


class Recording:
    """Collects one session's events, in order, for a report.

    Attributes
    ----------
    start : StartEvent or None
        None if the log begins in the middle of a session.
    summary : SummaryEvent or None
        None if the session did not end normally.
    begin_s : float
        Stream time at which the recording begins.
    bin_s : float
        Length of one piece, in seconds.
    states : counter of str
        Number of windows in each state without a genre.
    notes : list of Note
    corrections : list of CorrectionEvent
        The first ones.
    source : str or None
        The source's name, where there are several.
    has_events : bool
        Whether there are events besides the start.
    is_start_repeated : bool
        Whether the newest event of the log is this session's start again, as after rotation.
    """

    def __init__(self, start: StartEvent | None) -> None:
        self.start = start
        self.summary: SummaryEvent | None = None
        self.source: str | None = None
        self.has_events = self.is_start_repeated = False
        hop_s = start.hop_s if start is not None and start.hop_s > 0 else DEFAULT_HOP_S
        self.begin_s = 0.0
        self.bin_s = hop_s
        self._tally = Tally(0.0, start)
        self._bins: dict[int, Bin] = {}
        self._labels: dict[str, None] = dict.fromkeys(start.labels if start is not None else ())
        self.states: Counter[VoteState] = Counter()
        self.notes: list[Note] = []
        self.notes_left_out = 0
        self.corrections: list[CorrectionEvent] = []
        self._stretches: list[Stretch] | None = []  # None when there are too many to list
        self._times = TimesOfDay()
        self._late: Anchor | None = None  # of an event that may come long after its sound
        if start is not None and start.at is not None:
            self._times.add(Anchor(0.0, start.at))

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels."""
        return tuple(self._labels)

    @property
    def end_s(self) -> float:
        """Stream time at which the recording ends."""
        return self._tally.end_s

    @property
    def windows(self) -> int:
        """Number of classified windows."""
        return self._tally.windows

    @property
    def share(self) -> Counter[str]:
        """Number of windows in which each genre was the verdict."""
        return self._tally.verdicts

    @property
    def losses(self) -> int:
        """Number of gaps."""
        return self._tally.gaps

    @property
    def lost_s(self) -> float:
        """Seconds of sound lost."""
        return self._tally.lost_s

    @property
    def skipped_windows(self) -> int:
        """Windows skipped because the program was too slow; 0 if the log has no summary."""
        return self.summary.skipped_windows if self.summary is not None else 0

    def time_of_day(self, time_s: float) -> datetime | None:
        """Return the time of day of a stream time; None for a file, or where it is unknown."""
        if self.start is not None and self.start.source_kind == "file":
            return None
        moment = self._times.at(time_s)
        return self._late.time_of_day(time_s) if moment is None and self._late is not None else moment

    def begin_at(self, time_s: float) -> None:
        """Begin later, before the first event: the log does not hold what came before."""
        self.begin_s = time_s
        self._tally = Tally(time_s, self.start)
        self._times = TimesOfDay()

    def add(self, event: Event) -> None:
        """Add the next event."""
        self.source = self.source or event.source
        self.has_events = self.has_events or not isinstance(event, StartEvent)
        if isinstance(event, WindowEvent):
            if len(self._labels) < MOST_LABELS:
                self._labels.update(dict.fromkeys(event.vote.distribution))
            if event.vote.genre is not None and event.vote.genre not in self._labels:
                return  # no model has so many labels
        self._note_time(event)
        for stretch in self._tally.add(event):
            self._fill(stretch)
        match event:
            case WindowEvent():
                heard = event.vote.distribution
                known = {label: share for label, share in heard.items() if label in self._labels}
                self._bin(event.time_s).add_windows(known)
                if event.vote.genre is None:
                    self.states[event.vote.state] += 1
            case GapEvent():
                self._note(Note(event.time_s - event.lost_s, event.reason, event.lost_s))
            case SourceEvent():
                self._note(Note(event.time_s, event.status))
            case CorrectionEvent():
                if len(self.corrections) < MOST_NOTES:
                    self.corrections.append(event)
            case SummaryEvent():
                self.summary = event
                for stretch in self._tally.wait(event.duration_s):
                    self._fill(stretch)

    def _note_time(self, event: Event) -> None:
        if event.at is None:
            return
        match event:
            case WindowEvent() | GapEvent():
                self._times.add(Anchor(event.time_s, event.at))
            case SourceEvent() | CorrectionEvent():  # stream time stands still while the source is lost
                self._late = self._late or Anchor(event.time_s, event.at)
            case SummaryEvent():
                self._late = self._late or Anchor(event.duration_s, event.at)

    def _bin(self, time_s: float) -> Bin:
        """Return the piece of a time; if there would be too many pieces, merge them in pairs first."""
        while (number := self._number(time_s)) >= MOST_BINS:
            halved: dict[int, Bin] = {}
            for place, piece in self._bins.items():
                halved.setdefault(place // 2, Bin()).add(piece)
            self._bins = halved
            self.bin_s *= 2
        return self._bins.setdefault(number, Bin())

    def _number(self, time_s: float) -> int:
        return max(0, math.ceil((time_s - self.begin_s) / self.bin_s - 1e-9) - 1)

    def _fill(self, stretch: Stretch) -> None:
        """Add a stretch to the pieces that it covers."""
        self._bin(stretch.end_s)  # now all pieces have their final length
        state = (stretch.state, stretch.genre)
        first, last = self._number(stretch.start_s + 1e-9), self._number(stretch.end_s)
        for number in range(first, last + 1):
            left_s = self.begin_s + number * self.bin_s
            overlap_s = min(stretch.end_s, left_s + self.bin_s) - max(stretch.start_s, left_s)
            if overlap_s > 0:
                self._bins.setdefault(number, Bin()).states[state] += overlap_s
        if self._stretches is not None:
            lengthen(self._stretches, stretch)
            if len(self._stretches) > MOST_STRETCHES:
                self._stretches = None

    def _note(self, note: Note) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)
        else:
            self.notes_left_out += 1

    def pieces(self) -> Iterator[tuple[float, Bin]]:
        """Yield each piece with its start time, including empty ones."""
        for number in range(self._number(self.end_s) + 1):
            yield self.begin_s + number * self.bin_s, self._bins.get(number, Bin())

    def strip(self) -> list[Stretch]:
        """Return the timeline with the resolution of the pieces."""
        stretches: list[Stretch] = []
        for begin_s, piece in self.pieces():
            lengthen(stretches, Stretch(begin_s, min(self.end_s, begin_s + self.bin_s), *piece.state))
        return stretches

    def changes(self, most: int) -> tuple[list[Stretch], float]:
        """Return up to ``most`` stretches, oldest first.

        Returns
        -------
        stretches : list of Stretch
        step_s : float
            0 if the stretches are exact; else the length of the steps, each with the state for most of it.
        """
        stretches, step_s = self._stretches, 0.0
        steps = list(self.pieces()) if stretches is None or len(stretches) > most else []
        while stretches is None or len(stretches) > most:
            if step_s:
                steps = [_join(steps[place : place + 2]) for place in range(0, len(steps), 2)]
            step_s = 2 * step_s or self.bin_s
            stretches = []
            for begin_s, piece in steps:
                lengthen(stretches, Stretch(begin_s, min(self.end_s, begin_s + step_s), *piece.main_state))
        return stretches, step_s


def _join(pieces: Sequence[tuple[float, Bin]]) -> tuple[float, Bin]:
    joined = Bin()
    for _, piece in pieces:
        joined.add(piece)
    return pieces[0][0], joined
