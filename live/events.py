"""What a session says while it listens: the event contract of ``--json`` and ``--log``.

Each event is immutable and knows its own JSON object. ``time_s`` is always *stream time*: samples the
source delivered, a gap counted with the samples it lost, divided by the source's rate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

VoteState = Literal["genre", "unsure", "other", "silence", "no_music", "waiting"]
GapReason = Literal["overflow", "stall", "behind", "undecodable"]
SourceStatus = Literal["lost", "back", "muted"]
SourceKind = Literal["file", "microphone", "stream"]

NO_MUSIC = "no_music"
OTHER_MUSIC = "other_music"
NOT_GENRES = (NO_MUSIC, OTHER_MUSIC)
"""Labels that a model may have beside its genres: no music, and music of none of its genres."""


def genres_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that are genres, in their order."""
    return tuple(label for label in labels if label not in NOT_GENRES)


def wall_time() -> datetime:
    """Return the time of day, with its offset from UTC."""
    return datetime.now().astimezone()


def _rounded(distribution: Mapping[str, float]) -> dict[str, float]:
    return {label: round(value, 6) for label, value in distribution.items()}


@dataclass(frozen=True)
class Verdict:
    """What the vote says at one moment.

    Attributes
    ----------
    state : str
        ``genre``, ``unsure``, ``other``, ``silence``, ``no_music`` or ``waiting``.
    genre : str or None
        The genre heard; only in state ``genre``.
    confidence : float
        Smoothed probability of what is said, 0 to 1: of the genre, of the likeliest genre when
        unsure, of other music, of no music; 0 while waiting or silent.
    distribution : mapping of str to float
        Smoothed probability of every label; sums to 1.
    """

    state: VoteState
    genre: str | None
    confidence: float
    distribution: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the ``vote`` object of a window event."""
        return {
            "state": self.state,
            "genre": self.genre,
            "confidence": round(self.confidence, 4),
            "distribution": _rounded(self.distribution),
        }


@dataclass(frozen=True)
class _Told:
    """What every event can say beside its own.

    Attributes
    ----------
    at : datetime or None
        Time of day at which it was told, with its offset from UTC.
    source : str or None
        Name of the source, where several are listened to.
    title : str or None
        What a station says it is playing.
    """

    at: datetime | None = field(default=None, kw_only=True)
    source: str | None = field(default=None, kw_only=True)
    title: str | None = field(default=None, kw_only=True)

    def _head(self, kind: str) -> dict[str, Any]:
        """Return what the event's JSON object begins with."""
        values: dict[str, Any] = {"event": kind}
        if self.at is not None:
            values["at"] = self.at.isoformat(timespec="milliseconds")
        if self.source is not None:
            values["source"] = self.source
        if self.title is not None:
            values["title"] = self.title
        return values


@dataclass(frozen=True)
class StartEvent(_Told):
    """The session begins.

    In its JSON object ``source`` describes the source; its ``name`` is the one that the other events carry
    where several are listened to.
    """

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
        """Return the event's JSON object."""
        source = {"kind": self.source_kind, "name": self.source_name, "sample_rate": self.sample_rate}
        return {
            **self._head("start"),
            "source": source,
            "model": {"name": self.model_name, "labels": list(self.labels)},
            "window_s": round(self.window_s, 6),
            "hop_s": self.hop_s,
        }


@dataclass(frozen=True)
class WindowEvent(_Told):
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
        """Return the event's JSON object."""
        values: dict[str, Any] = {
            **self._head("window"),
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
class GapEvent(_Told):
    """Sound that was lost before it could be heard; ``time_s`` is where listening goes on."""

    time_s: float
    lost_s: float
    reason: GapReason

    def to_dict(self) -> dict[str, Any]:
        """Return the event's JSON object."""
        return {
            **self._head("gap"),
            "time_s": round(self.time_s, 3),
            "lost_s": round(self.lost_s, 6),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class SourceEvent(_Told):
    """The source was lost, came back, or delivers nothing but digital zero."""

    time_s: float
    status: SourceStatus

    def to_dict(self) -> dict[str, Any]:
        """Return the event's JSON object."""
        return {**self._head("source"), "time_s": round(self.time_s, 3), "status": self.status}


@dataclass(frozen=True)
class CorrectionEvent(_Told):
    """The listener says what is heard now.

    Attributes
    ----------
    heard : str
        What was said: the genre, or the state where none was named.
    genre : str
        What it is: a genre, or another label.
    """

    time_s: float
    heard: str
    genre: str

    def to_dict(self) -> dict[str, Any]:
        """Return the event's JSON object."""
        return {
            **self._head("correction"),
            "time_s": round(self.time_s, 3),
            "heard": self.heard,
            "genre": self.genre,
        }


@dataclass(frozen=True)
class SummaryEvent(_Told):
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
        """Return the event's JSON object."""
        return {
            **self._head("summary"),
            "duration_s": round(self.duration_s, 3),
            "windows": self.windows,
            "skipped_windows": self.skipped_windows,
            "lost_s": round(self.lost_s, 6),
            "genre": self.genre,
            "share": {genre: round(share, 4) for genre, share in self.share.items()},
        }


Event = StartEvent | WindowEvent | GapEvent | SourceEvent | CorrectionEvent | SummaryEvent


AnyEvent = TypeVar("AnyEvent", bound=_Told)


def told(event: AnyEvent, *, at: datetime, source: str | None = None, title: str | None = None) -> AnyEvent:
    """Return the event with the time of day, its source's name and the station's title."""
    return replace(event, at=at, source=source, title=title)


_ENCODER = json.JSONEncoder(allow_nan=False)  # json.dumps would make one for each event


def to_json_line(event: Event) -> str:
    """Return the event as one line of JSON, in ASCII, without the line's end."""
    return _ENCODER.encode(event.to_dict())
