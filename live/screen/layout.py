"""Which parts the screen has, from top to bottom, and how its rows are shared out between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from live.screen.block_letters import HUGE
from live.screen.canvas import Canvas, Row
from live.screen.parts.bars import Bars
from live.screen.parts.details import Details
from live.screen.parts.footer import Footer
from live.screen.parts.header import Header
from live.screen.parts.level import Level
from live.screen.parts.part import Part
from live.screen.parts.strips import RecentStrip, SessionStrip
from live.screen.parts.title import Title
from live.screen.parts.verdict import DETAILS_FROM_ROWS, Verdict
from live.screen.view import View


@dataclass(frozen=True)
class Slot:
    """One part's place on the screen.

    Attributes
    ----------
    part : type of Part
    from_rows : int or None
        Rows of the smallest screen that has the part; None where it comes only as a wish.
    gap : int or None
        The rank of the wish for a free row above it.
    stretches : bool
        Whether that gap also takes its part of the rows that nobody wishes for.
    wishes : tuple of int
        The ranks of its wishes to be taller. Of all parts' wishes the lowest rank is heard first; those of
        one rank are granted together.
    """

    part: type[Part]
    from_rows: int | None = 1
    gap: int | None = None
    stretches: bool = False
    wishes: tuple[int, ...] = ()


SLOTS = (
    Slot(Header, from_rows=4),
    Slot(Verdict, gap=40, stretches=True),
    Slot(Title, from_rows=9, gap=55),
    Slot(Details, from_rows=DETAILS_FROM_ROWS, gap=60, wishes=(70,)),
    Slot(Bars, from_rows=8, gap=90, stretches=True, wishes=(20, 130)),
    Slot(RecentStrip, from_rows=3, gap=30, stretches=True, wishes=(10, 100, 140)),
    Slot(SessionStrip, from_rows=None, gap=80, wishes=(80, 110, 150)),
    Slot(Level, from_rows=2, gap=50, stretches=True),
    Slot(Footer, from_rows=6, gap=120, stretches=True),
)

_AIR = 3  # rows to spare, so that parts stand apart: they matter more than one long column of bars
_ALL_FROM_ROWS = 8
_FEWEST_BARS = 2

Heights = dict[type[Part], int]


def rows_of(view: View, canvas: Canvas, slots: tuple[Slot, ...] = SLOTS) -> list[Row]:
    """Draw all parts, one below the other."""
    parts = {slot.part: slot.part(view) for slot in slots}
    rows: list[Row] = []
    for part, gap, height in share_out(parts, canvas, slots):
        rows += [canvas.empty() for _ in range(gap)]
        rows += parts[part].rows(canvas, height)
    return rows


def share_out(
    parts: Mapping[type[Part], Part], canvas: Canvas, slots: tuple[Slot, ...] = SLOTS
) -> list[tuple[type[Part], int, int]]:
    """Share the rows out: return each part that is shown with the free rows above it and its own.

    Depends on nothing that changes from one verdict to the next, so that the screen never jumps.
    """
    slots = tuple(slot for slot in slots if parts[slot.part].is_wanted(canvas))
    heights, has_all = _least(parts, canvas, slots)
    gaps: Heights = dict.fromkeys(heights, 0)
    if has_all:
        _grant_wishes(parts, canvas, slots, heights, gaps)
    stretching = [slot.part for slot in slots if slot.stretches and heights[slot.part]]
    left = canvas.height - sum(heights.values()) - sum(gaps.values())
    for number in range(left if stretching else 0):
        gaps[stretching[number % len(stretching)]] += 1
    return [(slot.part, gaps[slot.part], heights[slot.part]) for slot in slots if heights[slot.part]]


def _least(parts: Mapping[type[Part], Part], canvas: Canvas, slots: tuple[Slot, ...]) -> tuple[Heights, bool]:
    """Return the rows that each part gets before any wish is heard, and whether all have what they need."""
    height = canvas.height
    choices = {
        slot.part: parts[slot.part].heights(canvas)
        for slot in slots
        if slot.from_rows is not None and slot.from_rows <= height
    }
    heights: Heights = {slot.part: 0 for slot in slots}
    if height >= _ALL_FROM_ROWS:
        for air in (_AIR, 0):
            for chosen in itertools.product(*choices.values()):
                heights.update(zip(choices, chosen, strict=True))
                if sum(chosen) + air <= height and _look_well(heights, canvas):
                    return heights, True
    return _cramped(choices, heights, height)


def _look_well(heights: Heights, canvas: Canvas) -> bool:
    """Return whether the bars do not crowd below a word of the largest letters."""
    return heights[Verdict] < HUGE.rows or heights.get(Bars, 0) in (0, len(canvas.genres))


def _cramped(
    choices: Mapping[type[Part], tuple[int, ...]], heights: Heights, height: int
) -> tuple[Heights, bool]:
    """Return the rows for a screen too small for all bars: letters first, then as many bars as fit."""
    heights.update({part: min(options) for part, options in choices.items()})
    if Bars in heights:
        heights[Bars] = 0
    left = height - sum(heights.values())
    letters = min((option for option in choices[Verdict] if option > 1), default=1)
    if left >= letters - 1:
        heights[Verdict] = letters
        left -= letters - 1
    if left >= _FEWEST_BARS and Bars in heights:
        heights[Bars] = left
        return heights, False
    return heights, True


def _grant_wishes(
    parts: Mapping[type[Part], Part],
    canvas: Canvas,
    slots: tuple[Slot, ...],
    heights: Heights,
    gaps: Heights,
) -> None:
    """Spend the rows left over, the most useful first."""
    for rank in sorted({rank for slot in slots for rank in (slot.gap, *slot.wishes) if rank is not None}):
        taller, wider = dict(heights), dict(gaps)
        for slot in slots:
            if rank in slot.wishes and (heights[slot.part] or slot.from_rows is None):
                taller[slot.part] = parts[slot.part].taller(canvas, heights)
            if rank == slot.gap and taller[slot.part]:
                wider[slot.part] = 1
        if sum(taller.values()) + sum(wider.values()) <= canvas.height:
            heights.update(taller)
            gaps.update(wider)
