"""Several sources heard side by side: a session for each, none of which holds up another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from live.bundle import BundleDescription
from live.errors import GenreLiveError, ToldError
from live.events import Event, SourceKind, SummaryEvent, genres_of
from live.meter import FLOOR_DBFS
from live.session import JOINED_WITHIN_S, Session, Sink
from live.snapshot import Snapshot
from live.sources.source import AudioSource
from live.vote import Vote

OpenSource = Callable[[], Sequence[AudioSource]]
MakeSession = Callable[[AudioSource, str], Session]
OnFailure = Callable[[str, BaseException], None]


def one_at_a_time(sink: Sink) -> Sink:
    """Return a sink that several sessions may give events to, each on its own thread."""
    busy = threading.Lock()

    def take(event: Event) -> None:
        with busy:
            sink(event)

    return take


@dataclass
class Place:
    """One of several sources: how it is opened, and what became of it.

    Attributes
    ----------
    name : str or None
        What to call it; its own name without.
    open_source : callable
        Returns the source, or several, opened.
    make_session : callable
        Returns the session of an opened source and its name.
    kind, words, description
        What kind of source it is, what to call it and what will hear it, while it is not open yet.
    may_wait : bool
        Whether it may be opened for as long as it takes, which holds up no other.
    sessions : list of Session
        Of what it opened.
    """

    name: str | None
    open_source: OpenSource
    make_session: MakeSession
    kind: SourceKind
    words: str
    description: BundleDescription
    may_wait: bool = False
    sessions: list[Session] = field(default_factory=list)
    opened: Sequence[AudioSource] = ()
    failure: BaseException | None = None


class Sessions:
    """Listens to several sources until all have ended or it is told to stop.

    Parameters
    ----------
    places : sequence of Place
    on_failure : callable
        Takes the name of a source that failed while listening, and why; called on a thread of its own.

    Attributes
    ----------
    ended : threading.Event
        Set when every session has ended.
    failures : list of (str, BaseException)
        The sources that failed while listening, by their names.

    Raises
    ------
    GenreLiveError
        When one of the sources that do not wait cannot be opened.
    """

    def __init__(
        self, places: Sequence[Place], *, on_failure: OnFailure = lambda _name, _error: None
    ) -> None:
        self._places = tuple(places)
        self._on_failure = on_failure
        self._changed = threading.Lock()
        self._names: set[str] = set()
        self._stopping = False
        self._running = 0
        self._threads: list[threading.Thread] = []
        self.ended = threading.Event()
        self.failures: list[tuple[str, BaseException]] = []
        self._open([place for place in self._places if not place.may_wait])

    def _open(self, places: Sequence[Place]) -> None:
        """Open sources side by side: none waits for another."""
        threads = [
            threading.Thread(target=self._open_one, args=(place,), name="opening", daemon=True)
            for place in places
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failure = next((place.failure for place in places if place.failure is not None), None)
        if failure is not None:
            for place in places:
                for source in place.opened:
                    source.stop()
            raise failure
        for place in places:
            self._make_sessions(place)

    def _open_one(self, place: Place) -> None:
        try:
            place.opened = place.open_source()
        except BaseException as error:
            place.failure = error

    def _make_sessions(self, place: Place) -> None:
        """Return what a place has opened its sessions and names."""
        for number, source in enumerate(place.opened, 1):
            name = source.name if place.name is None else place.name
            if place.name is not None and len(place.opened) > 1:
                name = f"{place.name}, channel {number}"
            with self._changed:
                unique = self._unique(name)
                place.sessions.append(place.make_session(source, unique))

    def _unique(self, name: str) -> str:
        """Return the name, numbered where another source has it."""
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name} ({number})", number + 1
        self._names.add(unique)
        return unique

    def start(self) -> None:
        """Begin to listen to what is open, and to open what is waited for."""
        threads = [
            threading.Thread(target=self._run, args=(place,), name="source", daemon=True)
            for place in self._places
        ]
        self._running = len(threads)
        with self._changed:
            self._threads += threads
        for thread in threads:
            thread.start()

    def _run(self, place: Place) -> None:
        """See one place through to its end."""
        try:
            if place.may_wait:
                place.opened = place.open_source()
                self._make_sessions(place)
            with self._changed:
                sessions = list(place.sessions)
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
            self._note_failure(place.name or "a source", error)
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
    def sessions(self) -> tuple[Session | None, ...]:
        """The sessions in the order in which the sources were given; None for one that is waited for."""
        with self._changed:
            found: list[Session | None] = []
            for place in self._places:
                found += place.sessions or [None]
            return tuple(found)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """How the sources are now, in the order of ``sessions``."""
        with self._changed:
            snapshots: list[Snapshot] = []
            for place in self._places:
                heard = [session.snapshot for session in place.sessions]
                snapshots += heard or [_not_yet_open(place)]
            return tuple(snapshots)

    def _open_sessions(self) -> list[Session]:
        return [session for session in self.sessions if session is not None]

    @property
    def alive_s(self) -> float:
        """When the one that was alive the longest ago last showed it (``time.monotonic``)."""
        return min(
            (session.alive_s for session in self._open_sessions() if not session.ended.is_set()),
            default=time.monotonic(),
        )

    def stop(self) -> None:
        """End all sessions, side by side; ``ended`` is set when they have."""
        with self._changed:
            self._stopping = True
            sessions = [session for place in self._places for session in place.sessions]
            waits = any(place.may_wait and not place.sessions for place in self._places)
            threads = [
                threading.Thread(target=session.stop, name="stopping", daemon=True) for session in sessions
            ]
            self._threads += threads
        for thread in threads:
            thread.start()
        if waits:  # a source that is still being opened ends with the process
            for session in sessions:
                session.ended.wait()
            self.ended.set()

    def join(self, within_s: float = JOINED_WITHIN_S) -> None:
        """Wait until the threads are gone that hold what was heard; one that hangs is left behind."""
        deadline_s = time.monotonic() + within_s
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        for session in self._open_sessions():
            session.join(max(0.0, deadline_s - time.monotonic()))

    def warnings(self) -> list[str]:
        """Sentences about what the user should know of sessions that ended well all the same."""
        return [sentence for session in self._open_sessions() for sentence in session.warnings()]

    @property
    def summaries(self) -> tuple[SummaryEvent, ...]:
        """The sums of the sessions that have ended."""
        return tuple(session.summary for session in self._open_sessions() if session.summary is not None)

    @property
    def failure(self) -> GenreLiveError | None:
        """Why the program fails, as ``on_failure`` was told: with the exit status of the gravest."""
        statuses = [
            error.exit_status if isinstance(error, GenreLiveError) else 1 for _name, error in self.failures
        ]
        return ToldError(max(statuses)) if statuses else None


def _not_yet_open(place: Place) -> Snapshot:
    """Return what is to be seen of a source that is still waited for."""
    labels = place.description.labels
    return Snapshot(
        source_kind=place.kind,
        source_name=place.words,
        sample_rate=0,
        source_condition="opening",
        model_name=place.description.name,
        genres=genres_of(labels),
        time_s=0.0,
        length_s=None,
        level_dbfs=FLOOR_DBFS,
        peak_dbfs=FLOOR_DBFS,
        clipped=False,
        verdict=Vote(labels).verdict,
    )
