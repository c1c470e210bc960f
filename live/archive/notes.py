"""Notes beside the rows of a scan about finished files, with which the same command continues.

The first line describes how the files were classified. Each further line is about one file and is written
after its rows: digests of its path and of its size and date, the lengths of the files of rows then, its
duration, and the result. Rows behind the last note are incomplete, and are cut off.

To drop rows, the files without them and the notes for these are written beside the present ones. The notes,
which come last, say that all are complete. Each then replaces its file, or does so in the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Container, Generator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from live.archive.finding import Found
from live.archive.row_files import cannot_write, replacing
from live.errors import InputError
from live.file_lock import FileLock

TAIL_BYTES = 4_096  # more than a note has
BROKEN = "!"  # instead of the genre or state of a file that could not be read


def _digest(text: str) -> int:
    content = text.encode() if text.isascii() else os.fsencode(text)
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def key_of(path: str) -> int:
    """Return the digest of an absolute path or of an address."""
    return _digest(path)


def state_of(found: Found) -> int:
    """Return the digest of a file's size and date, which change with its contents."""
    return _digest(f"{found.size} {found.changed}")


@lru_cache(maxsize=256)
def _text_of(encoded: bytes) -> str:
    """Return a text from its JSON; cached, because there are few different ones."""
    return str(json.loads(encoded))


class Note(NamedTuple):
    """The note of a finished file.

    Attributes
    ----------
    key, state : int
        Digests of its path, and of its size and date.
    rows, stretches : int
        Lengths of the files of rows after it, in bytes.
    checksums : int
        Of the files of rows up to there.
    seconds : float
        Duration of the classified sound.
    category : str
        The genre, or else the state, or ``BROKEN``.
    """

    key: int
    state: int
    rows: int
    stretches: int
    checksums: int
    seconds: float
    category: str

    def encode(self) -> bytes:
        """Return the note as a line."""
        numbers = f"{self.key:016x} {self.state:016x} {self.rows} {self.stretches} {self.checksums:x}"
        return f"{numbers} {self.seconds:.3f} {json.dumps(self.category)}\n".encode()

    @classmethod
    def decode(cls, line: bytes) -> Note:
        """Return the note of a line; raise ValueError if it is not a note."""
        if not line.endswith(b"\n"):
            raise ValueError("a line that was not finished")
        key, state, rows, stretches, checksums, seconds, category = line.split(b" ", 6)
        return cls(
            int(key, 16), int(state, 16), int(rows), int(stretches), int(checksums, 16), float(seconds),
            _text_of(category),
        )  # fmt: skip


@dataclass
class Totals:
    """The totals of many files."""

    files: int = 0
    seconds: float = 0.0
    categories: Counter[str] | None = None

    def add(self, category: str, seconds: float) -> None:
        """Add a file."""
        self.files += 1
        self.seconds += seconds
        if self.categories is None:
            self.categories = Counter()
        self.categories[category] += 1

    @property
    def broken(self) -> int:
        """Number of files that could not be read, or not to their end."""
        return self.categories[BROKEN] if self.categories else 0


class Notes:
    """The notes of one scan.

    Parameters
    ----------
    path : Path
    about : mapping
        How the files are classified; notes with other values are ignored.
    folder : str
        The current folder, to which relative paths belong.

    Attributes
    ----------
    begun_in : str
        The current folder of the run that began the notes.
    finished : dict of int to int
        For each finished file, the digest of its size and date by the digest of its path.
    renewed : dict of int to int
        The same for finished files that were tagged since, for the next rewrite.
    totals : Totals
        The totals of all finished files.
    was_otherwise : bool
        Whether there were notes of another model or other options.
    is_without_rows : bool
        Whether there were notes whose rows are missing.
    """

    def __init__(self, path: Path, about: dict[str, Any], folder: str) -> None:
        self.path, self._about = path, {"genre_scan": 2, **about}
        self._folder = self.begun_in = folder
        self._file: IO[bytes] | None = None
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        self.finished: dict[int, int] = {}
        self.renewed: dict[int, int] = {}
        self.broken: set[int] = set()
        self.totals = Totals()
        self.rows = self.stretches = self.checksums = 0
        self._length = 0
        self.was_otherwise = False
        self.is_without_rows = False

    def lock(self) -> None:
        """Lock the notes, so that no other scan writes the same rows."""
        try:
            self._lock.acquire()
        except BlockingIOError:
            raise InputError(
                f"Another genre-scan is writing to {self.path.parent / self.path.name}: wait until it ends."
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.path.parent} cannot be written to ({error.strerror}): choose another place."
            ) from None

    @property
    def next_path(self) -> Path:
        """The notes that will replace these."""
        return self.path.with_name(f"{self.path.name}.next")

    def _head(self) -> bytes:
        return json.dumps({**self._about, "folder": self.begun_in}, sort_keys=True).encode() + b"\n"

    @staticmethod
    def _notes(path: Path, length: int | None = None) -> Generator[tuple[Note, int], None, None]:
        """Yield the notes of the first ``length`` bytes, or of all, up to the first incomplete one.

        Yields
        ------
        note : Note
        position : int
            Byte at which its line ends.
        """
        with path.open("rb") as file:
            position = len(file.readline())
            for line in file:
                if length is not None and position >= length:
                    return
                try:
                    note = Note.decode(line)
                except ValueError:
                    return
                position += len(line)
                yield note, position

    def read(self, rows_at_hand: int, stretches_at_hand: int, *, has_put_in: bool) -> None:
        """Read the notes of earlier runs.

        Parameters
        ----------
        rows_at_hand, stretches_at_hand : int
            Lengths of the files of rows, in bytes; notes of rows that never reached the disk are ignored.
        has_put_in : bool
            Whether the Parquet file, to which rows were moved, exists.
        """
        if not self.path.exists():
            return
        about, self._length = self._about_in(self.path)
        begun_in = about.pop("folder", self._folder)
        if about != self._about:
            self.was_otherwise = True
            return
        self.begun_in = begun_in
        for note, position in self._notes(self.path):
            if note.rows > rows_at_hand or note.stretches > stretches_at_hand:
                break
            if note.rows == 0 and not has_put_in:
                self.is_without_rows = True
                return
            self._count(note)
            self._length = position
            self.rows, self.stretches, self.checksums = note.rows, note.stretches, note.checksums

    @staticmethod
    def _about_in(path: Path) -> tuple[dict[str, Any], int]:
        """Return the first line of notes, empty if it is not one of notes, and its length in bytes."""
        with path.open("rb") as file:
            head = file.readline()
        try:
            return dict(json.loads(head)), len(head)
        except (ValueError, TypeError):
            return {}, len(head)

    def first_of_next(self) -> Note | None:
        """Return the first of the next notes; all of them hold the state of the next files of rows."""
        if not self.next_path.exists():
            return None
        about, _ = self._about_in(self.next_path)
        about.pop("folder", None)
        if about != self._about:
            return None
        with contextlib.closing(self._notes(self.next_path)) as notes:
            return next((note for note, _ in notes), None)

    def take_next(self) -> None:
        """Put the next notes in place of these."""
        self.next_path.replace(self.path)

    def remove_next(self) -> None:
        """Delete the next notes, if there are any."""
        self.next_path.unlink(missing_ok=True)

    def last(self) -> Note | None:
        """Return the last note on disk."""
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines(keepends=True)
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                return Note.decode(line)
        return None

    def _count(self, note: Note) -> None:
        self.finished[note.key] = note.state
        self.totals.add(note.category, note.seconds)
        if note.category == BROKEN:
            self.broken.add(note.key)

    def rewrite(self, to: Path, drop: Container[int], rows: int, stretches: int, checksums: int) -> None:
        """Write the notes to a file, without those in ``drop`` and with a new state of the files of rows."""
        # An interruption may come between the writing of a note and its being counted.
        before = self._notes(self.path, self._length if self._file is None else None)
        self.finished, self.broken, self.totals = {}, set(), Totals()
        with replacing(to) as unfinished, contextlib.closing(before):
            head = self._head()
            length = len(head)
            with unfinished.open("wb") as file:
                file.write(head)
                for note, _ in before:
                    if note.key not in drop:
                        state = self.renewed.get(note.key, note.state)
                        moved = note._replace(
                            state=state, rows=rows, stretches=stretches, checksums=checksums
                        )
                        length += file.write(moved.encode())
                        self._count(moved)
            if to == self.path and self._file is not None:
                self._file.close()  # Windows replaces no open file
                self._file = None
        self._length = length
        self.rows, self.stretches, self.checksums = rows, stretches, checksums

    def open(self) -> None:
        """Open the notes to append more."""
        try:
            self._file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
            self._file.truncate(self._length)
            self._file.seek(self._length)
            if self._length == 0:
                self._append(self._head())
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}): choose another place."
            ) from None

    def _append(self, content: bytes) -> None:
        assert self._file is not None  # noqa: S101 (opened first)
        try:
            self._file.write(content)
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._length)
            raise
        self._length += len(content)

    def add(self, note: Note) -> None:
        """Append the note of a finished file, whose rows have been written."""
        try:
            self._append(note.encode())
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self.totals.add(note.category, note.seconds)

    def remove(self) -> None:
        """Delete all notes, to begin again."""
        self.begun_in = self._folder
        self.path.unlink(missing_ok=True)
        self._length = 0

    def close(self) -> None:
        """Close and unlock the notes."""
        if self._file is not None:
            self._file.close()
        self._lock.release()
        self._file = None
