"""A driver in the test's own process, so that the test can control its fake PortAudio."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from live.sources.microphones.driver import Opened
from live.sources.microphones.inputs import Input, InputRequest, OnBlock, open_input


class LocalDriver:
    """Does the work of a capture process in this process."""

    def __init__(self, on_block: OnBlock, on_end: Callable[[], None], *, loud: bool = False) -> None:
        del loud  # nothing here says anything
        self._on_block, self._on_end = on_block, on_end
        self._input: Input | None = None
        self._has_looked = False

    def open(self, wanted: InputRequest, _within_s: float) -> Opened:
        # A new process looks at what is there; here PortAudio has looked before.
        refresh = self._has_looked or wanted.again is not None
        self._has_looked = True
        self._input = open_input(wanted, self._on_block, self._on_end, refresh=refresh)
        return Opened(self._input.device, self._input.sample_rate, self._input.channels)

    def start(self, _within_s: float) -> None:
        if self._input is not None:
            self._input.start()

    def close(self) -> None:
        if self._input is not None:
            with contextlib.suppress(ValueError):
                self._input.close()


def use_local_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture microphones in this process, and hide the computer's own sound server."""
    monkeypatch.setattr("live.sources.microphones.capture.open_driver", LocalDriver)
    monkeypatch.setattr("live.sources.devices.sound_server_sources", list)
