"""Programs of ffmpeg: where they are found, and what they may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from live.sources.decoders import programs


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux limits the memory of a running process.")
def test_a_program_gets_no_more_memory_than_decoding_needs() -> None:
    words = "input(); bytearray(2 << 30)"
    process = programs.start_program(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, said = process.communicate(b"\n", timeout=60)
    assert process.returncode == 1
    assert b"MemoryError" in said


def test_a_program_that_still_runs_ends_with_the_one_that_started_it() -> None:
    start = """
import sys
from live.sources.decoders.programs import start_program
kept = start_program([sys.executable, "-c", "import time; time.sleep(60)"])
"""
    # Its standard output, which both have, is at its end when both have ended.
    subprocess.run([sys.executable, "-c", start], stdout=subprocess.PIPE, timeout=30, check=True)


def test_a_program_in_the_current_folder_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("downloads", "programs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "decode.exe").touch(mode=0o755)
    monkeypatch.chdir(tmp_path / "downloads")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PATH", os.pathsep.join(["", str(tmp_path / "none"), str(tmp_path / "programs")]))
    found = programs.find_program("decode")
    assert found is not None
    assert Path(found).parent == tmp_path / "programs"
    assert programs.find_program("other") is None
