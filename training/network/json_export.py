"""Export of the MFCCs and labels of a dataset as JSON, in the format of simple tutorials."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from live.errors import InputError
from live.file_replacement import replacing_file, unfinished_path

from ..dataset.shards import Progress
from ..dataset.splits import whole_store
from ..dataset.store import FeatureStore
from .batches import frames_of, grid_starts
from .recipes import Recipe

BEGINNING = '{"mapping": '  # of every export


def check_export(path: Path, out: Path) -> None:
    """Check, before audio is read, that an export can be written and replaces nothing but an earlier one.

    Parameters
    ----------
    path : Path
        The file to write.
    out : Path
        The folder of the bundle, which is replaced as a whole.

    Raises
    ------
    InputError
        When the file is another one, lies in ``out`` or cannot be written.
    """
    target = _target(path)
    if target.is_relative_to(_target(out)):
        raise InputError(f"{path} lies in {out}, which is replaced: give --export-json a file outside it.")
    try:
        if not target.parent.is_dir():
            raise InputError(f"There is no folder {path.parent}: make it, or give another --export-json.")
        if target.is_dir():
            raise InputError(f"{path} is a folder: give --export-json a file.")
        if target.exists() and not _is_export(target):
            raise InputError(
                f"{path} is not an earlier export, so it is kept: give --export-json a new file."
            )
        unfinished = unfinished_path(target)
        unfinished.touch()
        unfinished.unlink()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; give another --export-json.") from None


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve fails on a link to itself before Python 3.13


def _is_export(target: Path) -> bool:
    if not target.is_file():  # a device or a pipe, which must be neither read nor replaced
        return False
    with target.open("rb") as file:
        return file.read(len(BEGINNING)) == BEGINNING.encode()


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """Yield a file that replaces ``path`` at the end of the block, but not after an exception."""
    try:
        with replacing_file(_target(path)) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        error.filename = str(path)  # instead of the unfinished file, or none
        raise


def export_json(path: Path, store: FeatureStore, recipe: Recipe, progress: Progress | None = None) -> None:
    """Write the MFCCs of all windows of a grid.

    The object has ``mapping`` (genres), ``labels`` (an index into it for each window) and ``mfcc`` (windows ×
    frames × coefficients). Windows are written one by one, so the file may be larger than memory. It
    appears when it is complete.

    Parameters
    ----------
    path : Path
        The file to write.
    store : FeatureStore
    recipe : Recipe
        Its front end and window are used.
    progress : callable, optional
        Called with the number of written windows and of all windows.
    """
    labels = sorted(set(store.label))
    segments = whole_store(store)
    windows = [
        (segment, start) for segment in segments for start in grid_starts(segment, recipe.window_frames)
    ]
    indices = [labels.index(store.label[segment.clip]) for segment, _ in windows]

    def texts() -> Iterator[str]:
        for segment, start in windows:
            mel_db = frames_of(store, segment, start, recipe.window_frames)
            coefficients = recipe.coefficients(mel_db[None], recipe.front_end)[0]
            yield json.dumps([[round(float(value), 4) for value in frame] for frame in coefficients])

    with _replacing(path) as file:
        file.write(f'{BEGINNING}{json.dumps(labels)}, "labels": {json.dumps(indices)}, "mfcc": [')
        for number, text in enumerate(texts()):
            file.write((",\n" if number else "\n") + text)
            if progress is not None:
                progress(number + 1, len(windows))
        file.write("\n]}\n")
