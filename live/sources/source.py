"""What a source is: it opens, then pushes blocks into a ring buffer until it ends."""

from __future__ import annotations

from typing import Protocol

from live.errors import GenreLiveError
from live.events import SourceKind
from live.ring_buffer import RingBuffer

SHORTEST_FILE_S = 0.5


class AudioSource(Protocol):
    """What a session can listen to.

    Attributes
    ----------
    kind : str
        ``file`` or ``microphone``.
    name : str
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Seconds of sound to come, where known.
    is_live : bool
        Whether the sound passes by and does not wait for who hears it.
    buffer_s : float
        Seconds of sound that the ring buffer should hold.
    block_s : float
        Seconds of sound worth waking up for.
    failure : GenreLiveError or None
        Why the source ended before its time.
    warning : str or None
        What the user should know of a source that ended well all the same.
    title : str or None
        What a station says it is playing now.
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
        """Begin to push sound into ``ring``; close it at the end."""

    def stop(self) -> None:
        """Push no more and let go of the device or file; may be called twice."""


def too_short(name: str, length_s: float) -> str:
    """Say that a sound is too short to be heard."""
    return f"{name} is too short: {length_s:.2f} s of sound, and at least {SHORTEST_FILE_S} s are needed."
