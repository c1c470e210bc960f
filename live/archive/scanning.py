"""A scan: distributes the files over processes, and writes the results."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from live.archive.classification import ClassifyFiles, ScanSettings
from live.archive.finding import Finder, Found, seen_again
from live.archive.ledger import Ledger, category_of
from live.archive.notes import Totals, key_of
from live.archive.rows import ModelName, as_text
from live.archive.tagging import Tagged, Tagger
from live.bundle import NETWORK_FILE, find_bundle, read_description
from live.errors import InputError, one_line
from live.events import Verdict
from live.file_results import FileResult
from live.spreading.work import Engine, Lost

Notify = Callable[[str], None]
OnResult = Callable[[Found, FileResult], None]


def model_named(model: str) -> ModelName:
    """Return name, hash and labels of a model.

    Raises
    ------
    BundleError
        When there is no such model, or its description is broken.
    """
    description = read_description(find_bundle(model))
    return ModelName(description.name, description.sha256[NETWORK_FILE], description.labels)


def classify_each(
    engine: Engine, work: ClassifyFiles, found: Iterable[Found]
) -> Generator[tuple[Found, FileResult], None, None]:
    """Classify files, and yield the result of each, in the order of completion."""
    done = engine.spread(work, found)
    with contextlib.closing(done):
        for one in done:
            result = one.result
            if isinstance(result, Lost):
                result = broken(one.item.path, result.reason)
            yield one.item, result


def broken(path: str, reason: str) -> FileResult:
    """Return the result of a file that could not be read."""
    return FileResult(
        genre=None,
        share={},
        verdict=Verdict("waiting", None, 0.0, {}),
        timeline=(),
        distribution={},
        duration_s=0.0,
        windows=0,
        path=path,
        error=one_line(f"{path} cannot be heard: {reason}."),
    )


class Spool:
    """A queue of files on disk, because there may be millions of them."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self.files = self.size = 0

    def add(self, found: Found) -> None:
        """Append a file."""
        pickle.dump((found.path, found.size, found.changed), self._file)
        self.files += 1
        self.size += found.size

    def __iter__(self) -> Iterator[Found]:
        """Yield the files from the first on."""
        self._file.seek(0)
        for _ in range(self.files):
            yield Found(*pickle.load(self._file))  # noqa: S301 (our own)

    def close(self) -> None:
        """Delete the queue."""
        self._file.close()


@dataclass
class Scan:
    """One run of genre-scan over files.

    Attributes
    ----------
    inputs : tuple of str
    model : ModelName
    work : ClassifyFiles
    notify : callable
    ledger : Ledger or None
        The files of rows; None if the results only go to ``on_result``.
    tagger : Tagger or None
    tagged : Counter
        Numbers of files by the outcome of tagging.
    """

    inputs: tuple[str, ...]
    model: ModelName
    work: ClassifyFiles
    notify: Notify
    ledger: Ledger | None = None
    tagger: Tagger | None = None
    tagged: Counter[str] = field(default_factory=Counter)
    totals: Totals = field(default_factory=Totals)
    passed_over: int = 0
    _finished: set[int] = field(default_factory=set)
    _unlike_text: dict[int, str] = field(default_factory=dict)  # finished paths that differ from their text

    @property
    def finished_before(self) -> int:
        """Number of files that an earlier run classified."""
        return len(self._finished)

    def find(self, spool: Spool, *, again: bool = False, retry: bool = False) -> None:
        """Find the files to classify, and prepare the files of rows.

        Raises
        ------
        InputError
            When an argument does not exist, there are no files, or paths are relative to another folder
            than those of the rows.
        """
        finder = Finder(self.notify)
        ledger = self.ledger
        if ledger is not None:
            ledger.resume(self.notify, again=again)
        seen: set[int] = set()
        stale: set[int] = set()
        for found in finder.find(self.inputs):
            text = as_text(found.path)
            key = key_of(text)
            if key in seen:
                continue
            seen.add(key)
            if ledger is not None:
                ledger.check_folder(found)
                if ledger.is_finished(key, found, retry=retry):
                    self._finished.add(key)
                    if text != found.path:
                        self._unlike_text[key] = found.path
                    continue
                if ledger.is_known(key):
                    stale.add(key)
            elif self.tagger is not None and self.tagger.has_genre(found.path):
                self.tagged["kept"] += 1
                continue
            spool.add(found)
        self.passed_over = finder.passed_over
        if not seen:
            raise InputError("No audio was found: give files, folders or patterns.")
        if ledger is not None:
            ledger.begin(stale)
            self.totals = ledger.totals

    def tag_finished(self) -> None:
        """Write the tags of the files of this run that an earlier one classified."""
        if self.tagger is None or self.ledger is None or not self._finished:
            return
        for row in self.ledger.rows():
            key = key_of(row["path"])
            if key not in self._finished:
                continue
            path = self._unlike_text.get(key, row["path"])
            tagged = self._tag(path, row["genre"], row["confidence"], row["error"])
            if tagged is not None and tagged.outcome == "written":
                self.ledger.renew(seen_again(path))

    def _tag(
        self, path: str, genre: str | None, confidence: float | None, error: str | None
    ) -> Tagged | None:
        if self.tagger is None or (genre is None and error is not None):
            return None
        tagged = self.tagger.tag(path, genre, confidence)
        self.tagged[tagged.outcome] += 1
        if tagged.outcome == "refused":
            self.notify(tagged.reason)
        elif tagged.outcome == "shown":
            self.notify(f"{path}: {tagged.genre}")
        return tagged

    def classify(self, engine: Engine, spool: Iterable[Found], on_result: OnResult) -> None:
        """Classify the files and write the results; ``on_result`` is called with each."""
        results = classify_each(engine, self.work, spool)
        with contextlib.closing(results):
            for found, result in results:
                now = found
                tagged = self._tag(found.path, result.genre, result.confidence, result.error)
                if tagged is not None and tagged.outcome == "written":
                    now = seen_again(found.path)  # tagging changed the file, but not its sound
                if self.ledger is not None:
                    self.ledger.add(now, result)
                else:
                    self.totals.add(category_of(result), result.duration_s)
                on_result(found, result)


def scan_paths(
    paths: Iterable[str], settings: ScanSettings, open_engine: Callable[[], Engine]
) -> Iterator[FileResult]:
    """Classify many files and yield the results; see ``live.scan``."""
    model = model_named(settings.model)
    finder = Finder(lambda sentence: warnings.warn(sentence, stacklevel=2))
    with contextlib.closing(open_engine()) as engine:
        results = classify_each(engine, ClassifyFiles(settings, model.sha256), finder.find(paths))
        with contextlib.closing(results):
            for _, result in results:
                yield result
