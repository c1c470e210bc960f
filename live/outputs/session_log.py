"""``--log``: writes the session to a file while it runs, as JSON lines or as a CSV table."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import re
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from live.errors import InputError, RunningError
from live.events import Event, GapEvent, StartEvent, SummaryEvent, WindowEvent, to_json_line

SYNC_EVERY_S = 0.4  # less than the usual hop: each line of live listening reaches the disk at once

HEAD_BYTES = 65_536  # the part of a file by which a log is recognised
EVENT_LINE = re.compile(rb'\{"event": "(?:start|window|gap|source|correction|summary)"')

CSV_COLUMNS = (
    "at",
    "source",
    "title",
    "time_s",
    "state",
    "genre",
    "confidence",
    "level_dbfs",
    "lost_s",
    "compute_ms",
    "partial",
)
"""What stands before the distribution, which has a column for each of the model's labels."""


class AppendedFile:
    """A file to which texts are appended, each completely or not at all, and flushed at once.

    Before each text the path is checked. When the file was moved, deleted or replaced, as by log rotation,
    the next text begins a new file there. If the last line has no end, as after a power cut, a line end is
    added first.

    Parameters
    ----------
    path : Path
    header : str
        Written first when the file is empty.

    Attributes
    ----------
    header : str
        May change, for the next file.

    Raises
    ------
    InputError
        When the file cannot be opened for writing.
    """

    def __init__(self, path: Path, header: str = "") -> None:
        self._path = path
        self.header = header
        self._synced_s = float("-inf")
        try:
            self._file = self._open()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"The log {path} cannot be written ({reason}): choose another --log.") from None

    def _open(self) -> int:
        as_it_is = getattr(os, "O_BINARY", 0)  # without it, Windows ends lines in another way
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | as_it_is, 0o644)
        if os.fstat(file).st_size == 0:
            self._first = self.header
        else:
            self._first = "\n" if _is_torn(self._path) else ""
        return file

    def write(self, text: str) -> None:
        """Append a text completely or not at all.

        Raises
        ------
        RunningError
            When the disk is full or the file cannot be written any more.
        """
        try:
            self._follow_rotation()
            status = os.fstat(self._file)
            before = status.st_size
            if before == 0 and stat.S_ISREG(status.st_mode):  # new, or emptied, as by copytruncate
                self._first = self.header
            content = (self._first + text).encode()
            if os.write(self._file, content) < len(content):
                os.ftruncate(self._file, before)  # so that the log holds complete lines only
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._first = ""
            if stat.S_ISREG(status.st_mode):  # not a pipe, a terminal or the null device
                self._sync()
        except OSError as error:
            raise RunningError(
                f"The log {self._path} cannot be written further ({error.strerror}): "
                "make room or choose another --log."
            ) from error

    def _sync(self) -> None:
        """Sync the file to the disk, at most once per hop of live listening.

        A power cut then costs only the last line, and a file at full speed is not slowed down.
        """
        now_s = time.monotonic()
        if now_s - self._synced_s < SYNC_EVERY_S:
            return
        self._synced_s = now_s
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # of some file systems
                raise

    def _follow_rotation(self) -> None:
        """Open the path again if it now belongs to another file or to none."""
        try:
            is_same = os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            replacement = self._open()
            os.close(self._file)
            self._file = replacement

    def close(self) -> None:
        """Sync and close the file."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        with contextlib.suppress(OSError):
            os.close(self._file)


def _is_torn(path: Path) -> bool:
    """Return whether a file's last line has no line end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe has no last line
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # the file may be writable but not readable
        return False


class JsonLog:
    """Appends each event to a file as a line of JSON.

    When it begins a new file after rotation, it first repeats the start events of the sessions that go on.

    Parameters
    ----------
    path : Path
        A missing or empty file, or one that holds events; any other is an error.
    """

    def __init__(self, path: Path) -> None:
        _check_events(path)
        self._file = AppendedFile(path)
        self._starts: dict[str | None, str] = {}  # lines by source; empty after its session

    def __call__(self, event: Event) -> None:
        """Write one event."""
        line = to_json_line(event) + "\n"
        if isinstance(event, StartEvent):
            self._repeat(event.source, "")  # not before the line itself
        self._file.write(line)
        match event:
            case StartEvent():
                self._repeat(event.source, line)
            case SummaryEvent():
                self._repeat(event.source, "")

    def _repeat(self, source: str | None, line: str) -> None:
        """Let new files begin with this start event of a source, or with none."""
        self._starts[source] = line
        self._file.header = "".join(self._starts.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvLog:
    """Appends each window to a file as a row of comma-separated values.

    Parameters
    ----------
    path : Path
        A missing or empty file gets a header; one with other columns is an error.
    labels : sequence of str
        The labels of all models in use; each has a column with its smoothed probability. Columns of labels
        that a source's model does not have stay empty.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        header = _csv_row([*CSV_COLUMNS, *self._labels])
        _check_header(path, header)
        self._file = AppendedFile(path, header)
        self._lost_s: dict[str | None, float] = {}  # since the latest window, by source

    def __call__(self, event: Event) -> None:
        """Write one event, if it is a window; its row includes the loss since the previous window."""
        match event:
            case StartEvent():
                self._lost_s.pop(event.source, None)
            case GapEvent():
                self._lost_s[event.source] = self._lost_s.get(event.source, 0.0) + event.lost_s
            case WindowEvent():
                self._file.write(self._row(event))
                self._lost_s.pop(event.source, None)

    def _row(self, window: WindowEvent) -> str:
        values = window.to_dict()
        vote = values["vote"]
        cells = {
            **dict.fromkeys(CSV_COLUMNS, ""),
            **values,
            **vote,
            "lost_s": round(self._lost_s.get(window.source, 0.0), 6),
            "partial": "yes" if window.partial else "",
        }
        distribution = [vote["distribution"].get(label, "") for label in self._labels]
        return _csv_row([*(cells[column] for column in CSV_COLUMNS), *distribution])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _csv_row(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _check_events(path: Path) -> None:
    """Raise InputError if a file is not a log, so that nothing is appended to other files by mistake."""
    try:
        if not path.is_file():  # missing, or a pipe
            return
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return  # opening it for writing reports the error
    if head.strip(b"\0 \t\r\n") and not any(map(EVENT_LINE.match, head.splitlines())):
        raise InputError(f"{path} is not a session log, and is left as it is: choose another --log.")


def _check_header(path: Path, header: str) -> None:
    """Raise InputError for a table with other columns: no program could read the mixture."""
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            first = file.read(len(header.encode()))
    except (OSError, ValueError):
        return  # opening it for writing reports the error
    if first and first != header.encode():
        raise InputError(f"The log {path} has other columns than this session's: choose another --log.")


def open_log(path: Path, labels: Sequence[str], inputs: Sequence[str] = ()) -> JsonLog | CsvLog:
    """Open the log: a table if the name ends in ``.csv``, else JSON lines.

    Parameters
    ----------
    path : Path
    labels : sequence of str
        The labels of all models in use.
    inputs : sequence of str
        The files of the sources.

    Raises
    ------
    InputError
        When it cannot be written, is not a log, or is one of the sources.
    """
    for name in inputs:
        with contextlib.suppress(OSError, ValueError):  # one of them does not exist yet
            if path.samefile(name):
                raise InputError(f"{path} is listened to, and is left as it is: choose another --log.")
    return CsvLog(path, labels) if path.suffix.lower() == ".csv" else JsonLog(path)
