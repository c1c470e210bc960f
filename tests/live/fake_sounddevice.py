"""A fake of the module sounddevice, whose devices the test controls."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class PortAudioError(Exception):
    """The exception of PortAudio."""


def _nothing(rate: int, channels: int) -> bool:
    return False


@dataclass
class Device:
    """A device; ``refuses`` returns whether it refuses a sample rate and number of channels."""

    name: str
    channels: int = 2
    sample_rate: float = 48_000.0
    host_api: int = 0
    refuses: Callable[[int, int], bool] = _nothing
    starts: bool = True


class Stream:
    """An input stream; the test makes it deliver, end or stop delivering."""

    def __init__(
        self,
        module: FakeSoundDevice,
        *,
        device: int,
        samplerate: int,
        channels: int,
        latency: float,
        callback: Callable[..., None],
        finished_callback: Callable[[], None],
        **_: object,
    ) -> None:
        self.device = module.devices[device]
        if self.device.refuses(samplerate, channels) or channels > self.device.channels:
            raise PortAudioError(f"Invalid sample rate or channels [PaErrorCode -{samplerate}]")
        self.sample_rate, self.channels, self.latency_s = samplerate, channels, latency
        self._module, self._callback, self._finished = module, callback, finished_callback
        self.started = self.closed = False
        module.streams.append(self)

    def start(self) -> None:
        if not self.device.starts:
            raise PortAudioError("Unanticipated host error")
        self.started = True
        self._module.on_start(self)

    def close(self) -> None:
        self.closed = True

    def deliver(self, seconds: float, *, overflowed: bool = False, take_time: bool = True) -> None:
        """Deliver sound by the callback; sample values are channel numbers from 1."""
        frames = round(seconds * self.sample_rate)
        block = np.tile(np.arange(1, self.channels + 1, dtype=np.float32) / 100, (frames, 1))
        if take_time:
            self._module.now_s += seconds
        self._callback(block, frames, None, types.SimpleNamespace(input_overflow=overflowed))

    def end(self) -> None:
        """End like a stream whose device was unplugged."""
        self._finished()


class FakeSoundDevice(types.ModuleType):
    """The module, with its own clock in ``now_s``."""

    PortAudioError = PortAudioError

    def __init__(self, devices: Sequence[Device] = (), default: int = 0) -> None:
        super().__init__("sounddevice")
        self.devices = list(devices)
        self.default = types.SimpleNamespace(device=[default, -1])
        self.streams: list[Stream] = []
        self.on_start: Callable[[Stream], object] = lambda _: None
        self.on_refresh: Callable[[], object] = lambda: None
        self.now_s = 1_000.0

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "name": device.name,
                "hostapi": device.host_api,
                "max_input_channels": device.channels,
                "default_samplerate": device.sample_rate,
            }
            for device in self.devices
        ]

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [
            {"name": "ALSA", "default_input_device": 0 if self.devices else -1},
            {"name": "JACK", "default_input_device": -1},
            *({"name": f"Windows {name}", "default_input_device": -1} for name in ("WDM-KS", "WASAPI")),
            {"name": "MME", "default_input_device": -1},
        ]

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.on_refresh()

    def RawInputStream(self, **how: Any) -> Stream:  # noqa: N802
        return Stream(self, **how)
