"""How the rows of the screen are shared out between its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from live.screen.lettering import FONTS, TALL


@dataclass(frozen=True)
class Plan:
    """How many rows each part of the screen gets; 0 leaves it out."""

    letters: int = 1
    bar_columns: int = 1
    bars: int = 0
    header: int = 0
    details: int = 0
    heading: int = 0
    strip: int = 0
    ticks: int = 0
    session: int = 0
    level: int = 0
    footer: int = 0
    between_bars: int = 0
    after_header: int = 0
    before_details: int = 0
    before_bars: int = 0
    before_strip: int = 0
    before_session: int = 0
    before_level: int = 0
    before_footer: int = 0

    @property
    def rows(self) -> int:
        """All rows together."""
        gaps = self.after_header + self.before_details + self.before_bars + self.before_strip
        gaps += self.before_session + self.before_level + self.before_footer
        parts = self.header + self.letters + self.details + self.heading + self.bars
        parts += self.between_bars * max(0, self.bars - 1)
        parts += self.strip + self.ticks + (self.session + self.ticks if self.session else 0)
        return gaps + parts + self.level + self.footer


@lru_cache(maxsize=64)
def plan_for(width: int, height: int, genres: tuple[str, ...], two_strips: bool) -> Plan:
    """Share the rows out.

    Depends on nothing that changes from one verdict to the next, so that the screen never jumps.
    """
    inner = width - 2 * margin(width)
    small = Plan(
        level=int(height >= 2),
        strip=int(height >= 3),
        header=int(height >= 4),
        details=int(height >= 5),
        footer=int(height >= 6),
    )
    # One long name shall not take the large letters from all the others.
    fonts = [
        font.rows
        for font in FONTS
        if 2 * sum((font.width(genre) or width) <= inner for genre in genres) >= max(1, len(genres))
    ]
    columns = (1, 2) if inner >= 52 else (1,)
    # A little air matters more than one long column of bars, the letters more than both.
    for air in (3, 0):
        for letters in (*fonts, 1):
            for bar_columns in columns if letters <= TALL.rows else (1,):
                bars = math.ceil(len(genres) / bar_columns)
                plan = replace(small, letters=letters, bar_columns=bar_columns, bars=bars)
                if height >= 8 and plan.rows + air <= height:
                    return _with_air(plan, height, two_strips)
    rest = height - small.rows
    if rest >= 2 and 3 in fonts:
        small = replace(small, letters=3)
        rest -= 2
    return replace(small, bars=rest if rest >= 2 else 0) if rest >= 2 else _with_air(small, height, False)


def _with_air(plan: Plan, height: int, two_strips: bool) -> Plan:
    """Spend the rows left over, the most useful first."""
    wishes: list[dict[str, int]] = [
        {"ticks": 1},
        {"heading": 1},
        {"before_strip": 1},
        {"after_header": 1},
        {"before_level": 1},
        {"before_details": 1},
        {"details": 3} if plan.letters >= 10 else {},
        {"session": 1, "before_session": 1} if two_strips else {},
        {"before_bars": 1},
        {"strip": 2},
        {"session": 2} if two_strips else {},
        {"before_footer": 1},
        {"between_bars": 1},
        {"strip": 3},
        {"session": 3} if two_strips else {},
    ]
    for wish in wishes:
        richer = replace(plan, **wish)
        if richer.rows <= height:
            plan = richer
    gaps = ("after_header", "before_bars", "before_strip", "before_level", "before_footer")
    for number in range(height - plan.rows):
        gap = gaps[number % len(gaps)]
        plan = replace(plan, **{gap: getattr(plan, gap) + 1})
    return plan


def margin(width: int) -> int:
    """Give the columns left free on either side."""
    return 2 if width >= 50 else 1 if width >= 36 else 0
