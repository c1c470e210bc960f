"""Which engine does the work."""

from __future__ import annotations

from collections.abc import Callable

from live.spreading.work import Engine


def scheduler_address(text: str) -> str:
    """Read the address of a scheduler.

    Raises
    ------
    ValueError
        When it is none.
    """
    if "://" not in text:
        raise ValueError(f"{text!r} is no address of a scheduler, such as tcp://head:8786")
    return text


def open_engine(*, workers: int, scheduler: str | None, say: Callable[[str], None]) -> Engine:
    """Open the engine that was asked for.

    Parameters
    ----------
    workers : int
        Processes of this machine, where no cluster is given.
    scheduler : str or None
        Address of a Dask scheduler.
    say : callable
        Told what the user should know of the cluster's workers.

    Raises
    ------
    InputError
        When there is no such scheduler, or the extra for it is not installed.
    """
    if scheduler is not None:
        from live.spreading.cluster import DaskCluster

        return DaskCluster(scheduler, say)
    from live.spreading.processes import LocalProcesses

    return LocalProcesses(workers)
