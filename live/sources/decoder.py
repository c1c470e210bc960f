"""What a decoder is, and the errors of what cannot be decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from live.errors import GenreLiveError, InputError, RunningError
from live.samples import Samples

LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 4_000, 768_000  # Hz
MOST_CHANNELS = 64
SHORTEST_HEARD_S = 0.5
LEAST_MISSING_S = 0.1
"""Less than this is no loss that is told: codecs pad their ends, and containers round their lengths."""


class Decoder(Protocol):
    """Sound in some encoding, read forwards as float32 samples.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length in seconds, where the container says it.
    undecodable : int
        Samples that could not be decoded, just before the block that ``read`` gave last, or before the
        end where that was empty.
    note : str or None
        What the user should know of sound that is read all the same: a sentence.
    """

    sample_rate: int
    channels: int
    length_s: float | None
    undecodable: int
    note: str | None

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]; none are left when n is 0.

        Raises
        ------
        GenreLiveError
            When nothing of the sound can be decoded.
        """

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True)
class Ending:
    """How a decoder ended.

    Attributes
    ----------
    is_proven : bool
        Whether the file is known to be used up: by its bytes, its packets or the length that its
        container gives. Where it is not, another decoder may find more.
    missing_s : float
        Seconds of sound that the file holds or promises and the decoder did not give: what is lost where
        no other decoder finds it.
    is_promised : bool
        Whether the container itself says that there is so much, whatever other decoders find.
    """

    is_proven: bool
    missing_s: float = 0.0
    is_promised: bool = False


class PartDecoder(Protocol):
    """A decoder that may end before its file does, and knows how it ended."""

    sample_rate: int
    channels: int
    length_s: float | None

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples; none are left for this decoder when there are none.

        Raises
        ------
        GenreLiveError
            When it cannot decode further.
        """

    def ending(self, heard_s: float) -> Ending:
        """Tell, after the end, whether the file is used up; ``heard_s`` is what this decoder gave."""

    def close(self) -> None:
        """Let go of the file."""


def damaged(name: str, decoded_s: float) -> GenreLiveError:
    """Return the error of a sound that cannot be decoded further; one with hardly any sound is no input."""
    if decoded_s < SHORTEST_HEARD_S:
        return InputError(f"{name} cannot be read as audio: it is damaged or empty from the start.")
    return RunningError(f"{name} is damaged: it cannot be decoded past {decoded_s:.1f} s.")
