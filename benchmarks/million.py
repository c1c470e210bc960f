"""What a million tracks cost on a cluster, by a simulation of its queue.

    python -m benchmarks.million                        with round guesses, not measured ones
    python -m benchmarks.million --measure              with figures measured here and now

Tracks wait in one queue. Each passes through the scheduler, which serves one task after another, to a worker
that is free, whose core decodes and hears it; its row comes back through the client. So the simulation shows
from how many cores on the scheduler, and not hearing, sets the pace.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from live.spreading.work import Work

TRACK_S, SPREAD = 240.0, 0.35  # median length of a track, and the standard deviation of its logarithm
BYTES_PER_S = 24_000.0  # of MP3 at 192 kbit/s
CORES = (2, 16, 128, 1_024, 4_096)


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes
    ----------
    speed : float
        Of one core, in times real time.
    file_s : float
        For each file beside its sound: opening it, and the vote anew.
    scheduler_s, client_s : float
        CPU time of the scheduler, and of the command, for each track.
    row_bytes : float
        Of rows and notes for each track.
    """

    speed: float = 400.0
    file_s: float = 0.004
    scheduler_s: float = 0.0008
    client_s: float = 0.0015
    row_bytes: float = 520.0


@dataclass(frozen=True)
class Outcome:
    """What a run costs.

    Attributes
    ----------
    hours : float
        From its start to its end.
    core_hours : float
        Of workers, hearing.
    scheduler_load, client_load : float
        Part of its core that the scheduler, and the command, is busy.
    """

    hours: float
    core_hours: float
    scheduler_load: float
    client_load: float


def simulate(tracks: int, cores: int, figures: Figures, seed: int = 0) -> Outcome:
    """Let tracks pass through the scheduler, the workers and the client.

    Parameters
    ----------
    tracks : int
    cores : int
        Of workers: each hears one track at a time.
    figures : Figures
    seed : int
        Of the tracks' lengths.
    """
    lengths_s = TRACK_S * np.exp(SPREAD * np.random.default_rng(seed).normal(size=tracks))
    work_s = (lengths_s / figures.speed + figures.file_s).tolist()
    free = [0.0] * min(cores, tracks)  # when each core is free
    scheduler_s = client_s = end_s = 0.0
    for took_s in work_s:
        ready_s = heapq.heappop(free)
        scheduler_s = max(scheduler_s, ready_s) + figures.scheduler_s
        done_s = scheduler_s + took_s
        heapq.heappush(free, done_s)
        client_s += figures.client_s
        end_s = max(end_s, done_s)
    end_s = max(end_s, client_s)
    return Outcome(
        hours=end_s / 3_600,
        core_hours=sum(work_s) / 3_600,
        scheduler_load=tracks * figures.scheduler_s / end_s,
        client_load=tracks * figures.client_s / end_s,
    )


@dataclass(frozen=True)
class Nothing(Work[int, int]):
    """Work that takes no time, so that what is left is the cost of spreading it."""

    def open(self) -> Callable[[int], int]:
        """Get ready."""
        return abs


def measured(model: Path, tasks: int = 2_000) -> Figures:
    """Measure the figures here: hearing by one process, spreading by a cluster of two workers."""
    import tempfile

    import psutil

    from benchmarks.measuring import on_one_core
    from benchmarks.scan import _heard_s, dask_processes, link_many, write_mp3
    from live.spreading.cluster import DaskCluster
    from live.spreading.processes import LocalProcesses

    with tempfile.TemporaryDirectory() as name, on_one_core():
        place = Path(name)
        song = write_mp3(place / "song.mp3", TRACK_S, 0)
        speed = _heard_s(LocalProcesses(1), model, link_many(place / "songs", [song], 20))
    with dask_processes(2) as address:
        engine = DaskCluster(address, print)
        (scheduler,) = [
            child for child in psutil.Process().children(recursive=True) if "scheduler" in child.cmdline()
        ]
        before, own = scheduler.cpu_times(), time.process_time()
        for _ in engine.spread(Nothing(), range(tasks)):
            pass
        after, own = scheduler.cpu_times(), time.process_time() - own
        engine.close()
    scheduler_s = (after.user + after.system - before.user - before.system) / tasks
    return replace(Figures(), speed=speed, scheduler_s=scheduler_s, client_s=own / tasks)


def main() -> None:
    """Print what so many tracks cost, by the number of cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--measure", action="store_true", help="measure the figures first")
    arguments = parser.parse_args()
    figures = Figures()
    if arguments.measure:
        from live.bundle import find_bundle

        figures = measured(find_bundle("genre-lstm"))
    print(
        f"one core {figures.speed:.0f} × real time; each track {1_000 * figures.scheduler_s:.2f} ms of the "
        f"scheduler, {1_000 * figures.client_s:.2f} ms of the command, {figures.row_bytes:.0f} B of rows\n"
    )
    read = arguments.tracks * TRACK_S * np.exp(SPREAD**2 / 2) * BYTES_PER_S
    print(f"read {read / 1e12:.1f} TB, written {arguments.tracks * figures.row_bytes / 1e9:.2f} GB\n")
    print("| cores | hours | core-hours | scheduler busy | command busy | read, MB/s |")
    print("|--:|--:|--:|--:|--:|--:|")
    for cores in CORES:
        cost = simulate(arguments.tracks, cores, figures)
        print(
            f"| {cores:,} | {cost.hours:.2f} | {cost.core_hours:.0f} | {cost.scheduler_load:.0%} "
            f"| {cost.client_load:.0%} | {read / 1e6 / cost.hours / 3_600:,.0f} |"
        )


if __name__ == "__main__":
    main()
