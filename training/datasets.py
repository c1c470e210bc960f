"""The datasets of a run: opened, joined and divided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live.errors import one_line
from live.front_end import FrontEndSpec
from live.spreading.engines import open_engine
from live.spreading.work import Engine
from live.wording import count_of

from .dataset.features import Features, is_store, load_features
from .dataset.splits import (
    FAULT_FILTERED,
    PartName,
    Split,
    SplitName,
    default_split,
    gtzan_id,
    published_lists,
    split_store,
)
from .dataset.store import FeatureStore, join_stores
from .evaluation.record import DatasetRecord, TrainingRecord
from .run_listener import RunListener


@dataclass(frozen=True)
class DatasetOptions:
    """The data and their division.

    Attributes
    ----------
    datasets : sequence of Path
        Folders, manifests or feature stores; several are joined.
    cache : Path
        Folder for the feature stores of folders and manifests.
    workers : int
        Number of processes that read audio.
    split : str or None
        Name of the split; None to choose it from the data.
    seed : int
        Seed of the division.
    scheduler : str or None
        Address of a Dask scheduler whose workers read the audio instead.
    """

    datasets: Sequence[Path]
    cache: Path
    workers: int
    split: SplitName | None
    seed: int
    scheduler: str | None = None

    @property
    def names(self) -> list[str]:
        """The name of each dataset, for display."""
        return [one_line(dataset.resolve().name) for dataset in self.datasets]

    @property
    def name(self) -> str:
        """The names of the datasets, joined for display."""
        return " + ".join(self.names)


def open_datasets(data: DatasetOptions, spec: FrontEndSpec, listener: RunListener) -> Features:
    """Load the features, and report clips that were left out and the path of the store.

    Parameters
    ----------
    data : DatasetOptions
    spec : FrontEndSpec
        The front end for folders and manifests; a store has its own.
    listener : RunListener

    Raises
    ------
    InputError
        When a dataset cannot be used.
    """
    stores: list[FeatureStore] = []
    skipped: list[str] = []
    with _engine(data, listener) as engine:
        for dataset, name in zip(data.datasets, data.names, strict=True):
            features = _load(dataset, name, data, spec, listener, engine)
            for sentence in features.skipped:
                listener.notify(f"Left out: {sentence}")
            for sentence in features.read_in_part:
                listener.notify(sentence)
            if features.store.path != dataset:
                clips = count_of(len(features.store), "clip")
                listener.notify(f"The features of {clips} are in {features.store.path}.")
            stores.append(features.store)
            skipped += features.skipped
    return Features(join_stores(stores, data.names), tuple(skipped))


@contextmanager
def _engine(data: DatasetOptions, listener: RunListener) -> Iterator[Engine | None]:
    """Open the cluster that reads the audio, if there is one."""
    if data.scheduler is None or all(is_store(dataset) for dataset in data.datasets):
        yield None
        return
    with closing(
        open_engine(workers=data.workers, scheduler=data.scheduler, notify=listener.notify)
    ) as engine:
        yield engine


def _load(
    dataset: Path,
    name: str,
    data: DatasetOptions,
    spec: FrontEndSpec,
    listener: RunListener,
    engine: Engine | None,
) -> Features:
    with listener.progress(f"Reading {name}") as progress:
        return load_features(
            dataset, spec, cache=data.cache, workers=data.workers, engine=engine, progress=progress
        )


def divide(
    data: DatasetOptions,
    store: FeatureStore,
    window_frames: int,
    listener: RunListener,
    *,
    only: str | None = None,
) -> Split:
    """Split a store, and report the numbers of clips.

    Parameters
    ----------
    data : DatasetOptions
        Its split and seed are used.
    store : FeatureStore
    window_frames : int
        Length of a segment of the ``segment`` split.
    listener : RunListener
    only : str, optional
        The only part that is needed.
    """
    name = data.split or default_split(store)
    split = split_store(store, name, window_frames=window_frames, seed=data.seed, only=only)
    counts = ", ".join(f"{len(segments)} {part}" for part, segments in split.parts.items())
    listener.notify(f"Split {name}: {counts} {'segments' if split.leaks else 'clips'}.")
    for note in split.notes:
        listener.notify(note)
    return split


def digest_of_files(store: FeatureStore) -> str:
    """Return the SHA-256 of the clips' fingerprints, which identify their files when they were read."""
    return hashlib.sha256(repr(store.fingerprint).encode()).hexdigest()


def is_divided_alike(dataset: DatasetRecord, store: FeatureStore, split: Split) -> bool:
    """Return whether a model's dataset record matches a store and its division.

    Records of older models hold only counts, and those of other programs nothing.
    """
    if dataset.division is not None:
        return dataset.division == split.digest(store)
    counts = {str(part): len(segments) for part, segments in split.parts.items()}
    return dataset.clips == len(store) and dict(dataset.parts) == counts


def is_divided_like(record: TrainingRecord, store: FeatureStore, split: Split) -> bool:
    """Return whether the parts of a division are those of a model's fit: by its record, or GTZAN's lists."""
    same_lists = split.name == record.split == FAULT_FILTERED and all(map(gtzan_id, store.clip))
    return same_lists or is_divided_alike(record.dataset, store, split)


def known_clips(record: TrainingRecord, store: FeatureStore, clips: Iterable[int]) -> list[int]:
    """Return the clips that a model was, or may have been, fitted or validated on.

    They are found by digests of their sound and by GTZAN's lists. A model that does not tell its clips is
    taken to know those of a dataset of the same name.
    """
    lists = published_lists() if record.lists_known else {}
    ids = {clip for part, listed in lists.items() if part in record.lists_known for clip in listed}
    return [
        clip
        for clip in clips
        if store.collection_of(clip) in record.names_known
        or gtzan_id(store.clip[clip]) in ids
        or store.clip_digest(clip) in record.dataset.digests
    ]


def known_of_part(record: TrainingRecord, store: FeatureStore, split: Split, part: PartName) -> list[int]:
    """Return the clips of a part that a model was, or may have been, fitted on."""
    clips = list(dict.fromkeys(segment.clip for segment in split.parts[part]))
    if is_divided_like(record, store, split) and not record.start.knows:
        return clips if part in record.fitted_on else []
    return known_clips(record, store, clips)
