"""Keeps what libraries write to the standard error stream off the user's screen.

ALSA, PortAudio, LiteRT and TensorFlow are C libraries that write to file descriptor 2 as they please.
While a command runs, that descriptor leads nowhere, and Python's own ``sys.stderr`` leads where it led
before. For those who use genre-live from Python, whose standard error is not ours to turn off, only the
lines are left out that a library is known to write.
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

_diverted = threading.Lock()  # standard error is one for the whole process


@contextlib.contextmanager
def without_notes(note: re.Pattern[bytes]) -> Iterator[None]:
    """Leave out the lines that begin like ``note`` of what is written to standard error meanwhile.

    All else is written when it is over, whoever wrote it.

    Parameters
    ----------
    note : pattern
    """
    with _diverted, contextlib.ExitStack() as stack:
        try:
            if os.fstat(2).st_rdev == Path(os.devnull).stat().st_rdev != 0:
                yield  # it leads nowhere as it is
                return
            kept = os.dup(2)
            stack.callback(os.close, kept)
            said = stack.enter_context(_own_file())
        except OSError:  # there is no standard error stream, or nowhere to keep what is said
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


def _own_file() -> IO[bytes]:
    """Open a file that nobody else sees, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("standard error"), "w+b")
    import tempfile  # few systems need it, and every cold start would pay for it

    return tempfile.TemporaryFile()


@contextlib.contextmanager
def quiet_libraries(*, enabled: bool = True) -> Iterator[None]:
    """Silence what libraries write to standard error and warn of, not what this program writes.

    Their warnings are for those who develop with them: where PYTHONWARNINGS makes errors of all, a word of
    one library about another must not end the program.

    Parameters
    ----------
    enabled : bool
        Whether to do so; with False nothing changes.
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
    """Lead descriptor 2 nowhere, and ``sys.stderr`` where it led before."""
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
    sys.stderr = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="replace", buffering=1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.close()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
