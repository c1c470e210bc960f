"""Classification of one file of a scan, in one thread, with the same results as genre-live --speed max."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from live import __version__
from live.archive.finding import Found, is_address
from live.archive.middle import Part, decode_to_middle, open_at_middle, sound_of
from live.archive.summing import FileSum
from live.errors import GenreLiveError, InputError, RunningError, one_line
from live.file_results import FileResult
from live.samples import SHORTEST_SOUND_S
from live.sources.decoders.decoder import damaged
from live.sources.decoders.decoding import open_decoder
from live.sources.source import too_short
from live.spreading.work import NotSeenError, Work
from live.wording import no_numbers

if TYPE_CHECKING:
    from live.classifier import Classifier
    from live.sources.decoders.decoder import Decoder

TOGETHER = 32  # windows for each call of the network, so that its weights stay in the cache
KEPT_BYTES = 4_000_000
FEWEST_S, FEWEST_BYTES_PER_S = 60.0, 200_000  # time limit: a minute, and more for large files
MEMORY_BYTES = 3_000_000_000
UNKNOWN_BYTES = 10_000_000
EACH_FILE_BYTES = 20_000  # equivalent of the constant work for a file


def _current_folder() -> str:
    """Return the current folder; empty if it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


@dataclass(frozen=True)
class ScanSettings:
    """The settings for the files of a scan.

    Attributes
    ----------
    model : str
        Folder of the bundle, or the name of a shipped one.
    hop_s, smooth_s : float
        As for ``live.classify_file``.
    sample_s : float or None
        Seconds to classify from the middle of each file; None for all of it.
    patience_s : float or None
        Time limit for a file, in seconds; None for a minute, and more for large files.
    """

    model: str
    hop_s: float = 0.5
    smooth_s: float = 10.0
    sample_s: float | None = None
    patience_s: float | None = None


@dataclass(frozen=True)
class ClassifyFiles(Work[Found, FileResult]):
    """The work of genre-scan: classifies a file.

    Attributes
    ----------
    settings : ScanSettings
    sha256 : str
        Hash of the network that all workers must have.
    version : str
        Version of the program that all workers must have.
    folder : str
        The folder to which relative paths belong; a worker of a cluster runs in another one.
    """

    settings: ScanSettings
    sha256: str
    version: str = __version__
    memory_limit: int = MEMORY_BYTES
    folder: str = field(default_factory=_current_folder)

    @property
    def memory_bytes(self) -> int:
        """Memory limit of a process, in bytes."""
        return self.memory_limit

    def patience_s(self, item: Found) -> float:
        """Return the time limit of the settings, or else one that is enough for a slow computer."""
        if self.settings.patience_s is not None:
            return self.settings.patience_s
        return FEWEST_S + item.size / FEWEST_BYTES_PER_S

    def weight(self, item: Found) -> float:
        """Return the size of a file plus a constant; an unknown size counts as a large file."""
        return (item.size or UNKNOWN_BYTES) + EACH_FILE_BYTES

    def open(self) -> Callable[[Found], FileResult]:
        """Load the model, check its hash and the program's version, and return the function for one file."""
        from live.bundle import NETWORK_FILE, find_bundle
        from live.classifier import Classifier
        from live.freed_memory import keep_freed_memory

        if self.version != __version__:
            raise RunningError(f"It has genre-live {__version__}, but {self.version} is needed.")
        classifier = Classifier(find_bundle(self.settings.model))
        sha256 = classifier.description.sha256[NETWORK_FILE]
        if sha256 != self.sha256:
            raise RunningError(
                f"Its model {self.settings.model} is another one ({sha256[:12]}, not {self.sha256[:12]})."
            )
        keep_freed_memory(KEPT_BYTES)

        def do(found: Found) -> FileResult:
            path = self._path_from_here(found)
            result = replace(classify(path, classifier, self.settings), path=found.path)
            is_suspect = result.error is not None and found.size > 0 and not is_address(path)
            if is_suspect and not os.access(path, os.R_OK):
                raise NotSeenError(result)
            return result

        return do

    def visible_file(self, item: Found) -> str | None:
        """Return the absolute path of a file that can be read from here."""
        path = Path(self.folder, item.path)
        return str(path) if os.access(path, os.R_OK) else None

    def _path_from_here(self, found: Found) -> str:
        """Return the path or address of a file for this process, whatever its folder."""
        path = str(Path(self.folder, found.path))
        is_remote = is_address(found.path) and not os.path.exists(path)  # noqa: PTH110 (false for any text)
        return found.path if is_remote or self.folder == _current_folder() else path


def classify(path: str, classifier: Classifier, settings: ScanSettings) -> FileResult:
    """Classify one file and return the result; its ``error`` says if something was wrong with the file.

    Parameters
    ----------
    path : str
        A path, or an address for fsspec.
    classifier : Classifier
    settings : ScanSettings
    """
    file_sum = FileSum(classifier.description)
    try:
        with _local(path) as local:
            _classify(str(Path(local).absolute()) if local == "-" else local, file_sum, classifier, settings)
    except GenreLiveError as error:
        file_sum.error = one_line(str(error))
    except (OSError, ValueError, RuntimeError) as error:  # any exception of a decoder on a broken file
        file_sum.error = one_line(f"It cannot be read: {type(error).__name__}: {error}.")
    return replace(file_sum.result(), path=path)


@contextlib.contextmanager
def _local(path: str) -> Iterator[str]:
    """Yield a local path; a remote file is fetched first, because decoders read files."""
    if not is_address(path):
        yield path
        return
    from live.extras import need

    fsspec = need("fsspec", extra="cluster", purpose=f"Reading {path}")
    suffix = Path(path.partition("::")[0]).suffix
    handle, name = tempfile.mkstemp(prefix="genre-scan-", suffix=suffix[:16])
    try:
        try:
            with os.fdopen(handle, "wb") as copy, fsspec.open(path, "rb") as remote:
                shutil.copyfileobj(remote, copy, 1 << 20)
        except Exception as error:  # each file system has its own exceptions
            raise InputError(f"{path} cannot be fetched: {str(error) or type(error).__name__}.") from None
        yield name  # closed, since Windows does not open a file twice
    finally:
        Path(name).unlink(missing_ok=True)


def _classify(path: str, file_sum: FileSum, classifier: Classifier, settings: ScanSettings) -> None:
    """Classify a file, or the middle of it."""
    if Path(path).is_fifo():
        raise InputError(f"{path} is a pipe, which cannot be read twice: give an audio file.")
    name = one_line(Path(path).name)
    if settings.sample_s is None:
        with contextlib.closing(open_decoder(path)) as decoder:
            _classify_part(path, file_sum, classifier, settings, decoder, None)
        return
    opened = open_at_middle(path, settings.sample_s)
    if opened is not None:
        with contextlib.closing(opened[0]) as decoder:
            _classify_part(path, file_sum, classifier, settings, *opened)
    if opened is None or file_sum.duration_s < SHORTEST_SOUND_S:  # the middle may be damaged
        decoder, part = decode_to_middle(path, settings.sample_s)
        with contextlib.closing(decoder):
            _classify_part(path, file_sum, classifier, settings, decoder, part)
        if part.start > 0 and file_sum.duration_s < SHORTEST_SOUND_S:
            raise InputError(f"{name} ends before its middle: it is damaged or cut short.")
    _check_length(name, file_sum.duration_s)


def _classify_part(
    path: str,
    file_sum: FileSum,
    classifier: Classifier,
    settings: ScanSettings,
    decoder: Decoder,
    part: Part | None,
) -> None:
    """Classify the sound of a decoder, all of it or one part."""
    from live.analyser import Analyser
    from live.meter import Meter

    rate, name = decoder.sample_rate, one_line(Path(path).name)
    _check_length(name, decoder.length_s)
    analyser = Analyser(classifier, rate, hop_s=settings.hop_s, smooth_s=settings.smooth_s, together=TOGETHER)
    if part is not None and part.start > 0:
        analyser.skip(part.start)
    file_sum.begin(name, rate, settings.hop_s, analyser.time_s)
    meter = Meter(rate, is_live=False, is_shown=False)
    for piece in sound_of(decoder, sys.maxsize if part is None else len(part)):
        if isinstance(piece, int):
            if analyser.time_s < SHORTEST_SOUND_S:
                raise damaged(name, analyser.time_s)
            for window in analyser.rest():
                file_sum.add(window)
            file_sum.add(analyser.gap(piece, "undecodable"))
        else:
            meter.measure(piece)
            for window in analyser.feed(piece):
                file_sum.add(window)
        file_sum.reach(analyser.time_s)
    for window in analyser.finish():
        file_sum.add(window)
    if meter.not_finite and file_sum.error is None:
        file_sum.error = no_numbers(name, meter.not_finite)
    file_sum.length_s = analyser.time_s if part is None else part.of_all / rate
    if part is None:
        _check_length(name, file_sum.duration_s)


def _check_length(name: str, length_s: float | None) -> None:
    """Raise InputError if a file is too short for a verdict, like genre-live."""
    if length_s is not None and length_s < SHORTEST_SOUND_S:
        raise InputError(too_short(name, length_s))
