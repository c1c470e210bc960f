"""Work that cannot be interrupted, on a thread for which nobody has to wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")


def start_detached(work: Callable[[], Value], name: str) -> queue.SimpleQueue[Callable[[], Value]]:
    """Start work that cannot be interrupted, such as a question to a name server, on another thread.

    Parameters
    ----------
    work : callable
        Takes no arguments.
    name : str
        The name of the thread.

    Returns
    -------
    queue.SimpleQueue
        Gets a function that returns what ``work`` returned, or raises what it raised.
    """
    outcome: queue.SimpleQueue[Callable[[], Value]] = queue.SimpleQueue()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:
            outcome.put(raising(error))
        else:
            outcome.put(lambda: value)

    threading.Thread(target=run, name=name, daemon=True).start()
    return outcome


def raising(error: BaseException) -> Callable[[], Any]:
    """Return a function that raises an error."""

    def fail() -> Any:
        raise error

    return fail
