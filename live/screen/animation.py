"""Animation of the screen: bars and meters follow the snapshots smoothly in wall time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from live.meter import FLOOR_DBFS
from live.snapshot import Snapshot

_BAR_TIME_CONSTANT_S = 0.25
_BAR_SNAP = 0.002
_RELEASE_DB_PER_S = 24.0
_HOLD_S = 1.5
_CLIP_HOLD_S = 2.0
_PULSE_S = 1.0


@dataclass(frozen=True)
class Pose:
    """The positions of the moving parts in one frame.

    Attributes
    ----------
    bars : tuple of float
        The length of each genre's bar, 0 to 1, in the order of ``Snapshot.genres``.
    level_dbfs, hold_dbfs : float
        The level meter and its peak hold.
    clipped : bool
        Whether the sound reached full scale a moment ago.
    pulse : bool
        The two phases of the activity sign.
    """

    bars: tuple[float, ...]
    level_dbfs: float
    hold_dbfs: float
    clipped: bool
    pulse: bool = True


def at_rest(snapshot: Snapshot) -> Pose:
    """Return the pose for a snapshot, without animation."""
    verdict = snapshot.verdict
    # The vote is meaningless before the first verdict, and out of date while there is no sound.
    nothing = verdict.state in ("waiting", "silence") or snapshot.source_condition in ("lost", "muted")
    heard = {} if nothing else verdict.distribution
    # No sound arrives, so the latest level is out of date.
    deaf = snapshot.source_condition in ("opening", "lost", "ended")
    return Pose(
        bars=tuple(_part(heard.get(genre, 0.0)) for genre in snapshot.genres),
        level_dbfs=FLOOR_DBFS if deaf else _decibels(snapshot.level_dbfs),
        hold_dbfs=FLOOR_DBFS if deaf else _decibels(snapshot.peak_dbfs),
        clipped=snapshot.clipped and not deaf,
    )


class Animation:
    """Computes the pose of each frame.

    Bars move smoothly towards their values; the level rises at once and falls slowly; the peak is held for
    a moment before it falls. The caller passes the time, so that a test needs no clock.
    """

    def __init__(self) -> None:
        self._pose: Pose | None = None
        self._genres: tuple[str, ...] = ()
        self._time_s = 0.0
        self._hold_until_s = 0.0
        self._clip_until_s = -math.inf

    def advance(self, snapshot: Snapshot, time_s: float) -> Pose:
        """Return the pose at ``time_s`` of a monotonic clock, in seconds."""
        target = at_rest(snapshot)
        if self._pose is None or self._genres != snapshot.genres:
            self._pose, self._genres, self._time_s = target, snapshot.genres, time_s
            self._hold_until_s = time_s + _HOLD_S
        before = self._pose
        elapsed_s = max(0.0, time_s - self._time_s)
        ease = 1.0 - math.exp(-elapsed_s / _BAR_TIME_CONSTANT_S)
        fall = _RELEASE_DB_PER_S * elapsed_s

        hold = before.hold_dbfs
        if target.hold_dbfs >= hold:
            hold, self._hold_until_s = target.hold_dbfs, time_s + _HOLD_S
        elif time_s > self._hold_until_s:
            hold = max(target.hold_dbfs, hold - fall)
        if target.clipped:
            self._clip_until_s = time_s + _CLIP_HOLD_S

        pose = Pose(
            bars=tuple(_eased(old, new, ease) for old, new in zip(before.bars, target.bars, strict=True)),
            level_dbfs=max(target.level_dbfs, before.level_dbfs - fall),
            hold_dbfs=hold,
            clipped=time_s < self._clip_until_s,
            pulse=time_s % (2 * _PULSE_S) < _PULSE_S,
        )
        self._pose, self._time_s = pose, time_s
        return pose


def _eased(old: float, new: float, ease: float) -> float:
    value = old + (new - old) * ease
    return new if abs(value - new) < _BAR_SNAP else value


def _part(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def _decibels(value: float) -> float:
    return max(FLOOR_DBFS, min(24.0, value)) if not math.isnan(value) else FLOOR_DBFS
