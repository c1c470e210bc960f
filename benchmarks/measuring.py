"""Paired measurement: every figure is measured alternately with its rival's, and compared pair by pair.

The speed of a computer changes with its load and temperature. So both sides run alternately (A B A B ...),
the ratio is computed for each pair, and the table shows the median with its quartiles.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Measurement = Callable[[], float]
"""Does the work once and gives its own figure, in the row's unit."""

Better = Literal["less", "more"]


@dataclass(frozen=True)
class Figure:
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Return the figure of the values of all rounds."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    what : str
    unit : str
    ours : Figure or None
        genre-live's figure.
    rival : str
        The name of the rival; empty if there is none.
    theirs : Figure or None
        The rival's figure; None if it could not be measured.
    ratio : Figure or None
        How many times better genre-live is, pair by pair; below 1, the rival is better.
    note : str
        Why a figure is missing.
    """

    what: str
    unit: str
    ours: Figure | None
    rival: str = ""
    theirs: Figure | None = None
    ratio: Figure | None = None
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """The size of the measurements.

    Attributes
    ----------
    quick : bool
        Whether to measure once, with little data, only to check that the benchmark runs.
    model : Path
        The bundle for the measurements.
    """

    quick: bool
    model: Path

    def rounds(self, wanted: int) -> int:
        """Return the number of pairs to measure; ``wanted`` unless ``quick``."""
        return 1 if self.quick else wanted


Group = Callable[[Scale], Iterator[Row]]
"""A module's measurements."""


def pairs(
    what: str,
    unit: str,
    ours: Measurement,
    rival: str,
    theirs: Measurement,
    *,
    rounds: int,
    better: Better = "less",
    warm_up: bool = True,
) -> Row:
    """Measure two ways to do the same alternately, and return the row.

    Parameters
    ----------
    what, unit, rival : str
        Fields of the row.
    ours, theirs : callable
        Each does the work once and returns its figure.
    rounds : int
        Number of pairs.
    better : {"less", "more"}
        Whether smaller figures are better (time) or larger ones (speed).
    warm_up : bool
        Whether each is run once before several rounds.
    """
    if warm_up and rounds > 1:  # a single round only checks that they run
        ours()
        theirs()
    mine, others = [], []
    for _ in range(rounds):
        mine.append(ours())
        others.append(theirs())
    return compared(what, unit, mine, rival, others, better=better)


def compared(
    what: str,
    unit: str,
    mine: Sequence[float],
    rival: str,
    others: Sequence[float],
    *,
    better: Better = "less",
) -> Row:
    """Return the row of figures that were measured in pairs."""
    ratios = [
        (other / own if better == "less" else own / other) for own, other in zip(mine, others, strict=True)
    ]
    return Row(what, unit, Figure.of(mine), rival, Figure.of(others), Figure.of(ratios))


def missing(what: str, rival: str, reason: str = "not installed") -> Row:
    """Return the row of a rival that could not be measured."""
    return Row(what, "", None, rival, note=reason)


def seconds(work: Callable[[], object], calls: int = 1) -> float:
    """Return the wall time of one call, in seconds, as the mean of ``calls``."""
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - began) / calls


def each(work: Callable[[], object], calls: int) -> list[float]:
    """Return the wall times of single calls, in seconds."""
    return [seconds(work) for _ in range(calls)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the percentile of values, by the nearest-rank method."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process on one core, on systems that support it."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Finished:
    """The resources of a command, from start to exit.

    Attributes
    ----------
    wall_s, cpu_s : float
        Wall time, and CPU time of all threads in user and system mode, in seconds.
    peak_mb : float
        Peak resident set size, in 10⁶ bytes.
    output : str
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


# The kernel includes the parent's memory at the fork in a child's peak. So a small process starts and
# measures the command.
_STARTER = """
import json, os, resource, subprocess, sys, time
about = json.loads(sys.argv[1])
if about["core"] is not None:
    os.sched_setaffinity(0, {about["core"]})
began = time.perf_counter()
child = subprocess.run(about["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
cost = {"status": child.returncode, "wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": peak}
sys.stdout.buffer.write(json.dumps(cost).encode() + b"\\n" + child.stdout)
"""


def run(
    command: Sequence[str], *, one_core: bool = False, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a command to its end, and return its resources.

    Parameters
    ----------
    command : sequence of str
    one_core : bool
        Whether to limit it to one core.
    environment : mapping, optional
        Environment variables to add to those of this process.

    Raises
    ------
    RuntimeError
        When the command fails.
    """
    core = max(os.sched_getaffinity(0)) if one_core and sys.platform == "linux" else None
    about = json.dumps({"command": list(command), "core": core})
    starter = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _STARTER, about],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if starter.returncode:
        raise RuntimeError(f"The starter of {command[0]} failed: {starter.stderr.strip()}")
    first, _, output = starter.stdout.partition("\n")
    cost: dict[str, Any] = json.loads(first)
    if cost.pop("status"):
        raise RuntimeError(f"{' '.join(command)} failed: {starter.stderr.strip()[-500:]}")
    return Finished(output=output, **cost)


GENRE_LIVE = (sys.executable, "-c", "from live.cli import main; raise SystemExit(main())")
"""The command genre-live, as its installed script runs it."""

GENRE_TRAIN = (sys.executable, "-c", "from training.cli import main; raise SystemExit(main())")
"""The command genre-train, likewise."""
