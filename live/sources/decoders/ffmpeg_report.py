"""Parsing of ffmpeg's messages: tracks and length of a file, what it used, and what it could not decode.

The messages are those of ``-loglevel level+verbose``, which have been stable for many versions. Unknown
lines are ignored.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import BinaryIO

from live.errors import one_line

_PREFIX = re.compile(r"\[(\w+)\] ")
_LEVELS = frozenset({"panic", "fatal", "error", "warning", "info", "verbose"})
_INPUT = re.compile(r"Input #0, ([\w,]+), from")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
_STREAM = re.compile(r"Stream #0:(\d+)(?:\[\w+\])?(?:\((\w+)\))?: (\w+): (.*)")
_STREAM_DURATION = re.compile(r"DURATION\s*: (\d+):(\d\d):(\d\d\.\d+)")
_PACKETS = re.compile(
    r"Input stream #0:\d+ \(audio\): \d+ packets read \((\d+) bytes\); (\d+) frames decoded"
)
_TAKEN = re.compile(r"Statistics: (\d+) bytes read")
_FAILED = re.compile(
    r"error while decoding|error submitting packet|error processing packet|decoding error", re.IGNORECASE
)
_MOST_LINES = 50
_LONGEST_LINE = 4_096
DESCRIBED_WITHIN_S = 20.0


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, seconds = match.groups()
    return int(hours) * 3_600 + int(minutes) * 60 + float(seconds)


@dataclass
class Track:
    """One audio track of a file: its ``language``, and its description by ffmpeg in ``what``."""

    number: int
    language: str | None
    what: str
    duration_s: float | None = None


@dataclass
class Report:
    """ffmpeg's messages about a file."""

    form: str = ""
    duration_s: float | None = None
    is_estimated: bool = False
    tracks: list[Track] = field(default_factory=list)
    has_pictures: bool = False  # video, whose length counts for the container too
    has_cover: bool = False
    packet_bytes: int = 0
    decoded: int = 0
    failed_packets: int = 0
    taken_bytes: int = 0
    complaint: str = ""  # the last error message
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    _current: Track | None = None

    def heed(self, line: str) -> bool:
        """Add a line, and return True at the end of the description of the input."""
        level, text = "error", line.strip()  # lines without a level come from a wrapper or the system
        for match in _PREFIX.finditer(line):
            if match.group(1) in _LEVELS:
                level, text = match.group(1), line[match.end() :].strip()
                break
        if level in {"panic", "fatal", "error", "warning"} and text:
            self.lines.append(text)
            self.is_estimated = self.is_estimated or "Estimating duration from bitrate" in text
            if level != "warning":
                self.complaint = text
                self.failed_packets += bool(_FAILED.search(text))
            return False
        if text.startswith(("Output #", "Stream mapping")):
            return True
        self._describe(text)
        return False

    def _describe(self, text: str) -> None:
        if match := _INPUT.search(text):
            self.form = match.group(1).split(",")[0]
        elif match := _PACKETS.search(text):
            self.packet_bytes, self.decoded = map(int, match.groups())
        elif match := _TAKEN.search(text):
            self.taken_bytes = max(self.taken_bytes, int(match.group(1)))
        elif match := _STREAM_DURATION.search(text):
            if self._current is not None:
                self._current.duration_s = _seconds(match)
        elif match := _DURATION.search(text):
            self.duration_s = _seconds(match)
        elif match := _STREAM.search(text):
            _, language, kind, what = match.groups()
            self._current = Track(len(self.tracks) + 1, language, what) if kind == "Audio" else None
            if self._current is not None:
                self.tracks.append(self._current)
            elif "attached pic" in what:
                self.has_cover = True
            else:
                self.has_pictures = True


class Listener:
    """Reads a process's standard error to the end, on a separate thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self.report = Report()
        self.described = threading.Event()
        self._stream = stream
        self._thread = threading.Thread(target=self._listen, name="ffmpeg's words", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            is_described = False
            while line := self._stream.readline(_LONGEST_LINE):
                text = one_line(line.decode(errors="replace").rstrip("\r\n"))
                if is_described and " bytes" not in text and "rror" not in text and "orrupt" not in text:
                    continue  # a message about the output
                if self.report.heed(text):
                    is_described = True
                    self.described.set()
        self.described.set()

    def finish(self) -> Report:
        """Wait for the end of the messages, and return the report."""
        self._thread.join(DESCRIBED_WITHIN_S)
        return self.report
