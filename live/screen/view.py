"""The data of one frame, before drawing."""

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
    """The state of saving clips.

    Attributes
    ----------
    clips : int
        Number of clips saved since the program started.
    problem : str or None
        Why the newest one could not be written.
    """

    clips: int
    problem: str | None = None


@dataclass(frozen=True)
class Extras:
    """What the screen shows besides the snapshot.

    Attributes
    ----------
    keys : tuple of (key, what it does)
        The available keys, for the line of hints.
    paused : bool
        Whether listening is paused.
    message : str
        A message for the last row, instead of the program's state.
    notices : int
        Number of problems that the outputs have reported.
    keeping : Keeping or None
        The state of saving clips, where clips are saved.
    letters : mapping of str to str
        The key of each label while the user is asked for a correction; else empty.
    """

    keys: tuple[tuple[str, str], ...] = ()
    paused: bool = False
    message: str = ""
    notices: int = 0
    keeping: Keeping | None = None
    letters: Mapping[str, str] = field(default_factory=dict)

    def to_be_kept(self) -> Extras:
        """Return the extras without those that do not belong on a saved picture."""
        return replace(self, keys=(), message="", notices=0, letters={})


NO_EXTRAS = Extras()


@dataclass(frozen=True)
class View:
    """The data from which the parts of the screen are drawn.

    Attributes
    ----------
    snapshot : Snapshot
        The session at one moment.
    pose : Pose
        The positions of the moving parts.
    extras : Extras
        Hints, messages and similar.
    strips : StripCache
        Cache of strips.
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
        """Whether the latest verdict is out of date because there is no sound."""
        return self.extras.paused or self.snapshot.source_condition in ("lost", "muted", "opening")

    @cached_property
    def chosen(self) -> frozenset[str]:
        """The genres to highlight: that of the verdict, or the two most likely ones."""
        verdict = self.snapshot.verdict
        if self.is_stale:
            return frozenset()
        if verdict.state == "unsure":
            return frozenset(likeliest(self.snapshot))
        return frozenset([verdict.genre] if verdict.state == "genre" and verdict.genre else [])
