"""The folder of the bundle that a run will write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live.bundle import DESCRIPTION_FILE, is_label
from live.errors import InputError
from live.file_lock import FileLock

from .network.bundle import check_destination, work_folder
from .run_listener import RunListener


def checkpoint_path(out: Path) -> Path:
    """Return the path of the checkpoint of an interrupted run, beside the bundle."""
    return work_folder(out) / "checkpoint.npz"


def check_new_bundle(out: Path, name: str, listener: RunListener) -> None:
    """Check, before hours of fitting, that a bundle can be written; report if it replaces another.

    Raises
    ------
    InputError
        When it cannot be written, or its name is empty, too long or unprintable.
    """
    check_destination(out)
    if not is_label(name):
        raise InputError(f"{name[:80]!r} cannot be a model's name: give 1 to 64 characters with --name.")
    if (out / DESCRIPTION_FILE).exists():
        listener.notify(f"{out} holds a model, which is replaced when the new one is done.")


@contextmanager
def reserved(out: Path) -> Iterator[None]:
    """Keep other runs from writing the same checkpoint and bundle during the block.

    Raises
    ------
    InputError
        When another run writes them.
    """
    work = work_folder(out.resolve())
    lock = FileLock(work.with_name(f"{work.name}.lock"))
    try:
        lock.acquire()
    except BlockingIOError:
        raise InputError(
            f"Another genre-train is writing {out}: wait until it ends, or give another --out."
        ) from None
    except OSError:  # a disk without locks
        yield
        return
    try:
        yield
    finally:
        lock.release()
