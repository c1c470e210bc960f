from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, hiss
from training.dataset.extraction import extract
from training.dataset.reader_processes import extract_each

SPEC = FrontEndSpec()
AtStart = Callable[[str], None]


@pytest.fixture
def at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtStart:
    """Have every Python process that starts from now on run a program first."""

    def write(program: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    return write


CRASH = """
import os, soundfile
opened = soundfile.SoundFile
def crash(path, *rest, **more):
    if "bad" in str(path): os._exit(11)
    return opened(path, *rest, **more)
soundfile.SoundFile = crash
"""


def write_files(folder: Path, names: list[str]) -> list[Path]:
    """Files of falling length, so that the later ones of two processes are done first."""
    paths = [folder / f"{name}.flac" for name in names]
    for number, path in enumerate(paths):
        soundfile.write(path, hiss(number, 1 + 2 * (len(paths) - number)), RATE)
    return paths


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_files(tmp_path: Path, workers: int) -> None:
    paths = write_files(tmp_path, list("abcdefghijkl"))
    results = list(extract_each(paths, SPEC, workers=workers))
    assert len(results) == len(paths)
    for path, frames in zip(paths, results, strict=True):
        np.testing.assert_array_equal(frames, extract(path, SPEC))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["a", "b", "bad1", "c", "d", "e"], id="one"),
        pytest.param(["bad1", "bad2", "bad3", "a"], id="one after the other"),
        pytest.param(["a", "b", "bad1"], id="the last"),
        pytest.param(["bad1"], id="the only one"),
    ],
)
def test_a_decoder_that_crashes_costs_its_file_and_no_other(
    tmp_path: Path, at_start: AtStart, names: list[str], workers: int
) -> None:
    at_start(CRASH)
    paths = write_files(tmp_path, names)
    for path, frames in zip(paths, extract_each(paths, SPEC, workers=workers), strict=True):
        if "bad" in path.name:
            assert frames == f"{path} cannot be read: its decoder crashed."
        else:
            np.testing.assert_array_equal(frames, extract(path, SPEC))


def test_processes_end_when_their_results_are_no_longer_wanted(tmp_path: Path) -> None:
    extracted = extract_each(write_files(tmp_path, list("abcdef")), SPEC, workers=2)
    next(extracted)
    children = psutil.Process().children()
    assert len(children) >= 2
    extracted.close()
    assert not [child for child in children if child.is_running() and "spreading" in str(child.cmdline())]
