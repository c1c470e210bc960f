"""Soak test: listens for very long, and prints which resources grow.

    python -m benchmarks.soak --hours 24          hours of stream time, from a pipe, at full speed
    python -m benchmarks.soak --microphone 30     minutes of real time, with a virtual microphone

Both run the installed command and observe it from outside: memory, threads and open files of the process, the
computing time of every window, and whether every sample was analysed or reported as lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import struct
import subprocess
import sys
import tempfile
import threading
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

SAMPLE_RATE = 44_100
REPORTS = 24  # rows of the table
COMMAND = [sys.executable, "-m", "live.cli", "--json"]


def music(seconds: float, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return synthetic music: changing chords with a beat.

    Returns
    -------
    ndarray [shape=(n,)]
        16-bit samples at ``SAMPLE_RATE``.
    """
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    signal = np.zeros_like(time_s)
    for start_s in np.arange(0, seconds, 2.0):
        part = (time_s >= start_s) & (time_s < start_s + 2.0)
        for pitch in random.choice(np.arange(40, 76), 4, replace=False):
            signal[part] += np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time_s[part])
    beat = np.exp(-8 * (time_s % 0.5)) * random.normal(size=len(time_s))
    return (3_000 * signal + 6_000 * beat).astype(np.int16)


@dataclass
class Watch:
    """The observations of a process while it listens."""

    process: psutil.Process
    rows: list[tuple[float, float, int, int, int]] = field(default_factory=list)
    compute_ms: list[float] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    heard_until_s: float = 0.0

    def read(self, lines: IO[str], every_s: float, progress: Progress, total_s: float) -> None:
        """Read the events until there are no more."""
        task = progress.add_task("listening", total=total_s)
        for line in lines:
            event = json.loads(line)
            if event["event"] != "window":
                self.others.append(event)
                continue
            self.compute_ms.append(event["compute_ms"])
            self.heard_until_s = event["time_s"]
            progress.update(task, completed=event["time_s"])
            if event["time_s"] >= len(self.rows) * every_s:
                self._note()

    def _note(self) -> None:
        with contextlib.suppress(psutil.Error), self.process.oneshot():
            memory = self.process.memory_info().rss / 1e6
            row = (
                self.heard_until_s,
                memory,
                self.process.num_threads(),
                self.process.num_fds(),
                len(self.others),
            )
            self.rows.append(row)

    def print(self, console: Console) -> None:
        """Print the table and the totals."""
        table = Table("stream time (h)", "memory (MB)", "threads", "open files", "gaps and the like")
        for heard_s, memory, threads, files, others in self.rows:
            table.add_row(f"{heard_s / 3600:.2f}", f"{memory:.1f}", str(threads), str(files), str(others - 1))
        console.print(table)
        percentiles = np.percentile(self.compute_ms, [50, 99, 99.9, 100])
        console.print(
            "compute per hop: median {:.2f} ms, p99 {:.2f} ms, p99.9 {:.2f} ms, largest {:.1f} ms".format(
                *percentiles
            )
        )
        settled = [memory for heard_s, memory, *_ in self.rows if heard_s >= self.rows[-1][0] / REPORTS]
        console.print(
            f"memory growth after the first {1 / REPORTS:.0%} of it: {settled[-1] - settled[0]:+.2f} MB"
        )
        for event in self.others:
            if event["event"] != "start":
                console.print(json.dumps(event))


def soak_pipe(hours: float, console: Console) -> int:
    """Feed ``hours`` of sound through a pipe at full speed, and return the exit status."""
    total_s = hours * 3_600
    loop = music(60.0).tobytes()
    process = subprocess.Popen(
        [*COMMAND, "--file", "-", "--speed", "max"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
    )

    def feed() -> None:
        assert process.stdin is not None
        header = b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVEfmt "
        header += struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(header + b"data" + struct.pack("<I", 0xFFFFFFFF))
            for _ in range(round(total_s / 60)):
                pipe.write(loop)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    watch = Watch(psutil.Process(process.pid))
    assert process.stdout is not None
    with Progress(console=console) as progress:
        watch.read(process.stdout, total_s / REPORTS, progress, total_s)  # type: ignore[arg-type]
    watch.print(console)
    return process.wait()


def soak_microphone(minutes: float, console: Console) -> int:
    """Listen to a virtual microphone for ``minutes`` of real time, and return the exit status."""
    from tests.end_to_end.virtual_microphone import VirtualMicrophone

    total_s = minutes * 60
    with tempfile.TemporaryDirectory() as folder, VirtualMicrophone(sample_rate=SAMPLE_RATE) as microphone:
        path = Path(folder) / "music.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            for minute in range(round(minutes) + 1):
                file.writeframes(music(60.0, seed=minute).tobytes())
        process = subprocess.Popen(
            [*COMMAND, "--device", "pulse", "--duration", str(total_s)],
            env=microphone.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        microphone.wait_for_listener()
        microphone.start_playing(path)
        watch = Watch(psutil.Process(process.pid))
        assert process.stdout is not None
        with Progress(console=console) as progress:
            watch.read(process.stdout, total_s / REPORTS, progress, total_s)
        watch.print(console)
        return process.wait()


def main() -> int:
    """Run the soak test of the arguments, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--hours", type=float, help="stream time to pass through a pipe")
    choice.add_argument(
        "--microphone", metavar="MINUTES", type=float, help="real time at a virtual microphone"
    )
    parser.add_argument("--model", help="a bundle's folder; the default model otherwise")
    arguments = parser.parse_args()
    if arguments.model:
        COMMAND.extend(["--model", arguments.model])
    console = Console()
    if arguments.hours:
        return soak_pipe(arguments.hours, console)
    return soak_microphone(arguments.microphone, console)


if __name__ == "__main__":
    sys.exit(main())
