"""What every part of the screen has in common."""

from __future__ import annotations

from collections.abc import Mapping

from live.screen.canvas import Canvas, Row
from live.screen.view import View


class Part:
    """A part of the screen: some rows, one below the other.

    A new part is a class derived from this one and a line in ``live.screen.layout.SLOTS``.

    Parameters
    ----------
    view
        What there is to see.
    """

    def __init__(self, view: View) -> None:
        self.view = view

    def is_wanted(self, canvas: Canvas) -> bool:
        """Return whether there is anything to show; what is not wanted takes no rows.

        May depend on nothing that changes from one verdict to the next: the screen must not jump.
        """
        return True

    def heights(self, canvas: Canvas) -> tuple[int, ...]:
        """Return the numbers of rows to choose from on a screen that is no larger than it must be.

        The best comes first.
        """
        return (1,)

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return the next number of rows that is worth having where there is room, or the same.

        Parameters
        ----------
        canvas
        heights
            What each part has so far.
        """
        return heights[type(self)]

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Draw exactly ``height`` rows."""
        raise NotImplementedError
