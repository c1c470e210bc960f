"""Several sources at the same time: one session for each, independent of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from live.bundle import BundleDescription
from live.errors import GenreLiveError, ReportedError
from live.events import Event, SourceKind, SummaryEvent, genres_of
from live.meter import FLOOR_DBFS
from live.session import JOINED_WITHIN_S, Sink, SourceSession
from live.snapshot import Snapshot
from live.sources.source import AudioSource
from live.vote import Vote

UNNAMED = "a source"
"""The name of a source without one, before it is open."""

OpenSource = Callable[[], Sequence[AudioSource]]
MakeSession = Callable[[AudioSource, str], SourceSession]
OnFailure = Callable[[str, BaseException], None]


def one_at_a_time(sink: Sink) -> Sink:
    """Return a sink that several sessions may call, each from its own thread."""
    busy = threading.Lock()

    def take(event: Event) -> None:
        with busy:
            sink(event)

    return take


@dataclass
class SourceSlot:
    """One of several requested sources, and its sessions once it is open.

    Attributes
    ----------
    name : str or None
        The name that the user gave it; None for its own.
    open_source : callable
        Opens the source, or several, and returns them.
    make_session : callable
        Returns the session for an open source and its name.
    kind, shown_name, description
        Kind and name of the source and description of its model, for the screen until it is open.
    may_wait : bool
        Whether opening may take for ever (``--wait``); the others then start without it.
    sessions : list of SourceSession
        The sessions of what was opened.
    opened : sequence of AudioSource
        What ``open_source`` returned: several sources if their channels are apart.
    failure : BaseException or None
        Why it could not be opened, before anything was started.
    """

    name: str | None
    open_source: OpenSource
    make_session: MakeSession
    kind: SourceKind
    shown_name: str
    description: BundleDescription
    may_wait: bool = False
    sessions: list[SourceSession] = field(default_factory=list)
    opened: Sequence[AudioSource] = ()
    failure: BaseException | None = None


class Sessions:
    """Listens to several sources until all have ended or ``stop`` is called.

    Parameters
    ----------
    slots : sequence of SourceSlot
    on_failure : callable
        Called with the name of a source that failed while listening, and its error, on a separate thread.

    Attributes
    ----------
    ended : threading.Event
        Set when every session has ended.
    failures : list of (str, BaseException)
        The sources that failed while listening, with their errors.

    Raises
    ------
    GenreLiveError
        When one of the sources without ``may_wait`` cannot be opened.
    """

    def __init__(
        self, slots: Sequence[SourceSlot], *, on_failure: OnFailure = lambda _name, _error: None
    ) -> None:
        self._slots = tuple(slots)
        self._on_failure = on_failure
        self._changed = threading.Lock()
        self._names: set[str] = set()
        self._stopping = False
        self._running = 0
        self._threads: list[threading.Thread] = []
        self.ended = threading.Event()
        self.failures: list[tuple[str, BaseException]] = []
        self._open([slot for slot in self._slots if not slot.may_wait])

    def _open(self, slots: Sequence[SourceSlot]) -> None:
        """Open sources in parallel."""
        threads = [
            threading.Thread(target=self._open_one, args=(slot,), name="opening", daemon=True)
            for slot in slots
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failure = next((slot.failure for slot in slots if slot.failure is not None), None)
        if failure is not None:
            for slot in slots:
                for source in slot.opened:
                    source.stop()
            raise failure
        for slot in slots:
            self._make_sessions(slot)

    def _open_one(self, slot: SourceSlot) -> None:
        try:
            slot.opened = slot.open_source()
        except BaseException as error:
            slot.failure = error

    def _make_sessions(self, slot: SourceSlot) -> None:
        """Create the sessions of what a slot has opened, with unique names."""
        for number, source in enumerate(slot.opened, 1):
            name = source.name if slot.name is None else slot.name
            if slot.name is not None and len(slot.opened) > 1:
                name = f"{slot.name}, channel {number}"
            with self._changed:
                unique = self._unique(name)
                slot.sessions.append(slot.make_session(source, unique))

    def _unique(self, name: str) -> str:
        """Return the name, with a number when another source has the same."""
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name} ({number})", number + 1
        self._names.add(unique)
        return unique

    def start(self) -> None:
        """Start to listen to the open sources, and to open those that are waited for."""
        threads = [
            threading.Thread(target=self._run, args=(slot,), name="source", daemon=True)
            for slot in self._slots
        ]
        self._running = len(threads)
        with self._changed:
            self._threads += threads
        for thread in threads:
            thread.start()

    def _run(self, slot: SourceSlot) -> None:
        """Open a slot if necessary, and run its sessions to their end."""
        try:
            if slot.may_wait:
                slot.opened = slot.open_source()
                self._make_sessions(slot)
            with self._changed:
                sessions = list(slot.sessions)
                is_late = self._stopping
            for session in sessions:
                session.start()
            if is_late:
                for session in sessions:
                    session.stop()
            for session in sessions:
                session.ended.wait()
                if session.failure is not None:
                    self._note_failure(session.snapshot.source_name, session.failure)
        except BaseException as error:
            self._note_failure(slot.name or UNNAMED, error)
        finally:
            with self._changed:
                self._running -= 1
                if self._running == 0:
                    self.ended.set()

    def _note_failure(self, name: str, error: BaseException) -> None:
        with self._changed:
            self.failures.append((name, error))
        self._on_failure(name, error)

    @property
    def sessions(self) -> tuple[SourceSession | None, ...]:
        """The sessions in the order of the sources; None for one that is not open yet."""
        with self._changed:
            found: list[SourceSession | None] = []
            for slot in self._slots:
                found += slot.sessions or [None]
            return tuple(found)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The newest snapshots of the sources, in the order of ``sessions``."""
        with self._changed:
            snapshots: list[Snapshot] = []
            for slot in self._slots:
                snapshots += [session.snapshot for session in slot.sessions] or [_not_yet_open(slot)]
            return tuple(snapshots)

    def _open_sessions(self) -> list[SourceSession]:
        return [session for session in self.sessions if session is not None]

    @property
    def alive_s(self) -> float:
        """The oldest ``alive_s`` of the running sessions (``time.monotonic``)."""
        return min(
            (session.alive_s for session in self._open_sessions() if not session.ended.is_set()),
            default=time.monotonic(),
        )

    def stop(self) -> None:
        """Ask all sessions to end, in parallel; ``ended`` is set when they have."""
        with self._changed:
            self._stopping = True
            sessions = [session for slot in self._slots for session in slot.sessions]
            waits = any(slot.may_wait and not slot.sessions for slot in self._slots)
            threads = [
                threading.Thread(target=session.stop, name="stopping", daemon=True) for session in sessions
            ]
        for thread, session in zip(threads, sessions, strict=True):
            try:
                thread.start()
            except RuntimeError:  # while Python itself ends, no thread starts any more
                session.stop()
            else:
                with self._changed:
                    self._threads.append(thread)
        if waits:  # a thread that still opens a source ends with the process
            for session in sessions:
                session.ended.wait()
            self.ended.set()

    def join(self, within_s: float = JOINED_WITHIN_S) -> None:
        """Wait for the sessions' threads to finish, but no longer than ``within_s`` seconds."""
        deadline_s = time.monotonic() + within_s
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        for session in self._open_sessions():
            session.join(max(0.0, deadline_s - time.monotonic()))

    def warnings(self) -> list[str]:
        """Return sentences about problems that did not make a session fail."""
        return [sentence for session in self._open_sessions() for sentence in session.warnings()]

    @property
    def summaries(self) -> tuple[SummaryEvent, ...]:
        """The summaries of the sessions that have ended."""
        return tuple(session.summary for session in self._open_sessions() if session.summary is not None)

    @property
    def failure(self) -> GenreLiveError | None:
        """The error with which the program ends, with the highest exit status of all failures."""
        statuses = [
            error.exit_status if isinstance(error, GenreLiveError) else 1 for _name, error in self.failures
        ]
        return ReportedError(max(statuses)) if statuses else None


def _not_yet_open(slot: SourceSlot) -> Snapshot:
    """Return the snapshot of a source that is not open yet."""
    labels = slot.description.labels
    return Snapshot(
        source_kind=slot.kind,
        source_name=slot.shown_name,
        sample_rate=0,
        source_condition="opening",
        model_name=slot.description.name,
        genres=genres_of(labels),
        time_s=0.0,
        length_s=None,
        level_dbfs=FLOOR_DBFS,
        peak_dbfs=FLOOR_DBFS,
        clipped=False,
        verdict=Vote(labels).verdict,
    )
