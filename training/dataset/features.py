"""Features of a dataset.

The feature store is cached, and files that have not changed are not read again. A file that cannot be read
is reported and left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from live.errors import InputError
from live.events import NO_MUSIC
from live.front_end import FrontEndSpec
from live.spreading.work import Engine

from .clips import Clip, read_dataset
from .extraction import ReadInPart
from .reader_processes import extract_each
from .shards import Progress, WriteShards, is_sharded, open_shards, write_index, write_shards
from .store import FeatureStore, MelLevels, StoreWriter, open_store

FEATURE_VERSION = "1"  # version of the extraction; a change invalidates cached frames

SILENT_DB = -65.0  # a clip with a lower peak level is silent; music is about 50 dB higher


@dataclass(frozen=True)
class Features:
    """The features of a dataset.

    Attributes
    ----------
    store : FeatureStore
    skipped : tuple of str
        A sentence for each clip that could not be read.
    read_in_part : tuple of str
        A sentence for each clip, read in this run, that could be decoded only in part.
    """

    store: FeatureStore
    skipped: tuple[str, ...] = ()
    read_in_part: tuple[str, ...] = ()


def cache_folder() -> Path:
    """Return the platform's cache folder.

    Raises
    ------
    InputError
        When the user has no home folder, as in some containers.
    """
    try:
        return platformdirs.user_cache_path("genre-live", appauthor=False)
    except RuntimeError:
        raise InputError(
            "There is no home directory for the features: name a folder with --cache DIR."
        ) from None


def cached_store_path(dataset: Path, spec: FrontEndSpec, cache: Path) -> Path:
    """Return the path of a dataset's cached store; there is one for each dataset and spec."""
    made_by = (spec.sample_rate, spec.n_fft, spec.hop_length, spec.n_mels, spec.fmin, spec.fmax)
    key = hashlib.sha256(repr((str(dataset.resolve()), made_by)).encode()).hexdigest()[:12]
    return cache / f"{dataset.stem or 'dataset'}-{key}.npz"


def _fingerprint(clip: Clip) -> str:
    try:
        status = clip.path.stat()
    except (OSError, ValueError):  # the name may be invalid on this system
        return ""
    return f"{FEATURE_VERSION}:{clip.path.resolve()}:{status.st_mtime_ns}:{status.st_size}"


def file_of(fingerprint: str) -> Path | None:
    """Return the file in a clip's fingerprint; None if there is none."""
    _, _, rest = fingerprint.partition(":")
    name = rest.rpartition(":")[0].rpartition(":")[0]
    return Path(name) if name else None


def _open_cached(path: Path) -> FeatureStore | None:
    try:
        return open_store(path)
    except InputError:
        return None


def _up_to_date(store: FeatureStore, clips: Sequence[Clip], fingerprints: Sequence[str]) -> bool:
    return (
        store.fingerprint == tuple(fingerprints)
        and store.clip == tuple(clip.id for clip in clips)
        and store.label == tuple(clip.label for clip in clips)
        and store.group == tuple(clip.group for clip in clips)
    )


class _Known:
    """The frames of an earlier store, for files that have not changed since."""

    def __init__(self, store: FeatureStore | None, clips: Sequence[Clip]) -> None:
        self.fingerprints = {clip.id: _fingerprint(clip) for clip in clips}
        self._store = store
        self._rows = (
            {} if store is None else {text: row for row, text in enumerate(store.fingerprint) if text}
        )

    def frames(self, clip: Clip) -> MelLevels | None:
        """Return a clip's frames, or None if its file must be read."""
        row = self._rows.get(self.fingerprints[clip.id])
        return None if self._store is None or row is None else self._store.clip_frames(row)


def build_store(
    clips: Sequence[Clip],
    spec: FrontEndSpec,
    path: Path,
    *,
    workers: int,
    known: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Extract clips to a store. After an interrupt, the store holds what was extracted so far.

    Parameters
    ----------
    clips : sequence of Clip
    spec : FrontEndSpec
    path : Path
        The store to write.
    workers : int
        Number of processes that read files.
    known : Path, optional
        An earlier store, which may be the one to replace; its frames are used for files that have not
        changed.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        When no clip can be read.
    """
    cached = _Known(None if known is None else _open_cached(known), clips)
    fresh = [clip.path for clip in clips if cached.frames(clip) is None]
    extracted = extract_each(fresh, spec, workers=workers)
    with contextlib.closing(extracted), StoreWriter(path, spec) as writer:
        skipped, partly, interrupted = _write_clips(clips, cached, extracted, writer, progress)
        del cached  # Windows replaces no file that is in use
        if len(skipped) == len(clips):
            raise InputError(f"None of the {len(clips)} clips can be read; the first: {skipped[0]}")
    if interrupted:
        raise KeyboardInterrupt
    return Features(open_store(path), tuple(skipped), tuple(partly))


def _write_clips(
    clips: Sequence[Clip],
    cached: _Known,
    extracted: Iterator[MelLevels | ReadInPart | str],
    writer: StoreWriter,
    progress: Progress | None,
) -> tuple[list[str], list[str], bool]:
    """Write clips to a store; return sentences on skipped and partial clips, and whether it was cut off."""
    skipped: list[str] = []
    partly: list[str] = []
    taken: set[str] = set()

    def add(clip: Clip, frames: MelLevels) -> None:
        taken.add(clip.id)
        fingerprint = cached.fingerprints[clip.id]
        writer.add(clip=clip.id, label=clip.label, group=clip.group, mel_db=frames, fingerprint=fingerprint)

    try:
        for done, clip in enumerate(clips):
            frames: MelLevels | ReadInPart | str | None = cached.frames(clip)
            if frames is None:
                frames = next(extracted)
            if isinstance(frames, str):
                skipped.append(frames)
            elif isinstance(frames, ReadInPart):
                partly.append(frames.sentence)
                add(clip, frames.frames)
            else:
                add(clip, frames)
            if progress is not None:
                progress(done + 1, len(clips))
    except KeyboardInterrupt:
        for clip in clips:  # after an interrupt, keep the known frames of the remaining clips
            kept = cached.frames(clip)
            if kept is not None and clip.id not in taken:
                add(clip, kept)
        return skipped, partly, True
    return skipped, partly, False


def is_store(dataset: Path) -> bool:
    """Return whether a dataset is a feature store, in one file or in shards."""
    return (dataset.is_file() and dataset.suffix.lower() == ".npz") or is_sharded(dataset)


def _open_any(store: Path) -> FeatureStore:
    return open_shards(store) if is_sharded(store) else open_store(store)


def labels_of(dataset: Path) -> set[str]:
    """Return a dataset's labels without reading any audio.

    Raises
    ------
    InputError
        When it is not a dataset.
    """
    if is_store(dataset):
        return set(_open_any(dataset).label)
    return {clip.label for clip in read_dataset(dataset)}


def silent_clips(store: FeatureStore) -> list[str]:
    """Return the clips of music that are silent."""
    return [
        store.clip[clip]
        for clip, label in enumerate(store.label)
        if label != NO_MUSIC and float(store.clip_frames(clip).max()) <= SILENT_DB
    ]


def build_shards(
    clips: Sequence[Clip],
    spec: FrontEndSpec,
    folder: Path,
    *,
    engine: Engine,
    progress: Progress | None = None,
) -> Features:
    """Extract clips to a sharded store; existing shards are not extracted again.

    Parameters
    ----------
    clips : sequence of Clip
    spec : FrontEndSpec
    folder : Path
        Folder of the store, on storage that all workers share.
    engine : Engine
        Does the work.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        When no clip can be read.
    RunningError
        When there is no worker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = [replace(clip, path=clip.path.absolute()) for clip in clips]  # workers may run in other folders
    fingerprints = [_fingerprint(clip) for clip in clips]
    seen = (clip.path for clip, text in zip(clips, fingerprints, strict=True) if text)
    sample = next((path for path in seen if os.access(path, os.R_OK)), None)
    work = WriteShards(spec, folder.absolute(), sample=sample)
    shards = write_shards(clips, fingerprints, work, engine, progress)
    skipped = tuple(sentence for shard in shards for sentence in shard.skipped)
    if len(skipped) == len(clips):
        raise InputError(f"None of the {len(clips)} clips can be read; the first: {skipped[0]}")
    try:
        write_index(folder, shards, spec)
    except OSError as error:
        error.filename = str(folder.parent)  # instead of a temporary file, or none
        raise
    partly = tuple(sentence for shard in shards for sentence in shard.read_in_part)
    return Features(open_shards(folder), skipped, partly)


def load_features(
    dataset: Path,
    spec: FrontEndSpec,
    *,
    cache: Path,
    workers: int,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the features of any dataset: read a store, use the cache, or extract audio.

    Parameters
    ----------
    dataset : Path
        A folder of genre folders, a CSV manifest or a store.
    spec : FrontEndSpec
        Used for folders and manifests; a store has its own.
    cache : Path
        Folder for cached stores.
    workers : int
        Number of processes that read files.
    engine : Engine, optional
        Extracts to shards instead, possibly on several computers.
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Raises
    ------
    InputError
        When the dataset cannot be used.
    """
    if is_store(dataset):
        return Features(_open_any(dataset))
    clips = read_dataset(dataset)
    path = cached_store_path(dataset, spec, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The cache {cache} cannot be made: {error.strerror}; choose another with --cache."
        ) from None
    if engine is not None:
        return build_shards(clips, spec, path.with_suffix(".shards"), engine=engine, progress=progress)
    known = _open_cached(path)
    if known is not None and _up_to_date(known, clips, [_fingerprint(clip) for clip in clips]):
        return Features(known)
    del known  # Windows replaces no file that is in use
    try:
        return build_store(clips, spec, path, workers=workers, known=path, progress=progress)
    except OSError as error:
        error.filename = str(cache)  # instead of a temporary file, or none
        raise
