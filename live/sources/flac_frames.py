"""The length of a FLAC file according to its header and to its last frame (RFC 9639)."""

from __future__ import annotations

import re
from pathlib import Path

_TAIL_BYTES = 1 << 18
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


def samples_by_last_frame(path: Path) -> int | None:
    """Return the sample at which the file's last frame ends; None if none is found near the end."""
    with path.open("rb") as file:
        start = file.read(12)
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    block_samples = int.from_bytes(start[8:10], "big")
    for match in reversed(list(_SYNC.finditer(tail))):
        end = _frame_end(tail[match.start() : match.start() + 16].ljust(16, b"\0"), block_samples)
        if end is not None:
            return end
    return None
