"""Locks between processes, which the system releases if their holder is killed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import IO


class FileLock:
    """A lock that one process holds at a time, by means of a file that exists while it is held.

    Parameters
    ----------
    path : Path
        The file, of no other use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        BlockingIOError
            When another process holds it.
        OSError
            When the file cannot be written.
        """
        while True:
            file = self.path.open("wb")
            try:
                _lock(file)
            except OSError:
                file.close()
                raise
            if self._is_on_disk(file):  # and not deleted between the two by a process that ended
                self._file = file
                return
            file.close()

    def release(self) -> None:
        """Release the lock, if it is held, and delete its file."""
        if self._file is None:
            return
        if sys.platform == "win32":
            self._file.close()
            with contextlib.suppress(OSError):  # another process has taken it
                self.path.unlink(missing_ok=True)
        else:
            self.path.unlink(missing_ok=True)  # while it is locked: then it is nobody else's
            self._file.close()
        self._file = None

    def _is_on_disk(self, file: IO[bytes]) -> bool:
        """Return whether an open file is the one that other processes would lock."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False


def _lock(file: IO[bytes]) -> None:
    """Lock an open file; raise BlockingIOError if another process has locked it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
