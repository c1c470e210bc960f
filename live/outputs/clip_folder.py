"""A folder of saved clips with a subfolder for each label, in the layout that genre-train reads."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from live.errors import InputError
from live.extras import need
from live.samples import Samples
from live.sources.decoders.programs import find_program

FORMATS = ("flac", "ogg", "mp3")
PYDUB_FORMATS = ("ogg", "mp3")
QUALITY = {"ogg": ("libvorbis", "6"), "mp3": ("libmp3lame", "2")}  # about 160 kbit/s at 44.1 kHz
MEGABYTE = 1_000_000
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]|^\.|[. ]$')


class FolderFullError(Exception):
    """The folder has reached its limit."""


@dataclass(frozen=True)
class Clip:
    """A clip to be saved.

    Attributes
    ----------
    label : str
        Its label, which is the name of its folder.
    at : datetime
        Time of day of its end, which is the name of its file.
    samples : ndarray [shape=(n,)]
        One channel, −1 to 1.
    sample_rate : int
        In Hz.
    source : str or None
        Name of the source, where there are several.
    """

    label: str
    at: datetime
    samples: Samples
    sample_rate: int
    source: str | None = None


class ClipFolder:
    """Writes clips to a folder, up to a limit; files in the folder are never deleted or overwritten.

    Parameters
    ----------
    path : Path
        The folder; it is created if it is missing.
    format : str
        ``flac``, which needs nothing else, or ``ogg`` or ``mp3``, which need pydub and ffmpeg.
    most_clips : int
        Largest number of clips in the folder.
    most_bytes : float
        Largest total size of the clips, in bytes.

    Attributes
    ----------
    kept : int
        Number of clips written since the program started.

    Raises
    ------
    InputError
        When the folder cannot be written, or pydub or ffmpeg is needed and missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        format: str = "flac",  # noqa: A002 (as soundfile and pydub call it)
        most_clips: int = 1_000,
        most_bytes: float = 1_000 * MEGABYTE,
    ) -> None:
        self.path, self.kept = path, 0
        self._format, self._most_clips, self._most_bytes = format, most_clips, most_bytes
        if format in PYDUB_FORMATS:
            _check_encoder(format)
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
            self._clips, self._bytes = _holdings(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"Clips cannot be kept in {path} ({reason}): choose another --keep.") from None

    def write(self, clip: Clip, *, beyond_bounds: bool = False) -> Path:
        """Write a clip completely or not at all, and return its path.

        Parameters
        ----------
        clip : Clip
        beyond_bounds : bool
            Whether to write it even if the folder has reached its limit.

        Raises
        ------
        FolderFullError
            When the folder has reached its limit.
        OSError
            When the file cannot be written.
        """
        if not beyond_bounds and (self._clips >= self._most_clips or self._bytes >= self._most_bytes):
            self._clips, self._bytes = _holdings(self.path)  # the user may have deleted some
            if self._clips >= self._most_clips or self._bytes >= self._most_bytes:
                raise FolderFullError(self._clips)
        folder = self.path / folder_name(clip.label)
        folder.mkdir(parents=True, exist_ok=True)
        # Its name begins with a dot until it is complete; genre-train ignores such files.
        begun = folder / f".{_stem(clip)}-{os.getpid()}.{self._format}"
        try:
            _write_through(begun, encode(clip, self._format))
            path = _into_place(begun, folder, _stem(clip), f".{self._format}")
        except BaseException:
            with contextlib.suppress(OSError):
                begun.unlink()
            raise
        self.kept += 1
        self._clips += 1
        self._bytes += path.stat().st_size
        return path

    def relabel(self, path: Path, label: str) -> Path:
        """Move a clip to another label's folder, and return its new path."""
        folder = self.path / folder_name(label)
        folder.mkdir(parents=True, exist_ok=True)
        return _into_place(path, folder, path.stem, path.suffix) if path.exists() else path


def folder_name(label: str) -> str:
    """Return the label as the name of a folder, without characters that file systems do not allow."""
    return _UNSAFE.sub("_", label) or "_"


def encode(clip: Clip, format: str) -> bytes:  # noqa: A002
    """Return a clip as the contents of a file, with 16 bits per sample.

    Raises
    ------
    OSError
        When ffmpeg cannot encode it.
    """
    content = io.BytesIO()
    whole = np.round(np.clip(np.nan_to_num(clip.samples), -1.0, 1.0) * 32_767).astype("<i2")
    if format in PYDUB_FORMATS:
        pydub = _import_pydub(format)
        segment = pydub.AudioSegment(
            data=whole.tobytes(), sample_width=2, frame_rate=clip.sample_rate, channels=1
        )
        tags = {"genre": clip.label, "date": clip.at.isoformat(timespec="seconds")}
        codec, quality = QUALITY[format]
        try:
            segment.export(content, format=format, codec=codec, parameters=["-q:a", quality], tags=tags)
        except pydub.exceptions.CouldntEncodeError as error:
            raise OSError(None, "ffmpeg cannot encode it") from error
    else:
        import soundfile

        soundfile.write(content, whole, clip.sample_rate, format="FLAC", subtype="PCM_16")
    return content.getvalue()


def _write_through(path: Path, content: bytes) -> None:
    """Write a file and sync it to the disk, so that it survives a power cut."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _stem(clip: Clip) -> str:
    source = "" if clip.source is None else f"_{folder_name(clip.source)}"
    return f"{clip.at:%Y-%m-%d_%H-%M-%S}{source}"


def _into_place(begun: Path, folder: Path, stem: str, suffix: str) -> Path:
    """Move a file to ``folder`` under its name, with a number if the name is taken."""
    for number in itertools.count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
        try:
            # Unlike a rename, a hard link never replaces another file, even if other programs write here.
            path.hardlink_to(begun)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            if path.exists():
                continue
            begun.rename(path)
        else:
            begun.unlink()
        break
    return path


def _holdings(path: Path) -> tuple[int, int]:
    """Return the number of clips in a folder, and their total size in bytes."""
    sizes = [
        file.stat().st_size
        for format in FORMATS  # noqa: A001
        for file in path.glob(f"*/*.{format}")
        if not file.name.startswith(".")
    ]
    return len(sizes), sum(sizes)


def _check_encoder(format: str) -> None:  # noqa: A002
    _import_pydub(format)
    if find_program("ffmpeg") is None:
        raise InputError(
            f"--keep-format {format} needs ffmpeg: install it, or keep flac, which needs nothing else."
        )


def _import_pydub(format: str) -> Any:  # noqa: A002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own code, and about a missing ffmpeg
        return need("pydub", extra="keep", purpose=f"--keep-format {format}")
