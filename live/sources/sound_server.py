"""The sources of PulseAudio or PipeWire by their own names, with libpulse through ctypes.

On Linux, PortAudio shows such a server as one device, ``pulse`` or ``pipewire``, without its sources. Its
library, libpulse, is installed wherever there is such a server, and the declarations here are part of its
stable interface (pulse/introspect.h, pulse/stream.h). Any call may block for ever when the server hangs, so
this runs in a capture process, which can be killed.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Any

from live.sources.source import WORTH_A_BLOCK

SOUND_SERVER = "PulseAudio"
MOST_CHANNELS = 32
NO_SINK = 0xFFFFFFFF
CONTEXT_NO_AUTOSPAWN = 1
CONTEXT_READY, CONTEXT_FAILED, CONTEXT_TERMINATED = 4, 5, 6
OPERATION_RUNNING = 0
STREAM_READY, STREAM_FAILED, STREAM_TERMINATED = 2, 3, 4
STREAM_DONT_MOVE, STREAM_ADJUST_LATENCY = 0x0200, 0x2000
FLOAT32 = 5 if sys.byteorder == "little" else 6
ANYTHING = 0xFFFFFFFF  # a length that the server chooses
HOLE = b""  # in place of a piece that the server lost


class _SampleSpec(Structure):
    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", c_uint8))


class _ChannelMap(Structure):
    _fields_ = (("channels", c_uint8), ("map", c_int * MOST_CHANNELS))


class _Volume(Structure):
    _fields_ = (("channels", c_uint8), ("values", c_uint32 * MOST_CHANNELS))


class _SourceInfo(Structure):
    """The beginning of ``pa_source_info``."""

    _fields_ = (
        ("name", c_char_p),
        ("index", c_uint32),
        ("description", c_char_p),
        ("sample_spec", _SampleSpec),
        ("channel_map", _ChannelMap),
        ("owner_module", c_uint32),
        ("volume", _Volume),
        ("mute", c_int),
        ("monitor_of_sink", c_uint32),
        ("monitor_of_sink_name", c_char_p),
    )


class _ServerInfo(Structure):
    """The beginning of ``pa_server_info``."""

    _fields_ = (
        ("user_name", c_char_p),
        ("host_name", c_char_p),
        ("server_version", c_char_p),
        ("server_name", c_char_p),
        ("sample_spec", _SampleSpec),
        ("default_sink_name", c_char_p),
        ("default_source_name", c_char_p),
    )


class _BufferSizes(Structure):
    """``pa_buffer_attr``, in bytes."""

    _fields_ = tuple((name, c_uint32) for name in ("most", "target", "prebuffer", "least", "fragment"))


_SourceCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_SourceInfo), c_int, c_void_p)
_ServerCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_ServerInfo), c_void_p)


class SoundServerError(Exception):
    """The server or a stream of it does not exist, or has ended."""


@dataclass(frozen=True)
class SoundServerSource:
    """A source of the sound server.

    Attributes
    ----------
    name, description : str
        Its identifier, and its name for people.
    channels : int
    sample_rate : int
        In Hz.
    is_monitor : bool
        Whether it records the sound of an output.
    is_of_default_output : bool
        Whether it records the sound of the default output.
    is_default : bool
        Whether it is the default input.
    positions : tuple of int
        Position of each channel, in the server's numbers.
    """

    name: str
    description: str
    channels: int
    sample_rate: int
    is_monitor: bool
    is_of_default_output: bool
    positions: tuple[int, ...]
    is_default: bool = False


@functools.cache
def _library() -> Any:
    """Load libpulse, declare the functions used here, and return it; None if it is not installed."""
    try:
        library = ctypes.CDLL("libpulse.so.0")
    except OSError:
        return None
    pointers = {
        "pa_mainloop_new": [],
        "pa_mainloop_get_api": [c_void_p],
        "pa_context_new": [c_void_p, c_char_p],
        "pa_context_get_source_info_list": [c_void_p, _SourceCallback, c_void_p],
        "pa_context_get_server_info": [c_void_p, _ServerCallback, c_void_p],
        "pa_stream_new": [c_void_p, c_char_p, POINTER(_SampleSpec), POINTER(_ChannelMap)],
    }
    numbers = {
        "pa_mainloop_iterate": [c_void_p, c_int, POINTER(c_int)],
        "pa_context_connect": [c_void_p, c_char_p, c_int, c_void_p],
        "pa_context_get_state": [c_void_p],
        "pa_operation_get_state": [c_void_p],
        "pa_stream_connect_record": [c_void_p, c_char_p, POINTER(_BufferSizes), c_int],
        "pa_stream_get_state": [c_void_p],
        "pa_stream_peek": [c_void_p, POINTER(c_void_p), POINTER(c_size_t)],
        "pa_stream_drop": [c_void_p],
    }
    nothing = ("pa_context_disconnect", "pa_context_unref", "pa_mainloop_free", "pa_operation_unref")
    for name, arguments in pointers.items():
        getattr(library, name).restype, getattr(library, name).argtypes = c_void_p, arguments
    for name, arguments in numbers.items():
        getattr(library, name).restype, getattr(library, name).argtypes = c_int, arguments
    for name in nothing:
        getattr(library, name).restype, getattr(library, name).argtypes = None, [c_void_p]
    return library


class _Connection:
    """A connection to the server, and its main loop."""

    def __init__(self) -> None:
        self.library = _library()
        if self.library is None:
            raise SoundServerError("libpulse is not installed")
        self._loop = self.library.pa_mainloop_new()
        self.context = self.library.pa_context_new(
            self.library.pa_mainloop_get_api(self._loop), b"genre-live"
        )
        try:
            self.library.pa_context_connect(self.context, None, CONTEXT_NO_AUTOSPAWN, None)
            self.turn_until(lambda: self.library.pa_context_get_state(self.context) == CONTEXT_READY)
        except BaseException:
            self.close()  # one more attempt each few seconds would use up the file descriptors
            raise

    def turn(self) -> None:
        """Wait for the next event of the server, and process it."""
        self._check()
        if self.library.pa_mainloop_iterate(self._loop, 1, None) < 0:
            raise SoundServerError("the connection broke")
        self._check()

    def _check(self) -> None:
        if self.library.pa_context_get_state(self.context) in {CONTEXT_FAILED, CONTEXT_TERMINATED}:
            raise SoundServerError("the sound server is not there")

    def turn_until(self, is_done: Callable[[], bool]) -> None:
        """Process events until ``is_done`` returns True."""
        while not is_done():
            self.turn()

    def finish(self, operation: int | None) -> None:
        """Wait for the end of an operation."""
        if operation is None:
            raise SoundServerError("the server takes no questions")
        self.turn_until(lambda: self.library.pa_operation_get_state(operation) != OPERATION_RUNNING)
        self.library.pa_operation_unref(operation)

    def close(self) -> None:
        """Close the connection and the loop."""
        self.library.pa_context_disconnect(self.context)
        self.library.pa_context_unref(self.context)
        self.library.pa_mainloop_free(self._loop)


@contextmanager
def _connected() -> Iterator[_Connection]:
    connection = _Connection()
    try:
        yield connection
    finally:
        connection.close()


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", errors="replace")


def sound_server_sources() -> list[SoundServerSource]:
    """Return the server's sources, monitors last; none if there is no server."""
    if not sys.platform.startswith("linux"):
        return []
    sources: list[SoundServerSource] = []
    default_output = default_input = ""

    def note_server(_context: Any, info: Any, _data: Any) -> None:
        nonlocal default_output, default_input
        if info:
            default_output = _text(info.contents.default_sink_name)
            default_input = _text(info.contents.default_source_name)

    def note_source(_context: Any, info: Any, is_last: int, _data: Any) -> None:
        if is_last or not info:
            return
        told = info.contents
        is_monitor = told.monitor_of_sink != NO_SINK
        sources.append(
            SoundServerSource(
                name=_text(told.name),
                description=_text(told.description) or _text(told.name),
                channels=told.sample_spec.channels,
                sample_rate=told.sample_spec.rate,
                is_monitor=is_monitor,
                is_of_default_output=is_monitor and _text(told.monitor_of_sink_name) == default_output,
                positions=tuple(told.channel_map.map[: told.sample_spec.channels]),
                is_default=_text(told.name) == default_input,
            )
        )

    on_server, on_source = _ServerCallback(note_server), _SourceCallback(note_source)
    try:
        with _connected() as connection:
            library, context = connection.library, connection.context
            connection.finish(library.pa_context_get_server_info(context, on_server, None))
            connection.finish(library.pa_context_get_source_info_list(context, on_source, None))
    except SoundServerError:
        return []
    return sorted(sources, key=lambda source: source.is_monitor)


class SoundServerStream:
    """A recording stream of one source, as float samples.

    Parameters
    ----------
    source : SoundServerSource
    channels : int
        Number of channels: all of the source's, or fewer if the server is to mix them.
    sample_rate : int
        In Hz.
    block_s : float
        Requested length of the blocks, in seconds.

    Raises
    ------
    SoundServerError
        When there is no server, or no such source.
    """

    def __init__(self, source: SoundServerSource, channels: int, sample_rate: int, block_s: float) -> None:
        self._connection = _Connection()
        try:
            self._connect(source, channels, sample_rate, block_s)
        except BaseException:
            self._connection.close()
            raise

    def _connect(self, source: SoundServerSource, channels: int, sample_rate: int, block_s: float) -> None:
        self._library = self._connection.library
        spec = _SampleSpec(FLOAT32, sample_rate, channels)
        positions = None
        if channels == source.channels:
            positions = _ChannelMap(channels, (c_int * MOST_CHANNELS)(*source.positions))
        self._stream = self._library.pa_stream_new(
            self._connection.context, b"listening", ctypes.byref(spec),
            None if positions is None else ctypes.byref(positions),
        )  # fmt: skip
        if self._stream is None:
            raise SoundServerError(f"it does not give {channels} channels at {sample_rate} Hz")
        block_bytes = max(1, round(block_s * sample_rate)) * channels * 4
        # The server sends a block in pieces of at most 64 KiB. Each alone would wake three threads.
        self._fewest_bytes = round(WORTH_A_BLOCK * block_bytes)
        sizes = _BufferSizes(ANYTHING, ANYTHING, ANYTHING, ANYTHING, block_bytes)
        # Without the first flag, the server silently moves the stream to another source if this one goes.
        flags = STREAM_DONT_MOVE | STREAM_ADJUST_LATENCY
        self._library.pa_stream_connect_record(self._stream, source.name.encode(), ctypes.byref(sizes), flags)
        self._connection.turn_until(lambda: self._state() == STREAM_READY)

    def _state(self) -> int:
        state: int = self._library.pa_stream_get_state(self._stream)
        if state in {STREAM_FAILED, STREAM_TERMINATED}:
            raise SoundServerError("the source is not there")
        return state

    def blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Yield whole blocks, each with whether the server lost sound in it, until the source is gone.

        Raises
        ------
        SoundServerError
            At its end.
        """
        pieces: list[bytes] = []
        while True:
            self._connection.turn()
            self._state()
            pieces += self._arrived()
            if sum(map(len, pieces)) >= self._fewest_bytes:
                yield b"".join(pieces), HOLE in pieces
                pieces.clear()

    def _arrived(self) -> Iterator[bytes]:
        """Yield the pieces that have arrived, and ``HOLE`` where some are lost."""
        data, size = c_void_p(), c_size_t()
        while True:
            self._library.pa_stream_peek(self._stream, ctypes.byref(data), ctypes.byref(size))
            if not size.value:
                return
            # A length without data; ``CaptureClock`` detects how much is missing there.
            piece = ctypes.string_at(data.value, size.value) if data.value else HOLE
            self._library.pa_stream_drop(self._stream)
            yield piece
