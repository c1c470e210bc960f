"""The interface of parallel work: items, results and failures.

Work is a small object that can be pickled, and that is prepared once in each process that does it. An engine
takes items one by one, has each done in some process, and yields the results in the order of completion.
An item that crashes its process, exceeds its memory or its time costs only that process. It is tried once
more in another, and is then lost, with a reason. Other items are not affected.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 2  # of an item, because the first failure may have another cause


class NotSeenError(Exception):
    """Raised by work on an item whose file this process does not see, though another one may.

    Parameters
    ----------
    result : object
        The result of the item if nobody sees the file.
    """

    def __init__(self, result: object) -> None:
        super().__init__(result)
        self.result = result


class Work(ABC, Generic[Item, Result]):
    """The work to do on each item; it is pickled and sent to the processes that do it."""

    @abstractmethod
    def open(self) -> Callable[[Item], Result]:
        """Prepare the work, once in each process, for example by loading the model.

        Returns
        -------
        callable
            Does the work on one item and returns the result, which includes expected errors. After an
            exception, the item is tried once more. After :class:`NotSeenError`, other workers of a cluster
            try it, if its file is seen where the cluster is used from.

        Raises
        ------
        GenreLiveError
            When this process cannot do the work on any item.
        """

    def patience_s(self, item: Item) -> float | None:  # noqa: ARG002 (for those that override it)
        """Return the time limit of an item, in seconds; None for no limit."""
        return None

    def weight(self, item: Item) -> float:  # noqa: ARG002
        """Return how much work an item is compared with others; an engine measures how long that takes.

        Infinite if an item is so much that it should share a task with no other.
        """
        return 1.0

    def visible_file(self, item: Item) -> str | None:  # noqa: ARG002
        """Return the path of an item's file if this process sees it; None if not, or if it has none."""
        return None

    @property
    def memory_bytes(self) -> int | None:
        """Memory limit of a process, in bytes, on systems that support it; None for no limit."""
        return None


@dataclass(frozen=True)
class Lost:
    """The result of an item that failed twice.

    Attributes
    ----------
    reason : str
        Part of a sentence, such as ``its decoder crashed``.
    """

    reason: str


@dataclass(frozen=True)
class QueuedItem(Generic[Item]):
    """An item that was taken from the input.

    Attributes
    ----------
    number : int
        Its position among the items.
    item : object
    tried : tuple of str
        Names of the workers on which it failed.
    """

    number: int
    item: Item
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """An item and its result; ``number`` is its position among the items."""

    number: int
    item: Item
    result: Result | Lost


class Engine(ABC):
    """An executor of parallel work."""

    @abstractmethod
    def spread(
        self, work: Work[Item, Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Generator[Done[Item, Result], None, None]:
        """Do work on items in parallel; closing the generator cancels the rest.

        Parameters
        ----------
        work : Work
        items : iterable
            Consumed one by one, as workers become free.
        ahead : int, optional
            Largest distance of a started item from the oldest one that is not done.

        Yields
        ------
        Done
            In the order of completion.

        Raises
        ------
        RunningError
            When there is no process or worker to do the work.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the processes or the cluster."""


@dataclass
class ItemQueue(Generic[Item]):
    """The items of one run, each handed out until it is done or has failed too often.

    Parameters
    ----------
    items : iterator
    ahead : int or None
        As for :meth:`Engine.spread`.
    """

    items: Iterator[Item]
    ahead: int | None = None
    _again: deque[QueuedItem[Item]] = field(default_factory=deque)
    _away: dict[int, None] = field(default_factory=dict)  # numbers not yet done, the oldest first
    _next: int = 0
    _is_empty: bool = False

    def take(self) -> QueuedItem[Item] | None:
        """Return the next item to do; None if there is none now."""
        if self._again:
            return self._again.popleft()
        if self._is_empty:
            return None
        if self.ahead is not None and self._away and self._next - next(iter(self._away)) >= self.ahead:
            return None
        try:
            item = next(self.items)
        except StopIteration:
            self._is_empty = True
            return None
        queued = QueuedItem(self._next, item)
        self._away[self._next] = None
        self._next += 1
        return queued

    def give_back(self, queued: Iterable[QueuedItem[Item]]) -> None:
        """Return items that were not started to the front of the queue."""
        self._again.extendleft(reversed(list(queued)))

    @property
    def is_done(self) -> bool:
        """Whether all items are known to be done."""
        return self._is_empty and not self._away

    def finish(self, queued: QueuedItem[Item], result: Result | Lost) -> Done[Item, Result]:
        """Mark an item as done, and return it with its result."""
        del self._away[queued.number]
        return Done(queued.number, queued.item, result)

    def fail(self, queued: QueuedItem[Item], worker: str, reason: str) -> Iterator[Done[Item, Result]]:
        """Record a failure of an item: queue it for another try, or yield it as lost."""
        tried = (*queued.tried, worker)
        if len(tried) < TRIES:
            self._again.append(replace(queued, tried=tried))
        else:
            yield self.finish(queued, Lost(reason))


def in_order(done: Iterable[Done[Item, Result]]) -> Iterator[Done[Item, Result]]:
    """Yield the results in the order of the items."""
    waiting: dict[int, Done[Item, Result]] = {}
    turn = 0
    for one in done:
        waiting[one.number] = one
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1
