from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.errors import RunningError
from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, hiss
from training.dataset.extraction import extract
from training.dataset.reader_processes import Readers, extract_each

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
    paths = [folder / f"{name}.wav" for name in names]
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


def test_a_process_that_the_system_ends_costs_no_file(tmp_path: Path, at_start: AtStart) -> None:
    at_start(CRASH.replace("if ", f"if not os.path.exists({str(tmp_path / 'crashed')!r}) and ").replace(
        "os._exit", f"(open({str(tmp_path / 'crashed')!r}, 'w'), os._exit)[1]"
    ))  # fmt: skip
    paths = write_files(tmp_path, ["a", "bad1", "b"])
    for path, frames in zip(paths, extract_each(paths, SPEC, workers=2), strict=True):
        np.testing.assert_array_equal(frames, extract(path, SPEC))
    assert (tmp_path / "crashed").exists()


def test_processes_that_end_as_they_begin_are_told_and_not_blamed_on_a_file(
    tmp_path: Path, at_start: AtStart
) -> None:
    at_start("import os; os._exit(1)")
    paths = write_files(tmp_path, ["a", "b"])
    with pytest.raises(RunningError, match="No process can be started to read audio files"):
        next(extract_each(paths, SPEC, workers=2))
    assert active_children() == []


def test_a_process_that_the_system_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(process: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refused)
    with pytest.raises(RunningError, match="Resource temporarily unavailable"):
        next(extract_each(write_files(tmp_path, ["a"]), SPEC, workers=2))


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a child there")
def test_ctrl_c_does_not_strike_the_processes_even_while_they_start(
    tmp_path: Path, at_start: AtStart
) -> None:
    at_start("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    paths = write_files(tmp_path, ["a", "b"])
    for path, frames in zip(paths, extract_each(paths, SPEC, workers=2), strict=True):
        np.testing.assert_array_equal(frames, extract(path, SPEC))


@pytest.mark.skipif(os.name == "nt", reason="there are no such numbers of files there")
def test_files_are_read_where_standard_output_and_error_are_closed(tmp_path: Path) -> None:
    [path] = write_files(tmp_path, ["a"])
    program = f"""
from pathlib import Path
from live.front_end import FrontEndSpec
from training.dataset.reader_processes import extract_each
[frames] = extract_each([Path({str(path)!r})], FrontEndSpec(), workers=1)
Path({str(tmp_path / "told")!r}).write_text(str(frames.shape))
"""
    # Pipes made from now on take the numbers 1 and 2.
    closed = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", program]
    subprocess.run(closed, stdin=subprocess.DEVNULL, check=True, timeout=60)
    assert (tmp_path / "told").read_text() == str(extract(path, SPEC).shape)


def test_processes_end_when_their_results_are_no_longer_wanted(tmp_path: Path) -> None:
    paths = write_files(tmp_path, list("abcdef"))
    extracted = extract_each(paths, SPEC, workers=2)
    next(extracted)
    assert len(active_children()) == 2
    extracted.close()
    assert active_children() == []


def test_no_more_processes_than_files(tmp_path: Path) -> None:
    extracted = extract_each(write_files(tmp_path, ["a", "b"]), SPEC, workers=16)
    next(extracted)
    assert len(active_children()) == 2
    extracted.close()


def given(readers: Readers) -> list[int]:
    """Numbers of the files that processes know of."""
    return [number for reader in readers._readers.values() for number in reader.given]


def test_files_far_from_their_turn_are_not_read_yet(tmp_path: Path) -> None:
    readers = Readers(write_files(tmp_path, list("abcdef")), SPEC)
    readers.start_one()
    try:
        readers.give(before=2)
        done: list[int] = []
        while len(done) < 2:
            done += [number for number, _ in readers.take()]
        readers.give(before=2)
        assert done == [0, 1]
        assert given(readers) == []
        readers.give(before=100)
        assert given(readers) == [2, 3, 4]
    finally:
        readers.stop()
