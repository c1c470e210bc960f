"""The titles that a station sends, in ICY metadata or in Ogg comments."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from live.errors import one_line

LONGEST_TITLE = 200  # characters
# A title may hold quotes; another field, or nothing, follows it.
_BEFORE_FIELD = re.compile(rb"(.*?)';(?=\s*(?:[\w-]+\s*=|;|\0|$))", re.DOTALL)
_BEFORE_QUOTE = re.compile(rb"(.*?)';", re.DOTALL)
_COMMENTS = re.compile(rb"\x03vorbis|OpusTags")
_LONGEST_COMMENTS = 65_536


def clean_title(text: bytes) -> str | None:
    """Return a title for display; None for an empty one."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    return one_line(decoded.strip())[:LONGEST_TITLE].strip() or None


class IcyMetadata:
    """Separates sound and ICY (SHOUTcast) metadata.

    Parameters
    ----------
    interval : int
        Bytes of sound between two blocks of metadata; 0 if there are none.
    on_title : callable
        Called with each title.
    """

    def __init__(self, interval: int, on_title: Callable[[str | None], None]) -> None:
        self._interval, self._on_title = interval, on_title
        self._left = interval
        self._block = bytearray()  # of metadata, not yet complete
        self._is_in_block = False

    def feed(self, content: bytes) -> bytes:
        """Return the bytes of sound in the next bytes."""
        if self._interval <= 0:
            return content
        sound = bytearray()
        rest = memoryview(content)  # the interval may be a byte, and each slice of bytes is a copy
        while rest:
            if not self._is_in_block:
                sound += rest[: self._left]
                passed = min(self._left, len(rest))
                self._left -= passed
                rest = rest[passed:]
                self._is_in_block = self._left == 0
                continue
            wanted = 1 if not self._block else 1 + 16 * self._block[0] - len(self._block)
            self._block += rest[:wanted]
            rest = rest[wanted:]
            if len(self._block) == 1 + 16 * self._block[0]:
                _, _, told = bytes(self._block[1:]).partition(b"StreamTitle='")
                if match := _BEFORE_FIELD.match(told) or _BEFORE_QUOTE.match(told):
                    self._on_title(clean_title(match.group(1)))
                self._block.clear()
                self._is_in_block, self._left = False, self._interval
        return bytes(sound)


class OggTitles:
    """Finds the titles in the comments of a chained Ogg stream.

    Parameters
    ----------
    on_title : callable
        Called with each title.
    """

    def __init__(self, on_title: Callable[[str | None], None]) -> None:
        self._on_title = on_title
        self._tail = b""

    def feed(self, content: bytes) -> None:
        """Search the next bytes."""
        data = self._tail + content
        found = None
        for match in _COMMENTS.finditer(data):
            found = match
        if found is None:
            self._tail = data[-8:]
            return
        title = _title_of(data[found.end() : found.end() + _LONGEST_COMMENTS])
        is_waiting = title is None and len(data) - found.start() < _LONGEST_COMMENTS // 8
        self._tail = data[found.start() :] if is_waiting else data[found.end() :][-8:]
        if not is_waiting:
            self._on_title(title)


def _title_of(comments: bytes) -> str | None:
    """Return artist and title from Vorbis comments; None if they are incomplete or have none."""
    told: dict[str, bytes] = {}
    try:
        at = 4 + struct.unpack_from("<I", comments)[0]
        count = struct.unpack_from("<I", comments, at)[0]
        at += 4
        for _ in range(min(count, 1_000)):
            size = struct.unpack_from("<I", comments, at)[0]
            if at + 4 + size > len(comments):
                return None
            key, _, value = comments[at + 4 : at + 4 + size].partition(b"=")
            told.setdefault(key.decode("ascii", "replace").lower(), value)
            at += 4 + size
    except struct.error:
        return None
    parts = [title for key in ("artist", "title") if (title := clean_title(told.get(key, b"")))]
    return " – ".join(parts) or None
