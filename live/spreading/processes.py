"""The engine for one computer: parallel processes, each replaced when an item crashes it.

The pools of the standard library are not used because they fail as a whole when one of their processes dies.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import IO, Any, cast

from live.errors import RunningError
from live.spreading.child import DONE, FAILED, NOT_SEEN, READY, REFUSED
from live.spreading.work import Done, Engine, Item, ItemQueue, QueuedItem, Result, Work

GIVEN_AHEAD = 3  # items sent to a process in advance, so that it never waits for the next
OPENS_WITHIN_S = 120.0
LONGEST_WAIT_S = 1.0  # Ctrl-C does not end a wait that begins just after it, so none may be long
# The interpreter's search path is passed on, so that modules that are not installed are found too.
_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from live.spreading.child import run; run()"

# Otherwise the linear algebra of each process would use threads on the cores of the others.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

Message = tuple[str, Any]
Answers = queue.SimpleQueue[tuple["Child", Message | None]]


def _no_process(reason: str) -> RunningError:
    return RunningError(f"No process can be started to read audio files ({reason}): close other programs.")


class Child:
    """A process that does work on items in the order in which it gets them.

    Parameters
    ----------
    work : Work
    answers : queue
        Receives pairs of this object and its message; the message is None when the process has ended.
    idle_s : float, optional
        The process ends itself when it gets no item for so many seconds.

    Attributes
    ----------
    given : deque of QueuedItem
        Items without a result yet; the first one is in progress.
    is_ready : bool
        Whether it has prepared the work.
    begun_s : float
        When it started the first item (``time.monotonic``).

    Raises
    ------
    RunningError
        When the system cannot start another process.
    """

    def __init__(self, work: Work[Any, Any], answers: Answers, *, idle_s: float | None = None) -> None:
        self.given: deque[QueuedItem[Any]] = deque()
        self.is_ready = False
        self.begun_s = time.monotonic()
        self._work, self._answers = work, answers
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 (what an empty entry stands for)
        group: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _BOOT, *path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_ONE_THREAD | os.environ,
                **group,
            )
        except OSError as error:
            raise _no_process(str(error.strerror)) from None
        self._send((work, idle_s))
        self._reader = threading.Thread(target=self._read, name="results", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _send(self, what: object) -> None:
        inward = cast("IO[bytes]", self._process.stdin)
        with contextlib.suppress(OSError):  # it has crashed, which is reported when its result is missing
            inward.write(pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL))
            inward.flush()

    def _read(self) -> None:
        outward = cast("IO[bytes]", self._process.stdout)
        with contextlib.suppress(Exception):  # a dying process may leave incomplete output
            while True:
                self._answers.put((self, pickle.load(outward)))  # noqa: S301 (our own process)
        self._process.wait()
        self._answers.put((self, None))

    def give(self, queued: QueuedItem[Any]) -> None:
        """Send an item, to be done after the previous ones."""
        if not self.given:
            self.begun_s = time.monotonic()
        self.given.append(queued)
        self._send(queued.item)

    @property
    def patience_s(self) -> float | None:
        """Seconds left for the item in progress; None for no limit."""
        if not self.given:
            return None
        allowed_s = self._work.patience_s(self.given[0].item) if self.is_ready else OPENS_WITHIN_S
        return None if allowed_s is None else self.begun_s + allowed_s - time.monotonic()

    def finish_first(self) -> QueuedItem[Any]:
        """Remove the first item, which is done, and return it; the next one is now in progress."""
        self.begun_s = time.monotonic()
        return self.given.popleft()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def crash(self) -> str:
        """How the process ended, as part of a sentence."""
        if sys.platform != "win32" and self._process.returncode == -signal.SIGKILL:
            return "its process was killed, perhaps for want of memory"
        return "its decoder crashed"

    def stop(self) -> None:
        """Kill the process and all that it started."""
        try:
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        except OSError:  # it has ended already
            pass
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast("IO[bytes]", pipe).close()


class LocalProcesses(Engine):
    """Processes on this computer.

    Parameters
    ----------
    workers : int
        Largest number of processes.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def spread(
        self, work: Work[Item, Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Generator[Done[Item, Result], None, None]:
        """Do work on items; see :meth:`Engine.spread`."""
        run = _Run(self.workers, work, ItemQueue(iter(items), ahead))
        atexit.register(run.stop)  # a loop that was left and not closed ends before its threads do
        try:
            while run.hand_out():
                yield from run.take()
        finally:
            atexit.unregister(run.stop)
            run.stop()

    def close(self) -> None:
        """Do nothing: the processes end with each run."""


class _Run:
    """One run over items."""

    def __init__(self, workers: int, work: Work[Any, Any], items: ItemQueue[Any]) -> None:
        self._workers, self._work, self._items = workers, work, items
        self._answers: Answers = queue.SimpleQueue()
        self._children: list[Child] = []

    def hand_out(self) -> bool:
        """Send items to the processes, start missing ones, and return False when all items are done."""
        while True:
            free = min(self._children, key=lambda child: len(child.given), default=None)
            may_start = len(self._children) < self._workers
            if free is not None and len(free.given) >= GIVEN_AHEAD and not may_start:
                break
            queued = self._items.take()
            if queued is None:
                break
            if free is None or (free.given and may_start):
                free = Child(self._work, self._answers)
                self._children.append(free)
            free.give(queued)
        return any(child.given for child in self._children)

    def take(self) -> Iterator[Done[Any, Any]]:
        """Wait a while for the next message of a process or for a time limit, and yield the results."""
        waits = [wait_s for child in self._children if (wait_s := child.patience_s) is not None]
        try:
            child, message = self._answers.get(timeout=max(0.0, min([LONGEST_WAIT_S, *waits])))
        except queue.Empty:
            yield from self._give_up()
            return
        if child not in self._children:  # a late message of a process that was given up
            return
        if message is None:
            if not child.is_ready:
                raise _no_process("it ends as it begins")
            yield from self._replace(child, child.crash)
            return
        kind, content = message
        if kind == READY:
            child.is_ready = True
            child.begun_s = time.monotonic()
        elif kind == REFUSED:
            raise content
        elif kind in {DONE, NOT_SEEN}:  # on one computer, no other process sees more
            yield self._items.finish(child.finish_first(), content)
        elif kind == FAILED:
            yield from self._replace(child, content)

    def _give_up(self) -> Iterator[Done[Any, Any]]:
        """Kill the processes whose time limit has passed."""
        for child in list(self._children):
            wait_s = child.patience_s
            if wait_s is not None and wait_s <= 0:
                if not child.is_ready:
                    raise _no_process("it does not begin")
                allowed_s = self._work.patience_s(child.given[0].item)
                yield from self._replace(child, f"it takes longer than {allowed_s:.0f} s")

    def _replace(self, child: Child, reason: str) -> Iterator[Done[Any, Any]]:
        """Kill a process whose current item failed; another is started when it is needed."""
        self._children.remove(child)
        child.stop()
        first, *rest = child.given
        self._items.give_back(rest)
        yield from self._items.fail(first, str(child.pid), reason)

    def stop(self) -> None:
        """Kill all processes."""
        while self._children:
            self._children.pop().stop()
