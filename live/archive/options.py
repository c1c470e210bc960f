"""The options of genre-scan."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from live.errors import InputError
from live.option_table import Needs, Number, check_needs, option
from live.options import DEFAULTS
from live.spreading.engines import scheduler_address

ROWS, CLASSIFICATION, PARALLEL_WORK = "rows", "classification", "parallel work"
TAGS, OUTPUT = "tags", "output"


def default_workers() -> int:
    """Return the number of cores that this process may use; a container may limit it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class ScanOptions:
    """The options of one run; each field is an option."""

    inputs: tuple[str, ...] = option(
        (), "files, folders, patterns, @LIST (a file with one path per line), or addresses such as "
        "s3://bucket/prefix (extra: cluster)",
        group="", metavar="PATH", positional=True, repeated=True,
    )  # fmt: skip
    out: Path | None = option(
        None, "write one row per file to FILE.jsonl, FILE.csv or FILE.parquet (extra: cluster); "
        "- for JSON lines on standard output",
        group=ROWS, metavar="FILE", read=Path, path="file",
    )  # fmt: skip
    stretches: Path | None = option(
        None, "also write one row for each stretch of a file, in one of the same formats",
        group=ROWS, metavar="FILE", read=Path, path="file", needs=Needs(("out",), "a file"),
    )  # fmt: skip
    again: bool = option(False, "start again from the beginning", group=ROWS, needs=Needs(("out",), "a file"))
    retry: bool = option(False, "try files with errors again", group=ROWS, needs=Needs(("out",), "a file"))
    model: str = option(
        DEFAULTS.model, "a shipped model or a folder made by genre-train",
        group=CLASSIFICATION, metavar="NAME|DIR", path="folder",
    )  # fmt: skip
    hop: float = option(
        DEFAULTS.hop, "time from one verdict to the next (default {default})",
        group=CLASSIFICATION, metavar="SECONDS", read=Number(0.05, 60, "seconds"),
    )  # fmt: skip
    smooth: float = option(
        DEFAULTS.smooth, "smoothing time of the vote: longer is steadier (default {default})",
        group=CLASSIFICATION, metavar="SECONDS", read=Number(0.1, 3_600, "seconds"),
    )  # fmt: skip
    sample: float | None = option(
        None, "classify only so much from the middle of each file",
        group=CLASSIFICATION, metavar="SECONDS", read=Number(0.5, 1e9, "seconds"),
    )  # fmt: skip
    patience: float | None = option(
        None, "time limit for a file (default: a minute, and more for large files)",
        group=CLASSIFICATION, metavar="SECONDS", read=Number(0.1, 1e9, "seconds"),
    )  # fmt: skip
    workers: int | None = option(
        None, "number of processes (default: one per core)",
        group=PARALLEL_WORK, metavar="N", read=Number(1, 1_024, whole=True),
    )  # fmt: skip
    memory: int = option(
        3_000, "memory limit of a process (default {default})",
        group=PARALLEL_WORK, metavar="MB", read=Number(200, 10_000_000, "megabytes", whole=True),
    )  # fmt: skip
    scheduler: str | None = option(
        None, "use the workers of a Dask cluster, such as tcp://head:8786 (extra: cluster)",
        group=PARALLEL_WORK, metavar="ADDRESS", read=scheduler_address,
    )  # fmt: skip
    tag: bool = option(False, "write the genre to the files' tags (extra: scan)", group=TAGS)
    dry_run: bool = option(
        False, "only show which tags would be written", group=TAGS, needs=Needs(("tag",), "it")
    )
    overwrite: bool = option(False, "replace an existing genre", group=TAGS, needs=Needs(("tag",), "it"))
    at_least: float = option(
        0.5, "write no tag below this confidence (default {default})",
        group=TAGS, metavar="CONFIDENCE", read=Number(0, 1), needs=Needs(("tag",), "it"),
    )  # fmt: skip
    debug: bool = option(False, "show tracebacks and messages of libraries", group=OUTPUT)

    @property
    def to_stdout(self) -> bool:
        """Whether rows go to standard output."""
        return self.out == Path("-")

    @property
    def processes(self) -> int:
        """Number of processes on this computer."""
        return self.workers or default_workers()


def _is_same(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one file, which need not exist yet."""
    try:
        if first.exists() and second.exists():
            return first.samefile(second)
        return first.resolve() == second.resolve()
    except (OSError, RuntimeError):  # reported when they are opened
        return False


def check_together(options: ScanOptions) -> None:
    """Check that the options can be used together.

    Raises
    ------
    InputError
        When they cannot.
    """
    check_needs(options)
    if options.out is None and not options.tag:
        raise InputError(
            "Say where the rows go with --out FILE (.jsonl, .csv or .parquet), or write tags with --tag."
        )
    if options.scheduler is not None and options.workers is not None:
        raise InputError("--workers is for this machine, and --scheduler has its own: leave one of them out.")
    if options.stretches is not None and options.out is not None and _is_same(options.out, options.stretches):
        raise InputError("--out and --stretches name the same file: give each its own.")
    for flag, is_given in (
        ("--stretches", options.stretches is not None),
        ("--again", options.again),
        ("--retry", options.retry),
    ):
        if options.to_stdout and is_given:
            raise InputError(f"{flag} goes with rows in a file: give --out one, or leave it out.")
