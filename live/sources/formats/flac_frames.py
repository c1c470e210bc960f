"""The length of a FLAC file according to its header and to its last frame (RFC 9639)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SEARCHED_AT_ONCE = 1 << 18  # bytes
_LARGE_FRAME = 1 << 17  # bytes
_SYNC = re.compile(rb"\xff[\xf8\xf9]", re.DOTALL)
_BLOCK_SIZES = {1: 192, **{code: 576 << (code - 2) for code in range(2, 6)}}
_BLOCK_SIZES |= {code: 256 << (code - 8) for code in range(8, 16)}


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
        table.append(value)
    return tuple(table)


_CHECKSUMS = _make_table()  # CRC-8 of frame headers: the polynomial x⁸ + x² + x + 1


def _frame_end(header: bytes, block_samples: int) -> int | None:
    """Return the sample at which the frame with this header ends; None if it is not a header."""
    if len(header) < 16 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1:
        return None
    is_variable = header[1] & 1
    first = header[4]
    extra = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    if first >= 0x80 and not 1 <= extra <= 6:
        return None
    number = first & (0x7F if extra == 0 else 0x3F >> extra)
    for byte in header[5 : 5 + extra]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    at = 5 + extra
    size_code, rate_code = header[2] >> 4, header[2] & 15
    if size_code in (6, 7):
        width = size_code - 5
        samples = int.from_bytes(header[at : at + width], "big") + 1
        at += width
    else:
        samples = _BLOCK_SIZES.get(size_code, 0)
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    checksum = 0
    for byte in header[:at]:
        checksum = _CHECKSUMS[checksum ^ byte]
    if at >= len(header) or checksum != header[at]:
        return None
    return (number if is_variable else number * block_samples) + samples


def promised_samples(path: Path) -> int | None:
    """Return the length in samples according to the header; None if it does not say."""
    with path.open("rb") as file:
        start = file.read(26)
    if start[:4] != b"fLaC" or len(start) < 26:
        return None
    return int.from_bytes(start[18:26], "big") & (1 << 36) - 1 or None


@dataclass(frozen=True)
class LastFrame:
    """The last frame of a file.

    Attributes
    ----------
    at : int
        Byte at which it begins.
    end_sample : int
        Sample at which it ends.
    most_bytes : int
        Length of the file's largest frame in bytes, as far as the header says; else a large one.
    """

    at: int
    end_sample: int
    most_bytes: int


def last_frame(path: Path) -> LastFrame | None:
    """Return the file's last frame; None if there is none."""
    with path.open("rb") as file:
        start = file.read(18)
        block_samples = int.from_bytes(start[8:10], "big")
        most_bytes = int.from_bytes(start[15:18], "big") or _LARGE_FRAME
        until = file.seek(0, 2)
        following = b""  # the beginning of the bytes after those that are searched
        while until > 0:
            at = max(0, until - SEARCHED_AT_ONCE)
            file.seek(at)
            block = file.read(until - at)
            for match in reversed(list(_SYNC.finditer(block + following[:1]))):
                header = (block + following)[match.start() : match.start() + 16].ljust(16, b"\0")
                end = _frame_end(header, block_samples)
                if end is not None:
                    return LastFrame(at + match.start(), end, most_bytes)
            until, following = at, block[:16]
    return None
