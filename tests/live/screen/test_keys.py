"""Keys from a pseudo-terminal, and from none."""

from __future__ import annotations

import io
import os
import queue
import sys
from pathlib import Path
from threading import Event
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.screen.keys import KeyDecoder, KeyReader

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
WITHIN_S = 10.0


def decoded(*pieces: bytes) -> str:
    decoder = KeyDecoder()
    return "".join(key for piece in pieces for key in decoder.feed(piece))


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        ((b"q",), "q"),
        ((b"q r\n\x7f\x03",), "q r"),
        ((b"\x1b[A\x1b[1;5Cq\x1bOP",), "q"),
        ((b"\x1bqr",), "r"),
        ((b"\x1b", b"q"), "q"),
        ((b"\x1b[1", b";5Cq"), "q"),
        ((b"\x1b]11;rg", b"b:ffff/ffff/ffff", b"\x1b\\q"), "q"),
        ((b"\x1b]11;rgb:ffff/ffff/ffff\x07s\x1b[?62;22c",), "s"),
        (("é".encode()[:1], "é".encode()[1:] + b"q"), "éq"),
        ((b"\xffq\x80",), "q"),
        ((b"\x1b]", b"q", b" ", b"r"), "q r"),  # Alt with ], and so on
        ((b"\x1bP", b"q"), "q"),
        ((b"\x1b_", b"q"), "q"),
        ((b"\x1b^", b"q"), "q"),
        ((b"\x1b[", b"q"), "q"),
        ((b"\x1bO", b"q"), "q"),
        ((b"\x1b]11;rgb:ffff\x1b", b"\\q"), "q"),
        ((b"\x1b]r\x1b[Aq",), "q"),
        ((b"\x1b]r", b"r\x1b[A", b"q"), "q"),
        ((b"\x1b\x1b[Bq",), "q"),
        ((b"\x1b[\x1b[B\x1bO\x1bOBq",), "q"),
    ],
)
def test_decoder_finds_keys_and_leaves_sequences_out(pieces: tuple[bytes, ...], keys: str) -> None:
    assert decoded(*pieces) == keys


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        ((b"\x1b",), ["escape"]),
        ((b"\x1b", b"c", b"j"), ["escape", "c", "j"]),
        ((b"\r", b"\n"), ["enter", "enter"]),
        ((b"\x1b[A\x1b[B\x1bOA\x1bOB",), ["up", "down", "up", "down"]),
        ((b"\x1b[5~q\x1b[6~",), ["page up", "q", "page down"]),
        ((b"\x1b[H\x1b[F\x1b[1~\x1b[4~",), ["home", "end", "home", "end"]),
        ((b"\x1b[", b"Aq"), ["A", "q"]),
        (
            (b"\x1b\x1b[B",),
            ["escape", "down"],
        ),  # at once, as over a slow connection; or Alt with an arrow key
        ((b"\x1b\x1bOB",), ["escape", "down"]),
        ((b"\x1b\x1b",), ["escape", "escape"]),
        ((b"\x1b\x1b[6~", b"\x1b\x1b[4~"), ["escape", "page down", "escape", "end"]),
        ((b"\x1b\x1b[6", b"~q"), ["escape", "page down", "q"]),
        ((b"\x1b\x1b", b"\x1b[B"), ["escape", "escape", "down"]),
        ((b"\x1b[B\x1b",), ["down", "escape"]),
        ((b"\x1b[1;5A\x1bq\x1bOP\x1b]11;rgb:0/0/0\x07",), []),
    ],
)
def test_keys_that_are_no_character_have_names_where_they_are_wanted(
    pieces: tuple[bytes, ...], keys: list[str]
) -> None:
    decoder = KeyDecoder(named_keys=True)
    assert [key for piece in pieces for key in decoder.feed(piece)] == keys


NAMED_KEYS = [(b"\x1b", "escape"), (b"\x1b[A", "up"), (b"\x1bOB", "down"), (b"\x1b[6~", "page down")]


@given(st.lists(st.sampled_from(NAMED_KEYS)))
def test_named_keys_are_told_apart_however_many_come_at_once(pressed: list[tuple[bytes, str]]) -> None:
    sent = b"".join(sequence for sequence, _ in pressed)
    assert KeyDecoder(named_keys=True).feed(sent) == [name for _, name in pressed]


def test_what_never_ends_is_not_held_for_ever() -> None:
    decoder = KeyDecoder()
    pieces = [b"\x1b]q", *[b"q"] * 1_000]
    assert "q" in "".join(key for piece in pieces for key in decoder.feed(piece))
    assert decoder.feed(b"\x1bP" + b"0" * 100_000) == []
    assert decoder.feed(b" ") == [" "]


def ignore(key: str) -> None:
    pass


class Terminal:
    """A pseudo-terminal whose one end acts as the user's keyboard."""

    def __init__(self) -> None:
        self.keyboard, self.descriptor = os.openpty()
        self.stream: TextIO = os.fdopen(os.dup(self.descriptor), "r", encoding="utf-8")

    def attributes(self) -> list[Any]:
        import termios

        return termios.tcgetattr(self.descriptor)

    def close(self) -> None:
        self.stream.close()
        os.close(self.descriptor)
        if self.keyboard >= 0:
            os.close(self.keyboard)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    # The pseudo-terminal controls no process group here; say that it belongs to this one.
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_keys_arrive_one_by_one_without_enter(terminal: Terminal) -> None:
    pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
    with KeyReader(pressed.put, terminal.stream) as reader:
        assert reader.working
        os.write(terminal.keyboard, b"q")
        assert pressed.get(timeout=WITHIN_S) == "q"
        os.write(terminal.keyboard, b"\x1b[A ")
        assert pressed.get(timeout=WITHIN_S) == " "
    assert not reader.working


@pytest.mark.parametrize(("sent", "key"), [(b"\x1b[A", "up"), (b"\x1bOB", "down"), (b"\x1b", "escape")])
def test_a_key_whose_bytes_come_one_by_one_is_one_key(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, sent: bytes, key: str
) -> None:
    monkeypatch.setattr("live.screen.keys._READ_SIZE", 1)
    pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
    with KeyReader(pressed.put, terminal.stream, named_keys=True):
        os.write(terminal.keyboard, sent)
        assert pressed.get(timeout=WITHIN_S) == key
        os.write(terminal.keyboard, b"q")
        assert pressed.get(timeout=WITHIN_S) == "q"


def test_the_terminal_is_restored(terminal: Terminal) -> None:
    import termios

    before = terminal.attributes()
    with KeyReader(ignore, terminal.stream):
        during = terminal.attributes()
        assert not during[3] & (termios.ICANON | termios.ECHO)
        assert during[3] & termios.ISIG  # Ctrl-C still interrupts
    assert terminal.attributes() == before


def test_the_terminal_is_restored_after_an_error(terminal: Terminal) -> None:
    before = terminal.attributes()
    with pytest.raises(RuntimeError), KeyReader(ignore, terminal.stream):
        raise RuntimeError
    assert terminal.attributes() == before


def test_a_terminal_that_goes_away_ends_the_reading(terminal: Terminal) -> None:
    with KeyReader(ignore, terminal.stream):
        os.close(terminal.keyboard)
        terminal.keyboard = -1


def test_many_sessions_leave_no_open_files(terminal: Terminal) -> None:
    def open_files() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    with KeyReader(ignore, terminal.stream):
        pass
    before = open_files()
    for _ in range(20):
        with KeyReader(ignore, terminal.stream):
            pass
    assert open_files() == before


def test_in_the_background_the_terminal_is_left_alone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    before = terminal.attributes()
    with KeyReader(ignore, terminal.stream) as reader:
        assert not reader.working
        assert terminal.attributes() == before


def test_without_a_terminal_nothing_happens(tmp_path: Path) -> None:
    closed = io.StringIO()
    closed.close()
    path = tmp_path / "file"
    path.touch()
    with path.open() as file:
        for stream in (io.StringIO("q"), closed, file):
            with KeyReader(pytest.fail, stream) as reader:
                assert not reader.working


def test_without_standard_input_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with KeyReader(ignore) as reader:
        assert not reader.working


class WindowsConsole:
    """The keys of a Windows console: the second half of an arrow key waits where a key is given back."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)
        self._back = ""

    def kbhit(self) -> bool:
        return bool(self._keys)

    def getwch(self) -> str:
        if self._back:
            key, self._back = self._back, ""
            return key
        pressed = self._keys.pop(0)
        self._back = pressed[1:]
        return pressed[0]

    def ungetwch(self, key: str) -> None:
        if self._back:
            raise OSError
        self._back = key


def test_a_letter_that_looks_like_half_an_arrow_key_is_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    stopped = Event()

    def take(key: str) -> None:
        keys.append(key)
        if key == "q":
            stopped.set()

    monkeypatch.setitem(sys.modules, "msvcrt", WindowsConsole("\xe0H", "à", "\0;", "q"))
    monkeypatch.setattr(sys, "platform", "win32")
    KeyReader(take, named_keys=True)._read_on_windows(stopped)
    assert keys == ["up", "à", "q"]
