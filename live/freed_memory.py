"""Faster reuse of memory that the process has freed."""

from __future__ import annotations

import numpy as np


def keep_freed_memory(size: int) -> None:
    """Make glibc keep freed blocks of up to ``size`` bytes instead of returning them to the system.

    By default glibc returns and requests memory with every block of sound, and the page faults can take as
    long as the FFTs. It raises its threshold when it sees a larger block freed, which is done here. With
    other C libraries this has no effect.

    Parameters
    ----------
    size : int
        In bytes, at most 32 MiB, which is glibc's limit. The process may keep up to twice as much.
    """
    np.empty(size, dtype=np.uint8)  # freed at once; its pages are never touched
