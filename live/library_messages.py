"""Suppresses messages that libraries write to standard error.

ALSA, PortAudio, LiteRT and TensorFlow write to file descriptor 2. While a command runs, this descriptor
points to the null device, and Python's ``sys.stderr`` to the original stream. The Python interface must
not turn off its caller's standard error; there, only known lines of the libraries are removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LITERT_NOTE = re.compile(rb"INFO: Created TensorFlow Lite ")
MPG123_NOTE = re.compile(rb"(?:Note|Warning): |\[src/libmpg123/|\s*$")

_diverted = threading.Lock()  # the process has only one standard error


@contextlib.contextmanager
def without_notes(note: re.Pattern[bytes]) -> Iterator[None]:
    """Remove lines from what is written to standard error inside the ``with`` block.

    All other output is held back and written at the end of the block.

    Parameters
    ----------
    note : pattern
        Lines that begin with a match are removed.
    """
    with _diverted, contextlib.ExitStack() as stack:
        if _is_suppressed():
            yield
            return
        try:
            kept = os.dup(2)
            stack.callback(os.close, kept)
            said = stack.enter_context(_own_file())
        except OSError:  # there is no standard error stream, or no place for a temporary file
            yield
            return
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            said.seek(0)
            lines = said.read().splitlines(keepends=True)
            with contextlib.suppress(OSError):
                os.write(2, b"".join(line for line in lines if not note.match(line)))


def _is_suppressed() -> bool:
    """Return whether standard error is the null device already."""
    try:
        ours, nowhere = os.fstat(2), Path(os.devnull).stat()
    except OSError:
        return False
    return ours.st_ino != 0 and os.path.samestat(ours, nowhere)  # all devices are number 0 on Windows


def _own_file() -> IO[bytes]:
    """Open a private temporary file, in memory where the system supports that."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("standard error"), "w+b")
    import tempfile  # rarely needed, and slow to import

    return tempfile.TemporaryFile()


@contextlib.contextmanager
def quiet_libraries(*, enabled: bool = True) -> Iterator[None]:
    """Suppress messages and Python warnings of libraries, but not of this program.

    The warnings are meant for developers. When PYTHONWARNINGS turns warnings into errors, a warning of one
    library about another must not end the program.

    Parameters
    ----------
    enabled : bool
        With False, nothing is suppressed.
    """
    if not enabled:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _descriptor_to_nowhere():
            yield


@contextlib.contextmanager
def _descriptor_to_nowhere() -> Iterator[None]:
    """Point descriptor 2 to the null device, and ``sys.stderr`` to the original stream."""
    if sys.stderr is None:
        yield
        return
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except OSError:  # there is no standard error stream
        yield
        return
    ours = sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = os.fdopen(os.dup(kept), "w", encoding=ours.encoding, errors="backslashreplace", buffering=1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.close()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
