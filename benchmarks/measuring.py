"""Paired measurement: every figure is taken in turn with its rival's, and compared pair by pair.

A machine's speed drifts while others use it, or as it grows warm. So what is compared runs A B A B ...,
the ratio is taken within each pair, and the table shows its median with its quartiles.
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
        """Sum up one value a round."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    what : str
    unit : str
    ours : Figure or None
        genre-live's figure.
    rival : str
        What it is compared with; empty where there is nothing to compare it with.
    theirs : Figure or None
        The rival's figure; None where it could not be measured.
    ratio : Figure or None
        How many times better genre-live is, pair by pair; below 1 the rival is.
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
    """How long to measure.

    Attributes
    ----------
    quick : bool
        Once, on little: to see that the benchmark runs, not how fast anything is.
    model : Path
        The bundle to measure with.
    """

    quick: bool
    model: Path

    def rounds(self, wanted: int) -> int:
        """Pairs to measure, where ``wanted`` are wanted."""
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
    """Measure two ways of doing the same in turn.

    Parameters
    ----------
    what, unit, rival : str
        As in the row.
    ours, theirs : callable
        Each does the work once and gives its figure.
    rounds : int
        Pairs.
    better : {"less", "more"}
        Whether less is better, as of time, or more, as of speed.
    warm_up : bool
        Whether each is done once before it counts.
    """
    if warm_up:
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
    """Make a row of figures that were taken in pairs."""
    ratios = [
        (other / own if better == "less" else own / other) for own, other in zip(mine, others, strict=True)
    ]
    return Row(what, unit, Figure.of(mine), rival, Figure.of(others), Figure.of(ratios))


def missing(what: str, rival: str, reason: str = "not installed") -> Row:
    """Make the row of a rival that could not be measured."""
    return Row(what, "", None, rival, note=reason)


def seconds(work: Callable[[], object], calls: int = 1) -> float:
    """Wall time of one call, as the mean of ``calls``."""
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - began) / calls


def each(work: Callable[[], object], calls: int) -> list[float]:
    """Wall times of single calls, in seconds."""
    return [seconds(work) for _ in range(calls)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process on one core, where the system can."""
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
    """What a command cost, from its start to its exit.

    Attributes
    ----------
    wall_s, cpu_s : float
        CPU time is that of all its threads, in user and system mode.
    peak_mb : float
        The largest memory it held (resident set), in 10⁶ bytes.
    output : str
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


# The kernel counts into a child's peak what its parent held when it forked: so a parent that holds
# nothing starts the command, and measures it.
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
    """Run a command to its end, measured from outside.

    Parameters
    ----------
    command : sequence of str
    one_core : bool
        Whether it may use one core alone.
    environment : mapping, optional
        Variables to set beside those of this process.

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
