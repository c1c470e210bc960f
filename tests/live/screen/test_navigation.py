"""Moving through a list of sources that may be longer than the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.screen.navigation import Navigation

KEYS = ["up", "down", "page up", "page down", "home", "end", "enter", "escape", "1", "7", "0", "x", "j", "k"]


@given(st.lists(st.sampled_from(KEYS), max_size=40), st.integers(1, 60), st.integers(1, 30))
def test_what_is_pointed_at_is_always_there_and_in_view(keys: list[str], sources: int, in_view: int) -> None:
    place = Navigation()
    for key in keys:
        place = place.press(key, sources=sources, in_view=in_view)
        assert 0 <= place.selected < sources
        assert place.first <= place.selected < place.first + in_view
        assert 0 <= place.first <= max(0, sources - in_view)
        assert place.opened is None or 0 <= place.opened < sources


def walk(*keys: str, sources: int = 50, in_view: int = 10) -> Navigation:
    place = Navigation()
    for key in keys:
        place = place.press(key, sources=sources, in_view=in_view)
    return place


def test_the_list_scrolls_no_more_than_it_must() -> None:
    assert walk(*["down"] * 9) == Navigation(9, 0)
    assert walk(*["down"] * 12) == Navigation(12, 3)
    assert walk(*["down"] * 12, *["up"] * 5) == Navigation(7, 3)
    assert walk("end") == Navigation(49, 40)
    assert walk("end", "home") == Navigation(0, 0)
    assert walk("page down", "page down", "page up") == Navigation(10, 10)


@pytest.mark.parametrize(
    ("keys", "opened"),
    [
        (["enter"], 0),
        (["down", "down", "enter"], 2),
        (["7"], 6),
        (["7", "3"], 2),
        (["7", "escape"], None),
        (["0"], None),
        (["escape"], None),
    ],
)
def test_enter_or_a_digit_opens_one_and_escape_returns(keys: list[str], opened: int | None) -> None:
    assert walk(*keys).opened == opened


def test_a_digit_without_a_source_means_nothing() -> None:
    assert walk("9", sources=8) == Navigation()


def test_while_one_is_opened_the_list_stands_still() -> None:
    assert walk("down", "enter", "down", "end", "escape") == Navigation(1, 0)
