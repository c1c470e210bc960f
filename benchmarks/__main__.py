"""Measures genre-live beside its rivals and prints one table.

    python -m benchmarks                    all of it, about a quarter of an hour on two cores
    python -m benchmarks --quick            once, on little: to see that it runs, not how fast
    python -m benchmarks --only hop         one module's measurements
    python -m benchmarks --json             one JSON object a row
    python -m benchmarks --markdown         the table of docs/performance.md

Every row is measured in turn with its rival, in the same run. The sound is made by the program itself.
What is not installed is named in the table; pip install -e '.[train,benchmark]' brings the rivals.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

# As the command itself has it: one thread, the matrices are small. Before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from benchmarks.measuring import Figure, Row, Scale

if TYPE_CHECKING:
    from rich.console import Console

GROUPS = (
    "cold",
    "hop",
    "front_end",
    "network",
    "files",
    "listening",
    "streams",
    "many",
    "web",
    "extraction",
    "fitting",
    "training_memory",
    "scan",
)
DEFAULT_MODEL = "genre-lstm"
WIDTH = 132  # columns, where no terminal says how many there are


def _number(value: float) -> str:
    """Write a figure with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(ratio: Figure) -> str:
    return f"{_number(ratio.median)} ({_number(ratio.low)} – {_number(ratio.high)})"


def _cells(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Return the rows as texts; what is measured several times is named once."""
    last = ""
    for row in rows:
        ours = f"{_number(row.ours.median)} {row.unit}" if row.ours else ""
        theirs = f"{_number(row.theirs.median)} {row.unit}" if row.theirs else row.note
        ratio = _ratio(row.ratio) if row.ratio else ""
        yield row.what if row.what != last else "", row.rival, ours, theirs, ratio
        last = row.what


def print_markdown(rows: list[Row]) -> None:
    """Print the rows as a table for a document."""
    print("| what | rival | genre-live | rival's figure | times better |\n|---|---|--:|--:|--:|")
    for cells in _cells(rows):
        print(f"| {' | '.join(cells)} |")


def print_table(rows: list[Row], console: Console) -> None:
    """Print the rows as one table."""
    from rich.table import Table

    table = Table("what", "rival", title=None, caption="ratio: median of the pairs, with their quartiles")
    table.add_column("genre-live", justify="right")
    table.add_column("rival's figure", justify="right")
    table.add_column("times better", justify="right")
    for cells in _cells(rows):
        table.add_row(*cells)
    console.print(table)


def print_machine(console: Console) -> None:
    """Say what was measured on, and what else it was doing."""
    about = [
        time.strftime("%Y-%m-%d"),
        f"{platform.machine()}, {os.cpu_count()} cores",
        f"{platform.system()}, Python {platform.python_version()}",
    ]
    if hasattr(os, "getloadavg"):
        about.append(f"load {os.getloadavg()[0]:.1f} before")
    console.print(", ".join(about), highlight=False)


def main() -> int:
    """Run the benchmark.

    Returns
    -------
    int
        1 when a module failed; how fast anything is makes no difference.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="once, on little")
    parser.add_argument("--only", metavar="NAME", action="append", choices=GROUPS, help=", ".join(GROUPS))
    parser.add_argument(
        "--model", metavar="NAME|DIR", default=DEFAULT_MODEL, help="the bundle to measure with"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object a row")
    output.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    arguments = parser.parse_args()
    # Without bytecode every command that is measured would compile all it imports; users' machines keep it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    from rich.console import Console

    from live.bundle import find_bundle
    from live.library_messages import quiet_libraries

    stderr = arguments.json or arguments.markdown
    console = Console(stderr=stderr)
    if not console.is_terminal:
        console = Console(stderr=stderr, width=WIDTH)
    scale = Scale(quick=arguments.quick, model=Path(find_bundle(arguments.model)).absolute())
    print_machine(console)
    rows: list[Row] = []
    failed = False
    for name in arguments.only or GROUPS:
        with console.status(f"measuring: {name}"):
            try:
                with quiet_libraries():
                    module = importlib.import_module(f"benchmarks.{name}")
                    for row in module.measure(scale):
                        rows.append(row)
                        if arguments.json:
                            print(json.dumps({"module": name} | asdict(row)), flush=True)
            except Exception:
                traceback.print_exc()
                failed = True
    if arguments.markdown:
        print_markdown(rows)
    elif not arguments.json:
        print_table(rows, console)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
