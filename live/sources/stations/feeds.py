"""Stations by address: one endless stream of bytes, or the segments of a playlist."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from live.sources.formats.mp3_frames import FrameStart
from live.sources.stations.addresses import (
    LONGEST_PLAYLIST,
    READ_AT_ONCE,
    Answer,
    Opener,
    StationError,
    joined,
)
from live.sources.stations.hls import HlsFeed
from live.sources.stations.titles import IcyMetadata, OggTitles

SILENT_AFTER_S = 1.5
COLLECTED_S = 0.2  # between two reads, so that not every packet wakes the process
PLAYLIST_WITHIN_S = 5.0
MOST_PLAYLISTS = 5
MOST_FAILURES = 5  # of the entries of playlists
CLOSED = "it closed the connection"
_HLS_TYPES = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}
)
_MP3_TYPES = frozenset({"", "audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg"})
_LIST_TYPES = frozenset({"audio/x-scpls", "application/pls+xml", "audio/scpls"})
# A line of a malicious server may be a million characters long: no pattern may try all of its parts.
_PLS_ENTRY = re.compile(r"(?im)^[ \t]*file\d+[ \t]*=[ \t]*(\S.*)$")
_PLS = re.compile(r"(?im)^[ \t]*\[playlist\][ \t]*$")
_M3U_ENTRY = re.compile(r"(?m)^[ \t]*(?!\w+[ \t]*=)([^#\[<\s].*)$")  # no other kind of list
_NUMBER = re.compile(r"[0-9]{1,18}")

OnTitle = Callable[[str | None], None]


class Feed(Protocol):
    """The bytes of a station.

    Attributes
    ----------
    lost_s : float
        Seconds of sound that are known to be missing; the reader resets it.
    keeps_place : bool
        Whether its next connection continues at the same place, and so knows itself what was lost.
    began_anew : bool
        Whether the present connection has begun at another place than that where the one before ended.
    """

    lost_s: float
    keeps_place: bool
    began_anew: bool

    def chunks(self) -> Iterator[bytes]:
        """Yield bytes as they arrive, until the station ends the stream.

        Raises
        ------
        StationError
            When the connection breaks, or no bytes arrive for too long.
        """

    def close(self) -> None:
        """Close the connection, even while another thread waits for bytes."""


class HttpFeed:
    """The body of one answer, which may never end."""

    keeps_place = False
    began_anew = True

    def __init__(self, answer: Answer, stopping: threading.Event, on_title: OnTitle) -> None:
        self._answer, self._stopping = answer, stopping
        self.lost_s = 0.0
        self._length = _number(answer.header("Content-Length"))
        self._metadata = IcyMetadata(_number(answer.header("icy-metaint")) or 0, on_title)
        self._titles = OggTitles(on_title) if "ogg" in answer.content_type else None
        self._start = FrameStart()
        if answer.content_type not in _MP3_TYPES:
            self._start.rest()

    def chunks(self) -> Iterator[bytes]:
        """Yield bytes as they arrive; see ``Feed``."""
        received = 0
        while not self._stopping.is_set():
            content = self._answer.read_some(SILENT_AFTER_S)
            received += len(content)
            if not content:
                yield self._start.rest()
                if self._length is not None and received >= self._length:
                    return
                raise StationError(CLOSED)
            sound = self._start.feed(self._metadata.feed(content))
            if self._titles is not None:
                self._titles.feed(sound)
            yield sound
            if len(content) < READ_AT_ONCE // 2:
                self._stopping.wait(COLLECTED_S)

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()


def _number(header: str) -> int | None:
    """Return the number of a header; None if it is none."""
    return int(header) if _NUMBER.fullmatch(header) else None


def connect(opener: Opener, stopping: threading.Event, on_title: OnTitle) -> Feed:
    """Open a station, following playlists, and return its bytes.

    The first entry of a playlist that can be opened is taken: further ones are often other servers of the
    station.

    Parameters
    ----------
    opener : Opener
        Opens the station's address.
    stopping : threading.Event
        Ends all waiting.
    on_title : callable
        Called with each title that the station sends.

    Raises
    ------
    StationError
        When it cannot be opened, or is not a station.
    """
    waiting: list[_Reference | None] = [None]
    failures: list[StationError] = []
    playlists = 0
    while waiting and len(failures) < MOST_FAILURES and playlists < MOST_PLAYLISTS:
        try:
            found = _open(opener, waiting.pop(0), stopping, on_title)
        except StationError as error:
            failures.append(error)
            continue
        if not isinstance(found, list):
            return found
        waiting[:0] = found
        playlists += 1
    if failures:
        raise next((failure for failure in failures if not failure.is_final), failures[0])
    raise StationError("its playlists lead to playlists without end", is_final=True)


@dataclass(frozen=True)
class _Reference:
    """An entry of a playlist: an address, relative to that of the playlist."""

    base: str
    text: str


def _open(
    opener: Opener, reference: _Reference | None, stopping: threading.Event, on_title: OnTitle
) -> Feed | list[_Reference]:
    """Open an address (None: the user's), and return its bytes, or the entries of its playlist."""
    url = opener.url if reference is None else joined(reference.base, reference.text)
    answer = opener.open(url)
    path = urlsplit(answer.url).path.lower()
    kind = answer.content_type
    if kind in {"text/html", "application/xhtml+xml"}:
        answer.close()
        raise StationError("it is a web page and not the sound itself", is_final=True)
    if not (kind in _HLS_TYPES | _LIST_TYPES or path.endswith((".m3u8", ".m3u", ".pls"))):
        return HttpFeed(answer, stopping, on_title)
    try:
        text = answer.read_all(PLAYLIST_WITHIN_S, LONGEST_PLAYLIST).decode("utf-8-sig", "replace")
    finally:
        answer.close()
    if "#EXT-X-" in text:
        return HlsFeed(opener, answer.url, stopping, home=url)
    text = "\n".join(text.splitlines())
    entries = _PLS_ENTRY.findall(text) or ([] if _PLS.search(text) else _M3U_ENTRY.findall(text))
    if not entries:
        raise StationError("its playlist names no stream", is_final=True)
    return [_Reference(answer.url, entry.rstrip(" \t")) for entry in entries]
