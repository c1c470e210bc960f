"""Detection of lost samples by comparing what a device delivered with the clock.

A driver's overflow flag does not say how much was lost, and some losses set no flag at all. But samples
arrive at a known rate: the *lag*, clock time minus the duration of the delivered samples, is constant while
nothing is lost. A late block raises it only until the device has caught up; a loss raises it permanently.
So a loss is the increase of the lowest lag in an interval over the lag before it.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_DRIFT = 500e-6  # relative difference between the clocks of the sound card and the computer
LONGEST_SUSPICION_S = 2.0  # longest interval with late blocks before a decision
SHIFT = 0.6  # of a block: a server delivers in pieces of half a block, and may be behind by one more


@dataclass(frozen=True)
class Finding:
    """The result for one block.

    Attributes
    ----------
    suspect : bool
        Whether there may be a loss just before this block; later findings will decide.
    settled : bool
        Whether the current interval is decided; ``lost_samples`` is then its loss.
    lost_samples : int
        Number of lost samples, 0 if there was no loss.
    """

    suspect: bool
    settled: bool
    lost_samples: int


class CaptureClock:
    """Detects the losses of one device's stream.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    late_s : float
        Delay of a block, beyond its own length, from which it is suspect.
    patience_s : float
        Time that a device has to catch up after a suspect block.
    stretch_s : float
        Length of the intervals while nothing is suspect.
    tolerance_s : float
        Increase of the lag that counts as a loss. Smaller increases accumulate until they reach it.
    flagged_tolerance_s : float
        The same after an overflow flag of the driver or a hole that the server names.
    block_s : float
        Requested length of the blocks. Some servers, when the computer is busy, begin to deliver later by
        a piece of a block and stay so, without any loss.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        late_s: float = 0.25,
        patience_s: float = 0.4,
        stretch_s: float = 1.0,
        tolerance_s: float = 0.08,
        flagged_tolerance_s: float = 0.005,
        block_s: float = 0.0,
    ) -> None:
        self.sample_rate = sample_rate
        self._late_s, self._patience_s, self._stretch_s = late_s, patience_s, stretch_s
        self._tolerance_s = max(tolerance_s, SHIFT * block_s)
        self._flagged_tolerance_s = flagged_tolerance_s
        self.reset()

    def reset(self) -> None:
        """Start again, for a newly opened device."""
        self._first_s: float | None = None
        self._latest_s = 0.0
        self._samples = 0  # delivered samples, and lost ones already reported
        self._level: float | None = None  # the lag without a loss
        self._suspected_s = 0.0  # when the current suspicion began
        self._begin_stretch(0.0, suspect=False)

    def _begin_stretch(self, now_s: float, *, suspect: bool) -> None:
        self._stretch_began_s = now_s
        self._lowest = float("inf")
        self._suspect = suspect
        self._flagged = False

    def block(self, now_s: float, samples: int, *, overflowed: bool = False) -> Finding:
        """Record a block, and return the finding for it.

        Parameters
        ----------
        now_s : float
            Time of its delivery (``time.monotonic``), in seconds.
        samples : int
            Its length.
        overflowed : bool
            Whether the driver or the server reported a loss before it.
        """
        if self._first_s is None:
            self._first_s = self._latest_s = now_s
            self._begin_stretch(now_s, suspect=False)
        late = now_s - self._latest_s - samples / self.sample_rate > self._late_s
        begins_suspect = (late or overflowed) and not self._suspect and self._level is not None
        if begins_suspect:
            self._suspected_s = now_s
            self._begin_stretch(now_s, suspect=True)
        elif late and self._suspect and now_s - self._suspected_s < LONGEST_SUSPICION_S:
            # A busy computer may catch up in steps: each late block restarts the time to catch up.
            self._stretch_began_s, self._lowest = now_s, float("inf")
        self._flagged = self._flagged or overflowed
        self._latest_s = now_s
        self._samples += samples
        self._lowest = min(self._lowest, now_s - self._first_s - self._samples / self.sample_rate)
        duration = self._patience_s if self._suspect else self._stretch_s
        if now_s - self._stretch_began_s < duration:
            return Finding(begins_suspect, settled=False, lost_samples=0)
        lost_samples = self._judge(now_s - self._stretch_began_s)
        self._begin_stretch(now_s, suspect=False)
        return Finding(begins_suspect, settled=True, lost_samples=lost_samples)

    def _judge(self, elapsed_s: float) -> int:
        """Compare the interval's lowest lag with the level, and return the number of lost samples."""
        if self._level is None:
            self._level = self._lowest
            return 0
        rise = self._lowest - self._level
        tolerance = self._flagged_tolerance_s if self._flagged else self._tolerance_s
        if rise > tolerance:
            lost_samples = round(rise * self.sample_rate)
            self._samples += lost_samples
            return lost_samples
        self._level += min(rise, LARGEST_DRIFT * max(elapsed_s, self._stretch_s))
        return 0
