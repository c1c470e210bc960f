"""Extraction of a dataset to shards in one folder, by many processes or computers in parallel.

Each task writes one shard: a feature store of some clips, completely or not at all, and then a list of the
clips that could not be read. The name of a shard depends on its contents, so an existing one need not be
written again. At the end an index lists the shards in the order of the dataset, and the folder is then a
store, of which only a few shards are mapped at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live import __version__
from live.errors import InputError, RunningError
from live.file_replacement import replacing_file
from live.freed_memory import keep_freed_memory
from live.front_end import FrontEndSpec
from live.spreading.work import Engine, Lost, Work

from .clips import Clip
from .extraction import ReadInPart, extract_or_explain
from .pieces import MelLevels, Pieces
from .reader_processes import KEPT_BYTES, lost_sentence
from .store import FeatureStore, StoreWriter, open_arrays, open_store

INDEX_FILE = "index.npz"
COLUMNS = ("clip", "label", "group", "fingerprint")
SHARD_BYTES = 100_000_000  # of audio files: at least a second of work
MOST_CLIPS = 1_000  # in a shard
CUT_ONE_IN = 8  # a shard may end only at one of so many clips, so that a new clip changes no later shard
ALL_SEEN = "all_seen"  # key of a shard whose worker had access to all of its files
AGAIN = "extract it again, with the audio as DATASET and the same --scheduler and --cache"
PATIENCE_S, BYTES_PER_S = 120.0, 200_000

Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""


@dataclass(frozen=True)
class ShardOrder:
    """The clips of one task.

    Attributes
    ----------
    clips : tuple of Clip
    fingerprints : tuple of str
        Path, size and date of each clip's file.
    size : int
        Total size of the files, in bytes.
    """

    clips: tuple[Clip, ...]
    fingerprints: tuple[str, ...]
    size: int

    def halves(self) -> tuple[ShardOrder, ShardOrder]:
        """Return two orders with half of the clips each."""
        middle = len(self.clips) // 2
        return (
            ShardOrder(self.clips[:middle], self.fingerprints[:middle], self.size),
            ShardOrder(self.clips[middle:], self.fingerprints[middle:], self.size),
        )


@dataclass(frozen=True)
class Shard:
    """The result of a task.

    Attributes
    ----------
    name : str
        Name of its files, without suffixes.
    clips : int
        Number of clips in it; with 0, there is no store.
    skipped, read_in_part : tuple of str
        A sentence for each clip that could not be read, or only in part.
    """

    name: str
    clips: int
    skipped: tuple[str, ...] = ()
    read_in_part: tuple[str, ...] = ()

    def store_path(self, folder: Path) -> Path:
        """Return the path of its store."""
        return folder / f"{self.name}.npz"


@dataclass(frozen=True)
class NotWritten:
    """The result of a task whose shard could not be written: the error number, and its meaning."""

    number: int
    reason: str


def _made_by(spec: FrontEndSpec) -> tuple[Any, ...]:
    return spec.sample_rate, spec.n_fft, spec.hop_length, spec.n_mels, spec.fmin, spec.fmax


def _name(order: ShardOrder, spec: FrontEndSpec) -> str:
    clips = [(clip.id, clip.label, clip.group) for clip in order.clips]
    made_from = repr((_made_by(spec), clips, order.fingerprints))
    return hashlib.sha256(made_from.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True)
class WriteShards(Work[ShardOrder, Shard | NotWritten]):
    """The work of extraction: reads some clips, and writes their frames as a shard.

    Attributes
    ----------
    spec : FrontEndSpec
    folder : Path
        On storage that all workers share.
    version : str
        Version of the program that all workers must have.
    sample : Path or None
        A clip's file that all workers must have access to.
    """

    spec: FrontEndSpec
    folder: Path
    version: str = __version__
    sample: Path | None = None

    def patience_s(self, item: ShardOrder) -> float:
        """Return a time limit that is enough for a slow computer."""
        return PATIENCE_S + item.size / BYTES_PER_S

    def weight(self, item: ShardOrder) -> float:  # noqa: ARG002
        """Return infinity: a shard is a second of work and more, unless it is there already."""
        return float("inf")

    def open(self) -> Callable[[ShardOrder], Shard | NotWritten]:
        """Check the access to the folder and to the audio, and return the function that writes a shard."""
        if self.version != __version__:
            raise RunningError(f"It has genre-live {__version__}, but {self.version} is needed.")
        if not self.folder.is_dir():
            raise RunningError(f"It has no folder {self.folder}: give a --cache that all machines share.")
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise RunningError(f"It may not write to {self.folder}: give it the right to.")
        if self.sample is not None and not os.access(self.sample, os.R_OK):
            raise RunningError(f"It has no access to {self.sample}: share the audio with all machines.")
        keep_freed_memory(KEPT_BYTES)
        return self._write_or_explain

    def _write_or_explain(self, order: ShardOrder) -> Shard | NotWritten:
        try:
            return self._write(order)
        except OSError as error:  # of the shard: those of a clip are in its sentence
            return NotWritten(error.errno or 0, error.strerror or str(error))

    def _write(self, order: ShardOrder) -> Shard:
        name = _name(order, self.spec)
        known = read_shard(self.folder, name)
        if known is not None:
            return known
        for clip, fingerprint in zip(order.clips, order.fingerprints, strict=True):
            _check_access(clip, fingerprint)
        skipped: list[str] = []
        partly: list[str] = []
        shard = Shard(name, 0)
        with StoreWriter(shard.store_path(self.folder), self.spec) as writer:
            for clip, fingerprint in zip(order.clips, order.fingerprints, strict=True):
                frames = extract_or_explain(clip.path, self.spec)
                if isinstance(frames, str):
                    _check_access(clip, fingerprint)  # the storage may have gone away meanwhile
                    skipped.append(frames)
                    continue
                if isinstance(frames, ReadInPart):
                    partly.append(frames.sentence)
                    frames = frames.frames
                writer.add(
                    clip=clip.id, label=clip.label, group=clip.group, mel_db=frames, fingerprint=fingerprint
                )
        shard = replace(shard, clips=len(order.clips) - len(skipped), skipped=tuple(skipped))
        shard = replace(shard, read_in_part=tuple(partly))
        _write_whole(self.folder / f"{name}.json", json.dumps({**vars(shard), ALL_SEEN: True}).encode())
        return shard


def _check_access(clip: Clip, fingerprint: str) -> None:
    """Check that this computer has access to a clip's file if the one that asks for it has seen the file.

    Otherwise a worker without the storage of the clips would record them as broken for good.

    Raises
    ------
    InputError
        When it has not; the task is then tried elsewhere.
    """
    if fingerprint and not os.access(clip.path, os.R_OK):
        raise InputError("the worker has no access to it")


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    with replacing_file(path) as unfinished:
        unfinished.write_bytes(content)


def read_shard(folder: Path, name: str) -> Shard | None:
    """Read the result of a finished task; return None if it is missing, incomplete or damaged."""
    try:
        told = json.loads((folder / f"{name}.json").read_bytes())
        shard = Shard(name, int(told["clips"]), tuple(told["skipped"]), tuple(told["read_in_part"]))
        if shard.skipped and not told.get(ALL_SEEN):  # of a version that also skipped what it did not see
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return shard if _is_whole(shard.store_path(folder), shard.clips) else None


def _is_whole(path: Path, clips: int) -> bool:
    if not clips:  # a store without clips cannot be opened, and is not used
        return path.exists()
    try:
        return len(open_store(path)) == clips
    except InputError:
        return False


def orders(clips: Sequence[Clip], fingerprints: Sequence[str]) -> Iterator[ShardOrder]:
    """Yield the orders of a dataset; with a few more clips, most orders stay the same."""
    start = size = 0
    for number, (clip, fingerprint) in enumerate(zip(clips, fingerprints, strict=True)):
        size += int(fingerprint.rpartition(":")[2] or 0)
        count = number + 1 - start
        may_end = hashlib.sha256(clip.id.encode("utf-8", "replace")).digest()[0] % CUT_ONE_IN == 0
        if (size >= SHARD_BYTES and may_end) or size >= 2 * SHARD_BYTES or count >= MOST_CLIPS:
            yield ShardOrder(tuple(clips[start : number + 1]), tuple(fingerprints[start : number + 1]), size)
            start, size = number + 1, 0
    if start < len(clips):
        yield ShardOrder(tuple(clips[start:]), tuple(fingerprints[start:]), size)


def write_shards(
    clips: Sequence[Clip],
    fingerprints: Sequence[str],
    work: WriteShards,
    engine: Engine,
    progress: Progress | None = None,
) -> list[Shard]:
    """Write all shards, and return them in the order of the dataset; a clip that fails costs no other.

    Parameters
    ----------
    clips : sequence of Clip
    fingerprints : sequence of str
        Path, size and date of each clip's file.
    work : WriteShards
    engine : Engine
    progress : callable, optional
        Called with the number of finished clips and of all clips.

    Raises
    ------
    OSError
        When a shard cannot be written; names the folder around that of the shards, which the user has chosen.
    """
    found: dict[tuple[int, ...], Shard] = {}
    waiting: dict[tuple[int, ...], ShardOrder] = {
        (number,): order for number, order in enumerate(orders(clips, fingerprints))
    }
    done = 0
    while waiting:
        places = list(waiting)
        lost: dict[tuple[int, ...], ShardOrder] = {}
        with contextlib.closing(engine.spread(work, waiting.values())) as results:
            for one in results:
                place, order = places[one.number], one.item
                if isinstance(one.result, NotWritten):
                    raise OSError(one.result.number, one.result.reason, str(work.folder.parent))
                if not isinstance(one.result, Lost):
                    found[place] = one.result
                elif len(order.clips) == 1:
                    found[place] = Shard("", 0, (lost_sentence(order.clips[0].path, one.result),))
                else:  # one of its clips is the cause; divide the order to find it
                    first, second = order.halves()
                    lost |= {(*place, 0): first, (*place, 1): second}
                    continue
                done += len(order.clips)
                if progress is not None:
                    progress(done, len(clips))
        waiting = lost
    return [found[place] for place in sorted(found)]


def write_index(folder: Path, shards: Sequence[Shard], front_end: FrontEndSpec) -> None:
    """Write the index of shards, which makes their folder a store, and delete files of no shard."""
    columns: dict[str, list[str]] = {name: [] for name in COLUMNS}
    files: list[str] = []
    frames: list[int] = []
    offset = [np.zeros(1, dtype=np.int64)]
    for shard in shards:
        if shard.clips:
            store = open_store(shard.store_path(folder))
            for name, texts in columns.items():
                texts += getattr(store, name)
            files.append(store.path.name)
            frames.append(int(store.offset[-1]))
            offset.append(store.offset[1:] + offset[-1][-1])
    with replacing_file(folder / INDEX_FILE) as unfinished, unfinished.open("wb") as file:
        np.savez(
            file,
            clip=np.array(columns["clip"], dtype=np.str_),
            label=np.array(columns["label"], dtype=np.str_),
            group=np.array(columns["group"], dtype=np.str_),
            fingerprint=np.array(columns["fingerprint"], dtype=np.str_),
            offset=np.concatenate(offset),
            shard=np.array(files, dtype=np.str_),
            shard_frames=np.array(frames, dtype=np.int64),
            front_end=np.array(json.dumps(front_end.to_dict())),
        )
    names = {INDEX_FILE, *(f"{shard.name}{ending}" for shard in shards for ending in (".npz", ".json"))}
    for path in folder.iterdir():
        if path.name not in names and path.suffix in {".npz", ".json"} and not path.name.startswith("."):
            path.unlink(missing_ok=True)


def is_sharded(dataset: Path) -> bool:
    """Return whether a dataset is a folder of shards."""
    return (dataset / INDEX_FILE).is_file()


def _open_shard(path: Path, clips: Sequence[str], offset: npt.NDArray[np.int64]) -> Callable[[], MelLevels]:
    def open_it() -> MelLevels:
        try:
            store = open_store(path)
        except InputError:
            raise InputError(f"The shard {path} is damaged: {AGAIN}.") from None
        if tuple(clips) != store.clip or not np.array_equal(offset - offset[0], store.offset):
            raise InputError(f"{path} is not the shard that the index of its folder means: {AGAIN}.")
        return store.pieces[0]

    return open_it


def open_shards(folder: Path) -> FeatureStore:
    """Open a sharded store; the frames stay on disk, and each shard is opened when it is used.

    Raises
    ------
    InputError
        When its index cannot be read, or a shard is missing.
    """
    try:
        with open_arrays(folder / INDEX_FILE) as index:
            clip, label, group, fingerprint, names = (
                tuple(index[name].tolist()) for name in (*COLUMNS, "shard")
            )
            offset = np.asarray(index["offset"], dtype=np.int64)
            frames = tuple(index["shard_frames"].tolist())
            front_end = FrontEndSpec.from_dict(json.loads(str(index["front_end"])))
        if len({len(clip), len(label), len(group), len(fingerprint), len(offset) - 1}) != 1 or not clip:
            raise ValueError("its columns are not of one length")
        if len(names) != len(frames) or sum(frames) != offset[-1] or (np.diff(offset) < 1).any():
            raise ValueError("its shards do not hold its clips")
        if not np.isin(np.cumsum(frames), offset).all():
            raise ValueError("a clip lies in two shards")
        if any(Path(name).name != name for name in names):
            raise ValueError("a shard lies outside its folder")
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{folder} is not a readable sharded store: {error}.") from None
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"The sharded store {folder} is not whole: its {name} is missing; {AGAIN}.")
    ends = np.searchsorted(offset, np.cumsum(frames))
    starts = [0, *ends[:-1]]
    openers = [
        _open_shard(folder / name, clip[start:end], offset[start : end + 1])
        for name, start, end in zip(names, starts, ends, strict=True)
    ]
    return FeatureStore(folder, clip, label, group, offset, Pieces(openers, frames), front_end, fingerprint)
