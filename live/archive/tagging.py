"""Writing of the genre to a file's tags; the bytes of the sound do not change."""

from __future__ import annotations

import importlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from live.archive.finding import is_address
from live.extras import need

Outcome = Literal["written", "shown", "kept", "unsure", "refused"]
SPELLINGS = {"hiphop": "Hip-Hop", "rnb": "R&B"}


@dataclass(frozen=True)
class Tagged:
    """The outcome of tagging a file.

    Attributes
    ----------
    outcome : str
        ``written``; ``shown`` for a dry run; ``kept`` if there was a genre; ``unsure`` if there is no genre
        or too little confidence; ``refused`` if it cannot be written.
    genre : str or None
        The genre in the tag, or of a dry run, the genre that would be written.
    reason : str
        A sentence that says why it cannot be written.
    """

    outcome: Outcome
    genre: str | None = None
    reason: str = ""


def spelled(label: str) -> str:
    """Return a label in the spelling of music players: ``hiphop`` as Hip-Hop."""
    return SPELLINGS.get(label, label[:1].upper() + label[1:].replace("_", " "))


@dataclass(frozen=True)
class Tagger:
    """Writes genres to tags.

    Attributes
    ----------
    at_least : float
        Lowest confidence for which a tag is written.
    overwrite : bool
        Whether to replace an existing genre.
    dry_run : bool
        Whether to report only what would be written.
    """

    at_least: float = 0.5
    overwrite: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        need("mutagen", extra="scan", purpose="--tag")

    def has_genre(self, path: str) -> bool:
        """Return whether a file has a genre that must be kept, so that it need not be classified."""
        if self.overwrite or is_address(path):
            return False
        try:
            file = _open(path)
        except Exception:  # the error is reported when the tag is written
            return False
        return file is not None and bool(_genres(file))

    def tag(self, path: str, genre: str | None, confidence: float | None) -> Tagged:
        """Write a genre to a file's tags, if that is wanted and possible, and return the outcome."""
        if genre is None or confidence is None or confidence < self.at_least:
            return Tagged("unsure")
        if is_address(path):
            return Tagged("refused", reason=f"{path} is an address: tags are written into files alone.")
        try:
            return self._tag(path, spelled(genre))
        except Exception as error:  # each format has its own exceptions
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Tagged("refused", reason=f"{path} cannot be tagged: {reason or type(error).__name__}.")

    def _tag(self, path: str, genre: str) -> Tagged:
        file = _open(path)
        if file is None:
            return Tagged("refused", reason=f"{path} is of a format whose tags cannot be written.")
        present = _genres(file)
        if present and (not self.overwrite or present == [genre]):
            return Tagged("kept", present[0])
        mode = Path(path).stat().st_mode
        if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK):
            return Tagged("refused", reason=f"{path} is read-only: its tags stay as they are.")
        if self.dry_run:
            return Tagged("shown", genre)
        _write(file, genre)
        return Tagged("written", genre)


def _open(path: str) -> Any:
    """Open a file's tags; return None if they are not supported."""
    import mutagen

    return mutagen.File(path)


def _key(file: Any) -> str:
    """Return the name of the genre's tag in this format."""
    from mutagen.asf import ASF
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4

    if isinstance(file, MP4):
        return "\xa9gen"
    if isinstance(file, ASF):
        return "WM/Genre"
    if file.tags is None:
        file.add_tags()
    return "TCON" if isinstance(file.tags, ID3) else "genre"


def _genres(file: Any) -> list[str]:
    """Return the genres in a file's tags."""
    if file.tags is None:
        return []
    values = file.tags.get(_key(file)) or ()
    return [text for value in getattr(values, "genres", values) if (text := str(value).strip())]


def _write(file: Any, genre: str) -> None:
    """Write the genre, in the version of the tags that the file already has."""
    id3 = importlib.import_module("mutagen.id3")
    key = _key(file)
    if not isinstance(file.tags, id3.ID3):
        if file.tags is None:
            file.add_tags()
        file.tags[key] = [genre]
        file.save()
        return
    had_version_3 = file.tags.version[:2] == (2, 3) and len(file.tags) > 0
    file.tags.setall(key, [id3.TCON(encoding=3, text=[genre])])
    if had_version_3:  # some players do not read later versions
        file.tags.update_to_v23()
        file.save(v2_version=3)
    else:
        file.save()
