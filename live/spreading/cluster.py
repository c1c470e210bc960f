"""The engine for several computers: the workers of a Dask cluster.

Dask distributes tasks to its workers, and reports which workers join, leave or are lost. A task is one item,
or several short ones, because each task costs time in Dask itself. The worker has a separate process do the
items, as on one computer, so that a crash costs neither the worker nor another item. A worker that cannot do
the work, because it has another version or model, refuses its first item and gets no more.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from live.errors import InputError, RunningError
from live.extras import need
from live.spreading.work import Done, Engine, Item, ItemQueue, QueuedItem, Result, Work
from live.spreading.worker_tasks import TaskOutcome, do_task, program_version, release

LOUD = ("distributed", "tornado", "asyncio")  # loggers, including children with their own levels
CONNECT_WITHIN_S = 10.0
ANSWER_WITHIN_S = 10.0  # since a worker that hangs never answers
CLOSE_WITHIN_S = 2.0
NO_WORKER_AFTER_S = 60.0
LOOK_EVERY_S = 5.0  # to check whether the scheduler still exists, if nothing else happens
GIVEN_AHEAD = 2  # tasks for each thread of a worker: one to do, one to come
TASK_S = 1.0  # of work for a worker: each task costs scheduler, client and worker several milliseconds
MOST_TASKS_PER_S = 50  # of all workers together: a scheduler manages a few hundred
MOST_ITEMS = 100  # of a task
PACE_REMEMBERED = 0.8  # of what was measured before, at each task
NOT_SEEN_TRIES = 3  # of a worker; one miss may come from a network file system that lags behind
QUESTIONS = 10  # to a scheduler about its workers
TASKS_BEFORE_WORKERS = 4  # submitted before there are workers: some clusters start them for waiting tasks

Notify = Callable[[str], None]


def seconds_of_task(threads: int, task_s: float = TASK_S) -> float:
    """Return how much work items that share a task should be together, by the number of workers' threads."""
    return max(task_s, threads / MOST_TASKS_PER_S) if task_s > 0 else 0.0


def _import_dask() -> Any:
    """Import and return Dask, which reads its settings at that moment."""
    try:
        return need("distributed", extra="cluster", purpose="--scheduler")
    except ValueError as error:
        reason = str(error).partition("\n")[0].partition(", original error")[0]
        raise InputError(
            f"Dask cannot read its settings ({reason}): correct the file, or remove it."
        ) from None


def _connect(client_class: Any, address: str) -> Any:
    """Return a client that is connected to a scheduler.

    If its constructor fails, it is closed at once: its destructor would wait 20 s, and print a traceback.
    """
    client = client_class.__new__(client_class)
    try:
        client.__init__(address, timeout=CONNECT_WITHIN_S, set_as_default=False, name="genre-live")
    except BaseException:
        with contextlib.suppress(Exception):
            client.close(timeout=CLOSE_WITHIN_S)
        client.status = "closed"  # even if that took too long
        raise
    return client


class DaskCluster(Engine):
    """The workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://head:8786``.
    notify : callable
        Called with a sentence when a worker is refused.
    task_s : float
        Seconds of work that items sharing a task should be together; more if there are very many workers.
        With 0, each item is a task.

    Raises
    ------
    InputError
        When there is no scheduler at the address, Dask's settings cannot be read, or the extra is not
        installed.
    """

    def __init__(self, address: str, notify: Notify, *, task_s: float = TASK_S) -> None:
        distributed = _import_dask()
        for name in [*LOUD, *(name for name in logging.root.manager.loggerDict if name.startswith(LOUD))]:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported here, in a sentence
        self.address, self._notify, self._task_s = address, notify, task_s
        try:
            self._client = _connect(distributed.Client, address)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"There is no Dask scheduler at {address} ({reason}): start one with dask scheduler, "
                "or correct the address."
            ) from None

    def spread(
        self, work: Work[Item, Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Generator[Done[Item, Result], None, None]:
        """Do work on items; see :meth:`Engine.spread`."""
        run = _Run(
            self._client, self.address, self._notify, work, ItemQueue(iter(items), ahead), self._task_s
        )
        try:
            while run.hand_out():
                yield from run.take()
        finally:
            run.stop()

    def close(self) -> None:
        """Disconnect from the cluster; its workers continue to run."""
        with contextlib.suppress(Exception):
            if self._client.status == "running":
                self._client.run(release, on_error="ignore", callback_timeout=CLOSE_WITHIN_S)
        with contextlib.suppress(Exception):
            self._client.close(timeout=CLOSE_WITHIN_S)


def _workers_of(client: Any) -> dict[str, dict[str, Any]]:
    """Return what the scheduler tells of all its workers, by their addresses.

    Every two seconds, Dask's client asks on a thread of its own, without the workers. If that answer comes
    just after the one for us, it is returned instead, so the question is repeated.
    """
    workers: dict[str, dict[str, Any]] = {}
    for _ in range(QUESTIONS):
        told = client.scheduler_info(n_workers=-1)
        workers = told["workers"]
        if len(workers) >= told.get("n_workers", 0):
            break
    return workers


@dataclass
class _RunningTask:
    """A task that was submitted to Dask."""

    queued: tuple[QueuedItem[Any], ...]
    future: Any


@dataclass
class _Pace:
    """The measured time of work by its weight."""

    _took_s: float = 0.0
    _weight: float = 0.0

    def measure(self, weight: float, took_s: float) -> None:
        """Add the time of a task; those before it count less and less, for items can become slower."""
        if 0 < weight < float("inf"):
            self._weight = PACE_REMEMBERED * self._weight + weight
            self._took_s = PACE_REMEMBERED * self._took_s + took_s

    def seconds(self, weight: float) -> float:
        """Return the expected time of a weight, in seconds; infinite before the first measurement."""
        return weight * self._took_s / self._weight if self._weight > 0 else float("inf")


@dataclass
class _Run:
    """One run over items."""

    client: Any
    address: str
    notify: Notify
    work: Work[Any, Any]
    items: ItemQueue[Any]
    task_s: float = TASK_S
    _tasks: dict[str, _RunningTask] = field(default_factory=dict)
    _threads: dict[str, int] = field(default_factory=dict)  # of each worker that takes tasks
    _has_paused: bool = False  # whether others take none, for want of memory
    _does_paused_work: bool = False  # whether such a one finishes what it began before
    _answered: set[str] = field(default_factory=set)  # workers
    _has_lost_silent: bool = False  # whether a worker ended before it answered
    _refused: set[str] = field(default_factory=set)
    _why: str = ""
    _pace: _Pace = field(default_factory=_Pace)
    _alone: set[int] = field(default_factory=set)  # numbers of items, one of which may bring workers down
    _not_seen: dict[int, Counter[str]] = field(default_factory=dict)  # by item: the tries of each worker
    _not_seen_in_row: Counter[str] = field(default_factory=Counter)  # by worker

    def __post_init__(self) -> None:
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._name = f"genre-live-{uuid.uuid4().hex[:12]}"
        self._waited_s = 0.0
        self.client.subscribe_topic("all", lambda event: self._told.put(("cluster", event[1])))
        self._look()

    def _look(self) -> None:
        """Update the list of workers."""
        try:
            workers = _workers_of(self.client)
        except Exception as error:
            raise self._gone() from error
        self._looked_s = time.monotonic()
        if self._threads.keys() - workers.keys() - self._answered:
            self._has_lost_silent = True
        self._threads = {
            address: int(facts["nthreads"])
            for address, facts in workers.items()
            if facts.get("status") != "paused"
        }
        paused = [facts for address, facts in workers.items() if address not in self._threads]
        self._has_paused = bool(paused)
        self._does_paused_work = any(
            facts.get("metrics", {}).get("task_counts", {}).get("executing") for facts in paused
        )
        self._refused &= workers.keys()  # started again with the same address, a worker may be another one
        if self._fit:
            self._waited_s = 0.0  # however short it was there, the next wait is another one

    def _gone(self) -> RunningError:
        return RunningError(
            f"The scheduler at {self.address} is gone: start it again, and the same command goes on where "
            "this one stood."
        )

    @property
    def _fit(self) -> dict[str, int]:
        """The workers that can get items, with their numbers of threads."""
        return {worker: count for worker, count in self._threads.items() if worker not in self._refused}

    def hand_out(self) -> bool:
        """Submit items to free workers, and return False when all are done."""
        fit = self._fit
        threads = sum(fit.values())
        task_s = seconds_of_task(threads, self.task_s)
        room = GIVEN_AHEAD * threads if self._threads else TASKS_BEFORE_WORKERS
        while len(self._tasks) < room and (task := self._next_task(task_s)):
            self._submit(task, fit)
        return bool(self._tasks) or not self.items.is_done

    def _next_task(self, task_s: float) -> tuple[QueuedItem[Any], ...]:
        """Return the items of the next task; an item that failed before is a task of its own."""
        task: list[QueuedItem[Any]] = []
        seconds = 0.0
        while len(task) < MOST_ITEMS and (queued := self.items.take()) is not None:
            is_alone = bool(queued.tried) or queued.number in self._alone or queued.number in self._not_seen
            seconds += self._pace.seconds(self.work.weight(queued.item))
            if task and (is_alone or seconds > task_s):
                self.items.give_back([queued])
                break
            task.append(queued)
            if is_alone:
                break
        return tuple(task)

    def _submit(self, task: tuple[QueuedItem[Any], ...], fit: dict[str, int]) -> None:
        tried = Counter(worker for queued in task for worker in queued.tried)
        for queued in task:
            tried += self._not_seen.get(queued.number, Counter())
        allowed: tuple[str, ...] = ()
        if self._refused or tried:
            fewest = min((tried[worker] for worker in fit), default=0)
            allowed = tuple(worker for worker in fit if tried[worker] == fewest)
        key = f"{self._name}-{task[0].number}-{uuid.uuid4().hex[:8]}"
        try:
            future = self.client.submit(
                do_task,
                self.work,
                [queued.item for queued in task],
                key=key,
                pure=False,
                workers=allowed or None,
                allow_other_workers=bool(allowed),  # otherwise it waits for ever if all are gone
            )
        except Exception as error:
            raise self._gone() from error
        self._tasks[key] = _RunningTask(task, future)
        future.add_done_callback(lambda done: self._told.put(("done", done.key)))

    def take(self) -> Iterator[Done[Any, Any]]:
        """Wait for the next message, and yield the results that follow from it."""
        if self._has_paused and time.monotonic() - self._looked_s >= LOOK_EVERY_S:
            self._look()  # no message tells that a worker goes on
        try:
            kind, what = self._told.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            self._wait_on()
            return
        if kind == "cluster":
            if what.get("action") in {"add-worker", "remove-worker"}:
                if what["action"] == "remove-worker" and what.get("worker") not in self._answered:
                    self._has_lost_silent = True
                self._look()
        elif what in self._tasks:
            yield from self._collect(self._tasks.pop(what))

    def _wait_on(self) -> None:
        """Raise RunningError if the scheduler or all workers are gone."""
        if self.client.status != "running":
            raise self._gone()
        self._look()
        if self._fit:
            return
        if self._waited_s == 0:
            self.notify(f"There is no worker at {self.address} yet: waiting for one.{self._hints}")
        self._waited_s += LOOK_EVERY_S
        if self._waited_s >= NO_WORKER_AFTER_S and not self._does_paused_work:
            raise RunningError(
                f"There was no worker at {self.address} for {NO_WORKER_AFTER_S:.0f} s: "
                f"start one with dask worker.{self._hints}"
            )

    @property
    def _hints(self) -> str:
        """Sentences about workers that are of no use, to follow another sentence."""
        hints = [self._why] if self._why else []
        if self._has_lost_silent:
            hints.append(
                "Workers joined and ended at once: look whether they have genre-live with the extra cluster."
            )
        if self._has_paused:
            hints.append("Workers are paused, since their memory is full: restart them, or give them more.")
        return "".join(f" {hint}" for hint in hints)

    def _collect(self, task: _RunningTask) -> Iterator[Done[Any, Any]]:
        """Yield the results of a finished task."""
        status = task.future.status
        if status == "cancelled" or self.client.status != "running":
            raise self._gone()
        if status == "lost":  # it was done, but the worker that held the result is gone
            self.items.give_back(task.queued)
            return
        if status == "error":
            yield from self._explain(task)
            return
        try:
            answer: TaskOutcome = task.future.result(timeout=NO_WORKER_AFTER_S)
        except Exception as error:  # the worker that held the result is gone
            if self.client.status != "running" or task.future.status == "cancelled":
                raise self._gone() from error
            self.items.give_back(task.queued)
            return
        self._answered.add(answer.worker)
        done, rest = task.queued[: len(answer.outcomes)], task.queued[len(answer.outcomes) :]
        self.items.give_back(rest)
        weight = 0.0
        not_seen: list[tuple[QueuedItem[Any], Any, str]] = []
        for queued, outcome in zip(done, answer.outcomes, strict=True):
            if outcome.lost is not None:
                yield from self.items.fail(queued, answer.worker, outcome.lost)
            elif not outcome.is_seen and (file := self.work.visible_file(queued.item)) is not None:
                not_seen.append((queued, outcome.result, file))
                self._not_seen_in_row[answer.worker] += 1
            else:
                if outcome.is_seen:
                    weight += self.work.weight(queued.item)
                    self._not_seen_in_row[answer.worker] = 0
                self._not_seen.pop(queued.number, None)
                yield self.items.finish(queued, outcome.result)
        self._pace.measure(weight, answer.took_s)
        if answer.refusal is not None:
            self._refuse(answer.worker, answer.refusal)
        if not_seen:
            yield from self._try_elsewhere(answer.worker, not_seen)

    def _try_elsewhere(
        self, worker: str, not_seen: list[tuple[QueuedItem[Any], Any, str]]
    ) -> Iterator[Done[Any, Any]]:
        """Queue items whose files this computer sees for other workers; refuse one that misses several.

        A file that each worker missed several times, though it sees others, is done, with its result.
        """
        if self._not_seen_in_row[worker] >= NOT_SEEN_TRIES:
            file = not_seen[0][2]
            self._refuse(worker, f"It does not see {file}, or may not read it: give it the same paths.")
        if worker in self._refused:
            self.items.give_back(queued for queued, _, _ in not_seen)
            return
        for queued, result, _ in not_seen:
            tries = self._not_seen.setdefault(queued.number, Counter())
            tries[worker] += 1
            if self._fit and all(tries[fit] >= NOT_SEEN_TRIES for fit in self._fit):
                del self._not_seen[queued.number]
                yield self.items.finish(queued, result)
            else:
                self.items.give_back([queued])

    def _explain(self, task: _RunningTask) -> Iterator[Done[Any, Any]]:
        """Find out why Dask could not do a task, and yield the results that follow from it."""
        error = task.future.exception()
        if type(error).__name__ == "KilledWorker":
            if len(task.queued) > 1:  # one of its items may be to blame: which, shows when they are alone
                self._alone.update(queued.number for queued in task.queued)
                self.items.give_back(task.queued)
                return
            yield from self.items.fail(task.queued[0], "", "the workers that had it were lost one by one")
            return
        said: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            said = self.client.run(program_version, on_error="return", callback_timeout=ANSWER_WITHIN_S)
        unfit = {worker: answer for worker, answer in said.items() if isinstance(answer, BaseException)}
        if not unfit:
            raise RunningError(f"The cluster at {self.address} cannot do this work ({error}).") from error
        for worker in unfit:
            self._refuse(worker, "It has no genre-live, or one of another version.")
        self.items.give_back(task.queued)

    def _refuse(self, worker: str, reason: str) -> None:
        """Send a worker no more items, and report it once."""
        if worker in self._refused:
            return
        self._refused.add(worker)
        self._why = f"The worker {worker} is not used. {reason}"
        self.notify(self._why)
        self._look()
        if not self._fit and not self._has_paused:
            raise RunningError(f"No worker at {self.address} can do this work. {self._why}")

    def stop(self) -> None:
        """Cancel the items that are not done."""
        with contextlib.suppress(Exception):
            self.client.unsubscribe_topic("all")
            if self._tasks and self.client.status == "running":
                self.client.cancel([task.future for task in self._tasks.values()], force=True)
        self._tasks.clear()
