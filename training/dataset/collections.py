"""Averages over several collections, in which the worst one counts most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

FEWEST_CLIPS = 10  # smaller collections are merged, because each has too few clips for a figure
Item = TypeVar("Item")


def worst_weighted(losses: Sequence[float]) -> float:
    """Return one loss for several collections: half the worst plus half the mean of all.

    NaN values, of collections without a clip, are ignored.
    """
    known = [loss for loss in losses if np.isfinite(loss)]
    return 0.5 * max(known) + 0.5 * float(np.mean(known)) if known else float("nan")


def by_collection(items: Sequence[Item], collection: Callable[[Item], str]) -> list[list[Item]]:
    """Return the items grouped by collection, with small collections in one group."""
    members: dict[str, list[Item]] = {}
    for item in items:
        members.setdefault(collection(item), []).append(item)
    large = [found for found in members.values() if len(found) >= FEWEST_CLIPS]
    small = [item for found in members.values() if len(found) < FEWEST_CLIPS for item in found]
    return [*large, *([small] if small else [])]
