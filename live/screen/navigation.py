"""Navigation in a list of sources: selection, scrolling, and the source shown alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

_STEPS = {"up": -1, "down": 1, "k": -1, "j": 1}
_FAR = 10**9


@dataclass(frozen=True)
class Navigation:
    """The position in the list of sources.

    Attributes
    ----------
    selected : int
        Number of the selected source, from 0.
    first : int
        Number of the first visible source.
    opened : int or None
        Number of the source that is shown alone.
    """

    selected: int = 0
    first: int = 0
    opened: int | None = None

    def press(self, key: str, *, sources: int, in_view: int) -> Navigation:
        """Return the position after a key; unchanged if the key has no function here.

        Parameters
        ----------
        key : str
            A character, or the name of a key.
        sources : int
            Number of sources.
        in_view : int
            Number of sources that the list shows at once.
        """
        if key.isdecimal() and key.isascii() and 1 <= int(key) <= sources:
            return replace(self, selected=int(key) - 1, opened=int(key) - 1).in_view(sources, in_view)
        if self.opened is not None:
            return replace(self, opened=None) if key == "escape" else self
        if key == "enter" and sources:
            return self.open_selected()
        far = {"page up": -in_view, "page down": in_view, "home": -_FAR, "end": _FAR}
        step = _STEPS.get(key, far.get(key, 0))
        return replace(self, selected=self.selected + step).in_view(sources, in_view)

    def open_selected(self) -> Navigation:
        """Return the position with the selected source shown alone; unchanged if one is already."""
        return self if self.opened is not None else replace(self, opened=self.selected)

    def in_view(self, sources: int, in_view: int) -> Navigation:
        """Return the position scrolled as little as possible to make the selected source visible."""
        selected = min(max(0, self.selected), max(0, sources - 1))
        first = min(max(self.first, selected - in_view + 1), selected, max(0, sources - in_view))
        return replace(self, selected=selected, first=max(0, first))
