"""One opening of a microphone: its driver, and the samples that it has delivered."""

from __future__ import annotations

import time
from collections.abc import Callable

from live.events import GapReason
from live.sources.microphones.capture_clock import CaptureClock
from live.sources.microphones.driver import CaptureProcess, Driver, Opened
from live.sources.microphones.inputs import InputRequest

open_driver = CaptureProcess


class Capture:
    """One opening of a microphone: its driver, and the samples that it has delivered.

    ``Microphone`` protects it with its own lock.

    Attributes
    ----------
    opened : Opened or None
        Rate and channels of the device, once it is open.
    clock : CaptureClock or None
        Detects losses, once the device is open.
    started_s : float
        When it was started (``time.monotonic``).
    delivered_s : float or None
        When its latest block arrived.
    samples : int
        Number of samples that it has delivered.
    has_ended : bool
        Whether the driver reported the end of the stream.
    is_left : bool
        Whether it was abandoned: blocks that still arrive have been counted as lost.
    """

    def __init__(self, take: Callable[[Capture, bytes, int, float, bool], None],
                 end: Callable[[Capture], None], *, loud: bool) -> None:  # fmt: skip
        self.opened: Opened | None = None
        self.clock: CaptureClock | None = None
        self.suspicion: GapReason = "stall"
        self.started_s = 0.0
        self.delivered_s: float | None = None
        self.samples = 0
        self.has_ended = self.is_left = False

        def on_block(data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
            take(self, data, samples, at_s, overflowed)

        self.driver: Driver = open_driver(on_block, lambda: end(self), loud=loud)

    def open(self, wanted: InputRequest, within_s: float) -> Opened:
        """Ask the driver for the device; see ``Driver``."""
        self.opened = self.driver.open(wanted, within_s)
        self.clock = CaptureClock(self.opened.sample_rate, block_s=wanted.block_s)
        return self.opened

    def start(self, within_s: float) -> None:
        """Ask the driver for sound; see ``Driver``."""
        self.started_s = time.monotonic()
        self.driver.start(within_s)
