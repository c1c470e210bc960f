"""Memory of genre-train: ten times the data must not take more of it."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cold import WITHOUT_GPU
from benchmarks.fitting import write_store
from benchmarks.measuring import GENRE_TRAIN, Row, Scale, compared, missing, run

CLIPS = 60
WHAT, RIVAL = "genre-train, 10× the data: peak memory", "genre-train, 1× the data"


def measure(scale: Scale) -> Iterator[Row]:
    """Train for one epoch on a small store and on one ten times as large."""
    if importlib.util.find_spec("keras") is None:
        yield missing(WHAT, RIVAL)
        return
    clips = 12 if scale.quick else CLIPS
    times = 1 if scale.quick else 10
    peaks: dict[int, list[float]] = {1: [], times: []}  # one fit is enough to check that it runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = {factor: write_store(folder / f"{factor}.npz", clips * factor) for factor in peaks}
        for _ in range(scale.rounds(2)):
            for factor, store in stores.items():
                command = (*GENRE_TRAIN, str(store), "--out", str(folder / "model"), "--epochs", "1")
                how = ("--split", "group", "--start-from", "none")
                peaks[factor].append(run((*command, *how), environment=WITHOUT_GPU).peak_mb)
    yield compared(WHAT.replace("10", str(times)), "MB", peaks[times], RIVAL, peaks[1])
