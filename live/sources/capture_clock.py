"""What a device delivered, held against the clock: how much sound went missing, and when.

A driver's overflow flag does not say how much was lost, and some losses raise no flag at all. But
sound comes at a known rate: *lag*, the clock's time less the time that the delivered samples make up,
stays level while all is well. A late block that is caught up with raises it for a moment; a loss
raises it for good. So a loss is the rise of the lowest lag of a stretch of time over the lag of before.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_DRIFT = 500e-6  # a sound card's clock may run this much apart from the computer's
LONGEST_SUSPICION_S = 2.0  # patience with blocks that are late again and again ends here


@dataclass(frozen=True)
class Finding:
    """What the clock makes of one block.

    Attributes
    ----------
    suspect : bool
        A loss may lie just before this block; the coming findings will tell.
    settled : bool
        The present stretch of time is judged: ``lost_samples`` is its loss, 0 if there was none.
    lost_samples : int
    """

    suspect: bool
    settled: bool
    lost_samples: int


class CaptureClock:
    """Tells the losses of one device's stream.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    late_s : float
        A block that comes this much later than the one before it, its own length apart, is suspect.
    patience_s : float
        How long a device may take to catch up after a suspect block.
    stretch_s : float
        How often the lag is judged when nothing is suspect.
    tolerance_s : float
        Rise of the lag that is called a loss. Smaller ones add up until they reach it.
    flagged_tolerance_s : float
        The same after the driver flagged an overflow.
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
    ) -> None:
        self.sample_rate = sample_rate
        self._late_s, self._patience_s, self._stretch_s = late_s, patience_s, stretch_s
        self._tolerance_s, self._flagged_tolerance_s = tolerance_s, flagged_tolerance_s
        self.reset()

    def reset(self) -> None:
        """Begin anew, as with a newly opened device."""
        self._first_s: float | None = None
        self._latest_s = 0.0
        self._samples = 0  # delivered, and lost ones already told
        self._level: float | None = None  # the lag while all is well
        self._suspected_s = 0.0  # when the present suspicion began
        self._begin_stretch(0.0, suspect=False)

    def _begin_stretch(self, now_s: float, *, suspect: bool) -> None:
        self._stretch_began_s = now_s
        self._lowest = float("inf")
        self._suspect = suspect
        self._flagged = False

    def block(self, now_s: float, samples: int, *, overflowed: bool = False) -> Finding:
        """Note a block.

        Parameters
        ----------
        now_s : float
            The clock's time (monotonic) at which it was delivered.
        samples : int
            Its length.
        overflowed : bool
            Whether the driver says that sound was lost before it.
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
            # A busy computer may catch up haltingly: late once more, it gets the whole patience once more.
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
        """Compare the stretch's lowest lag with the level."""
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
