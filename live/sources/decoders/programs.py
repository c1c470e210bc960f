"""Finding and starting of ffmpeg's programs, with limited memory: what they decode may be made to harm."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEMORY_BYTES = 1 << 30  # many times what decoding needs

_started: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    """Kill the programs that still run, such as one that waits for a station which is being opened."""
    for process in list(_started):
        process.kill()


def find_program(name: str) -> str | None:
    """Return the path of a program; None if it is not installed.

    On Windows a program in the current folder would be found first, which may be a folder of downloads.
    """
    if sys.platform != "win32":
        return shutil.which(name)
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        if (found := program_in(Path(folder), name)) is not None:
            return found
    return None


def program_in(folder: Path, name: str) -> str | None:
    """Return the path of a program in a folder; None if it is not there."""
    # With a folder, shutil.which adds the ending of programs only from Python 3.12 on.
    return shutil.which(str(folder / (f"{name}.exe" if sys.platform == "win32" else name)))


def start_program(command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    """Start a program with limited memory (Linux only) that ends with this one, and return its process.

    Parameters
    ----------
    command : sequence of str
    **streams
        ``stdin``, ``stdout``, ``stderr`` and ``bufsize`` of ``subprocess.Popen``.
    """
    process = subprocess.Popen(command, **streams)  # noqa: S603 (no shell; paths are one argument each)
    _started.add(process)
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):  # it has ended already, or its limit is lower
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    return process
