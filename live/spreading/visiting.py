"""What runs on a worker of a cluster: an item is done in a process beside the worker."""

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
from live.spreading.child import DONE, FAILED, READY, REFUSED
from live.spreading.processes import OPENS_WITHIN_S, Answers, Child
from live.spreading.work import Handed, Work

IDLE_S = 60.0  # after which such a process ends itself: nobody need tidy up after a run that was killed
ATTRIBUTE = "genre_live_children"


@dataclass(frozen=True)
class Outcome:
    """What came of an item at a worker.

    Attributes
    ----------
    result : object
    lost : str or None
        Why there is no result.
    """

    result: Any = None
    lost: str | None = None


@dataclass(frozen=True)
class Visit:
    """What came of a task at a worker.

    Attributes
    ----------
    worker : str
        Its address.
    outcomes : tuple of Outcome
        Of the task's items, in their order; of all of them unless the worker is unfit.
    took_s : float
        Seconds that they took, without the start of a process.
    refusal : str or None
        Why the worker can do this work on no item at all.
    """

    worker: str
    outcomes: tuple[Outcome, ...] = ()
    took_s: float = 0.0
    refusal: str | None = None


class Children:
    """The processes beside one worker: as many as its threads use at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Work[Any, Any], Child, Answers]] = []

    def take(self, work: Work[Any, Any]) -> tuple[Child, Answers]:
        """Take a process that is ready for this work, or start one; others make room."""
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
        """End those that are idle."""
        with self._lock:
            for _, child, _ in self._idle:
                child.stop()
            self._idle = []


def _children_of(worker: Any) -> Children:
    children: Children = vars(worker).setdefault(ATTRIBUTE, Children())
    return children


def visit(work: Work[Any, Any], items: Sequence[Any]) -> Visit:
    """Do the items of a task on this worker, one after the other.

    An item that brings its process down costs no other: the next ones are done in a new process.
    """
    worker = need("distributed", extra="cluster", purpose="A worker").get_worker()
    children = _children_of(worker)
    outcomes: list[Outcome] = []
    took_s = 0.0
    for item in items:
        try:
            child, answers = children.take(work)
        except GenreLiveError as error:
            return Visit(worker.address, tuple(outcomes), took_s, refusal=str(error))
        child.give(Handed(0, item))
        kind, content = _hear(child, answers, work.patience_s(item))
        if kind == DONE:
            took_s += time.monotonic() - child.begun_s
            child.given.clear()
            children.put_back(work, child, answers)
            outcomes.append(Outcome(result=content))
            continue
        child.stop()
        if kind == REFUSED:
            return Visit(worker.address, tuple(outcomes), took_s, refusal=str(content))
        outcomes.append(Outcome(lost=str(content)))
    return Visit(worker.address, tuple(outcomes), took_s)


def _hear(child: Child, answers: Answers, patience_s: float | None) -> tuple[str, Any]:
    """Wait for what a process says about its item."""
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


def examine() -> str:
    """Tell the version of a worker's program."""
    return __version__


def release(dask_worker: Any) -> None:
    """End the processes beside a worker."""
    children = vars(dask_worker).get(ATTRIBUTE)
    if children is not None:
        children.release()
