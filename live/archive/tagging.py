"""The genre written into a file's own tags; its sound stays as it is, byte for byte."""

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
    """What became of a file's tag.

    Attributes
    ----------
    outcome : str
        ``written``; ``shown`` where it would have been; ``kept`` where there was a genre; ``unsure`` where
        nothing was heard with enough confidence; ``refused`` where it cannot be written.
    genre : str or None
        The genre that stands there now, or would.
    reason : str
        Why it cannot be written: a sentence.
    """

    outcome: Outcome
    genre: str | None = None
    reason: str = ""


def spelled(label: str) -> str:
    """A label as players show genres: ``hiphop`` as Hip-Hop."""
    return SPELLINGS.get(label, label[:1].upper() + label[1:].replace("_", " "))


@dataclass(frozen=True)
class Tagger:
    """Writes genres into tags.

    Attributes
    ----------
    at_least : float
        Confidence below which nothing is written.
    overwrite : bool
        Whether a genre that is there already gives way.
    dry_run : bool
        Whether to say only what would be done.
    """

    at_least: float = 0.5
    overwrite: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        need("mutagen", extra="scan", purpose="--tag")

    def has_genre(self, path: str) -> bool:
        """Whether a file has a genre that is to stay, so that it need not even be heard."""
        if self.overwrite or is_address(path):
            return False
        try:
            file = _open(path)
        except Exception:  # what is wrong is told when it is to be written
            return False
        return file is not None and bool(_genres(file))

    def tag(self, path: str, genre: str | None, confidence: float | None) -> Tagged:
        """Write a genre into a file's tags, if it should be and can be."""
        if genre is None or confidence is None or confidence < self.at_least:
            return Tagged("unsure")
        if is_address(path):
            return Tagged("refused", reason=f"{path} is an address: tags are written into files alone.")
        try:
            return self._tag(path, spelled(genre))
        except Exception as error:  # each format has errors of its own
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
    """Open a file's tags; None where its format has none that are known."""
    import mutagen

    return mutagen.File(path)


def _key(file: Any) -> str:
    """What the genre is called among a file's tags."""
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
    """Return the genres that stand in a file's tags."""
    if file.tags is None:
        return []
    values = file.tags.get(_key(file)) or ()
    return [text for value in getattr(values, "genres", values) if (text := str(value).strip())]


def _write(file: Any, genre: str) -> None:
    """Write the genre, in the version of the tags that the file has already."""
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
    if had_version_3:  # some players read no later one
        file.tags.update_to_v23()
        file.save(v2_version=3)
    else:
        file.save()
