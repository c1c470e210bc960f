"""Summary of a logged session for the report, in bounded memory for a session of any length."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    WindowEvent,
)
from live.snapshot import Stretch, StretchState
from live.tally import Tally, lengthen

MOST_BINS = 1_200
MOST_STRETCHES = 2_000
MOST_NOTES = 200
MOST_ANCHORS = 1_000
JUMP_S = 60.0  # more than drift and jitter: the clock was set, or the computer slept
CLOCK_IS_SET_WITHIN_S = 180.0  # at first, a computer without a clock chip has the time of its last shutdown
CONTINUED_AFTER_S = 10.0  # a start event before later sound than this is repeated from before a rotation
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
        self.hear(other.shares, other.windows)
        for state, seconds in other.states.items():
            self.states[state] += seconds

    def hear(self, distribution: Mapping[str, float], windows: int = 1) -> None:
        """Add a window, or the sum of several."""
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
    """An event other than a verdict: a gap, a microphone lost or back, a correction.

    ``words`` is the user's label of a correction.
    """

    time_s: float
    what: str
    lost_s: float = 0.0
    words: str = ""


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
    notes : list of Note
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
        self.notes: list[Note] = []
        self.notes_left_out = 0
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
                self._bin(event.time_s).hear(known)
            case GapEvent():
                self._note(Note(event.time_s - event.lost_s, event.reason, event.lost_s))
            case SourceEvent():
                self._note(Note(event.time_s, event.status))
            case CorrectionEvent():
                self._note(Note(event.time_s, "correction", words=f"{event.genre}, not {event.heard}"))
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


def split_sessions(
    events: Iterable[Event], most: int, most_sources: int | None = None
) -> tuple[list[Recording], int]:
    """Return recordings of the sessions in a log, which may overlap where there are several sources.

    Parameters
    ----------
    events : iterable of Event
    most, most_sources : int
        Largest number of recordings to keep, and the same for a log of several sources.

    Returns
    -------
    recordings : list of Recording
        Those that began last, oldest first.
    count : int
        Number of sessions in the log.
    """
    sessions = _Sessions(most, most_sources if most_sources is not None else most)
    for event in events:
        sessions.add(event)
    sessions.leave_out()
    return sessions.recordings, sessions.count


class _Sessions:
    """The sessions of a log, as far as it was read.

    A repeated start event, as after rotation, begins no other session if the stream continues after it.
    """

    def __init__(self, most: int, most_sources: int) -> None:
        self._most, self._most_sources = most, most_sources
        self._current: dict[str | None, Recording] = {}  # by the source's name, where events have one
        self._started: list[Recording] = []  # by the start events since the latest other event
        self.recordings: list[Recording] = []
        self.count = 0

    def add(self, event: Event) -> None:
        """Add the next event of the log."""
        if isinstance(event, StartEvent):
            self._start(event)
        else:
            self._continue(event)

    def _start(self, start: StartEvent) -> None:
        known = self._current.get(start.source_name)
        if known is not None and _is_repeated(known, start):
            known.is_start_repeated = True
            return
        self._started.append(self._begin(start, start.source))
        del self._started[: -self._most_sources]
        del self.recordings[: -self._most_sources]  # the next event tells whether they are of one run

    def _continue(self, event: Event) -> None:
        self._name_started(event.source)
        recording = self._current.get(event.source)
        if recording is None or _is_of_another(recording, event):
            recording = self._begin(_repeated_start(recording), event.source)
        if not recording.has_events and _misses_beginning(recording, event):
            recording.begin_at(_first_time_s(event, recording.bin_s))
        recording.is_start_repeated = False
        recording.add(event)
        self.leave_out()

    def _begin(self, start: StartEvent | None, source: str | None) -> Recording:
        recording = Recording(start)
        self._current[source] = recording
        if start is not None:  # its source is the name that later events may carry
            self._current[start.source_name] = recording
        self.recordings.append(recording)
        self.count += 1
        return recording

    def _name_started(self, source: str | None) -> None:
        """Name the sources that started together, if there are several: some may be silent in this log."""
        for recording in self._started:
            if source is not None and recording.start is not None:
                recording.source = recording.start.source_name
        self._started.clear()

    def leave_out(self) -> None:
        """Leave out the earliest sessions, if there are too many."""
        if len(self.recordings) > self._most:
            of_several = any(recording.source is not None for recording in self.recordings)
            del self.recordings[: -(self._most_sources if of_several else self._most)]


def _is_repeated(recording: Recording, start: StartEvent) -> bool:
    """Return whether a start event is that of a recording again; its time of day makes it unique."""
    return recording.summary is None and start.at is not None and recording.start == start


def _repeated_start(recording: Recording | None) -> StartEvent | None:
    """Return the start event of a session that follows this recording, where it has the same."""
    return recording.start if recording is not None and recording.is_start_repeated else None


def _is_of_another(recording: Recording, event: Event) -> bool:
    """Return whether an event belongs to a session whose start is not in the log."""
    return recording.summary is not None or _time_s(event) < recording.end_s - 1.0


def _misses_beginning(recording: Recording, event: Event) -> bool:
    """Return whether a recording's first event comes long after the beginning of its session."""
    start = recording.start
    return start is None or _first_time_s(event, recording.bin_s) > start.reach_s + CONTINUED_AFTER_S


def _time_s(event: Event) -> float:
    match event:
        case StartEvent():
            return 0.0
        case SummaryEvent():
            return event.duration_s
    return event.time_s


def _first_time_s(event: Event, hop_s: float) -> float:
    """Return the stream time from which an event tells what was heard."""
    match event:
        case WindowEvent():
            return max(0.0, event.time_s - hop_s)
        case GapEvent():
            return max(0.0, event.time_s - event.lost_s)
    return _time_s(event)
