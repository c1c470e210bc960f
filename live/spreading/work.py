"""How work is spread: what is handed out, what comes back, and what a crash costs.

Work is a small object that can be pickled, and that makes itself ready once in each process that does it.
An engine takes items one by one, as there is room, has each done in some process, and gives what came of it
in whatever order it comes. An item that brings its process down, makes it run out of memory or takes for
ever costs that process; it is tried once more in another, and then is lost, with a reason. No other item is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 2  # of an item: one that fails may have met with somebody else's misfortune


class Work(ABC, Generic[Item, Result]):
    """What is to be done with each item; it is pickled on its way to the processes that do it."""

    @abstractmethod
    def open(self) -> Callable[[Item], Result]:
        """Get ready, once in each process: load the model, say.

        Returns
        -------
        callable
            Does the work on one item. What can be wrong with an item it gives as its result; what it raises
            is an accident, and the item is tried once more.

        Raises
        ------
        GenreLiveError
            When this process cannot do this work, so that no item should come to it.
        """

    def patience_s(self, item: Item) -> float | None:  # noqa: ARG002 (for those that override it)
        """Seconds after which the item is given up; None waits for ever."""
        return None

    def weight(self, item: Item) -> float:  # noqa: ARG002
        """Return how much work an item is compared with others; an engine measures how long that takes."""
        return 1.0

    @property
    def memory_bytes(self) -> int | None:
        """How much memory a process may take for its data, where the system can hold it to that."""
        return None


@dataclass(frozen=True)
class Lost:
    """What comes of an item that failed twice.

    Attributes
    ----------
    reason : str
        Part of a sentence, such as ``its decoder crashed``.
    """

    reason: str


@dataclass(frozen=True)
class Handed(Generic[Item]):
    """An item on its way.

    Attributes
    ----------
    number : int
        Its place among the items.
    item : object
    tried : tuple of str
        Names of the workers at which it failed.
    """

    number: int
    item: Item
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """An item and what came of it; ``number`` is its place among the items."""

    number: int
    item: Item
    result: Result | Lost


class Engine(ABC):
    """A way to spread work."""

    @abstractmethod
    def spread(
        self, work: Work[Item, Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Generator[Done[Item, Result], None, None]:
        """Have work done on items; closing the generator ends what is under way.

        Parameters
        ----------
        work : Work
        items : iterable
            Taken one by one, as there is room.
        ahead : int, optional
            No item is begun that comes so many places after one that is not done.

        Yields
        ------
        Done
            In the order in which they come.

        Raises
        ------
        RunningError
            When nobody is there to do the work.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the processes or the cluster."""


@dataclass
class Hand(Generic[Item]):
    """The items of one run: which are to be handed out next, which are on their way, what failed where.

    Parameters
    ----------
    items : iterator
    ahead : int or None
        As in :meth:`Engine.spread`.
    """

    items: Iterator[Item]
    ahead: int | None = None
    _again: deque[Handed[Item]] = field(default_factory=deque)
    _away: dict[int, None] = field(default_factory=dict)  # numbers not yet done, the oldest first
    _next: int = 0
    _is_empty: bool = False

    def take(self) -> Handed[Item] | None:
        """Take the next item to hand out; None when there is none at present."""
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
        handed = Handed(self._next, item)
        self._away[self._next] = None
        self._next += 1
        return handed

    def give_back(self, handed: Iterable[Handed[Item]]) -> None:
        """Take items back that were not begun, to hand them out before all others."""
        self._again.extendleft(reversed(list(handed)))

    def finish(self, handed: Handed[Item], result: Result | Lost) -> Done[Item, Result]:
        """Cross an item off."""
        del self._away[handed.number]
        return Done(handed.number, handed.item, result)

    def fail(self, handed: Handed[Item], worker: str, reason: str) -> Iterator[Done[Item, Result]]:
        """Note that an item failed at a worker: it is to be tried elsewhere, or else is lost."""
        tried = (*handed.tried, worker)
        if len(tried) < TRIES:
            self._again.append(replace(handed, tried=tried))
        else:
            yield self.finish(handed, Lost(reason))


def in_order(done: Iterable[Done[Item, Result]]) -> Iterator[Done[Item, Result]]:
    """Put what is done back into the order of the items."""
    waiting: dict[int, Done[Item, Result]] = {}
    turn = 0
    for one in done:
        waiting[one.number] = one
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1
