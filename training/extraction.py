"""Audio files to mel frames, decoded, mixed down, resampled and framed exactly as when listening.

Files are read in parallel processes. One that cannot be read costs a sentence; one that brings its decoder
down costs that process, and no other file.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from live.errors import GenreLiveError, InputError
from live.front_end import FrontEndSpec, MelFrames
from live.memory import keep_freed_memory
from live.resampling import Resampler, to_mono
from live.sources.decoding import open_decoder

if TYPE_CHECKING:  # what each process imports, it waits for
    from training.store import MelLevels

BLOCK_FRAMES = 1 << 16
SHORTEST_CLIP_S = 0.5
KEPT_BYTES = 30_000_000  # the frames of an hour-long file, in one piece
FILES_AT_ONCE = 8  # that a process reads before it hands their frames over


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


def extract_each(paths: Sequence[Path], spec: FrontEndSpec, *, workers: int) -> Iterator[MelLevels | str]:
    """Mel frames of audio files, or of each what is wrong with it, in their order and with few held at once.

    Parameters
    ----------
    paths : sequence of Path
    spec : FrontEndSpec
    workers : int
        Processes that read files; with one, this process does.
    """
    if workers <= 1:
        for path in paths:
            yield _extract_or_explain(path, spec)
        return
    at_once = max(1, min(FILES_AT_ONCE, len(paths) // (4 * workers)))
    waiting = deque([paths[first : first + at_once] for first in range(0, len(paths), at_once)])
    while waiting:
        running: deque[tuple[Sequence[Path], Future[list[MelLevels | str]]]] = deque()
        with _processes(workers) as executor:
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * workers + 1:
                        future = executor.submit(
                            _extract_or_explain_each, waiting[0], spec
                        )  # fails once broken
                        running.append((waiting.popleft(), future))
                    _, future = running[0]
                    results = future.result()
                    running.popleft()
                    yield from results
            except BrokenProcessPool:
                # A decoder crashed, on any of those that ran: read these one by one to find which.
                suspects = [path for some, _ in running for path in some]
            else:
                suspects = []
        for path in suspects:
            yield _alone(path, spec)


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _alone(path: Path, spec: FrontEndSpec) -> MelLevels | str:
    with _processes(1) as executor:
        try:
            return executor.submit(_extract_or_explain, path, spec).result()
        except BrokenProcessPool:
            return f"{path} cannot be read: its decoder crashed."
