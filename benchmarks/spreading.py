"""What the measurements of scanning share: files to hear, a cluster, and work that takes no time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from benchmarks.sound import music
from live.archive.classification import ClassifyFiles, ScanSettings
from live.archive.finding import Finder
from live.archive.scanning import classify_each, model_named
from live.spreading.work import Engine, Work


def write_mp3(path: Path, length_s: float, seed: int) -> Path:
    """Write music as 44.1 kHz stereo MP3."""
    import soundfile

    mono = music(min(length_s, 60.0), 44_100, seed)
    stereo = np.stack([mono, np.roll(mono, 500)], axis=1)
    with soundfile.SoundFile(path, "w", 44_100, 2, format="MP3", subtype="MPEG_LAYER_III") as file:
        left = round(length_s * 44_100)
        while left > 0:
            file.write(stereo[:left])
            left -= len(stereo)
    return path


def link_many(folder: Path, songs: list[Path], count: int) -> Path:
    """Make a folder of many files which are links to few."""
    folder.mkdir()
    for number in range(count):
        name = folder / f"{number // 1_000}"
        if number % 1_000 == 0:
            name.mkdir()
        (name / f"{number}{songs[0].suffix}").symlink_to(songs[number % len(songs)])
    return folder


LEAN_DASK = {  # as docs/scale.md advises
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "5s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}


@contextlib.contextmanager
def dask_processes(workers: int) -> Iterator[str]:
    """Run a scheduler and workers of one thread each; gives its address."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, until: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=os.environ | LEAN_DASK,
        )  # fmt: skip
        started.append(process)
        errors = cast("IO[str]", process.stderr)
        for line in errors:
            if until in line:
                threading.Thread(target=errors.read, daemon=True).start()
                return line
        raise RuntimeError(f"dask {arguments[0]} ended as it began.")

    try:
        address = start("scheduler", "--port", "0", until="Scheduler at:").split()[-1]
        for _ in range(workers):
            start("worker", address, "--nthreads", "1", "--no-nanny", until="Registered to:")
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def heard_s(engine: Engine, model: Path, folder: Path, files: int, workers: int) -> float:
    """Return the seconds of music classified per second, once all processes are working.

    The clock starts when a fifth of the files are heard, and one for each worker.
    """
    work = ClassifyFiles(ScanSettings(str(model)), model_named(str(model)).sha256)
    first = min(files - 1, max(workers, files // 5))
    heard, began = 0.0, time.perf_counter()
    results = classify_each(engine, work, Finder(print).find([str(folder)]))
    for number, (_, result) in enumerate(results, 1):
        if result.error is not None:
            raise RuntimeError(result.error)
        if number <= first:
            began = time.perf_counter()
        else:
            heard += result.duration_s
    elapsed_s = time.perf_counter() - began
    engine.close()
    return heard / elapsed_s


@dataclass(frozen=True)
class Nothing(Work[int, int]):
    """Work that takes no time, so that what is left is the cost of spreading it."""

    def open(self) -> Callable[[int], int]:
        """Get ready."""
        return abs
