"""``--log``: a session written to a file as it happens, as JSON lines or as a table."""

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
from live.events import Event, GapEvent, StartEvent, WindowEvent, to_json_line

SYNC_EVERY_S = 0.4  # less than the usual hop: each line of live listening reaches the disk at once

HEAD_BYTES = 65_536  # of a file, in which a log shows that it is one
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
    """A file that whole texts are appended to, each on its way to the disk when written.

    Before each text the path is looked at: when the file was moved away, deleted or replaced, as log
    rotation does, the next text begins a new file there. A file whose last line is torn, as a power cut
    leaves it, goes on with a line of its own.

    Parameters
    ----------
    path : Path
    header : str
        Written first whenever the file is empty.

    Raises
    ------
    InputError
        When the file cannot be opened for writing.
    """

    def __init__(self, path: Path, header: str = "") -> None:
        self._path = path
        self._header = header
        self._synced_s = float("-inf")
        try:
            self._file = self._open()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"The log {path} cannot be written ({reason}): choose another --log.") from None

    def _open(self) -> int:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(file).st_size == 0:
            self._first = self._header
        else:
            self._first = "\n" if _is_torn(self._path) else ""
        return file

    def write(self, text: str) -> None:
        """Append a text, whole or not at all.

        Raises
        ------
        RunningError
            When the disk is full or the file is gone bad.
        """
        try:
            self._follow_rotation()
            before = os.fstat(self._file).st_size
            content = (self._first + text).encode()
            if os.write(self._file, content) < len(content):
                os.ftruncate(self._file, before)  # the log is whole lines
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._first = ""
            self._bring_to_the_disk()
        except OSError as error:
            raise RunningError(
                f"The log {self._path} cannot be written further ({error.strerror}): "
                "make room or choose another --log."
            ) from error

    def _bring_to_the_disk(self) -> None:
        """Have the disk itself keep what was written, at the pace of live listening at most.

        A power cut then costs the last line alone; a file heard at full speed is not held up.
        """
        now_s = time.monotonic()
        if now_s - self._synced_s < SYNC_EVERY_S:
            return
        self._synced_s = now_s
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # a pipe, a terminal
                raise

    def _follow_rotation(self) -> None:
        """Open the path anew when it no longer leads to the file that is open."""
        try:
            is_same = os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            replacement = self._open()
            os.close(self._file)
            self._file = replacement

    def close(self) -> None:
        """Close the file, all of it on the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        with contextlib.suppress(OSError):
            os.close(self._file)


def _is_torn(path: Path) -> bool:
    """Whether a file's last line has no end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe holds nothing to go on from
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it may be written and not read
        return False


class JsonLog:
    """Appends each event to a file as a line of JSON.

    Parameters
    ----------
    path : Path
        An empty or missing file, or one that holds events; any other is refused.
    """

    def __init__(self, path: Path) -> None:
        _check_events(path)
        self._file = AppendedFile(path)

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._file.write(to_json_line(event) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvLog:
    """Appends each window to a file as a row of comma-separated values.

    Parameters
    ----------
    path : Path
        An empty or missing file gets a header; one that holds other columns is refused.
    labels : sequence of str
        The model's; each has a column with its share of the vote's distribution. A source that has another
        model leaves those empty that this does not know.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        header = _csv_row([*CSV_COLUMNS, *self._labels])
        _check_header(path, header)
        self._file = AppendedFile(path, header)
        self._lost_s: dict[str | None, float] = {}  # since the latest window, by source

    def __call__(self, event: Event) -> None:
        """Write one event, if it is a window; what was lost is told with the next window."""
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
    """Refuse a file that is no log: what would be appended to it is a song, or somebody's notes."""
    try:
        if not path.is_file():  # missing, or a pipe
            return
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return  # opening it for writing says what is wrong
    if head.strip(b"\0 \t\r\n") and not any(map(EVENT_LINE.match, head.splitlines())):
        raise InputError(f"{path} is no session log, and is left as it is: choose another --log.")


def _check_header(path: Path, header: str) -> None:
    """Refuse a table with other columns: rows of two kinds in one file can be read by nothing."""
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            first = file.read(len(header.encode()))
    except (OSError, ValueError):
        return  # opening it for writing says what is wrong
    if first and first != header.encode():
        raise InputError(f"The log {path} has other columns than this session's: choose another --log.")


def open_log(path: Path, labels: Sequence[str], inputs: Sequence[str] = ()) -> JsonLog | CsvLog:
    """Open the file that ``--log`` names: a table where its name ends in ``.csv``, else JSON lines.

    Parameters
    ----------
    path : Path
    labels : sequence of str
        The model's.
    inputs : sequence of str
        Files that are listened to.

    Raises
    ------
    InputError
        When it cannot be written, holds something else than a log, or is listened to.
    """
    for name in inputs:
        with contextlib.suppress(OSError, ValueError):  # one of them is not there yet
            if path.samefile(name):
                raise InputError(f"{path} is listened to, and is left as it is: choose another --log.")
    return CsvLog(path, labels) if path.suffix.lower() == ".csv" else JsonLog(path)
