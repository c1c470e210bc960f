"""The events of a session, and their JSON objects: the contract of ``--json`` and ``--log``.

Events are immutable. ``time_s`` is always *stream time*: the samples that the source delivered or lost,
divided by its sample rate.
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
    """Return those of the labels that are genres, in the same order."""
    return tuple(label for label in labels if label not in NOT_GENRES)


def wall_time() -> datetime:
    """Return the time of day, with its offset from UTC."""
    return datetime.now().astimezone()


def _rounded(distribution: Mapping[str, float]) -> dict[str, float]:
    return {label: round(value, 6) for label, value in distribution.items()}


@dataclass(frozen=True)
class Verdict:
    """The result of the vote at one moment.

    Attributes
    ----------
    state : str
        ``genre``, ``unsure``, ``other``, ``silence``, ``no_music`` or ``waiting``.
    genre : str or None
        The genre; only in state ``genre``.
    confidence : float
        Smoothed probability of the verdict, 0 to 1: of the genre, of the most likely genre when unsure, of
        other music, or of no music; 0 while waiting or silent.
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
class _Stamped:
    """The fields that every event has besides its own.

    Attributes
    ----------
    at : datetime or None
        Time of day of the event, with its offset from UTC.
    source : str or None
        Name of the source, where there are several.
    title : str or None
        Title that a radio station sends with its sound.
    """

    at: datetime | None = field(default=None, kw_only=True)
    source: str | None = field(default=None, kw_only=True)
    title: str | None = field(default=None, kw_only=True)

    def _head(self, kind: str) -> dict[str, Any]:
        """Return the first fields of the event's JSON object."""
        values: dict[str, Any] = {"event": kind}
        if self.at is not None:
            values["at"] = self.at.isoformat(timespec="milliseconds")
        if self.source is not None:
            values["source"] = self.source
        if self.title is not None:
            values["title"] = self.title
        return values


@dataclass(frozen=True)
class StartEvent(_Stamped):
    """The session begins.

    In its JSON object ``source`` describes the source. Where there are several sources, the other events
    carry its ``name``.
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
        """Longest time before its ``time_s`` that a verdict stands for, in seconds."""
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
class WindowEvent(_Stamped):
    """One classified window, and the verdict after it.

    ``probabilities`` are the network's for this window alone. ``level_dbfs`` is the RMS level of the sound
    that is new in it: a hop, or all of a first window. ``compute_ms`` is the time from its samples to its
    verdict. ``partial`` marks the only window of a sound that is shorter than a window.
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
class GapEvent(_Stamped):
    """Samples were lost; ``time_s`` is the end of the gap."""

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
class SourceEvent(_Stamped):
    """The source was lost, came back, or delivers only digital zero."""

    time_s: float
    status: SourceStatus

    def to_dict(self) -> dict[str, Any]:
        """Return the event's JSON object."""
        return {**self._head("source"), "time_s": round(self.time_s, 3), "status": self.status}


@dataclass(frozen=True)
class CorrectionEvent(_Stamped):
    """The user corrects the verdict.

    Attributes
    ----------
    heard : str
        The verdict at that moment: its genre, or its state where it names none.
    genre : str
        What the user says is playing: a genre, or another label.
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
class SummaryEvent(_Stamped):
    """The session ends.

    ``share`` is the part of all windows in which each genre was the verdict; ``genre`` is the genre with
    the largest share, or None.
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


AnyEvent = TypeVar("AnyEvent", bound=_Stamped)


def stamped(
    event: AnyEvent, *, at: datetime, source: str | None = None, title: str | None = None
) -> AnyEvent:
    """Return the event with its time of day, its source's name and the station's title.

    Parameters
    ----------
    event : event
    at : datetime
        Time of day, with its offset from UTC.
    source : str, optional
        Name of the source, where there are several.
    title : str, optional
        Title that a radio station sends.
    """
    return replace(event, at=at, source=source, title=title)


_ENCODER = json.JSONEncoder(allow_nan=False)  # json.dumps would create one for each event


def to_json_line(event: Event) -> str:
    """Return the event as one line of JSON, in ASCII, without a line end."""
    return _ENCODER.encode(event.to_dict())
