"""A dataset on disk, as a list of clips with their labels.

A dataset is a folder of genre folders of audio, or a CSV manifest ``path,label[,group]`` whose paths
are relative to the manifest itself.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from live.classifier import LABEL_PATTERN
from live.errors import InputError

UNLABELLED = "unlabelled"  # music whose genre is not known: it teaches that it is music
UNSURE = "unsure"  # the folder in which genre-live --keep leaves what it was unsure of: unlabelled too
_SUFFIXES = """
.3gp .aac .ac3 .aif .aiff .amr .ape .au .avi .caf .flac .flv .m4a .mka .mkv .mov .mp2 .mp3 .mp4 .mpc .mpeg
.mpg .oga .ogg .opus .snd .tta .w64 .wav .webm .wma .wv
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())


@dataclass(frozen=True)
class Clip:
    """One labelled recording.

    Attributes
    ----------
    id : str
        Unique in the dataset.
    path : Path
        The audio file.
    label : str
        Its genre, or ``no_music``, or ``unlabelled``.
    group : str
        What must not straddle a split: the artist where known, else the clip.
    """

    id: str
    path: Path
    label: str
    group: str


def read_dataset(dataset: Path) -> list[Clip]:
    """List the clips of a folder of genre folders or of a CSV manifest.

    Raises
    ------
    InputError
        When it is neither, or holds no clips.
    """
    if dataset.is_dir():
        clips = _read_folder(dataset)
    elif dataset.is_file() and dataset.suffix.lower() == ".csv":
        clips = _read_manifest(dataset)
    elif dataset.exists():
        raise InputError(
            f"{dataset} is no dataset: give a folder of genre folders, a CSV manifest (path,label[,group]) "
            "or a feature store (.npz)."
        )
    else:
        raise InputError(f"There is no dataset {dataset}: check the path.")
    return clips


def check_labels(labels: set[str]) -> None:
    """See that there are labels to tell apart, and that a bundle can hold them.

    Raises
    ------
    InputError
        When there are fewer than two, or one is empty, too long or unprintable.
    """
    for label in sorted(labels):
        if not LABEL_PATTERN.fullmatch(label):
            raise InputError(f"The label {label!r} cannot be used: give 1 to 64 printable characters.")
    labels = labels - {UNLABELLED}
    if len(labels) < 2:
        only = f" (only {next(iter(labels))!r})" if labels else ""
        raise InputError(
            f"The data hold fewer than two labels{only}: a classifier needs two kinds to tell apart."
        )


def _text(name: str) -> str:
    """A file's name as text that can be written, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


def _unreadable(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}; check its permissions.") from None


def _audio_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(parent) / name


def _unique_ids(paths: list[Path], root: Path) -> list[str]:
    """File stems where they are unique, as GTZAN's are; else paths below ``root``."""
    stems = Counter(_text(path.stem) for path in paths)
    ids: dict[str, None] = {}
    for path in paths:
        stem = _text(path.stem)
        clip_id = stem if stems[stem] == 1 else _text(_below(path, root))
        ids[clip_id if clip_id not in ids else f"{clip_id} ({len(ids)})"] = None
    return list(ids)


def _below(path: Path, root: Path) -> str:
    """A path as seen from ``root``; whole where it lies on another drive."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return path.as_posix()


def _read_folder(dataset: Path) -> list[Clip]:
    try:
        genre_folders = sorted(
            entry for entry in dataset.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )
    except OSError as error:
        _unreadable(error)
    labels = {folder: UNLABELLED if folder.name == UNSURE else _text(folder.name) for folder in genre_folders}
    labelled = [(path, label) for folder, label in labels.items() for path in _audio_files(folder)]
    if not labelled:
        raise InputError(
            f"{dataset} holds no audio in genre folders: put each genre's files in a folder of its name."
        )
    ids = _unique_ids([path for path, _ in labelled], dataset)
    return [
        Clip(id=clip_id, path=path, label=label, group=clip_id)
        for clip_id, (path, label) in zip(ids, labelled, strict=True)
    ]


def _read_manifest(manifest: Path) -> list[Clip]:
    rows: list[tuple[Path, str, str]] = []
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                raise InputError(
                    f"{manifest} has no column {' and '.join(sorted(missing))}: its first line must be "
                    "path,label or path,label,group."
                )
            for row in reader:
                path, label = (row["path"] or "").strip(), (row["label"] or "").strip()
                if not path or not label:
                    raise InputError(f"Line {reader.line_num} of {manifest} lacks a path or a label.")
                rows.append((manifest.parent / path, label, (row.get("group") or "").strip()))
    except OSError as error:
        _unreadable(error)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{manifest} is no CSV manifest in UTF-8: {error}.") from None
    if not rows:
        raise InputError(f"{manifest} lists no clips: add a line path,label for each.")
    places = Counter(os.path.normpath(path.absolute()) for path, _, _ in rows)
    repeated = [path for path, count in places.items() if count > 1]
    if repeated:
        raise InputError(f"{manifest} lists {repeated[0]} more than once: give each file one label.")
    ids = _unique_ids([path for path, _, _ in rows], manifest.parent)
    return [
        Clip(id=clip_id, path=path, label=label, group=group or clip_id)
        for clip_id, (path, label, group) in zip(ids, rows, strict=True)
    ]
