"""Simulated devices: what goes missing is told, within tolerance, and what is merely late is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from live.sources.microphones.capture_clock import CaptureClock

RATE = 48_000


@dataclass
class Device:
    """A sound card that delivers blocks late, in bursts, or not at all.

    Attributes
    ----------
    drift : float
        How much faster than the computer its clock runs.
    jitter_s : float
        Each block comes up to this much after it was full.
    period_s : float
        Blocks come in bursts this far apart; 0 for one by one.
    stalls : list of (begin, end, is_caught_up)
        Nothing is delivered then. Afterwards what was captured comes in one burst, or is gone.
    flags : bool
        Whether the driver flags the block after a loss.
    """

    block: int = 960
    drift: float = 0.0
    jitter_s: float = 0.01
    period_s: float = 0.0
    stalls: Sequence[tuple[float, float, bool]] = ()
    flags: bool = False
    lost_samples: int = field(default=0, init=False)

    def deliver(self, seconds: float, seed: int = 0) -> Iterator[tuple[float, bool]]:
        """Return the time and the overflow flag of each block that is delivered."""
        generator = np.random.default_rng(seed)
        count = int(seconds * RATE / self.block)
        full = np.arange(1, count + 1) * self.block / (RATE * (1 + self.drift))
        delays = generator.uniform(0, self.jitter_s, size=count)
        earliest, overflowed = 0.0, False
        for full_s, delay_s in zip(full.tolist(), delays.tolist(), strict=True):
            now_s = full_s + delay_s
            if self.period_s:
                now_s = np.ceil(full_s / self.period_s) * self.period_s + delay_s
            lost = False
            for begin_s, end_s, is_caught_up in self.stalls:
                if begin_s <= now_s < end_s:
                    lost, now_s = not is_caught_up, end_s
            if lost:
                self.lost_samples += self.block
                overflowed = self.flags
                continue
            earliest = max(earliest + 1e-5, now_s)
            yield 1_000.0 + earliest, overflowed
            overflowed = False


def told(device: Device, seconds: float, *, clock: CaptureClock | None = None) -> list[tuple[float, int]]:
    """Run a device past a clock; the losses it tells, each with its time."""
    subject = clock or CaptureClock(RATE)
    losses = []
    for now_s, overflowed in device.deliver(seconds):
        finding = subject.block(now_s, device.block, overflowed=overflowed)
        assert finding.lost_samples >= 0
        assert finding.settled or finding.lost_samples == 0
        if finding.lost_samples:
            losses.append((now_s - 1_000.0, finding.lost_samples))
    return losses


@pytest.mark.parametrize("drift", [-500e-6, -100e-6, -20e-6, 0.0, 20e-6, 100e-6, 400e-6])
def test_hours_of_a_drifting_clock_are_no_loss(drift: float) -> None:
    assert told(Device(block=3_840, drift=drift, jitter_s=0.02), 3 * 3_600) == []


@pytest.mark.parametrize("jitter_s", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("block", [64, 480, 4_096])
def test_late_and_early_blocks_are_no_loss(block: int, jitter_s: float) -> None:
    assert told(Device(block=block, jitter_s=jitter_s), 120) == []


@pytest.mark.parametrize("period_s", [0.1, 0.25, 0.5])
def test_sound_that_comes_in_bursts_is_no_loss(period_s: float) -> None:
    assert told(Device(period_s=period_s, drift=50e-6), 300) == []


@pytest.mark.parametrize("stall_s", [0.1, 0.3, 1.0, 5.0])
def test_a_stall_that_is_caught_up_with_is_no_loss(stall_s: float) -> None:
    stalls = [(begin_s, begin_s + stall_s, True) for begin_s in (10.0, 31.7, 60.2)]
    assert told(Device(stalls=stalls), 90) == []


@pytest.mark.parametrize("apart_s", [0.05, 0.2, 0.35, 0.5, 0.9])
def test_one_stall_after_another_that_are_caught_up_with_are_no_loss(apart_s: float) -> None:
    stalls = [(10.0, 10.6, True), (10.6 + apart_s, 11.3 + apart_s, True)]
    assert told(Device(stalls=stalls), 30) == []


@pytest.mark.parametrize("flags", [False, True])
@pytest.mark.parametrize("drift", [-100e-6, 0.0, 100e-6])
@pytest.mark.parametrize("stall_s", [0.15, 0.3, 0.6, 2.0, 5.0])
def test_a_stall_that_nothing_makes_up_for_is_told_once_with_its_length(
    stall_s: float, drift: float, flags: bool
) -> None:
    device = Device(stalls=[(100.0, 100.0 + stall_s, False)], drift=drift, flags=flags)
    losses = told(device, 200)
    assert len(losses) == 1
    ((when_s, frames),) = losses
    assert frames / RATE == pytest.approx(device.lost_samples / RATE, abs=0.03)
    assert when_s <= 100.0 + stall_s + 2.1  # and soon


@pytest.mark.parametrize("stall_s", [0.03, 0.06])
def test_a_flagged_loss_is_told_however_short(stall_s: float) -> None:
    device = Device(block=240, jitter_s=0.002, stalls=[(50.0, 50.0 + stall_s, False)], flags=True)
    losses = told(device, 100)
    assert len(losses) == 1
    assert losses[0][1] == pytest.approx(device.lost_samples, abs=0.01 * RATE)


def test_a_flag_without_a_loss_tells_none() -> None:
    clock = CaptureClock(RATE)
    lost = 0
    for number, (now_s, _) in enumerate(Device(jitter_s=0.003).deliver(60)):
        lost += clock.block(now_s, 960, overflowed=number % 500 == 499).lost_samples
    assert lost == 0


def test_small_losses_in_quick_succession_add_up() -> None:
    stalls = [(20 + k, 20 + k + 0.041, False) for k in range(30)]  # two blocks each, below the tolerance
    device = Device(stalls=stalls, jitter_s=0.004)
    losses = told(device, 80)
    assert device.lost_samples > 0.5 * RATE
    assert sum(frames for _, frames in losses) == pytest.approx(device.lost_samples, abs=0.12 * RATE)


def test_many_losses_over_an_hour_are_told_to_the_tenth_of_a_second() -> None:
    generator = np.random.default_rng(3)
    begins = np.cumsum(generator.uniform(20, 60, size=80))
    stalls = [
        (begin, begin + length, False)
        for begin, length in zip(begins, generator.uniform(0.12, 3, 80), strict=True)
    ]
    device = Device(stalls=stalls, drift=80e-6, jitter_s=0.01)
    losses = told(device, 3_600)
    assert len(losses) == 80
    total_s = sum(frames for _, frames in losses) / RATE
    assert total_s == pytest.approx(device.lost_samples / RATE, abs=0.3)


def test_a_stall_is_suspect_at_its_first_block_and_settled_soon() -> None:
    clock = CaptureClock(RATE)
    device = Device(jitter_s=0.001, stalls=[(10.0, 11.0, False)])
    suspected_s = settled_s = 0.0
    for now_s, _ in device.deliver(20):
        finding = clock.block(now_s, device.block)
        if finding.suspect:
            assert not suspected_s
            suspected_s = now_s - 1_000
        if finding.settled and finding.lost_samples:
            settled_s = now_s - 1_000
    assert suspected_s == pytest.approx(11.0, abs=0.03)
    assert 0 < settled_s - suspected_s < 0.5  # the reader waits for it: half a second at most


def test_a_loss_in_the_first_second_is_told_too() -> None:
    device = Device(stalls=[(0.4, 1.4, False)])
    losses = told(device, 20)
    assert sum(frames for _, frames in losses) == pytest.approx(device.lost_samples, abs=0.05 * RATE)


def test_a_reset_begins_anew() -> None:
    clock = CaptureClock(RATE)
    assert told(Device(), 20, clock=clock) == []
    clock.reset()
    for now_s, _ in Device().deliver(20):
        assert clock.block(now_s + 5_000, 960).lost_samples == 0


def test_a_device_that_runs_ahead_is_believed() -> None:
    """Sound that a driver had kept from before the start comes in one burst, faster than real time."""
    clock = CaptureClock(RATE)
    lost = [clock.block(1_000 + k * 1e-4, 960).lost_samples for k in range(50)]
    lost += [clock.block(1_000 + 0.005 + k * 0.02, 960).lost_samples for k in range(1_000)]
    assert sum(lost) == 0


@pytest.mark.parametrize("pause_s", [0.1, 0.3, 0.5, 1.0])
def test_a_stall_that_is_caught_up_with_haltingly_is_no_loss(pause_s: float) -> None:
    """A busy computer lets the driver's thread run for one block, and takes it the processor again."""
    clock = CaptureClock(RATE)
    lost = 0
    for number in range(1_500):
        now_s = (number + 1) * 0.02
        if 10 < now_s <= 11:
            now_s = 11.0 if number == 500 else 11.0 + pause_s
        lost += clock.block(1_000 + max(now_s, 11.0 + pause_s if now_s > 11 else 0), 960).lost_samples
    assert lost == 0


def test_a_device_that_is_late_all_the_time_is_judged_all_the_same() -> None:
    clock = CaptureClock(RATE)
    for number in range(200):
        clock.block(1_000 + number * 0.02, 960)
    findings = [clock.block(1_004 + number * 0.4, 960) for number in range(100)]
    settled = [number for number, finding in enumerate(findings) if finding.settled]
    assert max(np.diff(settled)) * 0.4 < 4
    lost_s = sum(finding.lost_samples for finding in findings) / RATE
    assert lost_s == pytest.approx(100 * 0.38, abs=4)  # the last are not yet judged


@pytest.mark.parametrize("block_s", [0.1, 0.25])
def test_a_server_that_is_later_by_half_a_block_from_now_on_has_lost_nothing(block_s: float) -> None:
    clock, samples = CaptureClock(RATE, block_s=block_s), round(block_s * RATE)
    for number in range(1, 200):
        later_s = block_s / 2 if number > 100 else 0.0
        assert clock.block(number * block_s + later_s, samples).lost_samples == 0


def test_a_loss_of_a_block_is_told_however_long_blocks_are() -> None:
    clock, samples = CaptureClock(RATE, block_s=0.25), RATE // 4
    blocks = [number for number in range(1, 200) if number != 100]
    losses = [clock.block(number * 0.25, samples).lost_samples for number in blocks]
    assert sum(losses) == pytest.approx(samples, abs=RATE // 100)
