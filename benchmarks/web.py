"""The cost of the web page with 200 clients, of which 20 never read."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.measuring import GENRE_LIVE, Row, Scale, compared, missing, percentile
from benchmarks.sound import write_wav
from tests.web_crowd import AT, Reader, gather_crowd, port_of

READERS, STUCK = 180, 20
TICK_S = 0.01  # in which the system counts a process's time
RIVAL = "the same without a page: one who reads --json"


class _Lines:
    """Reads the lines of --json as they arrive."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.delays_s: list[float] = []
        self.count = 0
        self._process = process
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = AT.search(line)
            if found is not None:
                self.delays_s.append(time.time() - datetime.fromisoformat(found[1].decode()).timestamp())
            self.count += 1


def _memory_mb(process: subprocess.Popen[bytes]) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6


def _used_s(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


async def _follow(
    commands: tuple[list[str], list[str]], warm_after_s: float, watched_s: float
) -> tuple[list[float], list[float], list[float], list[Reader]]:
    """Run both at once; return loads in % of a core, memory in MB and p99 delays in ms, with and without."""
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for line in commands]
    lines = [_Lines(process) for process in processes]
    stderr = processes[0].stderr
    assert stderr is not None
    port = port_of((await asyncio.to_thread(stderr.readline)).decode())
    crowd, tasks, stuck = await gather_crowd(port, READERS, STUCK)
    await asyncio.sleep(warm_after_s)
    used, began, warm_mb = (
        [_used_s(process) for process in processes],
        time.monotonic(),
        _memory_mb(processes[0]),
    )
    await asyncio.sleep(watched_s)
    elapsed_s = time.monotonic() - began
    shares = [
        100 * max(_used_s(process) - before, TICK_S) / elapsed_s
        for process, before in zip(processes, used, strict=True)
    ]
    memory = [_memory_mb(process) for process in processes]
    for process in processes:
        process.terminate()
    await asyncio.gather(*tasks)
    for connection in stuck:
        connection.close()
    for process, read in zip(processes, lines, strict=True):
        process.wait()
        read.thread.join()
    lost = sum(not reader.has_all or reader.numbers[-1] != lines[0].count for reader in crowd)
    if lost or not crowd[0].ended_well:
        raise RuntimeError(f"{lost} of {READERS} readers missed events")
    if memory[0] > warm_mb + 8.0:
        raise RuntimeError(f"memory grew from {warm_mb:.0f} to {memory[0]:.0f} MB")
    delays_ms = [1_000 * delay for reader in crowd for delay in reader.delays_s[1:]]
    json_ms = [1_000 * delay for delay in lines[1].delays_s[1:]]
    return shares, memory, [percentile(delays_ms, 99), max(percentile(json_ms, 99), 0.1)], crowd


def measure(scale: Scale) -> Iterator[Row]:
    """Measure the page of a file in real time with many clients, and yield the rows."""
    try:
        import uvicorn  # noqa: F401
    except ImportError:
        yield missing("page that 200 follow, 20 of whom never read", RIVAL)
        return
    warm_after_s, watched_s = (4.0, 2.0) if scale.quick else (10.0, 60.0)
    with tempfile.TemporaryDirectory() as folder:
        path = write_wav(Path(folder) / "live.wav", warm_after_s + watched_s + 60.0, sample_rate=44_100)
        plain = [*GENRE_LIVE, "--model", str(scale.model), "--file", str(path), "--json"]
        shares: list[list[float]] = []
        memory: list[list[float]] = []
        delays: list[list[float]] = []
        for _ in range(scale.rounds(3)):
            share, size, delay, _ = asyncio.run(
                _follow(([*plain, "--web", "0"], plain), warm_after_s, watched_s)
            )
            shares.append(share)
            memory.append(size)
            delays.append(delay)
    what = "page that 200 follow, 20 of whom never read"
    for name, unit, values in (
        (what, "% of a core", shares),
        ("the same, memory", "MB", memory),
        ("the same, event to reader: p99", "ms", delays),
    ):
        yield compared(name, unit, [ours for ours, _ in values], RIVAL, [theirs for _, theirs in values])
