"""Reading of the middle of a file, without decoding the sound before it if possible."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live.samples import Samples
from live.sources.decoders.decoding import open_decoder

if TYPE_CHECKING:
    from live.sources.decoders.decoder import Decoder

BLOCK_S = 4.0  # short enough to be resampled while it is still in the processor's cache
MOST_BLOCK_SAMPLES = 2**20  # of all channels


@dataclass(frozen=True)
class Part:
    """A part of a file, in samples.

    Attributes
    ----------
    start, stop : int
    of_all : int
        Samples of the whole file.
    """

    start: int
    stop: int
    of_all: int

    def __len__(self) -> int:
        return self.stop - self.start


def sound_of(decoder: Decoder, samples: int) -> Iterator[Samples | int]:
    """Decode up to ``samples`` samples; yield blocks, and numbers of samples that could not be decoded."""
    block = max(1, min(round(BLOCK_S * decoder.sample_rate), MOST_BLOCK_SAMPLES // decoder.channels))
    while samples > 0:
        sound = decoder.read(min(block, samples))
        if decoder.undecodable > 0:
            lost = min(decoder.undecodable, samples)
            samples -= lost
            yield lost
        if len(sound) == 0:
            return
        if samples > 0:
            yield sound[:samples]
            samples -= len(sound)


def _length(piece: Samples | int) -> int:
    return piece if isinstance(piece, int) else len(piece)


def _middle(length: int, wanted: int) -> Part:
    wanted = min(length, max(1, wanted))
    start = (length - wanted) // 2
    return Part(start, start + wanted, length)


def open_at_middle(path: str, sample_s: float) -> tuple[Decoder, Part] | None:
    """Open a file at the start of its middle part.

    Parameters
    ----------
    path : str
    sample_s : float
        Length of the part, in seconds.

    Returns
    -------
    decoder : Decoder
        The caller must close it. The rest of the file is not checked for damage.
    part : Part
        The part to read next. The function returns None if the file does not state its length or is damaged
        before the part, so that everything before it must be decoded.
    """
    decoder = open_decoder(path)
    length_s = decoder.measured_s()
    if length_s is not None:
        rate = decoder.sample_rate
        part = _middle(round(length_s * rate), round(sample_s * rate))
        if part.start == 0 or decoder.seek(part.start):
            return decoder, part
    decoder.close()
    return None


def decode_to_middle(path: str, sample_s: float) -> tuple[Decoder, Part]:
    """Open a file and decode everything before its middle; a file of unknown length is decoded twice.

    Returns
    -------
    decoder : Decoder
        The caller must close it.
    part : Part
        The part to read next.
    """
    with contextlib.closing(open_decoder(path)) as first:
        rate, length_s = first.sample_rate, first.measured_s()
        length = (
            sum(map(_length, sound_of(first, sys.maxsize))) if length_s is None else round(length_s * rate)
        )
    part = _middle(length, round(sample_s * rate))
    decoder = open_decoder(path)
    try:
        passed = sum(map(_length, sound_of(decoder, part.start)))
    except BaseException:
        decoder.close()
        raise
    return decoder, Part(passed, passed + len(part), length)
