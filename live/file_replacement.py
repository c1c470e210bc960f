"""Replacement of a file by a new one that was written completely."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def unfinished_path(path: Path) -> Path:
    """Return the path beside ``path`` at which this process writes the file that will replace it."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextlib.contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Replace a file completely or not at all.

    Parameters
    ----------
    path : Path
        It need not exist. At the end of the block it must not be open, because Windows replaces no open file.

    Yields
    ------
    Path
        Where the block writes the new file, and closes it. After an exception the new one is deleted.
    """
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
