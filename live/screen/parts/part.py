"""The base class of the parts of the screen."""

from __future__ import annotations

from collections.abc import Mapping

from live.screen.canvas import Canvas, Row
from live.screen.view import View


class Part:
    """A part of the screen: a number of successive rows.

    To add a part, derive a class from this one and add a line to ``live.screen.layout.SLOTS``.

    Parameters
    ----------
    view
        The data to show.
    """

    def __init__(self, view: View) -> None:
        self.view = view

    def is_wanted(self, canvas: Canvas) -> bool:
        """Return whether the part has anything to show; if not, it gets no rows.

        The result must not depend on anything that changes with the verdict: the screen must not jump.
        """
        return True

    def heights(self, canvas: Canvas) -> tuple[int, ...]:
        """Return the possible numbers of rows on a small screen, the best first."""
        return (1,)

    def taller(self, canvas: Canvas, heights: Mapping[type[Part], int]) -> int:
        """Return the next larger useful number of rows, or the current one.

        Parameters
        ----------
        canvas
        heights
            The current number of rows of each part.
        """
        return heights[type(self)]

    def rows(self, canvas: Canvas, height: int) -> list[Row]:
        """Return exactly ``height`` rows."""
        raise NotImplementedError
