"""What a scan has finished: notes beside its rows, so that the same command goes on where it stood.

The first line says how the files were heard; each further one belongs to a file, and is written after its
rows: digests of its path and of its size and date, how long the files of rows were then, its length, and
what was heard. What lies behind the last note in a file of rows was never finished, and is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Container, Generator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from live.archive.finding import Found
from live.archive.row_files import Replacing, cannot_write
from live.errors import InputError

BROKEN = "!"  # what stands for the genre or state of a file that could not be heard


def _digest(text: str) -> int:
    content = text.encode() if text.isascii() else os.fsencode(text)
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def key_of(path: str) -> int:
    """Digest of a path; that of an address is of its text."""
    return _digest(path)


def state_of(found: Found) -> int:
    """Digest of what changes with a file's content: its size and date."""
    return _digest(f"{found.size} {found.changed}")


@lru_cache(maxsize=256)
def _text_of(encoded: bytes) -> str:
    """Read a text that is written as JSON; there are few different ones."""
    return str(json.loads(encoded))


class Note(NamedTuple):
    """What is noted of a file that is finished.

    Attributes
    ----------
    key, state : int
        Of its path, and of its size and date.
    rows, stretches : int
        Bytes of the files of rows with it.
    seconds : float
        Of it that were heard.
    heard : str
        The genre, or else the state, or BROKEN.
    """

    key: int
    state: int
    rows: int
    stretches: int
    seconds: float
    heard: str

    def encode(self) -> bytes:
        """Write it as a line."""
        numbers = f"{self.key:016x} {self.state:016x} {self.rows} {self.stretches} {self.seconds:.3f}"
        return f"{numbers} {json.dumps(self.heard)}\n".encode()

    @classmethod
    def decode(cls, line: bytes) -> Note:
        """Read a line; raises ValueError when it is none."""
        if not line.endswith(b"\n"):
            raise ValueError("a line that was not finished")
        key, state, rows, stretches, seconds, heard = line.split(b" ", 5)
        return cls(int(key, 16), int(state, 16), int(rows), int(stretches), float(seconds), _text_of(heard))


@dataclass
class Totals:
    """The sum of many files."""

    files: int = 0
    seconds: float = 0.0
    heard: Counter[str] | None = None

    def add(self, heard: str, seconds: float) -> None:
        """Count a file."""
        self.files += 1
        self.seconds += seconds
        if self.heard is None:
            self.heard = Counter()
        self.heard[heard] += 1

    @property
    def broken(self) -> int:
        """Files that could not be heard, or not to their end."""
        return self.heard[BROKEN] if self.heard else 0


class Notes:
    """The notes of one scan.

    Parameters
    ----------
    path : Path
    about : mapping
        How the files are heard: notes about another way count for nothing.

    Attributes
    ----------
    finished : dict of int to int
        By the digest of its path, that of each finished file's size and date.
    renewed : dict of int to int
        The same of finished files that were tagged since, to be noted when the notes are rewritten.
    totals : Totals
        Of all finished files.
    was_otherwise : bool
        Whether there were notes, and about another way of hearing.
    is_without_rows : bool
        Whether there were notes, and their rows were taken away.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path, self._about = path, about
        self._file: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self.finished: dict[int, int] = {}
        self.renewed: dict[int, int] = {}
        self.broken: set[int] = set()
        self.totals = Totals()
        self.rows = self.stretches = 0
        self._length = 0
        self.was_otherwise = False
        self.is_without_rows = False

    def lock(self) -> None:
        """See that no other scan writes the same rows meanwhile."""
        if sys.platform == "win32":
            return
        import fcntl

        try:
            self._lock = self.path.with_name(f"{self.path.name}.lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"Another genre-scan writes beside {self.path.parent / self.path.name}: wait for its end."
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.path.parent} cannot be written to ({error.strerror}): choose another place."
            ) from None

    def _head(self) -> bytes:
        return json.dumps({"genre_scan": 1, **self._about}, sort_keys=True).encode() + b"\n"

    def _notes(self, length: int | None = None) -> Generator[tuple[Note, int], None, None]:
        """Read the notes of the file's first bytes, or up to one that was not finished.

        Yields
        ------
        note : Note
        position : int
            Where its line ends, in bytes.
        """
        with self.path.open("rb") as file:
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
        """Read what was finished before.

        Parameters
        ----------
        rows_at_hand, stretches_at_hand : int
            Bytes that the files of rows hold: notes of rows that never reached the disk count for nothing.
        has_put_in : bool
            Whether the rows are there that were put into a file of their own since.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            head = file.readline()
        self._length = len(head)
        if head != self._head():
            self.was_otherwise = True
            return
        for note, position in self._notes():
            if note.rows > rows_at_hand or note.stretches > stretches_at_hand:
                break
            if note.rows == 0 and not has_put_in:
                self.is_without_rows = True
                return
            self._count(note)
            self._length = position
            self.rows, self.stretches = note.rows, note.stretches

    def _count(self, note: Note) -> None:
        self.finished[note.key] = note.state
        self.totals.add(note.heard, note.seconds)
        if note.heard == BROKEN:
            self.broken.add(note.key)

    def rewrite(self, drop: Container[int], rows: int, stretches: int) -> None:
        """Write them anew, where files of rows were: without some files, and with the new lengths."""
        before = self._notes(self._length)
        self.finished, self.broken, self.totals = {}, set(), Totals()
        with Replacing(self.path) as (partial, commit), contextlib.closing(before):
            head = self._head()
            length = len(head)
            with partial.open("wb") as file:
                file.write(head)
                for note, _ in before:
                    if note.key not in drop:
                        state = self.renewed.get(note.key, note.state)
                        moved = note._replace(state=state, rows=rows, stretches=stretches)
                        length += file.write(moved.encode())
                        self._count(moved)
            commit()
        self._length = length
        self.rows, self.stretches = rows, stretches

    def open(self) -> None:
        """Open them to note more."""
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
        """Note that a file is finished; its rows are written already."""
        try:
            self._append(note.encode())
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self.totals.add(note.heard, note.seconds)

    def remove(self) -> None:
        """Forget all, to begin anew."""
        self.path.unlink(missing_ok=True)
        self._length = 0

    def close(self) -> None:
        """Close them, and let others write."""
        for file in (self._file, self._lock):
            if file is not None:
                file.close()
        if self._lock is not None:
            self.path.with_name(f"{self.path.name}.lock").unlink(missing_ok=True)
        self._file = self._lock = None
