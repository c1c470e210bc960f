"""The arrays of mel frames of a store, mapped from disk on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt

MelLevels = npt.NDArray[np.float16]

MOST_MAPPED = 64  # at a time: each is an open file, and a process may have only about a thousand


class Pieces(Sequence[MelLevels]):
    """Arrays of mel frames on disk; each is mapped when it is used, and only a few at a time.

    Parameters
    ----------
    openers : sequence of callables
        Each maps an array and returns it.
    frames : sequence of int
        Number of frames of each array.
    """

    def __init__(self, openers: Sequence[Callable[[], MelLevels]], frames: Sequence[int]) -> None:
        kept = self.openers = tuple(openers)
        self.frames = tuple(frames)
        # Without a reference to this object: in a cycle, files stay open until Python looks for garbage.
        self._mapped = lru_cache(maxsize=MOST_MAPPED)(lambda number: kept[number]())

    @classmethod
    def of(cls, array: MelLevels) -> Pieces:
        """Return a sequence of one array that is already mapped."""
        return cls([lambda: array], [len(array)])

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, number: int) -> MelLevels: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[MelLevels]: ...

    def __getitem__(self, number: int | slice) -> MelLevels | Sequence[MelLevels]:
        """Return an array, or several, mapped from disk."""
        if isinstance(number, slice):
            return Pieces(self.openers[number], self.frames[number])
        piece: MelLevels = self._mapped(range(len(self))[number])
        return piece
