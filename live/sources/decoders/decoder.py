"""The interface of decoders, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from live.errors import GenreLiveError, InputError, RunningError
from live.samples import SHORTEST_SOUND_S, Samples

LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 4_000, 768_000  # Hz
MOST_CHANNELS = 64
LEAST_MISSING_S = 0.1
"""Less than this is no loss that is told: codecs pad their ends, and containers round their lengths."""


class Decoder(Protocol):
    """Decodes sound from start to end to float32 samples.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length in seconds, if the container says it.
    undecodable : int
        Number of samples that could not be decoded just before the block that ``read`` returned last; after
        an empty block, before the end.
    note : str or None
        A sentence about a problem that did not prevent reading.
    """

    sample_rate: int
    channels: int
    length_s: float | None
    undecodable: int
    note: str | None

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]; n is 0 at the end.

        Raises
        ------
        GenreLiveError
            When nothing of the sound can be decoded.
        """

    def measured_s(self) -> float | None:
        """Return the length in seconds, counted if the container only suggests one; None if not known."""

    def seek(self, sample: int) -> bool:
        """Go to a sample without decoding those before it, when nothing has been read yet.

        Returns
        -------
        bool
            False if that is not possible, after which nothing more can be read.
        """

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Completeness:
    """How completely a decoder that has ended read its file.

    Attributes
    ----------
    is_proven : bool
        Whether the file was read completely according to its bytes, its packets or the length in its
        container. If not, another decoder may find more.
    missing_s : float
        Seconds of sound that the file contains or promises, but the decoder did not return. They are lost
        if no other decoder finds them.
    promised_s : float
        Seconds of sound that the container itself states; those that no other decoder finds either are lost.
    """

    is_proven: bool
    missing_s: float = 0.0
    promised_s: float = 0.0


class PartDecoder(Protocol):
    """A decoder that may end before its file, and reports whether it did."""

    sample_rate: int
    channels: int
    length_s: float | None

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]; n is 0 at this decoder's end.

        Raises
        ------
        GenreLiveError
            When it cannot decode any further.
        """

    def completeness(self, heard_s: float) -> Completeness:
        """Return, after the end, whether the file is complete; ``heard_s`` seconds were decoded."""

    def measured_s(self) -> float | None:
        """Return the length in seconds, counted if the container only suggests one; None if not known."""

    def seek(self, sample: int) -> bool:
        """Go to a sample without decoding those before it, when nothing has been read yet.

        Returns
        -------
        bool
            False if that is not possible, after which nothing more can be read.
        """

    def close(self) -> None:
        """Close the file."""


def damaged(name: str, decoded_s: float) -> GenreLiveError:
    """Return the error of sound that cannot be decoded any further: InputError if there is hardly any."""
    if decoded_s < SHORTEST_SOUND_S:
        return InputError(f"{name} cannot be read as audio: it is damaged or empty from the start.")
    return RunningError(f"{name} is damaged: it cannot be decoded past {decoded_s:.1f} s.")
