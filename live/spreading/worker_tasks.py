"""The tasks of a cluster, as they run on a worker: each item is done in a separate process."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from live import __version__
from live.errors import GenreLiveError
from live.extras import need
from live.spreading.child import DONE, FAILED, NOT_SEEN, READY, REFUSED
from live.spreading.processes import OPENS_WITHIN_S, Answers, Child
from live.spreading.work import QueuedItem, Work

IDLE_S = 60.0  # after which such a process ends itself, so that a killed run leaves none behind
ATTRIBUTE = "genre_live_children"


@dataclass(frozen=True)
class Outcome:
    """The outcome of an item at a worker.

    Attributes
    ----------
    result : object
    lost : str or None
        Why there is no result.
    is_seen : bool
        False if the worker does not see the item's file; the result is then for the case that nobody does.
    """

    result: Any = None
    lost: str | None = None
    is_seen: bool = True


@dataclass(frozen=True)
class TaskOutcome:
    """The outcome of a task at a worker.

    Attributes
    ----------
    worker : str
        Address of the worker.
    outcomes : tuple of Outcome
        Those of the task's items, in their order; fewer if the worker refused.
    took_s : float
        Seconds that they took, without the start of a process.
    refusal : str or None
        Why the worker cannot do this work on any item.
    """

    worker: str
    outcomes: tuple[Outcome, ...] = ()
    took_s: float = 0.0
    refusal: str | None = None


class ChildProcesses:
    """The processes of one worker: as many as its threads use at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Work[Any, Any], Child, Answers]] = []

    def take(self, work: Work[Any, Any]) -> tuple[Child, Answers]:
        """Return an idle process for this work, or start one; idle processes for other work are ended."""
        with self._lock:
            idle, self._idle = self._idle, []
            for entry in idle:
                if entry[0] == work and not entry[1].has_ended:
                    self._idle = [other for other in idle if other is not entry and other[0] == work]
                    break
            else:
                entry = None
            for other in idle:
                if other is not entry and other not in self._idle:
                    other[1].stop()
        if entry is not None:
            return entry[1], entry[2]
        answers: Answers = queue.SimpleQueue()
        return Child(work, answers, idle_s=IDLE_S), answers

    def put_back(self, work: Work[Any, Any], child: Child, answers: Answers) -> None:
        """Keep a process for the next item."""
        with self._lock:
            self._idle.append((work, child, answers))

    def release(self) -> None:
        """End the idle processes."""
        with self._lock:
            for _, child, _ in self._idle:
                child.stop()
            self._idle = []


def _children_of(worker: Any) -> ChildProcesses:
    children: ChildProcesses = vars(worker).setdefault(ATTRIBUTE, ChildProcesses())
    return children


def do_task(work: Work[Any, Any], items: Sequence[Any]) -> TaskOutcome:
    """Do the items of a task on this worker, one after another, and return the outcome.

    If an item crashes its process, the next items are done in a new one.
    """
    worker = need("distributed", extra="cluster", purpose="A worker").get_worker()
    children = _children_of(worker)
    outcomes: list[Outcome] = []
    took_s = 0.0
    for item in items:
        try:
            child, answers = children.take(work)
        except GenreLiveError as error:
            return TaskOutcome(worker.address, tuple(outcomes), took_s, refusal=str(error))
        child.give(QueuedItem(0, item))
        kind, content = _wait_for_answer(child, answers, work.patience_s(item))
        if kind in {DONE, NOT_SEEN}:
            took_s += time.monotonic() - child.begun_s
            child.given.clear()
            children.put_back(work, child, answers)
            outcomes.append(Outcome(result=content, is_seen=kind == DONE))
            continue
        child.stop()
        if kind == REFUSED:
            return TaskOutcome(worker.address, tuple(outcomes), took_s, refusal=str(content))
        outcomes.append(Outcome(lost=str(content)))
    return TaskOutcome(worker.address, tuple(outcomes), took_s)


def _wait_for_answer(child: Child, answers: Answers, patience_s: float | None) -> tuple[str, Any]:
    """Wait for the message of a process about its item, and return it."""
    while True:
        try:
            _, message = answers.get(timeout=patience_s if child.is_ready else OPENS_WITHIN_S)
        except queue.Empty:
            if not child.is_ready:
                return REFUSED, "Its processes do not begin."
            return FAILED, f"it takes longer than {patience_s:.0f} s"
        if message is None:
            return (FAILED, child.crash) if child.is_ready else (REFUSED, "Its processes end as they begin.")
        if message[0] != READY:
            return message
        child.is_ready = True
        child.begun_s = time.monotonic()


def program_version() -> str:
    """Return the version of the worker's program."""
    return __version__


def release(dask_worker: Any) -> None:
    """End the processes of a worker."""
    children = vars(dask_worker).get(ATTRIBUTE)
    if children is not None:
        children.release()
