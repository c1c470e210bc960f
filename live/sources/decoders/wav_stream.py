"""Decoding of WAV and raw samples without seeking, from a file or from a pipe that may never end.

The length in the header may be wrong: the writer of a pipe cannot know it, a recorder that crashed left 0
or −1, and one that is still writing will change it. So reading continues if the data chunk is followed by
neither a chunk nor the end, and it is reported if the stream is shorter than its header says.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import numpy as np

from live.errors import InputError
from live.samples import Samples
from live.sources.decoders.decoder import LEAST_MISSING_S
from live.sources.decoders.pcm import PcmFormat

UNKNOWN_SIZE_FROM = 0x7FFF_F000  # bytes; larger sizes come from writers that could not seek back
LONGEST_KNOWN = 1 << 60  # bytes
LARGEST_CHUNK = 16_000_000  # bytes of a chunk before the sound, such as a picture
MOST_CHUNKS = 100
PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
CHUNKS_AFTER_SOUND = frozenset(
    {
        b"LIST", b"list", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"chna", b"cue ", b"smpl", b"inst",
        b"plst", b"labl", b"note", b"ltxt", b"adtl", b"JUNK", b"junk", b"PAD ", b"FLLR", b"fact", b"PEAK",
        b"acid", b"DISP", b"_PMX", b"afsp", b"levl", b"umid", b"cart", b"strc", b"link", b"slnt", b"minf",
        b"elm1", b"regn", b"ovwf", b"AFAn", b"tlst", b"DGDA", b"SyLp",
    }
)  # fmt: skip


class _Bytes:
    """Reads exact numbers of bytes from a stream, and can unread bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._returned = memoryview(b"")  # a slice of it is no copy

    def read(self, count: int) -> bytes:
        """Read ``count`` bytes, or fewer at the end of the stream."""
        parts = bytearray(self._returned[:count])
        self._returned = self._returned[count:]
        while len(parts) < count:
            part = self._stream.read(count - len(parts))
            if not part:
                break
            parts += part
        return bytes(parts)

    def take_back(self, content: bytes) -> None:
        self._returned = memoryview(content + self._returned)

    def pass_over(self, count: int) -> None:
        """Skip ``count`` bytes."""
        while count > 0 and (passed := len(self.read(min(count, 1 << 20)))):
            count -= passed


class RawStream:
    """Decodes samples without a header, block by block.

    Parameters
    ----------
    stream : binary file
        Read without seeking; closed by ``close``.
    form : PcmFormat
    sample_rate : int
        In Hz.
    channels : int
    """

    length_s: float | None = None
    undecodable = 0
    note: str | None = None

    def __init__(self, stream: BinaryIO, form: PcmFormat, sample_rate: int, channels: int) -> None:
        self._bytes, self._stream, self._form = _Bytes(stream), stream, form
        self.sample_rate, self.channels = sample_rate, channels

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]."""
        block_bytes = self._form.width * self.channels
        content = self._bytes.read(samples * block_bytes)
        content = content[: len(content) // block_bytes * block_bytes]
        return self._form.to_float(content).reshape(-1, self.channels)

    def measured_s(self) -> float | None:
        """Return None: nothing tells how long the stream is."""
        return None

    def seek(self, sample: int) -> bool:  # noqa: ARG002
        """Return False: the stream may be a pipe."""
        return False

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class WavStream:
    """Decodes a WAV stream (PCM of 8 to 32 bits, float of 32 or 64 bits), block by block.

    Parameters
    ----------
    stream : binary file
        Read without seeking; closed by ``close``.
    name : str
        Its name in errors.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length in seconds according to the header; None if that cannot be true.
    undecodable : int
        At the end, the number of samples that the header promised and that are missing.

    Raises
    ------
    InputError
        When the stream does not begin with a usable WAV header.
    """

    note: str | None = None

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name, self._bytes = stream, name, _Bytes(stream)
        self.undecodable = 0
        riff = self._bytes.read(12)
        if not riff:
            raise InputError(f"{name} is empty: give it a WAV stream, for example ffmpeg's with -f wav.")
        if len(riff) < 12 or riff[:4] not in (b"RIFF", b"RF64") or riff[8:] != b"WAVE":
            raise InputError(f"{name} is not a WAV stream: convert it, for example with ffmpeg's -f wav.")
        self._form, self.sample_rate, self.channels, size = self._read_header()
        self._begin(size)
        self._missing = 0  # samples
        bytes_per_s = self._form.width * self.channels * self.sample_rate
        self.length_s = self._left / bytes_per_s if self._left and bytes_per_s > 0 else None
        if self._left == 0:  # left by a recorder that crashed, or a file without sound
            self._pass_chunks()

    def _begin(self, size: int | None) -> None:
        """Set the number of bytes of sound; None for all bytes until the end of the stream."""
        self._is_odd = size is not None and size % 2 == 1
        self._left = size

    def _read_header(self) -> tuple[PcmFormat, int, int, int | None]:
        """Read the chunks before the sound; return format, rate, channels and, if known, length in bytes."""
        chunk = b""
        long_size: int | None = None
        for _ in range(MOST_CHUNKS):
            header = self._bytes.read(8)
            if len(header) < 8:
                raise InputError(f"{self._name} ends before its sound begins: it holds a header alone.")
            kind, size = header[:4], struct.unpack("<I", header[4:])[0]
            if kind == b"data":
                known = size if size < UNKNOWN_SIZE_FROM else long_size
                return (*self._parse_format(chunk), known)
            if size > LARGEST_CHUNK:
                raise InputError(f"{self._name} is not a usable WAV stream: its header claims {size} bytes.")
            content = self._bytes.read(size + size % 2)
            if kind == b"fmt ":
                chunk = content
            elif kind == b"ds64" and len(content) >= 16:
                long_size = int.from_bytes(content[8:16], "little")
                long_size = long_size if 0 < long_size < LONGEST_KNOWN else None
        raise InputError(f"{self._name} is not a usable WAV stream: its header does not end.")

    def _parse_format(self, chunk: bytes) -> tuple[PcmFormat, int, int]:
        if len(chunk) < 16:
            raise InputError(f"{self._name} is not a usable WAV stream: it does not say its format.")
        code, channels, sample_rate, _, block_bytes, bits = struct.unpack("<HHIIHH", chunk[:16])
        if code == EXTENSIBLE and len(chunk) >= 26:
            code = struct.unpack("<H", chunk[24:26])[0]
        width = block_bytes // channels if channels and block_bytes % channels == 0 else 0
        if not (bits + 7) // 8 <= width <= 4:  # an impossible block alignment
            width = (bits + 7) // 8
        if (code, bits) in {(IEEE_FLOAT, 32), (IEEE_FLOAT, 64)}:
            return PcmFormat("f", bits, bits // 8), int(sample_rate), int(channels)
        if code != PCM or bits not in (8, 16, 20, 24, 32):
            raise InputError(
                f"{self._name} holds a WAV encoding that cannot be streamed (code {code}, {bits} bits): "
                "convert it, for example with ffmpeg's -c:a pcm_s16le."
            )
        is_padded = width > (bits + 7) // 8
        self._has_alignment_to_find = is_padded and width == 4
        return PcmFormat("u" if width == 1 else "s", bits, width), int(sample_rate), int(channels)

    _has_alignment_to_find = False

    def measured_s(self) -> float | None:
        """Return the length in seconds that the header promises."""
        return self.length_s

    def seek(self, sample: int) -> bool:
        """Go to a sample of a file; False for a pipe, or if the header does not promise so many."""
        count = sample * self._form.width * self.channels
        if self._left is None or count > self._left or not self._stream.seekable():
            return False
        self._stream.seek(count, os.SEEK_CUR)
        self._left -= count
        return True

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples; the result is empty at the end.

        Returns
        -------
        ndarray [shape=(n, channels)]
            Full scale = 1.
        """
        self.undecodable = 0
        block_bytes = self._form.width * self.channels
        content = b""
        while True:
            wanted = samples * block_bytes
            content = self._bytes.read(wanted if self._left is None else min(wanted, self._left))
            if self._left is not None:
                self._left -= len(content)
            if len(content) >= block_bytes:
                break
            if self._left is None or self._left > 0 or not self._pass_chunks():
                self._note_end(block_bytes)
                return np.empty((0, self.channels), dtype=np.float32)
        content = content[: len(content) // block_bytes * block_bytes]
        if self._has_alignment_to_find:
            self._find_alignment(content)
        return self._form.to_float(content).reshape(-1, self.channels)

    def _note_end(self, block_bytes: int) -> None:
        """Set ``undecodable`` if the stream is shorter than its header says."""
        missing = (self._left or 0) // block_bytes + self._missing
        self._left = self._missing = 0
        if missing > LEAST_MISSING_S * self.sample_rate:
            self.undecodable = missing

    def _pass_chunks(self) -> bool:
        """Skip the chunks after the sound, and return whether there is more sound than the header says."""
        for _ in range(MOST_CHUNKS):
            padding = self._bytes.read(1) if self._is_odd else b""
            header = self._bytes.read(8)
            if len(header) < 8:
                return False
            kind, size = header[:4], struct.unpack("<I", header[4:])[0]
            self._is_odd = False
            if kind == b"data":
                self._begin(size if size < UNKNOWN_SIZE_FROM else None)
                return True
            if kind == b"RIFF" and (kind_of_riff := self._bytes.read(4)) != b"WAVE":
                self._bytes.take_back(header + kind_of_riff)
            elif kind == b"RIFF":
                if self._begin_next():
                    return True
                continue
            else:
                self._bytes.take_back(header)
            if not self._pass_chunk(kind, size):
                self._bytes.take_back(padding)
                self._left = None  # not a chunk, so the rest of the stream is sound
                return True
        return False

    def _pass_chunk(self, kind: bytes, size: int) -> bool:
        """Skip one chunk without sound; return False, skipping nothing, if it cannot be a chunk."""
        if size > LARGEST_CHUNK or not all(32 <= byte < 127 for byte in kind):
            return False
        content = self._bytes.read(8 + size + size % 2)
        if kind in CHUNKS_AFTER_SOUND:
            return True
        after = self._bytes.read(8)
        self._bytes.take_back(after)
        if len(content) >= 8 + size and (after == b"" or after[:4] in CHUNKS_AFTER_SOUND):
            return True
        self._bytes.take_back(content)
        return False

    def _begin_next(self) -> bool:
        """Continue with another WAV file, concatenated to this one; return False if its format differs."""
        try:
            form, sample_rate, channels, size = self._read_header()
        except InputError:
            return False
        if (form, sample_rate, channels) == (self._form, self.sample_rate, self.channels):
            self._begin(size)
            return True
        bytes_per_s = form.width * channels * sample_rate
        if size is not None and bytes_per_s > 0:
            self._missing += round(size / bytes_per_s * self.sample_rate)
            self._bytes.pass_over(size)
            self._is_odd = size % 2 == 1
        return False

    def _find_alignment(self, content: bytes) -> None:
        """Find out from the first samples on which side padded samples are aligned."""
        quads = np.frombuffer(content, dtype=np.uint8).reshape(-1, 4)
        if not quads.any():
            return
        self._has_alignment_to_find = False
        is_sign = np.isin(quads[:, 3], (0x00, 0xFF)).all()
        if quads[:, 0].any() and is_sign:
            self._form = PcmFormat("s", self._form.bits, 4, is_right_aligned=True)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
