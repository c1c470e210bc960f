"""The pieces in which a sound server delivers, without a server."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from live.sources import sound_server
from live.sources.devices import InputDevice
from live.sources.microphones import inputs
from live.sources.sound_server import (
    STREAM_READY,
    SoundServerError,
    SoundServerSource,
    SoundServerStream,
    sound_server_sources,
)

PIECE = b"\1" * 400
SOURCE = SoundServerSource("mic", "Mic", 2, 48_000, False, False, (1, 2))
DEVICE = InputDevice(0, "Mic", "PulseAudio", 2, 48_000, True, SOURCE)


class Library:
    """What of libpulse a stream asks while it is read; None stands for a hole."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        self._pieces = pieces
        self._buffers: list[ctypes.Array[ctypes.c_char]] = []

    def pa_stream_get_state(self, _stream: object) -> int:
        return STREAM_READY

    def pa_stream_peek(self, _stream: object, data: Any, size: Any) -> None:
        size._obj.value = 0
        if self._pieces:
            piece = self._pieces[0]
            self._buffers.append(ctypes.create_string_buffer(piece or b"", 400))
            data._obj.value = None if piece is None else ctypes.addressof(self._buffers[-1])
            size._obj.value = 400

    def pa_stream_drop(self, _stream: object) -> None:
        del self._pieces[0]


class Connection:
    """A connection on which something has always arrived."""

    def turn(self) -> None:
        pass


def test_a_block_says_whether_the_server_lost_sound_in_it() -> None:
    stream = SoundServerStream.__new__(SoundServerStream)
    pieces: list[bytes | None] = [PIECE, PIECE, PIECE, None, PIECE, PIECE, PIECE]
    stream.__dict__.update(_connection=Connection(), _library=Library(pieces), _stream=1, _fewest_bytes=800)
    given = list(islice(stream.blocks(), 1))
    assert given == [(PIECE * 6, True)]  # all that has arrived is one block

    stream.__dict__.update(_library=Library([PIECE, PIECE]))
    assert next(stream.blocks()) == (PIECE * 2, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libpulse is Linux's.")
def test_attempts_without_a_server_leave_nothing_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    if sound_server._library() is None:
        pytest.skip("libpulse is not installed.")
    assert sound_server_sources() == []  # what the library opens once is open now
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert [sound_server_sources() for _ in range(5)] == [[]] * 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_hole_is_passed_on_as_an_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, *_: object) -> None:
            pass

        def blocks(self) -> Iterator[tuple[bytes, bool]]:
            started.wait()
            yield PIECE, False
            yield PIECE, True
            raise SoundServerError("the source is not there")

    started, ended = threading.Event(), threading.Event()
    told: list[tuple[bytes, int, bool]] = []
    monkeypatch.setattr(inputs, "SoundServerStream", Stream)

    def on_block(data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
        assert at_s > 0
        told.append((data, samples, overflowed))

    opened = inputs.SoundServerInput(DEVICE, 48_000, 2, 0.25, on_block, ended.set)
    opened.start()
    started.set()
    assert ended.wait(30)
    assert told == [(PIECE, 50, False), (PIECE, 50, True)]
