"""The state of a session at one moment, immutable, for the screen and other threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from live.events import GapEvent, SourceKind, Verdict, VoteState

SourceCondition = Literal["opening", "listening", "lost", "muted", "ended"]
StretchState = VoteState | Literal["gap"]
"""A state of the vote, or ``gap`` for sound that was lost."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of stream time with one verdict; a timeline is a sequence of them.

    ``genre`` is set only where ``state`` is ``genre``.
    """

    start_s: float
    end_s: float
    state: StretchState
    genre: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """All that the screen needs to draw one session.

    Attributes
    ----------
    source_kind, source_name, sample_rate
        The source, as in the start event; ``sample_rate`` in Hz.
    source_condition : str
        ``opening``, ``listening``, ``lost``, ``muted`` or ``ended``.
    model_name : str
        Name of the bundle.
    genres : tuple of str
        The model's genres in its own order, without ``no_music`` and ``other_music``.
    time_s : float
        Stream time so far.
    length_s : float or None
        Length of the file in seconds, where known.
    level_dbfs, peak_dbfs : float
        RMS and peak level of the newest tenth of a second, in dBFS; at least −120.
    clipped : bool
        Whether the peak has reached full scale.
    verdict : Verdict
        The current verdict.
    timeline : tuple of Stretch
        The session so far, oldest first.
    share : mapping of str to float
        Part of the windows in which each genre was the verdict, 0 to 1.
    windows, skipped_windows : int
        Windows classified, and windows skipped because the program was too slow.
    lost_s : float
        Seconds of lost sound in total.
    compute_ms : float
        Median time from samples to verdict of the latest windows, in ms.
    title : str or None
        Title that a radio station sends with its sound.
    reach_s : float
        Longest time before its own time that a verdict stands for, in seconds.
    last_gap : GapEvent or None
        The latest loss of sound.
    """

    source_kind: SourceKind
    source_name: str
    sample_rate: int
    source_condition: SourceCondition
    model_name: str
    genres: tuple[str, ...]
    time_s: float
    length_s: float | None
    level_dbfs: float
    peak_dbfs: float
    clipped: bool
    verdict: Verdict
    timeline: tuple[Stretch, ...] = ()
    share: Mapping[str, float] = field(default_factory=dict)
    windows: int = 0
    skipped_windows: int = 0
    lost_s: float = 0.0
    compute_ms: float = 0.0
    title: str | None = None
    reach_s: float = 0.0
    last_gap: GapEvent | None = None
