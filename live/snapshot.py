"""The state of a session at one moment, immutable, as the screen and other threads see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from live.events import SourceKind, Verdict, VoteState

SourceCondition = Literal["opening", "listening", "lost", "muted", "ended"]
Heard = VoteState | Literal["gap"]


@dataclass(frozen=True)
class Stretch:
    """A stretch of stream time with one verdict: a piece of the timeline.

    ``genre`` is set only where ``state`` is ``genre``.
    """

    start_s: float
    end_s: float
    state: Heard
    genre: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """All that a screen needs to draw one frame.

    Attributes
    ----------
    source_kind, source_name, sample_rate
        The source, as in the start event; ``sample_rate`` in Hz.
    source_condition : str
        ``opening``, ``listening``, ``lost``, ``muted`` or ``ended``.
    model_name : str
        Name of the bundle.
    genres : tuple of str
        The model's genres in its own order, ``no_music`` and ``other_music`` left out.
    time_s : float
        Stream time heard so far.
    length_s : float or None
        Length of the file, where known.
    level_dbfs, peak_dbfs : float
        RMS and peak of the newest tenth of a second; −120 is the floor.
    clipped : bool
        Whether that stretch touched full scale.
    verdict : Verdict
        What the vote says now.
    timeline : tuple of Stretch
        The session so far, oldest first.
    share : mapping of str to float
        Part of the windows that each genre was the verdict of.
    windows, skipped_windows : int
        Windows classified, and windows left out since the program was behind.
    lost_s : float
        Sound lost in all.
    compute_ms : float
        Median time of the latest windows, from samples to verdict.
    title : str or None
        What a station says it is playing.
    reach_s : float
        How far back of its end a verdict holds.
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
