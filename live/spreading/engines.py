"""Selection of the engine."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from live.spreading.work import Engine

SCHEMES = frozenset({"tcp", "tls", "ws", "wss"})


def scheduler_address(text: str) -> str:
    """Check the address of a scheduler, and return it.

    Raises
    ------
    ValueError
        When it is not an address.
    """
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in SCHEMES and bool(parts.hostname and parts.port) and not parts.path
    except ValueError:  # a port that is no number
        is_address = False
    if not is_address:
        raise ValueError(f"{text!r} is not the address of a scheduler, such as tcp://head:8786")
    return text


def open_engine(*, workers: int, scheduler: str | None, notify: Callable[[str], None]) -> Engine:
    """Open an engine.

    Parameters
    ----------
    workers : int
        Number of processes on this computer, if no scheduler is given.
    scheduler : str or None
        Address of a Dask scheduler.
    notify : callable
        Called with sentences about problems with the cluster's workers.

    Raises
    ------
    InputError
        When there is no such scheduler, or the extra for it is not installed.
    """
    if scheduler is not None:
        from live.spreading.cluster import DaskCluster

        return DaskCluster(scheduler, notify)
    from live.spreading.processes import LocalProcesses

    return LocalProcesses(workers)
