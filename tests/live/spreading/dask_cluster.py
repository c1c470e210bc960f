"""A Dask cluster of real processes on the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import pytest

START_WITHIN_S = 120.0


def _read_until(process: subprocess.Popen[str], words: str) -> str:
    """Return the first line with these words, and continue to read so that the process never blocks."""
    errors = cast("IO[str]", process.stderr)
    limit = threading.Timer(START_WITHIN_S, process.kill)
    limit.start()
    for line in errors:
        if words in line:
            limit.cancel()
            threading.Thread(target=errors.read, daemon=True).start()
            return line
    limit.cancel()
    pytest.fail(f"A process of the cluster did not say {words!r}.")


class DaskProcesses:
    """A scheduler and workers, ended with the ``with`` block.

    Attributes
    ----------
    address : str
        Address of the scheduler.
    scheduler : Popen
    workers : list of Popen
        Those that were started.
    """

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("distributed", reason="The extra [cluster] is absent.")
        self._folder = folder
        self.workers: list[subprocess.Popen[str]] = []

    def _start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment or os.environ,
            cwd=Path(__file__).parents[3],
        )

    def __enter__(self) -> Self:
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = _read_until(self.scheduler, "Scheduler at:").split()[-1]
        return self

    def start_worker(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a worker with one thread, wait until it has joined, and return its process."""
        worker = self._start(
            "worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", str(self._folder), environment=environment,
        )  # fmt: skip
        self.workers.append(worker)
        _read_until(worker, "Registered to:")
        return worker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def environment_with(folder: Path, program: str) -> dict[str, str]:
    """Return an environment in which every Python process runs a program first."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(program)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
