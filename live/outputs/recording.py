"""A logged session, summed up in bounded memory, however long it was."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

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

MOST_BINS = 1_200
MOST_STRETCHES = 2_000
MOST_NOTES = 200
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
    begin_s, end_s : float
        The stream time that is covered.
    bin_s : float
        Length of one piece.
    share : counter of str
        Windows that each genre was the verdict of.
    """

    def __init__(self, start: StartEvent | None, first_time_s: float = 0.0) -> None:
        self.start = start
        self.summary: SummaryEvent | None = None
        hop_s = start.hop_s if start is not None and start.hop_s > 0 else DEFAULT_HOP_S
        self.begin_s = first_time_s
        self.end_s = first_time_s
        self.bin_s = hop_s
        self._bins: dict[int, Bin] = {}
        self._labels: dict[str, None] = dict.fromkeys(start.labels if start is not None else ())
        self.share: Counter[str] = Counter()
        self.windows = 0
        self.losses = 0
        self.lost_s = 0.0
        self.notes: list[Note] = []
        self.notes_left_out = 0
        self._stretches: list[Stretch] | None = []  # none when there are too many to be told one by one

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels."""
        return tuple(self._labels)

    @property
    def skipped_windows(self) -> int:
        """Windows left out since the program was behind, as far as the log tells."""
        return self.summary.skipped_windows if self.summary is not None else 0

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case WindowEvent():
                self._add_window(event)
            case GapEvent():
                self.losses += 1
                self.lost_s += event.lost_s
                self._pass(max(self.end_s, event.time_s - event.lost_s), ("waiting", None))
                self._pass(event.time_s, ("gap", None))
                self._note(Note(event.time_s - event.lost_s, event.reason, event.lost_s))
            case SourceEvent():
                self._note(Note(event.time_s, event.status))
            case CorrectionEvent():
                self._note(Note(event.time_s, "correction", words=f"{event.genre}, not {event.heard}"))
            case SummaryEvent():
                self.summary = event
                self._pass(event.duration_s, ("waiting", None))

    def _add_window(self, window: WindowEvent) -> None:
        self.windows += 1
        if len(self._labels) < MOST_LABELS:
            self._labels.update(dict.fromkeys(window.vote.distribution))
        if window.vote.genre is not None:
            self.share[window.vote.genre] += 1
        if self.start is not None:  # what lies further back was a pause: nobody heard it
            self._pass(max(self.end_s, window.time_s - self.start.reach_s), ("waiting", None))
        self._pass(window.time_s, (window.vote.state, window.vote.genre))
        self._bin(window.time_s).hear(window.vote.distribution)

    def _bin(self, time_s: float) -> Bin:
        """Give the piece that ends at or after a time; pieces are joined by twos when there are too many."""
        while (number := self._number(time_s)) >= MOST_BINS:
            halved: dict[int, Bin] = {}
            for place, piece in self._bins.items():
                halved.setdefault(place // 2, Bin()).add(piece)
            self._bins = halved
            self.bin_s *= 2
        return self._bins.setdefault(number, Bin())

    def _number(self, time_s: float) -> int:
        return max(0, math.ceil((time_s - self.begin_s) / self.bin_s - 1e-9) - 1)

    def _pass(self, until_s: float, state: State) -> None:
        """Let time pass in one state."""
        since_s = self.end_s
        if until_s <= since_s:
            return
        self._bin(until_s)  # now all pieces have their final length
        first, last = self._number(since_s + 1e-9), self._number(until_s)
        for number in range(first, last + 1):
            left_s = self.begin_s + number * self.bin_s
            overlap_s = min(until_s, left_s + self.bin_s) - max(since_s, left_s)
            if overlap_s > 0:
                self._bins.setdefault(number, Bin()).states[state] += overlap_s
        self.end_s = until_s
        self._extend(Stretch(since_s, until_s, *state))

    def _extend(self, stretch: Stretch) -> None:
        if self._stretches is not None:
            _append(self._stretches, stretch)
            if len(self._stretches) > MOST_STRETCHES:
                self._stretches = None

    def _note(self, note: Note) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)
        else:
            self.notes_left_out += 1

    def pieces(self) -> Iterator[tuple[float, Bin]]:
        """Give each piece with the time at which it begins; those without anything too."""
        for number in range(self._number(self.end_s) + 1):
            yield self.begin_s + number * self.bin_s, self._bins.get(number, Bin())

    def strip(self) -> list[Stretch]:
        """Give what was heard when, no finer than the pieces."""
        stretches: list[Stretch] = []
        for begin_s, piece in self.pieces():
            _append(stretches, Stretch(begin_s, min(self.end_s, begin_s + self.bin_s), *piece.state))
        return stretches

    def changes(self, most: int) -> tuple[list[Stretch], float]:
        """Give up to ``most`` stretches, oldest first.

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
                _append(stretches, Stretch(begin_s, min(self.end_s, begin_s + step_s), *piece.main_state))
        return stretches, step_s


def _join(pieces: Sequence[tuple[float, Bin]]) -> tuple[float, Bin]:
    joined = Bin()
    for _, piece in pieces:
        joined.add(piece)
    return pieces[0][0], joined


def _append(stretches: list[Stretch], stretch: Stretch) -> None:
    """Append a stretch, or lengthen the last where it says the same."""
    last = stretches[-1] if stretches else None
    if last is not None and (last.state, last.genre) == (stretch.state, stretch.genre):
        stretches[-1] = replace(last, end_s=stretch.end_s)
    else:
        stretches.append(stretch)


def split_sessions(events: Iterable[Event], most: int) -> tuple[list[Recording], int]:
    """Sum up the sessions that a log holds one after another.

    Returns
    -------
    recordings : list of Recording
        The latest ``most`` of them, oldest first.
    count : int
        How many there were.
    """
    recordings: list[Recording] = []
    count = 0
    for event in events:
        time_s = getattr(event, "time_s", None)
        current = recordings[-1] if recordings else None
        if current is None or isinstance(event, StartEvent) or current.summary is not None:
            is_new = True
        else:
            is_new = time_s is not None and time_s < current.end_s - 1.0  # another session's rest
        if is_new:
            first = event if isinstance(event, StartEvent) else None
            begin_s = 0.0
            if first is None and isinstance(event, WindowEvent | SourceEvent | CorrectionEvent):
                begin_s = max(0.0, event.time_s - DEFAULT_HOP_S)
            elif first is None and isinstance(event, GapEvent):
                begin_s = max(0.0, event.time_s - event.lost_s)
            recordings.append(Recording(first, begin_s))
            count += 1
            del recordings[:-most]
        recordings[-1].add(event)
    return recordings, count
