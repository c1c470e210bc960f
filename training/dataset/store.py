"""The feature store: the mel frames of a whole dataset in one ``.npz``.

It holds ``clip``, ``label`` and ``group`` (str, [clips]), ``offset`` (int64, [clips + 1]), ``mel_db``
(float16, [frames, n_mels]: 10·log10 of mel power, unclipped) and ``front_end`` (the spec, as JSON).
Frames are written to disk as they arrive and memory-mapped for reading, so a store may be larger than
memory. While it is written, it needs twice its own size on disk.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from live.errors import InputError
from live.file_replacement import replacing_file
from live.front_end import FrontEndSpec

from .pieces import MelLevels as MelLevels
from .pieces import Pieces

_COPY_BYTES = 1 << 20
DIGEST_BYTES = 4  # of a clip
_TEXT_COLUMNS = ("clip", "label", "group")
# What zipfile and NumPy raise for damage, one byte of which can make an array look encrypted, for example.
_BROKEN = (zipfile.BadZipFile, zlib.error, TokenError, RuntimeError)


@dataclass(frozen=True)
class FeatureStore:
    """Mel frames of a dataset, memory-mapped.

    Attributes
    ----------
    path : Path
        The ``.npz``.
    clip, label, group : tuple of str
        One for each clip.
    offset : ndarray [shape=(clips + 1,)]
        Clip ``k`` has the frames ``offset[k]`` to ``offset[k + 1]``.
    pieces : Pieces of ndarray [shape=(frames, n_mels)]
        In dB, without the floor of ``top_db``; several arrays of whole clips in joined or sharded stores.
    front_end : FrontEndSpec
        The front end of the frames; they do not depend on its ``top_db`` and ``n_mfcc``.
    fingerprint : tuple of str
        Path, size and date of each clip's file when it was read; empty if unknown.
    collection : tuple of str
        The name of each clip's dataset; empty in a store of one dataset.
    """

    path: Path
    clip: tuple[str, ...]
    label: tuple[str, ...]
    group: tuple[str, ...]
    offset: npt.NDArray[np.int64]
    pieces: Pieces
    front_end: FrontEndSpec
    fingerprint: tuple[str, ...] = field(default=())
    collection: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.clip)

    def collection_of(self, index: int) -> str:
        """Return the name of the dataset of clip ``index``."""
        return self.collection[index] if self.collection else self.path.stem

    @property
    def collections(self) -> tuple[str, ...]:
        """The names of its datasets, in their order."""
        return tuple(dict.fromkeys(self.collection or (self.path.stem,)))

    def clip_frames(self, index: int) -> MelLevels:
        """Return the frames of clip ``index`` [shape=(frames, n_mels)], still on disk."""
        start, stop = int(self.offset[index]), int(self.offset[index + 1])
        piece = bisect_right(self._piece_starts, start) - 1
        first = self._piece_starts[piece]
        return self.pieces[piece][start - first : stop - first]

    def clip_digest(self, index: int) -> str:
        """Return a digest of a clip's frames, the same in every store that holds this sound."""
        return blake2b(self.clip_frames(index).tobytes(), digest_size=DIGEST_BYTES).hexdigest()

    @cached_property
    def _piece_starts(self) -> list[int]:
        """The number of the first frame of each array."""
        return [0, *accumulate(self.pieces.frames[:-1])]


class StoreWriter:
    """Writes a store clip by clip, in bounded memory.

    Use it in a ``with`` block: the complete store appears at the end of the block, or not at all after an
    exception.

    Parameters
    ----------
    path : Path
        The ``.npz`` to write; an existing one is replaced.
    front_end : FrontEndSpec
    """

    def __init__(self, path: Path, front_end: FrontEndSpec) -> None:
        self.path = path
        self.front_end = front_end
        self._clips: list[tuple[tuple[str, str, str, str], int]] = []  # texts, end of frames
        self._frames: IO[bytes] = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 (closed in __exit__)

    def add(
        self,
        *,
        clip: str,
        label: str,
        group: str,
        mel_db: npt.NDArray[np.floating[Any]],
        fingerprint: str = "",
    ) -> None:
        """Add one clip.

        Parameters
        ----------
        clip, label, group : str
        mel_db : ndarray [shape=(frames, n_mels)]
            In dB, without the floor of ``top_db``.
        fingerprint : str
            Path, size and date of the clip's file, so that an unchanged file need not be read again.
        """
        if mel_db.ndim != 2 or mel_db.shape[1] != self.front_end.n_mels or len(mel_db) == 0:
            raise ValueError(f"mel_db must be [frames, {self.front_end.n_mels}], not {list(mel_db.shape)}")
        frames = np.ascontiguousarray(mel_db, dtype="<f2")
        start = self._clips[-1][1] if self._clips else 0
        # Ctrl-C may come between any two of these steps: a clip counts once all its frames are written.
        self._frames.seek(start * frames.strides[0])
        self._frames.write(frames.data)
        self._clips.append(((clip, label, group, fingerprint), start + len(frames)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._frames.close()

    def _finish(self) -> None:
        with (
            replacing_file(self.path) as unfinished,
            zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive,
        ):
            for column, name in enumerate((*_TEXT_COLUMNS, "fingerprint")):
                values = [texts[column] for texts, _ in self._clips]
                self._write_array(archive, name, np.array(values, dtype=np.str_))
            offset = np.array([0, *(stop for _, stop in self._clips)], dtype=np.int64)
            self._write_array(archive, "offset", offset)
            self._write_array(archive, "front_end", np.array(json.dumps(self.front_end.to_dict())))
            self._write_frames(archive, int(offset[-1]))

    @staticmethod
    def _write_array(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def _write_frames(self, archive: zipfile.ZipFile, frames: int) -> None:
        shape = (frames, self.front_end.n_mels)
        with archive.open("mel_db.npy", "w", force_zip64=True) as member:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(member, header)
            self._frames.seek(0)
            shutil.copyfileobj(self._frames, member, _COPY_BYTES)


def _map_member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Memory-map one array of an ``.npz``; a compressed one is first unpacked to a temporary file."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type == zipfile.ZIP_STORED:
        file: IO[bytes] = path.open("rb")
        file.seek(member.header_offset + 26)
        name_length, extra_length = np.frombuffer(file.read(4), dtype="<u2")
        file.seek(member.header_offset + 30 + int(name_length) + int(extra_length))
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        with archive.open(member) as packed:
            shutil.copyfileobj(packed, file, _COPY_BYTES)
        file.seek(0)
    with file:  # the map keeps what it needs of it
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran_order, dtype = read_header(file)
        if dtype.hasobject or fortran_order:
            raise ValueError(f"{name} must be plain numbers in C order")
        if 0 in shape:
            return np.empty(shape, dtype)
        mapped: npt.NDArray[Any] = np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape)
    return mapped


def _texts(arrays: Any, name: str) -> tuple[str, ...]:
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(f"{name} must be a list of texts")
    return tuple(array.tolist())


def _check(offset: npt.NDArray[Any], clips: int, mel_db: npt.NDArray[Any], front_end: FrontEndSpec) -> None:
    if mel_db.ndim != 2 or mel_db.shape[1] != front_end.n_mels or mel_db.dtype.kind != "f":
        raise ValueError(f"mel_db must be [frames, {front_end.n_mels}] of float16")
    if offset.shape != (clips + 1,) or offset[0] != 0 or offset[-1] != len(mel_db):
        raise ValueError("offset must hold each clip's first frame and, last, the number of frames")
    if clips == 0 or (np.diff(offset) < 1).any():
        raise ValueError("each clip must have at least one frame")


@contextlib.contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """Open an .npz file; a broken one is a ValueError too. NumPy, given a path, would leave it open."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except _BROKEN as error:
        raise ValueError(str(error)) from None


def open_store(path: Path) -> FeatureStore:
    """Open and check a feature store; the frames stay on disk.

    Raises
    ------
    InputError
        When it is missing, is not a store, or its arrays do not match.
    """
    try:
        with open_arrays(path) as arrays:
            columns = [_texts(arrays, name) for name in _TEXT_COLUMNS]
            fingerprint = _texts(arrays, "fingerprint") if "fingerprint" in arrays.files else ()
            offset = np.asarray(arrays["offset"], dtype=np.int64)
            front_end = FrontEndSpec.from_dict(json.loads(str(arrays["front_end"])))
            mel_db = _map_member(path, arrays.zip, "mel_db")
        _check_columns([*columns, fingerprint] if fingerprint else columns)
        _check(offset, len(columns[0]), mel_db, front_end)
    except FileNotFoundError:
        raise InputError(f"There is no feature store {path}: check the path.") from None
    except KeyError as error:
        raise InputError(f"{path} is not a feature store: it has no array {error}.") from None
    except (OSError, ValueError, TypeError, AttributeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is not a feature store that can be read: {reason}.") from None
    clip, label, group = columns
    return FeatureStore(path, clip, label, group, offset, Pieces.of(mel_db), front_end, fingerprint)


def join_stores(stores: Sequence[FeatureStore], names: Sequence[str] = ()) -> FeatureStore:
    """Join several stores as one, without copying their frames.

    Parameters
    ----------
    stores : sequence of FeatureStore
    names : sequence of str, optional
        Names of the collections. Default: the names of the files.

    Raises
    ------
    InputError
        When their front ends differ, or two of them hold the same file.
    """
    names = _apart(names or [store.path.stem for store in stores])
    collection = tuple(name for store, name in zip(stores, names, strict=True) for _ in store.clip)
    if len(stores) == 1:
        return replace(stores[0], collection=collection)
    _check_apart(stores)
    first = stores[0]
    ids: list[str] = []
    taken: set[str] = set()
    offset = [np.zeros(1, dtype=np.int64)]
    for store in stores:
        own = replace(store.front_end, top_db=first.front_end.top_db, n_mfcc=first.front_end.n_mfcc)
        if own != first.front_end:
            raise InputError(f"{first.path.name} and {store.path.name} were made differently: give audio.")
        for clip in store.clip:
            name, number = clip, 1
            while name in taken:
                name = f"{store.path.stem}{'' if number == 1 else f'-{number}'}/{clip}"
                number += 1
            taken.add(name)
            ids.append(name)
        offset.append(store.offset[1:] + offset[-1][-1])
    return FeatureStore(
        path=first.path,
        clip=tuple(ids),
        label=tuple(label for store in stores for label in store.label),
        group=tuple(group for store in stores for group in store.group),
        offset=np.concatenate(offset),
        pieces=Pieces(
            [opener for store in stores for opener in store.pieces.openers],
            [frames for store in stores for frames in store.pieces.frames],
        ),
        front_end=first.front_end,
        fingerprint=tuple(text for store in stores for text in store.fingerprint or ("",) * len(store)),
        collection=collection,
    )


def _apart(names: Sequence[str]) -> list[str]:
    """Return unique names: repeated ones get a number."""
    apart: list[str] = []
    for name in names:
        number, other = 1, name
        while other in apart:
            number += 1
            other = f"{name} ({number})"
        apart.append(other)
    return apart


def _check_apart(stores: Sequence[FeatureStore]) -> None:
    """Check that no recording occurs twice: it could be in both training and validation."""
    holder: dict[str, FeatureStore] = {}
    for store in stores:
        own = store.fingerprint or ("",) * len(store)
        files = [text or f"{store.path.resolve()}:{clip}" for text, clip in zip(own, store.clip, strict=True)]
        for file, clip in zip(files, store.clip, strict=True):
            if file in holder:
                first = holder[file].path.name
                raise InputError(
                    f"The recording {clip} is in {first} and again in {store.path.name}: give it once."
                )
        holder |= dict.fromkeys(files, store)


def _check_columns(columns: Sequence[tuple[str, ...]]) -> None:
    clip = columns[0]
    if any(len(column) != len(clip) for column in columns):
        raise ValueError("clip, label, group and fingerprint must be of one length")
    if len(set(clip)) != len(clip):
        raise ValueError("its clip ids must differ")
