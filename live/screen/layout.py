"""The parts of the screen from top to bottom, and the division of its rows between them."""

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
    """The place of one part on the screen.

    Attributes
    ----------
    part : type of Part
    from_rows : int or None
        Rows of the smallest screen that has the part; None if it only gets rows that are left over.
    gap : int or None
        The rank of an empty row above it.
    stretches : bool
        Whether the gap also gets a part of the rows that remain in the end.
    growth : tuple of int
        The ranks at which the part becomes taller. Rows that are left over are given out by rank, the
        lowest first; equal ranks of several parts are served together.
    """

    part: type[Part]
    from_rows: int | None = 1
    gap: int | None = None
    stretches: bool = False
    growth: tuple[int, ...] = ()


SLOTS = (
    Slot(Header, from_rows=4),
    Slot(Verdict, gap=40, stretches=True),
    Slot(Title, from_rows=9, gap=55),
    Slot(Details, from_rows=DETAILS_FROM_ROWS, gap=60, growth=(70,)),
    Slot(Bars, from_rows=8, gap=90, stretches=True, growth=(20, 130)),
    Slot(RecentStrip, from_rows=3, gap=30, stretches=True, growth=(10, 100, 140)),
    Slot(SessionStrip, from_rows=None, gap=80, growth=(80, 110, 150)),
    Slot(Level, from_rows=2, gap=50, stretches=True),
    Slot(Footer, from_rows=6, gap=120, stretches=True),
)

_AIR = 3  # spare rows for gaps between parts, which are better than one long column of bars
_ALL_FROM_ROWS = 8
_FEWEST_BARS = 2

Heights = dict[type[Part], int]


def rows_of(view: View, canvas: Canvas, slots: tuple[Slot, ...] = SLOTS) -> list[Row]:
    """Return the rows of all parts, from top to bottom."""
    parts = {slot.part: slot.part(view) for slot in slots}
    rows: list[Row] = []
    for part, gap, height in share_out(parts, canvas, slots):
        rows += [canvas.empty() for _ in range(gap)]
        rows += parts[part].rows(canvas, height)
    return rows


def share_out(
    parts: Mapping[type[Part], Part], canvas: Canvas, slots: tuple[Slot, ...] = SLOTS
) -> list[tuple[type[Part], int, int]]:
    """Divide the rows: return each visible part with its empty rows above and its own rows.

    The result does not depend on anything that changes with the verdict, so that the screen never jumps.
    """
    slots = tuple(slot for slot in slots if parts[slot.part].is_wanted(canvas))
    heights, has_all = _least(parts, canvas, slots)
    gaps: Heights = dict.fromkeys(heights, 0)
    if has_all:
        _give_out_the_rest(parts, canvas, slots, heights, gaps)
    stretching = [slot.part for slot in slots if slot.stretches and heights[slot.part]]
    left = canvas.height - sum(heights.values()) - sum(gaps.values())
    for number in range(left if stretching else 0):
        gaps[stretching[number % len(stretching)]] += 1
    return [(slot.part, gaps[slot.part], heights[slot.part]) for slot in slots if heights[slot.part]]


def _least(parts: Mapping[type[Part], Part], canvas: Canvas, slots: tuple[Slot, ...]) -> tuple[Heights, bool]:
    """Return the smallest number of rows of each part, and whether all have what they need."""
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
    """Return the rows on a screen too small for all bars: block letters first, then as many bars as fit."""
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


def _give_out_the_rest(
    parts: Mapping[type[Part], Part],
    canvas: Canvas,
    slots: tuple[Slot, ...],
    heights: Heights,
    gaps: Heights,
) -> None:
    """Give out the rows that are left over, by rank."""
    for rank in sorted({rank for slot in slots for rank in (slot.gap, *slot.growth) if rank is not None}):
        taller, wider = dict(heights), dict(gaps)
        for slot in slots:
            if rank in slot.growth and (heights[slot.part] or slot.from_rows is None):
                taller[slot.part] = parts[slot.part].taller(canvas, heights)
            if rank == slot.gap and taller[slot.part]:
                wider[slot.part] = 1
        if sum(taller.values()) + sum(wider.values()) <= canvas.height:
            heights.update(taller)
            gaps.update(wider)
