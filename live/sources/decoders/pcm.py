"""Conversion of PCM samples to float32."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from live.errors import InputError
from live.samples import Samples
from live.sources.decoders.decoder import HIGHEST_SAMPLE_RATE, LOWEST_SAMPLE_RATE, MOST_CHANNELS

_RAW = re.compile(r"(?:(u8|s8)|([sf])(16|24|32|64)(le|be)?):(\d{1,7}):(\d{1,3})")


@dataclass(frozen=True)
class PcmFormat:
    """The layout of samples in bytes.

    Attributes
    ----------
    kind : str
        ``s`` signed, ``u`` unsigned integers, ``f`` floating point.
    bits : int
        Bits of a sample.
    width : int
        Bytes of a sample, including padding.
    is_big_endian : bool
    is_right_aligned : bool
        Whether the padding is above the sample's bits, not below.
    """

    kind: Literal["s", "u", "f"]
    bits: int
    width: int
    is_big_endian: bool = False
    is_right_aligned: bool = False

    def to_float(self, content: bytes) -> Samples:
        """Return the samples [shape=(n,)], full scale = 1."""
        order = ">" if self.is_big_endian else "<"
        if self.kind == "f":
            with np.errstate(over="ignore", invalid="ignore"):
                return np.frombuffer(content, dtype=f"{order}f{self.width}").astype(np.float32)
        if self.width == 1:
            if self.kind == "s":
                return np.frombuffer(content, dtype=np.int8).astype(np.float32) / np.float32(128)
            return np.frombuffer(content, dtype=np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
        bits = self.bits if self.is_right_aligned else 8 * self.width
        if self.width == 3:
            widened = np.zeros((len(content) // 3, 4), dtype=np.uint8)
            at = slice(0, 3) if self.is_big_endian else slice(1, 4)
            widened[:, at] = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3)
            content, bits = widened.tobytes(), 32
        kind = f"{order}i{2 if self.width == 2 else 4}"
        samples: Samples = np.frombuffer(content, dtype=kind).astype(np.float32)
        samples *= np.float32(2.0 ** (1 - bits))
        return samples


def parse_raw(text: str) -> tuple[PcmFormat, int, int]:
    """Parse the value of ``--raw``, such as ``s16le:44100:2``: format, sample rate in Hz, and channels.

    Raises
    ------
    InputError
        When it is invalid.
    """
    match = _RAW.fullmatch(text.strip().lower())
    if match is None:
        raise InputError(
            f"{text!r} is not a raw format: write FORMAT:RATE:CHANNELS, such as s16le:44100:2 "
            "(u8, s8, s16le, s24le, s32le, f32le, f64le, or be for the other byte order)."
        )
    byte, kind, bits, order, rate, channels = match.groups()
    if byte is not None:
        form = PcmFormat("u" if byte == "u8" else "s", 8, 1)
    elif (kind, bits) in {("s", "64"), ("f", "16"), ("f", "24")}:
        raise InputError(f"{text!r} is not a known raw format: see genre-live --help.")
    else:
        form = PcmFormat("s" if kind == "s" else "f", int(bits), int(bits) // 8, order == "be")
    if not LOWEST_SAMPLE_RATE <= int(rate) <= HIGHEST_SAMPLE_RATE or not 1 <= int(channels) <= MOST_CHANNELS:
        raise InputError(
            f"{text!r} is out of bounds: a rate from {LOWEST_SAMPLE_RATE} to {HIGHEST_SAMPLE_RATE} Hz "
            f"and 1 to {MOST_CHANNELS} channels can be heard."
        )
    return form, int(rate), int(channels)
