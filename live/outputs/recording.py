"""A logged session, summed up in bounded memory, however long it was."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    WindowEvent,
)
from live.snapshot import Heard, Stretch
from live.tally import Tally, lengthen

MOST_BINS = 1_200
MOST_STRETCHES = 2_000
MOST_NOTES = 200
MOST_SECONDS = 1e9  # further from the start no time of day is told
MOST_LABELS = 1_000
DEFAULT_HOP_S = 0.5

State = tuple[Heard, str | None]


@dataclass
class Bin:
    """A piece of the session: what was heard in it, on the mean and mostly."""

    windows: int = 0
    shares: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    states: defaultdict[State, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: Bin) -> None:
        """Take another piece into this one."""
        self.hear(other.shares, other.windows)
        for state, seconds in other.states.items():
            self.states[state] += seconds

    def hear(self, distribution: Mapping[str, float], windows: int = 1) -> None:
        """Take a window, or the sum of several."""
        self.windows += windows
        for label, share in distribution.items():
            self.shares[label] += share

    @property
    def state(self) -> State:
        """What took most of it, but lost sound wherever there is some."""
        for state in self.states:
            if state[0] == "gap":
                return state
        return self.main_state

    @property
    def main_state(self) -> State:
        """What took most of it."""
        return max(self.states, key=self.states.__getitem__) if self.states else ("waiting", None)

    @property
    def distribution(self) -> dict[str, float]:
        """The vote's distribution, on the mean."""
        return {label: share / self.windows for label, share in self.shares.items()} if self.windows else {}


@dataclass(frozen=True)
class Note:
    """Something that happened beside the verdicts: sound lost, a microphone gone or back, a correction.

    ``words`` are the listener's, of a correction.
    """

    time_s: float
    what: str
    lost_s: float = 0.0
    words: str = ""


class Recording:
    """Takes one session's events, in order, and keeps what a report tells of them.

    Attributes
    ----------
    start : StartEvent or None
        None where the log begins in the middle of a session.
    summary : SummaryEvent or None
        None where the session did not end in good order.
    begin_s : float
        The stream time at which what is covered begins.
    bin_s : float
        Length of one piece.
    notes : list of Note
    source : str or None
        The source's name, where the log tells of several.
    """

    def __init__(self, start: StartEvent | None, first_time_s: float = 0.0) -> None:
        self.start = start
        self.summary: SummaryEvent | None = None
        self.source: str | None = None
        hop_s = start.hop_s if start is not None and start.hop_s > 0 else DEFAULT_HOP_S
        self.begin_s = first_time_s
        self.bin_s = hop_s
        self._tally = Tally(first_time_s, start)
        self._bins: dict[int, Bin] = {}
        self._labels: dict[str, None] = dict.fromkeys(start.labels if start is not None else ())
        self.notes: list[Note] = []
        self.notes_left_out = 0
        self._stretches: list[Stretch] | None = []  # none when there are too many to be told one by one

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels."""
        return tuple(self._labels)

    @property
    def end_s(self) -> float:
        """Stream time at which what is covered ends."""
        return self._tally.end_s

    @property
    def windows(self) -> int:
        """Windows heard."""
        return self._tally.windows

    @property
    def share(self) -> Counter[str]:
        """Windows that each genre was the verdict of."""
        return self._tally.verdicts

    @property
    def losses(self) -> int:
        """Times that sound was lost."""
        return self._tally.gaps

    @property
    def lost_s(self) -> float:
        """Seconds of sound lost."""
        return self._tally.lost_s

    @property
    def skipped_windows(self) -> int:
        """Windows left out since the program was behind, as far as the log tells."""
        return self.summary.skipped_windows if self.summary is not None else 0

    def time_of_day(self, time_s: float) -> datetime | None:
        """Return when a moment of stream time was, of a source that was heard as it sounded."""
        if self.start is None or self.start.at is None or self.start.source_kind == "file":
            return None
        return self.start.at + timedelta(seconds=min(time_s, MOST_SECONDS))

    def add(self, event: Event) -> None:
        """Take the next event."""
        self.source = self.source or event.source
        for stretch in self._tally.add(event):
            self._fill(stretch)
        match event:
            case WindowEvent():
                if len(self._labels) < MOST_LABELS:
                    self._labels.update(dict.fromkeys(event.vote.distribution))
                self._bin(event.time_s).hear(event.vote.distribution)
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

    def _bin(self, time_s: float) -> Bin:
        """Return the piece that ends at or after a time; too many are joined by twos."""
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
        """Let the pieces hold what a stretch says."""
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
        """Yield each piece with the time at which it begins; those without anything too."""
        for number in range(self._number(self.end_s) + 1):
            yield self.begin_s + number * self.bin_s, self._bins.get(number, Bin())

    def strip(self) -> list[Stretch]:
        """Return what was heard when, no finer than the pieces."""
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
            0 where they are told exactly; else the length of the steps of which each tells what was
            heard in most of it.
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
    """Sum up the sessions that a log holds, one after another or, of several sources, side by side.

    Parameters
    ----------
    events : iterable of Event
    most, most_sources : int
        How many of them to keep, and how many where there are several sources.

    Returns
    -------
    recordings : list of Recording
        The latest of them to begin, oldest first.
    count : int
        How many there were.
    """
    recordings: list[Recording] = []
    current: dict[str | None, Recording] = {}  # by the source's name, where events say one
    count = 0
    for event in events:
        recording = current.get(event.source)
        if recording is None or isinstance(event, StartEvent) or _is_of_another(recording, event):
            recording = _begin(event)
            current[event.source] = recording
            if isinstance(event, StartEvent):  # whose source is the name that the others may say
                current[event.source_name] = recording
            recordings.append(recording)
            count += 1
        recording.add(event)
        if len(recordings) > most:
            of_several = any(recording.source is not None for recording in recordings)
            del recordings[: -(most_sources if of_several and most_sources is not None else most)]
    return recordings, count


def _is_of_another(recording: Recording, event: Event) -> bool:
    """Whether an event is what is left of a session that the log does not begin."""
    time_s = getattr(event, "time_s", None)
    return recording.summary is not None or (time_s is not None and time_s < recording.end_s - 1.0)


def _begin(event: Event) -> Recording:
    """Begin a recording with its first event, which need not be the session's."""
    match event:
        case StartEvent():
            return Recording(event)
        case WindowEvent() | SourceEvent() | CorrectionEvent():
            return Recording(None, max(0.0, event.time_s - DEFAULT_HOP_S))
        case GapEvent():
            return Recording(None, max(0.0, event.time_s - event.lost_s))
    return Recording(None)
