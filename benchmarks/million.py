"""The cost of a million tracks on a cluster, by a simulation of its queue.

    python -m benchmarks.million                        with rough guesses
    python -m benchmarks.million --measure              with figures measured on this computer

Tracks wait in one queue; several share a task if they are short or there are very many cores. The scheduler
passes one task after another to a free core, which decodes and classifies its tracks. The command writes
their rows. The simulation shows from which number of cores the scheduler or the command is the bottleneck.
"""

from __future__ import annotations

import argparse
import heapq
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from live.spreading.cluster import seconds_of_task

TRACK_S, SPREAD = 240.0, 0.35  # median length of a track, and the standard deviation of its logarithm
BYTES_PER_S = 24_000.0  # of MP3 at 192 kbit/s
CORES = (2, 16, 128, 1_024, 4_096)
SONGS, BRIEF_S, BRIEFS = 6, 5.0, 60
TASKS = 500
ROWS = 1_000


@dataclass(frozen=True)
class Figures:
    """The parameters of the simulation.

    Attributes
    ----------
    speed : float
        Speed of one core for MP3, in times real time.
    file_s : float
        Constant time per file, in seconds: opening, transfer and result.
    task_scheduler_s, task_client_s : float
        CPU time of the scheduler, and of the command, per task, in seconds.
    track_client_s : float
        CPU time of the command per track, in seconds: finding it, and writing its row.
    row_bytes : float
        Bytes of rows and notes per track.
    """

    speed: float = 400.0
    file_s: float = 0.004
    task_scheduler_s: float = 0.001
    task_client_s: float = 0.001
    track_client_s: float = 0.0003
    row_bytes: float = 500.0


@dataclass(frozen=True)
class Outcome:
    """The result of a simulated run.

    Attributes
    ----------
    hours : float
        Duration of the run.
    core_hours : float
        Busy time of the workers' cores.
    tasks : int
        Number of tasks.
    scheduler_load, client_load : float
        Load of the scheduler, and of the command, 0 to 1 of a core.
    """

    hours: float
    core_hours: float
    tasks: int
    scheduler_load: float
    client_load: float


def tasks_of(work_s: Iterable[float], task_s: float) -> Iterator[tuple[int, float]]:
    """Group tracks to tasks like the command; yield the number of tracks of each and its seconds of work."""
    tracks, seconds = 0, 0.0
    for track_s in work_s:
        if tracks and seconds + track_s > task_s:
            yield tracks, seconds
            tracks, seconds = 0, 0.0
        tracks += 1
        seconds += track_s
    if tracks:
        yield tracks, seconds


def simulate(tracks: int, cores: int, figures: Figures, seed: int = 0) -> Outcome:
    """Simulate the tracks' way through the scheduler, the workers and the command.

    Parameters
    ----------
    tracks : int
    cores : int
        Number of the workers' cores; each does one task at a time.
    figures : Figures
    seed : int
        Seed of the tracks' lengths.
    """
    lengths_s = TRACK_S * np.exp(SPREAD * np.random.default_rng(seed).normal(size=tracks))
    work_s = (lengths_s / figures.speed + figures.file_s).tolist()
    free = [0.0] * min(cores, tracks)  # when each core is free
    scheduler_s = client_s = end_s = 0.0
    count = 0
    for together, took_s in tasks_of(work_s, seconds_of_task(cores)):
        count += 1
        ready_s = heapq.heappop(free)
        scheduler_s = max(scheduler_s, ready_s) + figures.task_scheduler_s
        done_s = scheduler_s + took_s
        heapq.heappush(free, done_s)
        client_s += figures.task_client_s + together * figures.track_client_s
        end_s = max(end_s, done_s)
    end_s = max(end_s, client_s)
    return Outcome(
        hours=end_s / 3_600,
        core_hours=sum(work_s) / 3_600,
        tasks=count,
        scheduler_load=count * figures.task_scheduler_s / end_s,
        client_load=client_s / end_s,
    )


def _hearing(model: Path, place: Path) -> tuple[float, float]:
    """Return the measured speed of one core, and the constant time per file."""
    from benchmarks.measuring import on_one_core
    from benchmarks.spreading import heard_s, link_many, write_mp3
    from live.spreading.processes import LocalProcesses

    song = write_mp3(place / "song.mp3", TRACK_S, 0)
    brief = write_mp3(place / "brief.mp3", BRIEF_S, 1)
    with on_one_core():
        songs = link_many(place / "songs", [song], SONGS)
        speed = heard_s(LocalProcesses(1), model, songs, SONGS, 1)
        briefs = link_many(place / "briefs", [brief], BRIEFS)
        brief_speed = heard_s(LocalProcesses(1), model, briefs, BRIEFS, 1)
    return speed, max(0.0, BRIEF_S / brief_speed - BRIEF_S / speed)


def _tasks() -> tuple[float, float]:
    """Return the measured CPU times of the scheduler and the command per task, from tasks without work."""
    import psutil

    from benchmarks.spreading import Nothing, dask_processes
    from live.spreading.cluster import DaskCluster

    with dask_processes(2) as address:
        engine = DaskCluster(address, print, task_s=0.0)
        (scheduler,) = [
            child for child in psutil.Process().children(recursive=True) if "scheduler" in child.cmdline()
        ]
        list(engine.spread(Nothing(), range(8)))  # the workers start their processes
        before, own = scheduler.cpu_times(), time.process_time()
        for _ in engine.spread(Nothing(), range(TASKS)):
            pass
        after, own = scheduler.cpu_times(), time.process_time() - own
        engine.close()
    return (after.user + after.system - before.user - before.system) / TASKS, own / TASKS


TELLS_ITS_TIME = """
import atexit, time
atexit.register(lambda: print("took", time.process_time()))
from live.archive.cli import main
raise SystemExit(main())
"""


def _rows(model: Path, place: Path) -> tuple[float, float]:
    """Return the measured CPU time of the command per track, and the bytes that it writes."""
    import soundfile

    from benchmarks.measuring import run
    from benchmarks.sound import music
    from benchmarks.spreading import link_many

    sound = place / "moment.wav"
    soundfile.write(sound, music(0.5, 22_050), 22_050)
    taken, written = [], []
    for count in (ROWS // 10, ROWS):
        folder = link_many(place / str(count), [sound], count)
        out = place / f"{count}.csv"
        command = [
            sys.executable,
            "-c",
            TELLS_ITS_TIME,
            str(folder),
            "--out",
            str(out),
            "--model",
            str(model),
        ]
        told = re.search(r"took (\S+)", run(command).output)
        taken.append(float(told[1]) if told else float("nan"))
        written.append(sum(path.stat().st_size for path in (out, out.with_name(f".{out.name}.scan"))))
    more = ROWS - ROWS // 10
    return (taken[1] - taken[0]) / more, (written[1] - written[0]) / more


def measured(model: Path) -> Figures:
    """Measure the parameters on this computer, with one process and a cluster of two workers."""
    with tempfile.TemporaryDirectory() as name:
        speed, file_s = _hearing(model, Path(name))
        track_client_s, row_bytes = _rows(model, Path(name))
    task_scheduler_s, task_client_s = _tasks()
    return Figures(speed, file_s, task_scheduler_s, task_client_s, track_client_s, row_bytes)


def main() -> None:
    """Print the cost of the tracks by number of cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--measure", action="store_true", help="measure the figures first")
    arguments = parser.parse_args()
    figures = Figures()
    if arguments.measure:
        from live.bundle import find_bundle

        figures = measured(Path(find_bundle("genre-lstm")).absolute())
    origin = "measured here" if arguments.measure else "guessed"
    print(f"inputs, {origin}:")
    for name, value in asdict(figures).items():
        print(f"  {name} {value:.4g}")
    read = arguments.tracks * TRACK_S * np.exp(SPREAD**2 / 2) * BYTES_PER_S
    print(f"read {read / 1e12:.1f} TB, written {arguments.tracks * figures.row_bytes / 1e9:.2f} GB\n")
    print("| cores | hours | core-hours | tasks | scheduler busy | command busy | read, MB/s |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for cores in CORES:
        cost = simulate(arguments.tracks, cores, figures)
        print(
            f"| {cores:,} | {cost.hours:.2f} | {cost.core_hours:.0f} | {cost.tasks:,} | "
            f"{cost.scheduler_load:.0%} | {cost.client_load:.0%} | {read / 1e6 / cost.hours / 3_600:,.0f} |"
        )


if __name__ == "__main__":
    main()
