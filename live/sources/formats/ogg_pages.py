"""Counting and checking of the pages of an Ogg file, without decoding.

Each page of an Ogg stream (RFC 3533) states its length, number and checksum, and the sample at which it
ends. If the file consists of intact pages of one stream only, the last page gives the length of the sound.
A chain of several streams, as in recordings of radio stations, or a hole is detected before a decoder
reaches it.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import closing
from pathlib import Path

from live.sources.formats.file_bytes import FileBytes

_HEADER = struct.Struct("<4sBBqIIIB")
_BEGINS, _ENDS = 2, 4  # flags of the first and last page
_NO_POSITION = -1
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_WALKED_AT_ONCE = 64  # pages
_LATEST_START_S = 5.0
OPUS_RATE = 48_000  # Hz, the unit of positions in an Opus stream


def _checksum(page: bytes) -> int:
    """Return the page's CRC-32; its polynomial is that of zlib with reversed bit order."""
    reflected = ~zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) & 0xFFFF_FFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")


class OggPages:
    """Walks over the pages of an Ogg file, step by step.

    Parameters
    ----------
    path : Path
    rate : int
        Unit of the positions, in Hz: the stream's sample rate; 48 000 for Opus.
    skipped : int
        Samples at the start that the decoder drops.

    Attributes
    ----------
    position_s : float
        Stream time at which the latest page ends, in seconds.
    is_whole : bool
        Whether the file consists of intact pages of one stream only.
    is_broken : bool
        Whether there was something else: a hole, another stream, a damaged page.

    Notes
    -----
    The position of the last page may lie before the end of its last packet, which decoders then cut short
    (RFC 7845, section 4.4). ``cut_s`` detects a position that would cut whole packets.
    """

    def __init__(self, path: Path, rate: int, skipped: int = 0) -> None:
        self._data = FileBytes(path)
        self._rate, self._skipped = rate, skipped
        if self._data[28:36] == b"OpusHead":
            self._skipped = struct.unpack("<H", self._data[38:40])[0]
        self._at = self._pages = 0
        self._serial: int | None = None
        self._number = 0
        self._last_granule = 0
        self._packets = 0  # completed on the pages before the latest
        self._latest = (0, 0)  # packets completed and samples that pass on the latest page
        self._has_ended = False
        self.is_whole = self.is_broken = False

    @property
    def position_s(self) -> float:
        """Stream time at which the latest page ends, in seconds."""
        return max(0, self._last_granule - self._skipped) / self._rate

    @property
    def cut_s(self) -> float:
        """Sound of the latest page that its position would cut, in seconds, its last packet left out.

        It is estimated from the mean length of the packets before.
        """
        packets, samples = self._latest
        mean = (self._last_granule - samples) / max(1, self._packets)
        return max(0.0, (packets - 1) * mean - samples) / self._rate

    @property
    def unwalked(self) -> float:
        """Ratio of the remaining bytes to those walked over."""
        return (len(self._data) - self._at) / max(1, self._at)

    def walk(self, seconds: float) -> None:
        """Continue until ``seconds`` of sound are passed or no page of the stream follows."""
        while not (self.is_broken or self.is_whole) and self.position_s < seconds:
            for _ in range(_WALKED_AT_ONCE):
                if self._at >= len(self._data):
                    self.is_whole = True
                elif not self._pass_page():
                    self.is_broken = True
                if self.is_broken or self.is_whole:
                    break

    def _pass_page(self) -> bool:
        """Pass one page; return False if it is damaged, of another stream, or not a page."""
        data, at = self._data, self._at
        if at + 27 > len(data):
            return False
        magic, version, flags, granule, serial, number, checksum, segments = _HEADER.unpack(
            data[at : at + 27]
        )
        if magic != b"OggS" or version != 0:
            return False
        body = at + 27 + segments
        end = body + sum(data[at + 27 : body])
        if end > len(data):
            return False
        if self._serial is None:
            if not flags & _BEGINS:
                return False
            self._serial = serial
        elif serial != self._serial or flags & _BEGINS or number != self._number + 1 or self._has_ended:
            return False
        page = bytearray(data[at:end])
        page[22:26] = bytes(4)
        if _checksum(bytes(page)) != checksum:
            return False
        if granule != _NO_POSITION:
            if granule < self._last_granule:
                return False
            if self._last_granule == 0 and granule > _LATEST_START_S * self._rate:
                return False  # part of a longer stream, whose positions do not begin at 0
            self._packets += self._latest[0]
            # A packet is stored in segments of 255 bytes, the last of which is shorter.
            packets = sum(size < 255 for size in data[at + 27 : body]) if granule > 0 else 0
            self._latest = (packets, granule - self._last_granule)
            self._last_granule = granule
        self._at, self._number = end, number
        self._has_ended = bool(flags & _ENDS)
        return True

    def close(self) -> None:
        """Close the file."""
        self._data.close()


def harmed_ogg_bytes(path: Path, start: int, end: int) -> int:
    """Return the number of bytes from ``start`` to ``end`` outside of intact pages."""
    with closing(FileBytes(path)) as data:
        harmed, at = 0, start
        while at < end:
            found = data.find(b"OggS\0", at, end)  # of version 0, the only one
            size = _page_bytes(data, found) if found >= 0 else 0
            if found < 0:
                return harmed + end - at
            harmed += found - at + (0 if size else 4)
            at = found + (size or 4)
        return harmed


def _page_bytes(data: FileBytes, at: int) -> int:
    """Return the length of the intact page at a byte; 0 if there is none."""
    if at + 27 > len(data):
        return 0
    body = at + 27 + data[at + 26]
    end = body + sum(data[at + 27 : body])
    page = bytearray(data[at:end])
    checksum = int.from_bytes(page[22:26], "little")
    page[22:26] = bytes(4)
    return end - at if end <= len(data) and _checksum(bytes(page)) == checksum else 0
