"""Opening of an input device, through PortAudio or directly at the sound server.

Like ``devices`` this calls drivers, and runs in a capture process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from live.errors import InputError
from live.sources.devices import (
    InputDevice,
    MissingDeviceError,
    find_again,
    find_device,
    with_own_channels,
)
from live.sources.port_audio import port_audio
from live.sources.sound_server import SoundServerError, SoundServerStream
from live.sources.source import WATCHED_BLOCK_S

USUAL_CHANNELS = 2
OTHER_RATES = (48_000, 44_100)


class CaptureError(Exception):
    """A driver refused a request; the text is its message."""


class OnBlock(Protocol):
    """A callback for blocks: interleaved float32 samples, and their time of arrival (``time.monotonic``)."""

    def __call__(self, data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
        """Receive the block, on a thread of the driver."""


@dataclass(frozen=True)
class InputRequest:
    """The device to open, and how.

    Attributes
    ----------
    selector : str or None
        As for ``find_device``.
    channel : int or None
        The channel that will be used, from 1; at least as many channels must be captured.
    every_channel : bool
        Whether all of its channels will be used.
    again : InputDevice or None
        A device that was open before and is found by its name.
    sample_rate, channels : int or None
        Its rate and channels then, which it must have again.
    block_s : float
        Length of the blocks, in seconds; the driver's default may wake this process 150 times a second.
    """

    selector: str | None = None
    channel: int | None = None
    every_channel: bool = False
    again: InputDevice | None = None
    sample_rate: int | None = None
    channels: int | None = None
    block_s: float = WATCHED_BLOCK_S


class Input(Protocol):
    """An open device.

    Attributes
    ----------
    device : InputDevice
    sample_rate : int
        Sample rate of the capture, in Hz.
    channels : int
        Number of captured channels.
    """

    device: InputDevice
    sample_rate: int
    channels: int

    def start(self) -> None:
        """Start to capture.

        Raises
        ------
        CaptureError
            When the device does not start.
        """

    def close(self) -> None:
        """Close the device."""


def open_input(
    wanted: InputRequest, on_block: OnBlock, on_end: Callable[[], None], *, refresh: bool = False
) -> Input:
    """Find a device and open it at its own rate, or else at another rate that it supports.

    Parameters
    ----------
    wanted : InputRequest
    on_block, on_end : callable
        Called, after the start, with each block, and at the end of the stream.
    refresh : bool
        Whether to search for devices again.

    Raises
    ------
    MissingDeviceError
        When the device is not connected.
    InputError
        When there is no PortAudio, or the device cannot be opened.
    """
    if wanted.again is not None:
        found = find_again(wanted.again, refresh=refresh)
        if found is None:
            raise MissingDeviceError(f"{wanted.again.name} is not connected: plug it in.")
        device = found
    else:
        device = find_device(wanted.selector, refresh=refresh)
    if wanted.channel is not None or wanted.every_channel:
        device = with_own_channels(device)
    channel = wanted.channel
    if channel is not None and not 1 <= channel <= device.channels:
        raise InputError(f"{device.name} has {device.channels} channels: there is no channel {channel}.")
    reason = ""
    for sample_rate, channels in _ways(device, wanted):
        try:
            if device.source is not None:
                return SoundServerInput(device, sample_rate, channels, wanted.block_s, on_block, on_end)
            return PortAudioInput(device, sample_rate, channels, wanted.block_s, on_block, on_end)
        except CaptureError as error:
            reason = reason or str(error)
    raise InputError(
        f"{device.name} cannot be opened ({reason}): see whether another program holds it, "
        "or choose another with --device."
    )


def _ways(device: InputDevice, wanted: InputRequest) -> list[tuple[int, int]]:
    """Return the pairs of sample rate and number of channels to try, without duplicates."""
    if wanted.sample_rate is not None and wanted.channels is not None:
        return [(wanted.sample_rate, wanted.channels)]
    if wanted.every_channel:
        return [(rate, device.channels) for rate in dict.fromkeys((device.sample_rate, *OTHER_RATES))]
    if device.source is not None:  # the server converts the rate, and would mix all channels to one
        usual = min(USUAL_CHANNELS, device.channels)
        return [(device.sample_rate, usual if wanted.channel is None else device.channels)]
    # At least two: some drivers mix all channels for one that is asked for.
    usual = max(wanted.channel or 1, min(USUAL_CHANNELS, device.channels))
    ways = [(device.sample_rate, usual), (device.sample_rate, device.channels)]
    ways += [(rate, usual) for rate in OTHER_RATES]
    if wanted.channel is None:
        ways.append((device.sample_rate, 1))
    return list(dict.fromkeys(ways))


class PortAudioInput:
    """A device that PortAudio captures.

    Parameters
    ----------
    device : InputDevice
    sample_rate : int
        In Hz.
    channels : int
    block_s : float
        Requested length of the blocks, in seconds.
    on_block, on_end : callable
        Called with each block, and at the end of the stream, on PortAudio's thread.

    Raises
    ------
    CaptureError
        When the device cannot be opened.
    """

    def __init__(
        self,
        device: InputDevice,
        sample_rate: int,
        channels: int,
        block_s: float,
        on_block: OnBlock,
        on_end: Callable[[], None],
    ) -> None:
        self.device, self.sample_rate, self.channels = device, sample_rate, channels
        self._on_block = on_block
        self._busy = threading.Lock()  # PortAudio crashes if a stream is closed while it starts
        sounddevice = port_audio()
        self._error = sounddevice.PortAudioError
        try:
            self._stream = sounddevice.RawInputStream(
                device=device.index,
                samplerate=sample_rate,
                channels=channels,
                dtype="float32",
                latency=2 * block_s,
                callback=self._take_block,
                finished_callback=on_end,
            )
        except self._error as error:
            raise CaptureError(str(error)) from None

    def start(self) -> None:
        """Start to capture.

        Raises
        ------
        CaptureError
            When the device was opened but does not start.
        """
        with self._busy:
            try:
                self._stream.start()
            except self._error as error:
                raise CaptureError(str(error)) from None

    def _take_block(self, data: Any, samples: int, _time: Any, status: Any) -> None:
        """Pass a block on; called on PortAudio's thread."""
        self._on_block(bytes(data), samples, time.monotonic(), bool(status.input_overflow))

    def close(self) -> None:
        """Close the device."""
        with self._busy, contextlib.suppress(self._error):
            self._stream.close()


class SoundServerInput:
    """A source of PulseAudio or PipeWire.

    Parameters
    ----------
    device : InputDevice
        With a ``source``.
    sample_rate : int
        In Hz.
    channels : int
    block_s : float
        Requested length of the blocks, in seconds.
    on_block, on_end : callable
        Called with each block, and at the end of the stream, on a separate thread.

    Raises
    ------
    CaptureError
        When the source cannot be opened.
    """

    def __init__(
        self,
        device: InputDevice,
        sample_rate: int,
        channels: int,
        block_s: float,
        on_block: OnBlock,
        on_end: Callable[[], None],
    ) -> None:
        if device.source is None:
            raise ValueError("this device is PortAudio's")
        self.device, self.sample_rate, self.channels = device, sample_rate, channels
        self._source, self._block_s = device.source, block_s
        self._on_block, self._on_end = on_block, on_end
        self._opened, self._started, self._closed = threading.Event(), threading.Event(), threading.Event()
        self._refusal: str | None = None
        # libpulse requires that one thread uses the connection.
        threading.Thread(target=self._record, name="sound server", daemon=True).start()
        self._opened.wait()
        if self._refusal is not None:
            raise CaptureError(self._refusal)

    def start(self) -> None:
        """Start to pass on recorded blocks."""
        self._started.set()

    def close(self) -> None:
        """Stop to pass on blocks; the connection ends with the capture process."""
        self._closed.set()

    def _record(self) -> None:
        try:
            stream = SoundServerStream(self._source, self.channels, self.sample_rate, self._block_s)
        except SoundServerError as error:
            self._refusal = str(error)
            return
        finally:
            self._opened.set()
        with contextlib.suppress(SoundServerError):
            for block, has_hole in stream.blocks():
                if self._closed.is_set():
                    return
                if self._started.is_set():  # sound from before the start is dropped
                    samples = len(block) // (4 * self.channels)
                    self._on_block(block, samples, time.monotonic(), overflowed=has_hole)
        self._on_end()
