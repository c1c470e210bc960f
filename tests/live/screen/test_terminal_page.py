"""The terminal's second page."""

from __future__ import annotations

import pytest
from rich.console import ConsoleDimensions
from rich.segment import Segment

from live.screen.characters import ASCII, LINUX_CONSOLE, UNICODE, Characters
from live.screen.terminal_page import TerminalPage, in_front
from tests.live.screen.drawing import console_of, printed


def test_only_what_changed_is_written_and_a_new_size_writes_all() -> None:
    console = console_of(10, 3)
    page = TerminalPage(console)
    page.take()
    lines = [[Segment("one")], [Segment("two")], [Segment("three")]]
    assert page.put(lines, 10) == 3
    assert page.put(lines, 10) == 0
    assert page.put([lines[0], [Segment("2")], lines[2]], 10) == 1
    assert page.put(lines, 9) == 3
    assert page.put(lines[:2], 9) == 2


def test_it_is_taken_and_handed_back() -> None:
    console = console_of(10, 3)
    page = TerminalPage(console)
    page.take()
    assert printed(console).startswith("\x1b[?1049h")
    page.hand_back()
    assert printed(console).endswith("\x1b[?25h\x1b[?1049l")


def test_a_page_that_is_lent_is_left_alone() -> None:
    console = console_of(10, 3)
    page = TerminalPage(console)
    page.is_lent = True
    page.hand_back()
    assert printed(console) == ""
    assert in_front(console)  # no terminal: nobody else can be in front
    assert page.take_again()
    assert not page.is_lent


def test_its_size_is_the_consoles_where_there_is_no_terminal() -> None:
    console = console_of(10, 3)
    page = TerminalPage(console)
    assert page.size() == (10, 3)
    console.size = ConsoleDimensions(20, 5)
    assert page.size() == (20, 5)


@pytest.mark.parametrize(
    ("term", "encoding", "characters"),
    [
        ("xterm-256color", "utf-8", UNICODE),
        ("linux", "utf-8", LINUX_CONSOLE),
        ("linux-16color", "utf-8", LINUX_CONSOLE),
        ("linux", "ascii", ASCII),
        (None, "utf-8", UNICODE),
    ],
)
def test_its_characters_are_those_of_the_terminal_and_the_encoding(
    term: str | None, encoding: str, characters: Characters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    assert TerminalPage(console_of(10, 3, encoding=encoding)).characters is characters
