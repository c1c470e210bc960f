"""A WAV stream read forwards only, from a pipe that may never end.

libsndfile reads WAV from pipes too, but stops at the length in the header, and a pipe's header can
only claim some: a radio station would fall silent after 4 GiB, some six hours.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from live.errors import InputError
from live.samples import Samples

UNKNOWN_SIZE_FROM = 0x7FFF_F000  # bytes; from here on sizes are claims of writers who cannot seek back
LARGEST_CHUNK = 16_000_000  # bytes; pictures and the like stand in chunks before the sound
MOST_CHUNKS = 100
PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes, or what there is before the stream's end."""
    parts = bytearray()
    while len(parts) < count:
        part = stream.read(count - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


class WavStream:
    """Decodes a WAV stream (PCM of 8 to 32 bits, float of 32 or 64) block by block.

    Parameters
    ----------
    stream : binary file
        Read forwards; closed by ``close``.
    name : str
        What errors call it.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length in seconds that the header promises; None where it makes no claim that could be true.
    is_length_exact : bool
        Whether there is such a promise.

    Raises
    ------
    InputError
        When the stream does not begin with a WAV header that can be used.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        riff = _read_exactly(stream, 12)
        if not riff:
            raise InputError(f"{name} is empty: give it a WAV stream, for example ffmpeg's with -f wav.")
        if len(riff) < 12 or riff[:4] not in (b"RIFF", b"RF64") or riff[8:] != b"WAVE":
            raise InputError(f"{name} is no WAV stream: convert it, for example with ffmpeg's -f wav.")
        is_rf64 = riff[:4] == b"RF64"
        format_chunk = b""
        for _ in range(MOST_CHUNKS):
            header = _read_exactly(stream, 8)
            if len(header) < 8:
                raise InputError(f"{name} ends before its sound begins: it holds a header alone.")
            kind, size = header[:4], struct.unpack("<I", header[4:])[0]
            if kind == b"data":
                break
            if size > LARGEST_CHUNK:
                raise InputError(f"{name} is no usable WAV stream: its header claims {size} bytes.")
            content = _read_exactly(stream, size + size % 2)
            if kind == b"fmt ":
                format_chunk = content
        else:
            raise InputError(f"{name} is no usable WAV stream: its header does not end.")
        self._parse_format(format_chunk)
        self._left: int | None = None if is_rf64 or size == 0 or size >= UNKNOWN_SIZE_FROM else size
        self.length_s: float | None = None
        bytes_per_s = self._sample_bytes * self.channels * self.sample_rate
        if self._left is not None and bytes_per_s > 0:
            self.length_s = self._left / bytes_per_s
        self.is_length_exact = self.length_s is not None

    def _parse_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise InputError(f"{self._name} is no usable WAV stream: it does not say its format.")
        code, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
        if code == EXTENSIBLE and len(chunk) >= 26:
            code = struct.unpack("<H", chunk[24:26])[0]
        if (code, bits) not in {
            (PCM, 8),
            (PCM, 16),
            (PCM, 24),
            (PCM, 32),
            (IEEE_FLOAT, 32),
            (IEEE_FLOAT, 64),
        }:
            raise InputError(
                f"{self._name} holds a WAV encoding that cannot be streamed (code {code}, {bits} bits): "
                "convert it, for example with ffmpeg's -c:a pcm_s16le."
            )
        self.sample_rate, self.channels = int(sample_rate), int(channels)
        self._code, self._sample_bytes = code, bits // 8

    def read(self, frames: int) -> Samples:
        """Read up to ``frames`` frames; none are left when the result is empty.

        Returns
        -------
        ndarray [shape=(n, channels)]
            Full scale = 1.
        """
        frame_bytes = self._sample_bytes * self.channels
        wanted = frames * frame_bytes
        if self._left is not None:
            wanted = min(wanted, self._left)
        content = _read_exactly(self._stream, wanted)
        if self._left is not None:
            self._left -= len(content)
        content = content[: len(content) // frame_bytes * frame_bytes]
        return self._to_float(content).reshape(-1, self.channels)

    def _to_float(self, content: bytes) -> Samples:
        if self._code == IEEE_FLOAT:
            kind = "<f4" if self._sample_bytes == 4 else "<f8"
            with np.errstate(over="ignore", invalid="ignore"):
                return np.frombuffer(content, dtype=kind).astype(np.float32)
        if self._sample_bytes == 1:  # unsigned, unlike the wider ones
            return np.frombuffer(content, dtype=np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
        if self._sample_bytes == 3:
            widened = np.zeros((len(content) // 3, 4), dtype=np.uint8)
            widened[:, 1:] = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3)
            content = widened.tobytes()
        kind = "<i2" if self._sample_bytes == 2 else "<i4"
        full_scale = np.float32(2**15 if self._sample_bytes == 2 else 2**31)
        return np.frombuffer(content, dtype=kind).astype(np.float32) / full_scale

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
