"""Reading of single keys from the terminal, without waiting for the end of a line."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TextIO

# A control sequence; a command to or answer from the terminal, which a new sequence ends; a function key; or
# Alt with a key, which may be the first character of any of these. Escape itself, or Alt with such a
# character, ends where the next sequence begins: over a slow connection several keys arrive together.
_ESCAPE_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\|(?=\x1b[^\\]))"
    rb"|O[^\x1b]|[^\x1b\[\]P_^O]|[\[\]P_^O]?(?=\x1b|\Z))",
    re.DOTALL,
)
# An incomplete sequence, or a character whose last bytes are missing.
_BEGUN = re.compile(rb"\x1b(?:\[[ -?]+|[\]P_^][^\x07\x1b]+\x1b?)\Z|[\xc2-\xf4][\x80-\xbf]{0,2}\Z", re.DOTALL)
_LONGEST_BEGUN = 100  # bytes; longer than any answer of a terminal, and short enough not to swallow much text
_READ_SIZE = 1024
_OPENINGS = (b"\x1b", b"\x1b[", b"\x1bO")  # each is a key, or the beginning of one
_REST_WITHIN_S = 0.05
_SEQUENCES = {
    b"\x1b": "escape",
    **{b"\x1b" + kind + b"A": "up" for kind in (b"[", b"O")},
    **{b"\x1b" + kind + b"B": "down" for kind in (b"[", b"O")},
    **{b"\x1b" + kind + b"H": "home" for kind in (b"[", b"O")},
    **{b"\x1b" + kind + b"F": "end" for kind in (b"[", b"O")},
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
}
_WINDOWS_KEYS = {
    "\x1b": "escape",
    "\r": "enter",
    "\xe0H": "up",
    "\xe0P": "down",
    "\xe0G": "home",
    "\xe0O": "end",
    "\xe0I": "page up",
    "\xe0Q": "page down",
}


class KeyReader:
    """Passes each key to a callback, on a separate thread.

    Without a terminal, or if this process is in the background, nothing is read and ``working`` is False.
    At the end of the ``with`` block the terminal's settings are restored.

    Parameters
    ----------
    on_key
        Called with one character, for instance ``"q"`` or ``" "``.
    named_keys
        Whether to call it also with the names of other keys: ``escape``, ``enter``, ``up``, ``down``,
        ``page up``, ``page down``, ``home`` and ``end``.
    stream
        Where the keys are read. Default: standard input.
    """

    def __init__(
        self, on_key: Callable[[str], None], stream: TextIO | None = None, *, named_keys: bool = False
    ) -> None:
        self._on_key = on_key
        self._named_keys = named_keys
        self._stream = sys.stdin if stream is None else stream
        self._stack = contextlib.ExitStack()
        self.working = False

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if _is_terminal(self._stream):
                if sys.platform == "win32":
                    self._start_on_windows(stack)
                else:
                    self._start_on_unix(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.working = False
        self._stack.close()

    def _start_on_unix(self, stack: contextlib.ExitStack) -> None:
        if sys.platform == "win32":  # for the type checker
            return
        import termios

        descriptor = self._stream.fileno()
        try:
            stack.enter_context(single_keys(descriptor))
        except (OSError, termios.error):
            return
        reading_end, writing_end = os.pipe()
        stack.callback(os.close, reading_end)
        stack.callback(os.close, writing_end)
        thread = threading.Thread(
            target=self._read_on_unix, args=(descriptor, reading_end), name="keys", daemon=True
        )
        thread.start()
        stack.callback(thread.join)
        stack.callback(os.write, writing_end, b"\0")
        self.working = True

    def _read_on_unix(self, descriptor: int, wake: int) -> None:
        import select

        def is_more_to_come(pressed: bytes) -> bool:
            """Wait for the rest of a key: a serial line delivers a key's bytes one by one."""
            return pressed.endswith(_OPENINGS) and bool(
                select.select([descriptor], [], [], _REST_WITHIN_S)[0]
            )

        decoder = KeyDecoder(named_keys=self._named_keys)
        while True:
            try:
                ready, _, _ = select.select([descriptor, wake], [], [])
                if wake in ready:
                    return
                pressed = os.read(descriptor, _READ_SIZE)
                while is_more_to_come(pressed) and (more := os.read(descriptor, _READ_SIZE)):
                    pressed += more
            except OSError:
                pressed = b""
            if not pressed:  # the terminal is gone
                self.working = False
                return
            for key in decoder.feed(pressed):
                self._on_key(key)

    def _start_on_windows(self, stack: contextlib.ExitStack) -> None:
        stopped = threading.Event()
        thread = threading.Thread(target=self._read_on_windows, args=(stopped,), name="keys", daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stopped.set)
        self.working = True

    def _read_on_windows(self, stopped: threading.Event) -> None:
        if sys.platform != "win32":  # for the type checker
            return
        import msvcrt

        # A console cannot be waited for together with an event, so it is asked now and then.
        while not stopped.wait(0.05):
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                name = _WINDOWS_KEYS.get(key)
                if key in "\0\xe0" and _has_second_half(msvcrt):  # of an arrow or function key
                    name = _WINDOWS_KEYS.get("\xe0" + msvcrt.getwch())
                elif key.isprintable():
                    self._on_key(key)
                if name is not None and self._named_keys:
                    self._on_key(name)


def _has_second_half(msvcrt: Any) -> bool:
    """Return whether the key just read is the first half of one; the à of a French keyboard is whole.

    The second half waits in the place for a key that is given back, which has room for one.
    """
    try:
        msvcrt.ungetwch("\0")
    except OSError:
        return True
    msvcrt.getwch()
    return False


class KeyDecoder:
    """Decodes the bytes of a terminal, cut into pieces of any size, to keys.

    Parameters
    ----------
    named_keys
        Whether to return also the names of keys that are not characters.
    """

    def __init__(self, *, named_keys: bool = False) -> None:
        self._named_keys = named_keys
        self._rest = b""

    def feed(self, sent: bytes) -> list[str]:
        """Return the keys: printable characters, and the names of keys sent as escape sequences."""
        text = self._rest + sent
        begun = _BEGUN.search(text)
        end = begun.start() if begun else len(text)
        self._rest = text[end:] if len(text) - end <= _LONGEST_BEGUN else b""
        keys: list[str] = []
        position = 0
        for sequence in _ESCAPE_SEQUENCE.finditer(text, 0, end):
            keys += self._characters(text[position : sequence.start()])
            position = sequence.end()
            if self._named_keys and sequence.group() in _SEQUENCES:
                keys.append(_SEQUENCES[sequence.group()])
        return keys + self._characters(text[position:end])

    def _characters(self, text: bytes) -> list[str]:
        """Return the keys in text without escape sequences."""
        names = {"\r": "enter", "\n": "enter"} if self._named_keys else {}
        decoded = text.decode("utf-8", "ignore")
        return [names.get(key, key) for key in decoded if key.isprintable() or key in names]


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


@contextlib.contextmanager
def single_keys(descriptor: int) -> Iterator[None]:
    """Make the terminal deliver each key at once, without echo; Ctrl-C still interrupts.

    Raises
    ------
    OSError
        If there is no terminal, or this process is in the background.
    """
    if sys.platform == "win32":  # for the type checker
        yield
        return
    import termios

    if os.tcgetpgrp(descriptor) != os.getpgrp():
        raise OSError("the terminal belongs to another process")
    before = termios.tcgetattr(descriptor)
    changed = [*before[:6], list(before[6])]
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    changed[6][termios.VMIN] = 1
    changed[6][termios.VTIME] = 0
    _set(descriptor, changed)
    try:
        yield
    finally:
        # A terminal that is gone need not be restored.
        with contextlib.suppress(OSError, termios.error):
            _set(descriptor, before)


def _set(descriptor: int, attributes: list[int | list[bytes | int]]) -> None:
    """Set the terminal's attributes, even if this process is now in the background."""
    if sys.platform == "win32":  # for the type checker
        return
    import signal
    import termios

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
