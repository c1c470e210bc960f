"""The bytes of a file as a sequence, read when they are asked for.

With a memory map, a file that becomes shorter or that can no longer be read would end the process (SIGBUS).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import overload

BLOCK_BYTES = 2**18


class FileBytes:
    """The bytes of a file, of which only the block around the latest position is in memory.

    Its length is that at the start. What is no longer there when it is asked for reads as zeros.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        When the file cannot be read; also later.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._length = os.fstat(self._file.fileno()).st_size
        self._block, self._begin = b"", 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...

    def __getitem__(self, key: int | slice) -> int | bytes:
        """Return a byte, or bytes that follow each other."""
        if isinstance(key, slice):
            start, stop, step = key.indices(self._length)
            assert step == 1  # noqa: S101 (of this package alone)
            return self._between(start, stop)
        if not -self._length <= key < self._length:
            raise IndexError(key)
        return self._between(key % self._length, key % self._length + 1)[0]

    def _between(self, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        if stop - start > BLOCK_BYTES:
            return self._read(start, stop)
        return self._block_with(start, stop)[start - self._begin : stop - self._begin]

    def _block_with(self, start: int, stop: int) -> bytes:
        """Return the block in memory, which begins at ``_begin``, after making it hold these bytes."""
        if start < self._begin or stop > self._begin + len(self._block):
            end = max(stop, min(start + BLOCK_BYTES, self._length))
            self._block, self._begin = self._read(start, end), start
        return self._block

    def block(self, start: int) -> bytes:
        """Return the bytes from a position on, up to some hundred kilobytes; empty only at the end."""
        return self._read(start, min(start + BLOCK_BYTES, self._length))

    def _read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        parts = bytearray()
        while len(parts) < stop - start and (part := self._file.read(stop - start - len(parts))):
            parts += part
        return bytes(parts).ljust(max(0, stop - start), b"\0")

    def find(self, wanted: bytes, start: int = 0, end: int | None = None) -> int:
        """Return where some bytes first occur as a whole between two positions, or −1."""
        at, end = max(0, start), self._length if end is None else min(end, self._length)
        while at + len(wanted) <= end:
            block = self._block_with(at, at + len(wanted))
            found = block.find(wanted, at - self._begin, end - self._begin)
            if found >= 0:
                return self._begin + found
            at = self._begin + len(block) - len(wanted) + 1
        return -1

    def search(self, wanted: re.Pattern[bytes], width: int, start: int, end: int) -> int:
        """Return where ``width`` bytes first match a pattern as a whole between two positions, or −1."""
        at, end = max(0, start), min(end, self._length)
        while at + width <= end:
            block = self._block_with(at, at + width)
            found = wanted.search(block, at - self._begin, end - self._begin)
            if found is not None:
                return self._begin + found.start()
            at = self._begin + len(block) - width + 1
        return -1

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def has_other_than_zeros(path: Path, start: int, end: int) -> bool:
    """Return whether there is anything but zeros from one byte of a file to another."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (block := file.read(min(BLOCK_BYTES, end - start))):
            if block.strip(b"\0"):
                return True
            start += len(block)
    return False
