"""A dataset on disk, as a list of clips with their labels.

A dataset is a folder of genre folders of audio, or a CSV manifest ``path,label[,group]`` whose paths
are relative to the manifest itself.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, get_args

from live.bundle import is_label
from live.errors import InputError
from live.events import NO_MUSIC, OTHER_MUSIC, VoteState
from live.sources.formats.suffixes import AUDIO_SUFFIXES

UNLABELLED = "unlabelled"  # music of unknown genre; the model learns from it that it is music
UNSURE: VoteState = "unsure"  # the folder for unsure clips of genre-live --keep; they count as unlabelled
_KEPT_CLIP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")  # file names of genre-live --keep
SPECIAL = (NO_MUSIC, OTHER_MUSIC, UNLABELLED)  # labels that are not genres
STATES = tuple(state for state in get_args(VoteState) if state not in SPECIAL)  # of a verdict
DELIMITERS = (",", ";", "\t", "|")


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
        Its genre, or ``no_music``, ``other_music`` or ``unlabelled``.
    group : str
        Clips of one group must be in one part of a split: the artist if known, else the clip.
    """

    id: str
    path: Path
    label: str
    group: str


@dataclass(frozen=True)
class _Row:
    """A file with its label and, if known, its group, as a folder or a manifest names them."""

    path: Path
    label: str
    group: str = ""


def read_dataset(dataset: Path) -> list[Clip]:
    """Return the clips of a folder of genre folders or of a CSV manifest.

    Raises
    ------
    InputError
        When it is neither, or holds no clips.
    """
    if dataset.is_dir():
        clips = _read_folder(dataset)
    elif dataset.is_file() and dataset.suffix.lower() in (".csv", ".tsv"):
        clips = _read_manifest(dataset)
    elif dataset.exists():
        raise InputError(
            f"{dataset} is not a dataset: give a folder of genre folders, "
            "a CSV manifest (path,label[,group]) or a feature store (.npz)."
        )
    else:
        raise InputError(f"There is no dataset {dataset}: check the path.")
    return clips


def check_labels(labels: set[str]) -> None:
    """Check that there are at least two labels, and that a bundle can hold them.

    Raises
    ------
    InputError
        When there are fewer than two, or one is empty, too long, unprintable or the name of a state.
    """
    for label in sorted(labels):
        if not is_label(label):
            raise InputError(f"The label {label!r} cannot be used: give 1 to 64 printable characters.")
    _check_states(labels)
    _check_spelling(labels)
    labels = labels - {UNLABELLED}
    if len(labels) < 2:
        only = f" (only {next(iter(labels))!r})" if labels else ""
        raise InputError(
            f"The data hold fewer than two labels{only}: a classifier needs two kinds to tell apart."
        )


def _check_states(labels: set[str]) -> None:
    """Check that no label would make a verdict of it look like one of a state."""
    states = {letters(state) for state in STATES}
    for label in sorted(labels):
        if letters(label) in states:
            raise InputError(
                f"The label {label!r} is the name of a verdict's state: rename it to a genre, or to "
                f"{', '.join(SPECIAL[:-1])} or {SPECIAL[-1]}."
            )


def _check_spelling(labels: set[str]) -> None:
    """Check that no label is a different spelling of another one or of a special label."""
    seen = {letters(label): label for label in SPECIAL}
    for label in sorted(labels):
        other = seen.setdefault(letters(label), label)
        if other in SPECIAL and label != other:
            raise InputError(
                f"The label {label!r} is almost {other!r}, which has a special meaning: rename it to that, "
                "or to something else."
            )
        if label != other:
            raise InputError(
                f"The labels {other!r} and {label!r} are spelled almost the same: give them one name."
            )


def letters(label: str) -> str:
    """Return a label in lower case without spaces and punctuation; unchanged if it has only those."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    return "".join(sign for sign in folded if sign.isalnum()) or label


def remarks_on_labels(labels: set[str]) -> list[str]:
    """Return sentences about the labels that a user should read before hours of fitting."""
    genres = labels - set(SPECIAL)
    numbers = sorted(label for label in genres if label.isdigit())
    if len(numbers) > 1 and len(numbers) == len(genres):
        return [
            f"All labels are numbers ({', '.join(numbers[:3])}, …), as of folders that sort files and not "
            "music: if they are no genres, name them in a CSV manifest (path,label)."
        ]
    if len(genres) == 1 and OTHER_MUSIC not in labels:
        genre = next(iter(genres))
        return [
            f"{genre!r} is the only genre, so the model will hear all music as {genre}: add clips of another "
            f"genre, or of {OTHER_MUSIC}."
        ]
    return []


def remarks_on_lone_clips(dataset: Path, labels: set[str]) -> list[str]:
    """Return sentences about the folders of a dataset whose only clip gives no label; see ``read_dataset``.

    Parameters
    ----------
    dataset : Path
    labels : set of str
        Those of the dataset's clips.
    """
    if not dataset.is_dir():
        return []
    folders = {_label(_text(folder.name)): folder for folder in _genre_folders(dataset)}
    lone = [label for label in sorted(folders.keys() - labels) if next(_audio_files(folders[label]), None)]
    if not lone:
        return []
    return [
        f"A label needs two saved clips; of {', '.join(lone)} there is one each, which teaches no label: "
        "listen longer, or correct more often."
    ]


def _text(name: str) -> str:
    """Return a file's name as valid text, whatever bytes it consists of."""
    return os.fsencode(name).decode("utf-8", "replace")


def _name(text: str) -> str:
    """Return a label or a group in Unicode's composed form: an é may also be an e and an accent."""
    return unicodedata.normalize("NFC", text)


def _label(text: str) -> str:
    """Return the label that a folder or a manifest means."""
    return UNLABELLED if text == UNSURE else _name(text)


def _unreadable(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}; check its permissions.") from None


def _audio_files(folder: Path) -> Iterator[Path]:
    """Yield the audio files below a folder, following links; a folder that contains itself is read once."""
    entered: set[str] = set()
    for parent, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        entered.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(parent, name)) not in entered
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(parent) / name


def _unique_ids(paths: list[Path], root: Path) -> list[str]:
    """Return the file stems if they are unique, as in GTZAN; else the paths relative to ``root``."""
    stems = Counter(_text(path.stem) for path in paths)
    ids: dict[str, None] = {}
    for path in paths:
        stem = _text(path.stem)
        clip_id = stem if stems[stem] == 1 else _text(_below(path, root))
        ids[clip_id if clip_id not in ids else f"{clip_id} ({len(ids)})"] = None
    return list(ids)


def _below(path: Path, root: Path) -> str:
    """Return a path relative to ``root``; the whole path if it is on another drive."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return path.as_posix()


def _file_of(path: Path) -> str:
    """Return the same text for all paths of a file."""
    try:
        return os.path.realpath(path)
    except ValueError:  # the name may be invalid on this system
        return str(path)


def _each_once(dataset: Path, rows: Iterable[_Row]) -> list[_Row]:
    """Return the rows without those that name the file of an earlier one by another path.

    Raises
    ------
    InputError
        When a file has two labels.
    """
    kept: dict[str, _Row] = {}
    for row in rows:
        first = kept.setdefault(_file_of(row.path), row)
        if first.label != row.label:
            raise InputError(
                f"{dataset} holds one file under two labels, as {first.path} ({first.label}) and {row.path} "
                f"({row.label}): give it one."
            )
        if not first.group:
            kept[_file_of(row.path)] = replace(first, group=row.group)
    return list(kept.values())


def _without_lone(labelled: Sequence[_Row]) -> list[_Row]:
    """Return the files without the labels of which genre-live saved only one clip: they cannot be measured.

    Such a clip becomes unlabelled music; a single ``no_music`` clip is left out.
    """
    counts = Counter(row.label for row in labelled)
    lone = {row.label for row in labelled if counts[row.label] == 1 and _KEPT_CLIP.match(row.path.name)}
    return [
        replace(row, label=UNLABELLED) if row.label in lone else row
        for row in labelled
        if row.label != NO_MUSIC or row.label not in lone
    ]


def _genre_folders(dataset: Path) -> list[Path]:
    try:
        return sorted(
            entry for entry in dataset.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )
    except OSError as error:
        _unreadable(error)


def _read_folder(dataset: Path) -> list[Clip]:
    labels = {folder: _label(_text(folder.name)) for folder in _genre_folders(dataset)}
    found = (_Row(path, label) for folder, label in labels.items() for path in _audio_files(folder))
    rows = _each_once(dataset, found)
    labelled = _without_lone(rows)
    left = {row.label for row in labelled}
    lone = {row.label for row in rows} - left
    if lone and len(left - {UNLABELLED}) < 2:
        raise InputError(
            f"{dataset} holds one saved clip each of {', '.join(sorted(lone))}, and a label needs two: "
            "listen longer, or correct more often."
        )
    if not labelled:
        raise InputError(
            f"{dataset} holds no audio in genre folders: put each genre's files in a folder of its name."
        )
    _check_depth(dataset, [row.path for row in labelled])
    return _as_clips(labelled, dataset)


def _as_clips(rows: Sequence[_Row], root: Path) -> list[Clip]:
    """Return the clips of rows, with unique ids; a clip without a group is one of its own."""
    ids = _unique_ids([row.path for row in rows], root)
    return [
        Clip(id=clip_id, path=row.path, label=row.label, group=row.group or clip_id)
        for clip_id, row in zip(ids, rows, strict=True)
    ]


def _check_depth(dataset: Path, paths: list[Path]) -> None:
    """Check that the genre folders are not one level deeper, as after unpacking an archive into a folder."""
    holders = {path.relative_to(dataset).parts[:-1] for path in paths}
    outer = {holder[0] for holder in holders}
    inner = {holder[1] for holder in holders if len(holder) > 1}
    if len(outer) == 1 and len(inner) > 1 and all(len(holder) > 1 for holder in holders):
        raise InputError(
            f"{dataset} holds its genre folders one folder deeper: give {dataset / next(iter(outer))}."
        )


def _manifest_text(manifest: Path) -> str:
    content = manifest.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return content.decode(encoding)


def _delimiter(manifest: Path, header: str) -> str:
    """Return the delimiter of the columns.

    Raises
    ------
    InputError
        When the header has no columns path and label with any delimiter.
    """
    for delimiter in DELIMITERS:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        if {"path", "label"} <= set(names):
            return delimiter
    columns = [name.strip() for name in next(csv.reader([header]), [])]
    missing = [name for name in ("path", "label") if name not in columns]
    raise InputError(
        f"{manifest} has no column {' and '.join(missing)}: its first line must be path,label or "
        "path,label,group, with commas, semicolons or tabs between them."
    )


def _read_manifest(manifest: Path) -> list[Clip]:
    rows: list[_Row] = []
    try:
        text = _manifest_text(manifest)
        header = text.splitlines()[0] if text.strip() else ""
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=_delimiter(manifest, header), skipinitialspace=True
        )
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        for row in reader:
            path, label = (row["path"] or "").strip(), _label((row["label"] or "").strip())
            if not path or not label:
                raise InputError(f"Line {reader.line_num} of {manifest} lacks a path or a label.")
            rows.append(_Row(manifest.parent / path, label, _name((row.get("group") or "").strip())))
    except OSError as error:
        _unreadable(error)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{manifest} is not a CSV manifest in UTF-8: {error}; save it as UTF-8.") from None
    if not rows:
        raise InputError(f"{manifest} lists no clips: add a line path,label for each.")
    return _as_clips(_each_once(manifest, rows), manifest.parent)
