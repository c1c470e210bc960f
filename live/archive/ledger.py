"""The rows of a scan, the rows of its stretches and its notes, kept consistent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live.archive.classification import ScanSettings
from live.archive.finding import Found, is_address
from live.archive.notes import BROKEN, Note, Notes, Totals, key_of, state_of
from live.archive.row_files import RowFile
from live.archive.rows import STRETCH_COLUMNS, ModelName, as_text, file_row, stretch_rows
from live.errors import InputError
from live.file_results import FileResult


def category_of(result: FileResult) -> str:
    """Return what a file counts as in the totals: its genre, ``BROKEN``, or else its state."""
    return result.genre or (result.state if result.error is None else BROKEN)


def _joined(checksums: Sequence[int]) -> int:
    """Return one or two 32-bit checksums as one number."""
    return checksums[0] << 32 | (checksums[1] if len(checksums) > 1 else 0)


class Ledger:
    """Rows that are written while files are finished, and that the next run continues.

    Parameters
    ----------
    out : Path
        The file of the rows.
    stretches : Path or None
        The file of the stretches' rows.
    model : ModelName
    settings : ScanSettings
    """

    def __init__(self, out: Path, stretches: Path | None, model: ModelName, settings: ScanSettings) -> None:
        self._model = model
        self._rows = RowFile(out, model.columns)
        self._stretches = None if stretches is None else RowFile(stretches, STRETCH_COLUMNS)
        about: dict[str, Any] = {
            "model": model.name,
            "model_sha256": model.sha256,
            "hop_s": settings.hop_s,
            "smooth_s": settings.smooth_s,
            "sample_s": settings.sample_s,
            "stretches": stretches is not None,
        }
        self._folder = str(Path.cwd())
        self._notes = Notes(out.with_name(f".{out.name}.scan"), about, self._folder)
        self._is_open = False

    @property
    def _files(self) -> tuple[RowFile, ...]:
        return (self._rows,) if self._stretches is None else (self._rows, self._stretches)

    @property
    def totals(self) -> Totals:
        """The totals of all finished files, including those of earlier runs."""
        return self._notes.totals

    def __enter__(self) -> Self:
        """Lock the files, so that no other scan writes them.

        Raises
        ------
        InputError
            When another scan has locked them, or their folder does not exist.
        """
        self._notes.lock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the files, so that they hold complete rows however the scan ended."""
        try:
            if self._is_open:
                self._put_in()
        finally:
            for file in self._files:
                file.close()
            self._notes.close()

    def resume(self, notify: Callable[[str], None], *, again: bool) -> None:
        """Read what earlier runs finished; with ``again``, discard it.

        Parameters
        ----------
        notify : callable
            Called with a sentence about earlier rows that cannot be continued.
        again : bool

        Raises
        ------
        InputError
            When another program wrote the rows, or changed them.
        """
        if again:
            self._forget()
            return
        has_notes = self._notes.path.exists()
        for file in self._files:
            if file.path.exists() and not has_notes:
                raise InputError(
                    f"{file.path} already exists and was not written by genre-scan: choose another name, "
                    "or replace it with --again."
                )
        self._finish_dropping()
        sizes = [self._at_hand(file) for file in self._files]
        has_put_in = self._rows.path.exists() or not self._rows.waits
        self._notes.read(sizes[0], sizes[1] if len(sizes) > 1 else 0, has_put_in=has_put_in)
        if self._notes.was_otherwise:
            aside = [file.set_aside() for file in self._files]
            self._notes.remove()
            notify(
                f"{self._rows.path} was made by another model or with other options: it is started again, "
                f"and the rows so far are in {aside[0].name}."
            )
        elif self._notes.is_without_rows:
            self._forget()
        elif self._checksums((self._notes.rows, self._notes.stretches)) != self._notes.checksums:
            paths = " or ".join(str(file.path) for file in self._files)
            raise InputError(
                f"{paths} was changed after genre-scan wrote it: "
                "choose another name, or replace it with --again."
            )

    def _finish_dropping(self) -> None:
        """Finish the replacement of the files if an earlier run was interrupted in it; else forget it."""
        note = self._notes.first_of_next()
        if (
            note is not None
            and self._at_hand(self._rows) == note.rows
            and self._rows.checksum_of(note.rows) == note.checksums >> 32
        ):
            self._take_next()
        self._remove_next()

    def _take_next(self) -> None:
        """Replace the files by those that were written beside them: the rows first, and the notes last."""
        for file in self._files:
            file.take_next()
        self._notes.take_next()

    def _remove_next(self) -> None:
        self._notes.remove_next()
        for file in self._files:
            file.remove_next()

    @staticmethod
    def _at_hand(file: RowFile) -> int:
        path = file.appended_path
        return path.stat().st_size if path.exists() else 0

    def _forget(self) -> None:
        self._remove_next()
        for file in self._files:
            file.remove()
        self._notes.remove()

    def is_finished(self, key: int, found: Found, *, retry: bool) -> bool:
        """Return whether a file has a row and has not changed since."""
        if retry and key in self._notes.broken:
            return False
        return self._notes.finished.get(key) == state_of(found)

    def check_folder(self, found: Found) -> None:
        """Check that a path does not mean another file than the same path of an earlier run.

        Raises
        ------
        InputError
            When the path is relative, and the rows were begun in another folder.
        """
        begun_in = self._notes.begun_in
        if begun_in == self._folder or is_address(found.path) or Path(found.path).is_absolute():
            return
        raise InputError(
            f"The paths in {self._rows.path} may be relative to {begun_in}, where it was begun: run the "
            "command there, give absolute paths, or choose another --out."
        )

    def is_known(self, key: int) -> bool:
        """Return whether there is a row of a path, even of an earlier version of the file."""
        return key in self._notes.finished

    def begin(self, stale: set[int]) -> None:
        """Open the files for writing, without the rows of files that will be classified again."""
        lengths = [self._notes.rows, self._notes.stretches]
        if stale:
            lengths = self._drop(stale, lengths)
        for file, length in zip(self._files, lengths, strict=False):
            file.open(length)
        self._notes.open()
        self._is_open = True

    def _drop(self, stale: set[int], lengths: Sequence[int]) -> list[int]:
        """Remove the rows and notes of some files, and return the new lengths of the files of rows."""
        written = []
        for file, length in zip(self._files, lengths, strict=False):
            file.open(length)  # cut off incomplete rows
            file.close()
            written.append(file.write_next(lambda path: key_of(path) in stale))
        lengths, checksums = zip(*written, strict=True)
        self._rewrite_notes(self._notes.next_path, stale, lengths, _joined(checksums))
        self._take_next()
        return list(lengths)

    def _checksums(self, lengths: Sequence[int]) -> int:
        """Return the checksums of the first bytes of the files on disk."""
        return _joined([file.checksum_of(length) for file, length in zip(self._files, lengths, strict=False)])

    def _rewrite_notes(self, to: Path, drop: Container[int], lengths: Sequence[int], checksums: int) -> None:
        stretches = lengths[1] if len(lengths) > 1 else 0
        self._notes.rewrite(to, drop, lengths[0], stretches, checksums)

    def add(self, found: Found, result: FileResult) -> dict[str, Any]:
        """Write a file's rows and its note, and return its row.

        Raises
        ------
        RunningError
            When they cannot be written.
        """
        row = file_row(result, self._model)
        self._rows.write(row)
        if self._stretches is not None:
            self._stretches.write(*stretch_rows(result))
        self._notes.add(
            Note(
                key_of(row["path"]),
                state_of(found),
                self._rows.length,
                0 if self._stretches is None else self._stretches.length,
                _joined([file.checksum for file in self._files]),
                result.duration_s,
                category_of(result),
            )
        )
        return row

    def renew(self, found: Found) -> None:
        """Record the new size and date of a finished file that was tagged."""
        self._notes.renewed[key_of(as_text(found.path))] = state_of(found)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of earlier runs."""
        return self._rows.rows()

    def _put_in(self) -> None:
        """Move waiting rows to their Parquet files, and update the notes."""
        waiting = [file for file in self._files if file.waits]
        if not waiting and not self._notes.renewed:
            return
        for file in waiting:
            file.put_in()
        last = self._notes.last()  # after an interruption, there may be rows without a note
        noted = (0, 0) if last is None else (last.rows, last.stretches)
        lengths = [0 if file.waits else length for file, length in zip(self._files, noted, strict=False)]
        self._rewrite_notes(self._notes.path, (), lengths, self._checksums(lengths))
        for file in waiting:
            file.close()
            with contextlib.suppress(OSError):
                file.appended_path.unlink()
