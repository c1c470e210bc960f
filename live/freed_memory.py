"""How the process deals with memory that it has used and will use again."""

from __future__ import annotations

import numpy as np


def keep_freed_memory(size: int) -> None:
    """Make glibc keep freed memory in pieces up to ``size`` for what comes next.

    Until it has seen a large piece freed, it hands memory back to the system, and asks for it again, with
    every block of sound; the page faults of that can take as long as the FFTs. Elsewhere this does nothing.

    Parameters
    ----------
    size : int
        In bytes; above 32 MiB glibc does not learn from it. Up to twice as much may stay with the process.
    """
    np.empty(size, dtype=np.uint8)  # freed at once, and no page of it is ever touched
