"""Cold start: time and memory of the whole command on a file of 30 s."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import GENRE_LIVE, Row, Scale, compared, missing, run
from benchmarks.ordinary import is_installed
from benchmarks.sound import write_wav

FILE_S = 30.0
ORDINARY = (sys.executable, "-m", "benchmarks.ordinary")
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


def measure(scale: Scale) -> Iterator[Row]:
    """Compare cold commands, and yield the rows."""
    if not is_installed():
        yield missing("cold command, 30 s file", "librosa + Keras predict")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = write_wav(Path(folder) / "30s.wav", 6.0 if scale.quick else FILE_S)
        model = str(scale.model)
        command = (*GENRE_LIVE, "--model", model, "--file", str(path), "--speed", "max", "--json")
        if not scale.quick:
            run(command)  # so that the files are in the disk cache
        ways: list[tuple[str, tuple[str, ...]]] = [
            ("librosa + Keras predict", ()),
            ("the same, ten segments, one predict", ("--segments",)),
        ]
        for rival, options in ways[:1] if scale.quick else ways:
            ordinary = (*ORDINARY, model, str(path), *options)
            ours, theirs = [], []
            for _ in range(scale.rounds(5)):
                ours.append(run(command))
                theirs.append(run(ordinary, environment=WITHOUT_GPU))
            yield compared(
                "cold command, 30 s file",
                "s",
                [one.wall_s for one in ours],
                rival,
                [one.wall_s for one in theirs],
            )
            yield compared(
                "the same, processor time",
                "s",
                [one.cpu_s for one in ours],
                rival,
                [one.cpu_s for one in theirs],
            )
            yield compared(
                "the same, peak memory",
                "MB",
                [one.peak_mb for one in ours],
                rival,
                [one.peak_mb for one in theirs],
            )
