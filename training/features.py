"""A dataset to its feature store: decoded, mixed down, resampled and framed exactly as when listening.

Files are read in parallel processes. The store is cached, and a file that has not changed since is not
read again; one that cannot be read is named and left out.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from live.decoding import open_decoder
from live.errors import GenreLiveError, InputError
from live.front_end import FrontEndSpec, MelFrames
from live.memory import keep_freed_memory
from live.resampling import Resampler, to_mono
from training.clips import Clip, read_dataset
from training.store import FeatureStore, MelLevels, StoreWriter, open_store

BLOCK_FRAMES = 1 << 16
SHORTEST_CLIP_S = 0.5
KEPT_BYTES = 30_000_000  # the frames of an hour-long file, in one piece
CLIPS_AT_ONCE = 8  # that a process reads before it hands them over
FEATURE_VERSION = "1"  # of the way from file to frames: another one makes cached frames stale

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Features:
    """A dataset, ready to fit on.

    Attributes
    ----------
    store : FeatureStore
    skipped : tuple of str
        One sentence for each clip that could not be read.
    """

    store: FeatureStore
    skipped: tuple[str, ...] = ()


def extract(path: Path, spec: FrontEndSpec) -> MelLevels:
    """Mel frames of one audio file.

    Parameters
    ----------
    path : Path
    spec : FrontEndSpec

    Returns
    -------
    ndarray [shape=(frames, n_mels)]
        In dB, unclipped.

    Raises
    ------
    GenreLiveError
        When the file cannot be read or holds less than half a second.
    """
    decoder = open_decoder(os.fspath(path.absolute()))
    try:
        resampler = Resampler(decoder.sample_rate, spec.sample_rate)
        mel_frames = MelFrames(spec)
        parts: list[MelLevels] = []
        heard = 0
        while len(block := decoder.read(BLOCK_FRAMES)):
            heard += len(block)
            parts.append(mel_frames.feed(resampler.feed(to_mono(block))).astype(np.float16))
        rest = resampler.feed(np.empty(0, dtype=np.float32), last=True)
        parts.append(mel_frames.feed(rest).astype(np.float16))
        if heard < SHORTEST_CLIP_S * decoder.sample_rate:
            raise InputError(f"{path} is shorter than {SHORTEST_CLIP_S} s.")
    finally:
        decoder.close()
    frames = np.concatenate(parts)
    if len(frames) == 0:
        raise InputError(f"{path} is shorter than one frame of {spec.n_fft} samples.")
    return frames


def _extract_or_explain(path: Path, spec: FrontEndSpec) -> MelLevels | str:
    """Mel frames, or the sentence that says why there are none (errors cross processes as text)."""
    try:
        return extract(path, spec)
    except GenreLiveError as error:
        return str(error) if path.name in str(error) else f"{path}: {error}"
    except Exception as error:  # a broken file must not end the run, whatever its decoder makes of it
        return f"{path} cannot be read: {type(error).__name__}: {error}"


def _extract_or_explain_each(paths: Sequence[Path], spec: FrontEndSpec) -> list[MelLevels | str]:
    """The same of several files: a process that hands over each result alone waits for that too often."""
    return [_extract_or_explain(path, spec) for path in paths]


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and keep what C libraries print off the terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    keep_freed_memory(KEPT_BYTES)


def _in_order(
    clips: Sequence[Clip], spec: FrontEndSpec, workers: int
) -> Iterator[tuple[Clip, MelLevels | str]]:
    """Extract in parallel; results come in the order of ``clips``, with few held at once."""
    if workers <= 1:
        for clip in clips:
            yield clip, _extract_or_explain(clip.path, spec)
        return
    at_once = max(1, min(CLIPS_AT_ONCE, len(clips) // (4 * workers)))
    waiting = deque([clips[first : first + at_once] for first in range(0, len(clips), at_once)])
    while waiting:
        running: deque[tuple[Sequence[Clip], Future[list[MelLevels | str]]]] = deque()
        with ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_begin_worker
        ) as executor:
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * workers + 1:
                        paths = [clip.path for clip in waiting[0]]
                        future = executor.submit(_extract_or_explain_each, paths, spec)  # fails once broken
                        running.append((waiting.popleft(), future))
                    some, future = running[0]
                    results = future.result()
                    running.popleft()
                    yield from zip(some, results, strict=True)
            except BrokenProcessPool:
                # A decoder crashed, on any of those that ran: read these one by one to find which.
                suspects = [clip for some, _ in running for clip in some]
            else:
                suspects = []
        for clip in suspects:
            yield clip, _alone(clip, spec)


def _alone(clip: Clip, spec: FrontEndSpec) -> MelLevels | str:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin_worker) as executor:
        try:
            return executor.submit(_extract_or_explain, clip.path, spec).result()
        except BrokenProcessPool:
            return f"{clip.path} cannot be read: its decoder crashed."


def cache_folder() -> Path:
    """Where this platform keeps what can be made again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "genre-live"


def cached_store_path(dataset: Path, spec: FrontEndSpec, cache: Path) -> Path:
    """Where the store of a dataset is cached; one file for each dataset and spec."""
    made_by = (spec.sample_rate, spec.n_fft, spec.hop_length, spec.n_mels, spec.fmin, spec.fmax)
    key = hashlib.sha256(repr((str(dataset.resolve()), made_by)).encode()).hexdigest()[:12]
    return cache / f"{dataset.stem or 'dataset'}-{key}.npz"


def _fingerprint(clip: Clip) -> str:
    try:
        status = clip.path.stat()
    except OSError:
        return ""
    return f"{FEATURE_VERSION}:{clip.path.resolve()}:{status.st_mtime_ns}:{status.st_size}"


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


def build_store(
    clips: Sequence[Clip],
    spec: FrontEndSpec,
    path: Path,
    *,
    workers: int,
    known: FeatureStore | None = None,
    progress: Progress | None = None,
) -> Features:
    """Extract clips into a store.

    Parameters
    ----------
    clips : sequence of Clip
    spec : FrontEndSpec
    path : Path
        Of the store.
    workers : int
        Processes that read files.
    known : FeatureStore, optional
        An earlier store; its frames are kept for files that have not changed.
    progress : callable, optional
        Told the number of clips done and of all clips.

    Raises
    ------
    InputError
        When no clip can be read. An interruption keeps what was extracted until then.
    """
    fingerprints = {clip.id: _fingerprint(clip) for clip in clips}
    rows = {} if known is None else {text: row for row, text in enumerate(known.fingerprint) if text}
    fresh = [clip for clip in clips if fingerprints[clip.id] not in rows]
    extracted = _in_order(fresh, spec, min(workers, max(1, len(fresh))))
    skipped: list[str] = []
    interrupted = False
    written = 0
    with StoreWriter(path, spec) as writer:
        try:
            for done, clip in enumerate(clips):
                fingerprint = fingerprints[clip.id]
                if known is not None and fingerprint in rows:
                    frames: MelLevels | str = known.clip_frames(rows[fingerprint])
                else:
                    _, frames = next(extracted)
                if isinstance(frames, str):
                    skipped.append(frames)
                else:
                    writer.add(
                        clip=clip.id,
                        label=clip.label,
                        group=clip.group,
                        mel_db=frames,
                        fingerprint=fingerprint,
                    )
                    written += 1
                if progress is not None:
                    progress(done + 1, len(clips))
        except KeyboardInterrupt:
            interrupted = True
        if written == 0 and not interrupted:
            raise InputError(f"None of the {len(clips)} clips can be read; the first: {skipped[0]}")
    if interrupted:
        raise KeyboardInterrupt
    return Features(open_store(path), tuple(skipped))


def load_features(
    dataset: Path, spec: FrontEndSpec, *, cache: Path, workers: int, progress: Progress | None = None
) -> Features:
    """The features of any dataset: a store is opened, a folder or manifest extracted or taken from the cache.

    Parameters
    ----------
    dataset : Path
        A folder of genre folders, a CSV manifest or a store.
    spec : FrontEndSpec
        For folders and manifests; a store has its own.
    cache : Path
        Folder for the store that is made.
    workers : int
        Processes that read files.
    progress : callable, optional
        Told the number of clips done and of all clips.

    Raises
    ------
    InputError
        When the dataset cannot be used.
    """
    if dataset.is_file() and dataset.suffix.lower() == ".npz":
        return Features(open_store(dataset))
    clips = read_dataset(dataset)
    path = cached_store_path(dataset, spec, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The cache {cache} cannot be made: {error.strerror}; choose another with --cache."
        ) from None
    known = _open_cached(path) if path.exists() else None
    if known is not None and _up_to_date(known, clips, [_fingerprint(clip) for clip in clips]):
        return Features(known)
    return build_store(clips, spec, path, workers=workers, known=known, progress=progress)
