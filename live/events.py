"""What a session says while it listens: the event contract of ``--json`` and ``--log``.

Each event is immutable and knows its own JSON object. ``time_s`` is always *stream time*: samples the
source delivered, a gap counted with the samples it lost, divided by the source's rate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

VoteState = Literal["genre", "unsure", "silence", "no_music", "waiting"]
GapReason = Literal["overflow", "stall", "behind"]
SourceStatus = Literal["lost", "back", "muted"]
SourceKind = Literal["file", "microphone"]

NO_MUSIC = "no_music"


def _rounded(distribution: Mapping[str, float]) -> dict[str, float]:
    return {label: round(value, 6) for label, value in distribution.items()}


@dataclass(frozen=True)
class Verdict:
    """What the vote says at one moment.

    Attributes
    ----------
    state : str
        ``genre``, ``unsure``, ``silence``, ``no_music`` or ``waiting``.
    genre : str or None
        The genre heard; only in state ``genre``.
    confidence : float
        Smoothed probability of what is said, 0 to 1: of the genre, of the likeliest genre when
        unsure, of no music; 0 while waiting or silent.
    distribution : mapping of str to float
        Smoothed probability of every label; sums to 1.
    """

    state: VoteState
    genre: str | None
    confidence: float
    distribution: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give the ``vote`` object of a window event."""
        return {
            "state": self.state,
            "genre": self.genre,
            "confidence": round(self.confidence, 4),
            "distribution": _rounded(self.distribution),
        }


@dataclass(frozen=True)
class StartEvent:
    """The session begins."""

    source_kind: SourceKind
    source_name: str
    sample_rate: int
    model_name: str
    labels: tuple[str, ...]
    window_s: float
    hop_s: float

    @property
    def reach_s(self) -> float:
        """How far back of its end a verdict holds: to the verdict before, but not beyond what was heard."""
        return max(self.window_s, self.hop_s) + 0.05  # times are rounded

    def to_dict(self) -> dict[str, Any]:
        """Give the event's JSON object."""
        source = {"kind": self.source_kind, "name": self.source_name, "sample_rate": self.sample_rate}
        return {
            "event": "start",
            "source": source,
            "model": {"name": self.model_name, "labels": list(self.labels)},
            "window_s": round(self.window_s, 6),
            "hop_s": self.hop_s,
        }


@dataclass(frozen=True)
class WindowEvent:
    """One window heard, and the verdict it led to.

    ``probabilities`` are the network's for this window alone, ``level_dbfs`` the RMS level of what is new
    in it (a hop, or all of a first window), ``compute_ms`` the time from its samples to its verdict.
    ``partial`` marks the one window of a file that is shorter than a window.
    """

    time_s: float
    probabilities: Mapping[str, float]
    level_dbfs: float
    compute_ms: float
    vote: Verdict
    partial: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the event's JSON object."""
        values: dict[str, Any] = {
            "event": "window",
            "time_s": round(self.time_s, 3),
            "probabilities": _rounded(self.probabilities),
            "level_dbfs": round(self.level_dbfs, 1),
            "compute_ms": round(self.compute_ms, 3),
            "vote": self.vote.to_dict(),
        }
        if self.partial:
            values["partial"] = True
        return values


@dataclass(frozen=True)
class GapEvent:
    """Sound that was lost before it could be heard; ``time_s`` is where listening goes on."""

    time_s: float
    lost_s: float
    reason: GapReason

    def to_dict(self) -> dict[str, Any]:
        """Give the event's JSON object."""
        return {
            "event": "gap",
            "time_s": round(self.time_s, 3),
            "lost_s": round(self.lost_s, 6),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class SourceEvent:
    """The source was lost, came back, or delivers nothing but digital zero."""

    time_s: float
    status: SourceStatus

    def to_dict(self) -> dict[str, Any]:
        """Give the event's JSON object."""
        return {"event": "source", "time_s": round(self.time_s, 3), "status": self.status}


@dataclass(frozen=True)
class SummaryEvent:
    """The session ends.

    ``share`` gives each genre's part of the windows heard, unsure and the like not counted as
    any; ``genre`` is the one with the largest share, or None.
    """

    duration_s: float
    windows: int
    skipped_windows: int
    lost_s: float
    genre: str | None
    share: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give the event's JSON object."""
        return {
            "event": "summary",
            "duration_s": round(self.duration_s, 3),
            "windows": self.windows,
            "skipped_windows": self.skipped_windows,
            "lost_s": round(self.lost_s, 6),
            "genre": self.genre,
            "share": {genre: round(share, 4) for genre, share in self.share.items()},
        }


Event = StartEvent | WindowEvent | GapEvent | SourceEvent | SummaryEvent

_ENCODER = json.JSONEncoder(allow_nan=False)  # json.dumps would make one for each event


def to_json_line(event: Event) -> str:
    """Give the event as one line of JSON, in ASCII, without the line's end."""
    return _ENCODER.encode(event.to_dict())
