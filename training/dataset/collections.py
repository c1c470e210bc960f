"""Several collections looked at together: the worst of them counts most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

FEWEST_CLIPS = 10  # a collection of fewer says too little by itself: such are taken together
Item = TypeVar("Item")


def worst_weighted(losses: Sequence[float]) -> float:
    """Return one loss for several collections: half the worst, half the mean of all.

    Numbers that are none, of collections without a clip, do not count.
    """
    known = [loss for loss in losses if np.isfinite(loss)]
    return 0.5 * max(known) + 0.5 * float(np.mean(known)) if known else float("nan")


def by_collection(items: Sequence[Item], collection: Callable[[Item], str]) -> list[list[Item]]:
    """Return items apart by their collections, those of small collections together."""
    members: dict[str, list[Item]] = {}
    for item in items:
        members.setdefault(collection(item), []).append(item)
    large = [found for found in members.values() if len(found) >= FEWEST_CLIPS]
    small = [item for found in members.values() if len(found) < FEWEST_CLIPS for item in found]
    return [*large, *([small] if small else [])]
