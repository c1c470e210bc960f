"""The interface of sources: a source opens, and then pushes blocks into a ring buffer until it ends."""

from __future__ import annotations

import math
from typing import Protocol

from live.errors import GenreLiveError
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.samples import SHORTEST_SOUND_S

WATCHED_BLOCK_S = 0.1  # the screen is drawn ten times a second
UNWATCHED_BLOCK_S = 0.25  # nobody sees the level, so fewer wake-ups are enough
WORTH_A_BLOCK = 0.8  # of a block is taken for one: drivers and servers may send slightly shorter ones


class AudioSource(Protocol):
    """A source of sound for a session.

    Attributes
    ----------
    kind : str
        ``file``, ``microphone`` or ``stream``.
    name : str
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length of the sound in seconds, where known.
    is_live : bool
        Whether the sound comes in real time and cannot be paused.
    buffer_s : float
        Seconds of sound that the ring buffer should hold.
    block_s : float
        Shortest sound, in seconds, for which the reader should wake up.
    failure : GenreLiveError or None
        The error that ended the source.
    warning : str or None
        A sentence about a problem that did not end the source.
    title : str or None
        The current title of a radio station.
    """

    kind: SourceKind
    name: str
    sample_rate: int
    channels: int
    length_s: float | None
    is_live: bool
    buffer_s: float
    block_s: float
    failure: GenreLiveError | None
    warning: str | None
    title: str | None

    def start(self, ring: RingBuffer) -> None:
        """Start to push sound into ``ring``; close it at the end."""

    def stop(self) -> None:
        """Stop to push sound, and close the device or file; may be called twice."""


def block_length_s(hop_s: float, *, is_watched: bool) -> float:
    """Return how long the blocks of sound in real time should be, in seconds.

    A whole number of them makes a hop, so that a verdict need not wait for the rest of a block.

    Parameters
    ----------
    hop_s : float
        Time from one verdict to the next, in seconds; a block must not hold several.
    is_watched : bool
        Whether the level is shown.
    """
    longest_s = WATCHED_BLOCK_S if is_watched else UNWATCHED_BLOCK_S
    return hop_s / math.ceil(hop_s / longest_s - 1e-9)


def too_short(name: str, length_s: float) -> str:
    """Return the error sentence for a sound that is too short."""
    return (
        f"{name} is too short: {length_s:.2f} s of sound, and at least {SHORTEST_SOUND_S} s are needed: "
        "give a longer one."
    )
