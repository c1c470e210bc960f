"""Files of rows, in a format that depends on the suffix: JSON lines, CSV, or Parquet.

While a scan runs, rows are only appended, each with one write, and the file can be truncated to a known
length, so that it always holds complete rows. Rows cannot be appended to a Parquet file; they wait as JSON
lines in a file beside it, and are moved at the end.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from live.archive.rows import Row, is_number
from live.errors import InputError, RunningError
from live.extras import need
from live.file_replacement import replacing_file

ENDINGS = (".jsonl", ".csv", ".parquet")
ROWS_AT_ONCE = 10_000  # rows of a row group in a Parquet file
READ_AT_ONCE = 2**20  # bytes


class Format(Protocol):
    """A format whose rows can be appended."""

    def head(self) -> bytes:
        """Return what the file begins with."""

    def encode(self, row: Row) -> bytes:
        """Return one row."""

    def decode(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        """Read the rows back."""


class JsonLines:
    """One JSON object per line.

    Parameters
    ----------
    columns : sequence of str
        The keys, in their order.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Return the start of the file, which is empty."""
        return b""

    def encode(self, row: Row) -> bytes:
        """Return one row as a line."""
        ordered = {column: row[column] for column in self._columns}
        return json.dumps(ordered, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def decode(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        """Read the lines back."""
        for line in file:
            yield json.loads(line)


class CsvLines:
    """CSV with a header; null is an empty value.

    Parameters
    ----------
    columns : sequence of str
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Return the start of the file: the names of the columns."""
        return self._line(self._columns)

    def encode(self, row: Row) -> bytes:
        """Return one row as a line."""
        return self._line([row[column] for column in self._columns])

    @staticmethod
    def _line(values: Iterable[object]) -> bytes:
        text = io.StringIO()
        shown = ["" if value is None else str(value) for value in values]
        is_plain = not any("\r" in value for value in shown)  # the csv module does not quote it
        csv.writer(
            text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL if is_plain else csv.QUOTE_ALL
        ).writerow(shown)
        return text.getvalue().encode()

    def decode(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        """Read the lines back, and close the file."""
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as lines:
            for values in csv.DictReader(lines):
                yield {
                    name: None if text == "" else float(text) if is_number(name) else text
                    for name, text in values.items()
                }


def cannot_write(path: Path, error: OSError) -> RunningError:
    """Return the error of rows that cannot be written."""
    return RunningError(
        f"{path} cannot be written ({error.strerror or error}): make room or choose another place; "
        "the same command goes on where this one stood."
    )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file of a scan completely or not at all; see ``replacing_file``.

    Raises
    ------
    RunningError
        When the new file cannot be written.
    """
    try:
        with replacing_file(path) as unfinished:
            yield unfinished
    except OSError as error:
        raise cannot_write(path, error) from None


class AppendedRows:
    """A file to which rows are appended, and which always holds complete rows.

    Parameters
    ----------
    path : Path
    format : Format
    """

    def __init__(self, path: Path, format: Format) -> None:  # noqa: A002
        self.path, self._format = path, format
        self._file: IO[bytes] | None = None
        self.length = 0  # bytes of the header and of complete rows
        self.checksum = 0  # CRC-32 of these bytes

    def open(self, length: int) -> None:
        """Open the file and truncate it to a length; with 0, begin it."""
        try:
            self._file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
            self._file.truncate(length)
            self.length = self._file.seek(length)
            self.checksum = self.checksum_of(length)
            if length == 0:
                self._append(self._format.head())
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}): choose another place."
            ) from None

    def _append(self, content: bytes) -> None:
        assert self._file is not None  # noqa: S101 (opened first)
        try:
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self.length)
            self._file.seek(self.length)
            raise
        self.length += len(content)
        self.checksum = zlib.crc32(content, self.checksum)

    def checksum_of(self, length: int) -> int:
        """Return the CRC-32 of the first bytes of the file on disk."""
        checksum = 0
        if length > 0:
            with self.path.open("rb") as file:
                while length > 0 and (part := file.read(min(length, READ_AT_ONCE))):
                    length -= len(part)
                    checksum = zlib.crc32(part, checksum)
        return checksum

    def write(self, *rows: Row) -> None:
        """Append rows, all of them or none.

        Raises
        ------
        RunningError
            When they cannot be written.
        """
        try:
            self._append(b"".join(map(self._format.encode, rows)))
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Read all rows back; none where there is no file yet."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            yield from self._format.decode(file)

    @property
    def next_path(self) -> Path:
        """The file with the rows that will replace these."""
        return self.path.with_name(f".{self.path.name}.next")

    def write_next(self, is_stale: Callable[[str], bool]) -> tuple[int, int]:
        """Write the next file, without the rows of some paths; return its length and its CRC-32."""
        length = checksum = 0
        with replacing(self.next_path) as unfinished, unfinished.open("wb") as file:
            kept = (self._format.encode(row) for row in self.rows() if not is_stale(row["path"]))
            for content in itertools.chain([self._format.head()], kept):
                length += file.write(content)
                checksum = zlib.crc32(content, checksum)
        return length, checksum

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class ParquetFile:
    """A Parquet file, and the rows that wait beside it.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._columns = path, columns
        need("pyarrow", extra="cluster", purpose="Writing Parquet")
        self.waiting = AppendedRows(path.with_name(f".{path.name}.rows"), JsonLines(columns))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the file."""
        if not self.path.exists():
            return
        from pyarrow import ArrowException, parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                    yield from batch.to_pylist()
        except (ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise InputError(
                f"{self.path} is not a readable Parquet file ({reason}): choose another name, or replace it "
                "with --again."
            ) from None

    def all_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the file whose paths have no waiting rows, and then those."""
        renewed = {row["path"] for row in self.waiting.rows()}
        kept = (row for row in self.rows() if row["path"] not in renewed)
        return itertools.chain(kept, self.waiting.rows())

    def put_in(self) -> None:
        """Move the waiting rows to the file, where they replace rows of the same paths."""
        from pyarrow import Table, float64, parquet, schema, string

        fields = schema([(name, float64() if is_number(name) else string()) for name in self._columns])
        rows = self.all_rows()
        with (
            replacing(self.path) as unfinished,
            parquet.ParquetWriter(unfinished, fields, compression="zstd") as writer,
        ):
            while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
                writer.write_table(Table.from_pylist(some, schema=fields))


class RowFile:
    """A file of rows in any of the formats.

    Parameters
    ----------
    path : Path
    columns : sequence of str

    Raises
    ------
    InputError
        When its suffix is unknown, or the library for it is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._parquet: ParquetFile | None = None
        match path.suffix.lower():
            case ".jsonl":
                self._appended = AppendedRows(path, JsonLines(columns))
            case ".csv":
                self._appended = AppendedRows(path, CsvLines(columns))
            case ".parquet":
                self._parquet = ParquetFile(path, columns)
                self._appended = self._parquet.waiting
            case _:
                raise InputError(
                    f"{path} does not say how rows are to be written: let its name end in "
                    f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}."
                )

    @property
    def appended_path(self) -> Path:
        """The file to which rows are appended: the file itself, or the one with waiting rows."""
        return self._appended.path

    @property
    def length(self) -> int:
        """Bytes of complete rows in it."""
        return self._appended.length

    @property
    def checksum(self) -> int:
        """CRC-32 of the complete rows in it."""
        return self._appended.checksum

    def checksum_of(self, length: int) -> int:
        """Return the CRC-32 of its first bytes on disk."""
        return self._appended.checksum_of(length)

    @property
    def waits(self) -> bool:
        """Whether rows are moved to the file only at the end."""
        return self._parquet is not None

    def open(self, length: int) -> None:
        """Open the file to append rows after ``length`` bytes."""
        self._appended.open(length)

    def write(self, *rows: Row) -> None:
        """Append rows, all of them or none."""
        self._appended.write(*rows)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield all rows in the order in which they were written; of a path, only the last."""
        if self._parquet is None:
            yield from self._appended.rows()
        else:
            yield from self._parquet.all_rows()

    def write_next(self, is_stale: Callable[[str], bool]) -> tuple[int, int]:
        """Write a file without the rows of some paths beside this one, which must not be open.

        In Parquet, new rows will replace those that were moved to the file.

        Parameters
        ----------
        is_stale : callable
            Called with a path; returns whether its rows are left out.

        Returns
        -------
        length : int
            In bytes.
        checksum : int
            Its CRC-32.
        """
        return self._appended.write_next(is_stale)

    def take_next(self) -> None:
        """Put the file that was written beside this one in its place, if there is one."""
        if self._appended.next_path.exists():
            self._appended.next_path.replace(self._appended.path)

    def remove_next(self) -> None:
        """Delete the file that was written beside this one, if there is one."""
        self._appended.next_path.unlink(missing_ok=True)

    def put_in(self) -> None:
        """Move waiting rows to the file."""
        if self._parquet is not None:
            self._parquet.put_in()

    def close(self) -> None:
        """Close the file."""
        self._appended.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def remove(self) -> None:
        """Delete the file and its waiting rows, to begin again."""
        self.path.unlink(missing_ok=True)
        self._appended.path.unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Rename the file, and waiting rows, to begin again; return the new path of the rows."""
        names = (f"{self.path.stem}.before{number}" for number in itertools.chain([""], itertools.count(2)))
        taken = {path.stem for path in self.path.parent.glob(f"{glob.escape(self.path.stem)}.before*")}
        aside = self.path.with_name(next(name for name in names if name not in taken) + self.path.suffix)
        if self.path.exists():
            self.path.replace(aside)
        if self._appended.path.exists():
            aside = aside.with_suffix(".jsonl")
            self._appended.path.replace(aside)
        return aside
