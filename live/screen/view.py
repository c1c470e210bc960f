"""What there is to see in one frame, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from live.screen.animation import Pose
from live.screen.headline import Headline, headline, likeliest
from live.screen.strip_cells import StripCache
from live.snapshot import Snapshot


@dataclass(frozen=True)
class Keeping:
    """How the keeping of clips goes.

    Attributes
    ----------
    clips : int
        Kept since the program began.
    problem : str or None
        What kept the newest one from being written.
    """

    clips: int
    problem: str | None = None


@dataclass(frozen=True)
class Extras:
    """What the screen shows beside the snapshot.

    Attributes
    ----------
    keys : tuple of (key, what it does)
        The keys that work, for the line of hints.
    paused : bool
        Whether listening is paused.
    message : str
        Something to be read now, in place of the line of health.
    keeping : Keeping or None
        Clips of the sound, where they are kept.
    letters : mapping of str to str
        The key of each label while the listener is asked what is really heard; else empty.
    """

    keys: tuple[tuple[str, str], ...] = ()
    paused: bool = False
    message: str = ""
    keeping: Keeping | None = None
    letters: Mapping[str, str] = field(default_factory=dict)

    def to_be_kept(self) -> Extras:
        """Return what belongs on a saved picture: all but what is for this moment alone."""
        return replace(self, keys=(), message="", letters={})


NO_EXTRAS = Extras()


@dataclass(frozen=True)
class View:
    """All that the parts of the screen take what they show from.

    Attributes
    ----------
    snapshot : Snapshot
        The session at one moment.
    pose : Pose
        Where the moving parts stand.
    extras : Extras
        Hints, messages and the like.
    strips : StripCache
        Strips worked out before.
    """

    snapshot: Snapshot
    pose: Pose
    extras: Extras
    strips: StripCache

    @cached_property
    def headline(self) -> Headline:
        """The verdict in words."""
        return headline(self.snapshot, self.extras.paused)

    @property
    def is_stale(self) -> bool:
        """Whether what was heard last says nothing about now, since there is nothing to hear."""
        return self.extras.paused or self.snapshot.source_condition in ("lost", "muted", "opening")

    @cached_property
    def chosen(self) -> frozenset[str]:
        """The genres to point at: the one heard, or the two it might be."""
        verdict = self.snapshot.verdict
        if self.is_stale:
            return frozenset()
        if verdict.state == "unsure":
            return frozenset(likeliest(self.snapshot))
        return frozenset([verdict.genre] if verdict.state == "genre" and verdict.genre else [])
