"""The files of a scan, from folders, patterns, lists and addresses."""

from __future__ import annotations

import codecs
import glob
import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, AnyStr

from live.errors import InputError
from live.extras import need
from live.sources.formats.suffixes import AMBIGUOUS_SUFFIXES, AUDIO_SUFFIXES

SNIFFED_BYTES = 4_096
LONGEST_LINE = 65_536  # bytes or characters of a line in a list
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(://|::)", re.IGNORECASE)
# First bytes of audio files, to recognise them without a suffix.
_BEGINNINGS = re.compile(
    rb"RIFF....WAVE|RF64|fLaC|OggS|ID3|\xff[\xe2-\xff]|FORM....AIF|\.snd|caff|....ftyp|\x1aE\xdf\xa3"
    rb"|MAC |wvpk|TTA1|MPCK|MP\+|#!AMR|\x0bw|0&\xb2u|\x7f\xfe\x80\x01"
    rb"|\0\0\x01\xba|\x47.{187}\x47|.{4}\x47.{191}\x47",
    re.DOTALL,
)

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the scan.

    Attributes
    ----------
    path : str
        Its path, relative or absolute like the user's argument, or an address.
    size : int
        In bytes; 0 if unknown.
    changed : str
        When it was last changed, in the format of its file system.
    """

    path: str
    size: int = 0
    changed: str = ""


@dataclass
class Finder:
    """Finds the files of the command line's arguments.

    Parameters
    ----------
    notify : callable
        Called with a sentence for each folder that cannot be read.

    Attributes
    ----------
    passed_over : int
        Number of files that are not audio.
    """

    notify: Notify
    passed_over: int = field(default=0, init=False)

    def find(self, inputs: Iterable[str]) -> Iterator[Found]:
        """Yield the files; a file that is named twice is yielded twice.

        Raises
        ------
        InputError
            When an argument does not exist.
        """
        for text in inputs:
            if text.startswith("@") and not Path(text).exists():
                yield from self._listed(Path(text[1:]))
            elif is_address(text):
                yield from self._at_address(text)
            else:
                yield from self._named(text)

    def _named(self, text: str) -> Iterator[Found]:
        try:
            if Path(text).is_dir():
                yield from self._below(text)
            elif Path(text).exists():
                yield from self._one(text)
            elif glob.has_magic(text):
                matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (of any root)
                if not matches:
                    raise InputError(f"Nothing matches {text}: check the pattern.")
                for match in matches:
                    yield from self._there(match)
            else:
                raise InputError(f"There is no file or folder {text}: check the path.")
        except (OSError, ValueError) as error:
            raise InputError(f"{text} cannot be opened: {error}.") from None

    def _there(self, path: str) -> Iterator[Found]:
        """Yield the files of a path that was found, even if it is a link that leads nowhere."""
        if os.path.isdir(path):  # noqa: PTH112 (false where Path raises, as in a folder that cannot be read)
            yield from self._below(path)
        else:
            yield from self._one(path)

    def _one(self, path: str) -> Iterator[Found]:
        """Yield a file that was named itself, if its suffix or its first bytes are those of audio."""
        if Path(path).suffix.lower() in AUDIO_SUFFIXES or _begins_as_audio(path):
            yield _stat(path)
        else:
            self.passed_over += 1

    def _below(self, folder: str) -> Iterator[Found]:
        """Yield the files of a folder in the order of their names, and then those of its subfolders."""
        folders = [folder]
        while folders:
            parent = folders.pop()
            try:
                with os.scandir(parent) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self._unreadable(error)
                continue
            below = []
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                elif _suffix(entry.name) in AUDIO_SUFFIXES or (
                    _suffix(entry.name) in AMBIGUOUS_SUFFIXES and _begins_as_audio(entry.path)
                ):
                    found = _looked_up(entry)
                    if found is not None:
                        yield found
                    elif not _leads_to_folder(entry):
                        self.passed_over += 1
                elif not _leads_to_folder(entry):
                    self.passed_over += 1
            folders += reversed(below)

    def _unreadable(self, error: OSError) -> None:
        self.notify(f"{error.filename} is passed over, since it cannot be read: {error.strerror}.")

    def _listed(self, path: Path) -> Iterator[Found]:
        """Yield the files of a list, one per line; the row of a missing one holds the error."""
        try:
            for text in _lines(path):
                if text.strip() and not text.startswith("#"):
                    yield from self._line(text)
        except OSError as error:
            raise InputError(f"The list {path} cannot be read: {error.strerror}; check its path.") from None
        except ValueError:
            raise InputError(
                f"The list {path} is no text with a path on each line: save it in UTF-8, or leave out the @ "
                "if it is a file to be heard."
            ) from None

    def _line(self, text: str) -> Iterator[Found]:
        if is_address(text):
            yield from self._at_address(text)
        elif os.path.isdir(text):  # noqa: PTH112 (false where Path raises, as for a name that is too long)
            yield from self._below(text)
        elif os.path.exists(text):  # noqa: PTH110
            yield from self._one(text)
        else:
            yield Found(text)

    def _at_address(self, address: str) -> Iterator[Found]:
        core = need("fsspec", extra="cluster", purpose=f"Reading {address}").core
        try:
            system, root = core.url_to_fs(address)
            if glob.has_magic(root):
                entries = system.glob(root, detail=True)
            elif system.isdir(root):
                entries = system.find(root, detail=True)
            else:
                entries = {root: system.info(root)}
        except FileNotFoundError:
            raise InputError(f"There is nothing at {address}: check the address.") from None
        except Exception as error:  # each file system has its own exceptions
            raise InputError(f"{address} cannot be opened: {error or type(error).__name__}.") from None
        rest = address.partition("::")[2]
        for name, facts in sorted(entries.items()):
            if facts.get("type") == "directory":
                continue
            if Path(name).suffix.lower() not in AUDIO_SUFFIXES:
                self.passed_over += 1
                continue
            full = system.unstrip_protocol(name) + (f"::{rest}" if rest else "")
            yield Found(full, int(facts.get("size") or 0), _change_of(facts))


def _is_there(text: str) -> bool:
    """Return whether a text is the path of a file or a folder, though it looks like an address."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def is_address(path: str) -> bool:
    """Return whether a path is an address for fsspec, such as ``s3://bucket/song.mp3``, and no file."""
    return _ADDRESS.match(path) is not None and not _is_there(path)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a list, in the encoding of names or in UTF-16; raise ValueError if it is no text."""
    with path.open("rb") as file:
        if file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # a pipe can be read only once
            with io.TextIOWrapper(file, encoding="utf-16") as lines:
                for line in _bounded(lines):
                    yield line.rstrip("\r\n")
            return
        for number, content in enumerate(_bounded(file)):
            if b"\0" in content:
                raise ValueError("no text")
            name = content.removeprefix(codecs.BOM_UTF8) if number == 0 else content
            yield os.fsdecode(name.rstrip(b"\r\n"))


def _bounded(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """Yield the lines of a file; raise ValueError for one that is longer than any path."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise ValueError("no text with lines")
        yield line


def _stat(path: str) -> Found:
    try:
        status = os.stat(path)  # noqa: PTH116 (of a million files)
    except (OSError, ValueError):  # a link that leads nowhere: its row says so
        return Found(path)
    return Found(path, status.st_size, str(status.st_mtime_ns))


def _suffix(name: str) -> str:
    """Return the suffix of a name in lower case; empty for a name that begins with a dot."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder that may not be read
        return False


def _looked_up(entry: os.DirEntry[str]) -> Found | None:
    """Return the file of a folder's entry; None if it is no regular file, such as a link to a folder."""
    try:
        status = entry.stat()
    except (OSError, ValueError):  # a link that leads nowhere: its row says so
        return Found(entry.path)
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(entry.path, status.st_size, str(status.st_mtime_ns))


def _change_of(facts: dict[str, Any]) -> str:
    for key in ("ETag", "etag", "LastModified", "mtime", "last_modified", "updated", "created"):
        if facts.get(key) is not None:
            return str(facts[key])
    return ""


def _begins_as_audio(path: str) -> bool:
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return _BEGINNINGS.match(file.read(SNIFFED_BYTES)) is not None
    except OSError:
        return False


def seen_again(path: str) -> Found:
    """Return a file with its current size and date, for example after it was tagged."""
    return _stat(path)
