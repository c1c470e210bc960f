"""Keeps what libraries write to the standard error stream off the user's screen.

ALSA, PortAudio, LiteRT and TensorFlow are C libraries that write to file descriptor 2 as they please.
While they run, that descriptor leads nowhere, and Python's own ``sys.stderr`` leads where it led before.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_libraries(*, enabled: bool = True) -> Iterator[None]:
    """Silence what C libraries write to standard error, not what this program writes.

    Parameters
    ----------
    enabled : bool
        Whether to do so; with False nothing changes.
    """
    if not enabled or sys.stderr is None:
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
