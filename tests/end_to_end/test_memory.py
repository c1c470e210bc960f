"""A long file takes no more memory than a short one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.event_contract import check

# In a process of its own, as peak memory is a process's; it tells its peak after all is done.
MEASURED = """
import resource, sys
from live.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
ALLOWED = 6_000  # KiB, for buffers touched in full or not; all of the longer file would be 32_000 more


def write_noise(path: Path, minutes: int) -> Path:
    block = (3_000 * np.random.default_rng(0).normal(size=(8_000 * 60, 1))).astype(np.int16)
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(minutes):
            file.write(block)
    return path


def peak_kib(path: Path, bundle: Path) -> int:
    finished = subprocess.run(
        [
            *(sys.executable, "-c", MEASURED, "--file", str(path), "--model", str(bundle)),
            *("--speed", "max", "--json", "--hop", "10"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    session = check(finished.stdout.splitlines())
    assert session.summary["duration_s"] == pytest.approx(soundfile.info(path).duration, abs=0.1)
    return int(finished.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="Peak memory is counted in other units elsewhere.")
def test_a_long_file_takes_no_more_memory_than_a_short_one(bundle: Path, tmp_path: Path) -> None:
    short = peak_kib(write_noise(tmp_path / "short.flac", 3), bundle)
    long = peak_kib(write_noise(tmp_path / "long.flac", 20), bundle)
    assert long - short < ALLOWED
