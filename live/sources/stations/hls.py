"""HTTP Live Streaming (RFC 8216): fetches playlists and their segments in order.

This module fetches them instead of ffmpeg, which then needs no network access and cannot be misdirected.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from live.sources.stations.addresses import LONGEST_PLAYLIST, Opener, StationError, joined

SILENT_AFTER_S = 3.5  # after the time at which the next segment was due
FETCHED_WITHIN_S = 3.0
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.5, 2.0
LONGEST_SEGMENT = 64_000_000  # bytes
LONGEST_SEGMENT_S = 60.0
STARTS_BEFORE_END = 3  # segments
MOST_REFUSALS = 3  # of a segment, before the next one is fetched
MOST_MISSED_S = 86_400.0  # after a larger jump, the numbers are those of another stream
LARGEST_NUMBER = 2.0**53
_ATTRIBUTE = re.compile(r'(?<![A-Z0-9-])([A-Z0-9-]++)=("[^"]*"|[^,]*)')  # a long name is tried once
_BYTE_RANGE = re.compile(r"([1-9]\d{0,17})(?:@(\d{1,18}))?")


@dataclass(frozen=True)
class Resource:
    """A file on a server, or a part of it.

    Attributes
    ----------
    url : str
    first_byte : int
    length : int or None
        Number of bytes; None for all of the file.
    """

    url: str
    first_byte: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Segment:
    """A media segment: its number in the stream, where it is, and its length in seconds.

    ``header`` is what a decoder needs before it, if anything.
    """

    number: int
    resource: Resource
    duration_s: float
    header: Resource | None = None


@dataclass
class Playlist:
    """The contents of a playlist."""

    segments: list[Segment] = field(default_factory=list)
    variants: list[tuple[int, str]] = field(default_factory=list)
    sound_url: str | None = None
    target_s: float = 6.0
    is_over: bool = False


def _attributes(text: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in _ATTRIBUTE.findall(text)}


def parse_playlist(text: str, url: str) -> Playlist:
    """Parse a playlist.

    Parameters
    ----------
    text : str
        The playlist.
    url : str
        Its address, to resolve relative addresses.

    Raises
    ------
    StationError
        When it is not supported.
    """
    playlist = Playlist()
    number, duration_s, byte_range, bandwidth = 0, 0.0, "", None
    header: Resource | None = None
    latest = Resource("")
    for line in map(str.strip, text.splitlines()):
        name, _, value = line.partition(":")
        if not line.startswith("#"):
            if not line:
                continue
            if bandwidth is not None:
                playlist.variants.append((bandwidth, joined(url, line)))
                bandwidth = None
            else:
                latest = _resource(joined(url, line), byte_range, latest)
                playlist.segments.append(Segment(number, latest, duration_s, header))
                number += 1
                byte_range = ""
        elif name == "#EXTINF":
            duration_s = min(LONGEST_SEGMENT_S, _number(value.partition(",")[0]))
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            number = int(_number(value))
        elif name == "#EXT-X-TARGETDURATION":
            playlist.target_s = min(LONGEST_SEGMENT_S, max(0.5, _number(value)))
        elif name == "#EXT-X-MAP":
            named = _attributes(value)
            header = _resource(joined(url, named.get("URI", "")), named.get("BYTERANGE", ""), Resource(""))
        elif name == "#EXT-X-STREAM-INF":
            bandwidth = int(_number(_attributes(value).get("BANDWIDTH", "0")))
        elif name == "#EXT-X-MEDIA" and "TYPE=AUDIO" in value and "URI" in _attributes(value):
            playlist.sound_url = playlist.sound_url or joined(url, _attributes(value)["URI"])
        elif name == "#EXT-X-KEY" and _attributes(value).get("METHOD", "NONE") != "NONE":
            raise StationError("its sound is encrypted, which cannot be heard", is_final=True)
        elif name == "#EXT-X-BYTERANGE":
            byte_range = value
        elif name == "#EXT-X-ENDLIST":
            playlist.is_over = True
    return playlist


def _resource(url: str, byte_range: str, before: Resource) -> Resource:
    """Return the part of a file that a byte range names; without a first byte, it follows the one before."""
    if not byte_range:
        return Resource(url)
    parts = _BYTE_RANGE.fullmatch(byte_range)
    if parts is None:
        raise StationError("its playlist has a byte range that is not one", is_final=True)
    length, first_byte = int(parts[1]), parts[2]
    if first_byte is not None:
        return Resource(url, int(first_byte), length)
    return Resource(url, before.first_byte + (before.length or 0) if before.url == url else 0, length)


def _number(text: str) -> float:
    try:
        return min(max(0.0, float(text)), LARGEST_NUMBER)
    except ValueError:
        return 0.0


class HlsFeed:
    """The segments of a stream as one stream of bytes.

    Parameters
    ----------
    opener : Opener
    url : str
        Address of the playlist.
    stopping : threading.Event
        Ends all waiting.
    home : str, optional
        Address that led to the playlist, if it is another.

    Attributes
    ----------
    lost_s : float
        Seconds of sound whose segments had left the playlist, or were refused; the reader resets it.
    keeps_place : bool
        Whether its next connection continues at the same place, and so knows itself what was lost.
    began_anew : bool
        Whether the present connection has begun at another place than that where the one before ended: at
        first, and where the station counts anew.
    """

    def __init__(
        self, opener: Opener, url: str, stopping: threading.Event, *, home: str | None = None
    ) -> None:
        self._opener, self._url, self._stopping = opener, url, stopping
        self._home = url if home is None else home
        self._has_connected = self._asks_home = self._has_moved = False
        self._next: int | None = None
        self._header: Resource | None = None
        self._refusals = 0  # of the next segment
        self._has_sound = False  # whether any segment was fetched
        self._due_s = time.monotonic()
        self.lost_s = 0.0
        self.keeps_place, self.began_anew = False, True

    def _load(self) -> Playlist:
        playlist, url = self._fetch_playlist(self._home if self._asks_home else self._url)
        if playlist.variants or (playlist.sound_url and not playlist.segments):
            url = playlist.sound_url or min(playlist.variants)[1]
            playlist, _ = self._fetch_playlist(url)
        elif not self._asks_home:
            url = self._url
        if url != self._url:
            self._url, self._has_moved = url, True
        self._asks_home = False
        return playlist

    def _fetch_playlist(self, url: str) -> tuple[Playlist, str]:
        """Return a playlist, and its own address, to which others may lead."""
        answer = self._opener.open(url, timeout_s=FETCHED_WITHIN_S)
        try:
            text = answer.read_all(FETCHED_WITHIN_S, LONGEST_PLAYLIST).decode(errors="replace")
            if "#EXT" not in text:  # such as a web page, each line of which would count as a segment
                raise StationError("it sends no playlist")
            return parse_playlist(text, answer.url), answer.url
        finally:
            answer.close()

    def _fetch(self, resource: Resource) -> bytes:
        first, length = resource.first_byte, resource.length
        answer = self._opener.open(resource.url, timeout_s=FETCHED_WITHIN_S, first_byte=first, length=length)
        try:
            content = answer.read_all(max(FETCHED_WITHIN_S, 5.0), LONGEST_SEGMENT)
        finally:
            answer.close()
        if length is None:
            return content
        if not answer.is_part:  # some servers know no ranges and send the whole file
            content = content[first : first + length]
        if len(content) != length:
            raise StationError("it sends less than its playlist names")
        return content

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the stream until it ends.

        Raises
        ------
        StationError
            When there is no new segment for too long.
        """
        self._due_s, self._header = time.monotonic(), None  # a new decoder needs the header again
        self.began_anew = False
        # After a loss the playlist may be at another place, and where it was in the next attempt.
        self._asks_home = self._has_connected and not self._asks_home
        self._has_connected = True
        while not self._stopping.is_set():
            failure: StationError | None = None
            wait_s = SHORTEST_WAIT_S
            try:
                playlist = self._load()
                wait_s = min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, playlist.target_s / 2))
                new = self._new(playlist)
                for segment in new:
                    try:
                        yield from self._segment(segment)
                        self._has_sound = True
                        self._due_s = time.monotonic() + segment.duration_s
                    except StationError as error:
                        if not self._may_skip(error, is_last=segment is new[-1] and not playlist.is_over):
                            raise
                        self.lost_s += segment.duration_s
                        self._next = segment.number + 1
                    self._refusals = 0
                if playlist.is_over:
                    return
            except StationError as error:
                if error.is_final:
                    raise
                failure = error
            late_s = time.monotonic() - self._due_s
            if late_s > SILENT_AFTER_S:
                raise failure or StationError("it sends nothing new")
            self._stopping.wait(min(wait_s, max(0.1, SILENT_AFTER_S - late_s)))

    def _new(self, playlist: Playlist) -> list[Segment]:
        """Return the new segments, and count those that were missed."""
        segments = playlist.segments
        if not segments:
            return []
        self.keeps_place = True
        first, last = segments[0].number, segments[-1].number
        missed_s = 0.0 if self._next is None else max(0, first - self._next) * playlist.target_s
        most_missed_s = 0.0 if self._has_moved else MOST_MISSED_S  # another server may count otherwise
        self._has_moved = False
        # The first time, or it was restarted.
        if self._next is None or last < self._next - 1 or missed_s > most_missed_s:
            self.began_anew = True
            chosen = segments if playlist.is_over else segments[-STARTS_BEFORE_END:]
            self._next = chosen[0].number
            return chosen
        self.lost_s += missed_s
        self._next = max(self._next, first)
        return [segment for segment in segments if segment.number >= self._next]

    def _may_skip(self, error: StationError, *, is_last: bool) -> bool:
        """Return whether to go on without a segment: the server refused it again and again, but not others.

        The last one of a stream that goes on may come late.
        """
        self._refusals += error.status is not None
        return self._has_sound and self._refusals >= MOST_REFUSALS and not is_last

    def _segment(self, segment: Segment) -> Iterator[bytes]:
        if segment.header is not None and segment.header != self._header:
            yield self._fetch(segment.header)
            self._header = segment.header
        content = self._fetch(segment.resource)
        self._next = segment.number + 1
        yield content

    def close(self) -> None:
        """Do nothing: no connection stays open."""
