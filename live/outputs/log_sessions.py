"""The sessions of a log: it may hold several, one after the other or of several sources at once."""

from __future__ import annotations

from collections.abc import Iterable

from live.events import Event, GapEvent, StartEvent, SummaryEvent, WindowEvent
from live.outputs.recording import Recording

CONTINUED_AFTER_S = 10.0  # a start event before later sound than this is repeated from before a rotation


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
