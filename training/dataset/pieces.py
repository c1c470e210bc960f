"""Arrays of mel frames on disk, of which a store has one or many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt

MelLevels = npt.NDArray[np.float16]

MOST_MAPPED = 64  # at a time: each holds an open file, of which a process may have a thousand or so


class Pieces(Sequence[MelLevels]):
    """Arrays of mel frames on disk, each mapped when it is wanted, and few at a time.

    Parameters
    ----------
    openers : sequence of callables
        Each maps its array.
    frames : sequence of int
        How many frames each has.
    """

    def __init__(self, openers: Sequence[Callable[[], MelLevels]], frames: Sequence[int]) -> None:
        self.openers, self.frames = tuple(openers), tuple(frames)
        self._mapped = lru_cache(maxsize=MOST_MAPPED)(lambda number: self.openers[number]())

    @classmethod
    def of(cls, array: MelLevels) -> Pieces:
        """Make one piece of an array that is mapped already."""
        return cls([lambda: array], [len(array)])

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, number: int) -> MelLevels: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[MelLevels]: ...

    def __getitem__(self, number: int | slice) -> MelLevels | Sequence[MelLevels]:
        """Map a piece, or several."""
        if isinstance(number, slice):
            return Pieces(self.openers[number], self.frames[number])
        piece: MelLevels = self._mapped(range(len(self))[number])
        return piece
