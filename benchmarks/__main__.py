"""Compares genre-live with its rivals, and prints one table.

    python -m benchmarks                    all measurements, about forty minutes on two cores
    python -m benchmarks --quick            once, with little data: to check that it runs, not how fast
    python -m benchmarks --only hop         the measurements of one module
    python -m benchmarks --json             one JSON object per row
    python -m benchmarks --markdown         the table of docs/performance.md

Every row is measured alternately with its rival, in the same run. The sound is synthetic. Rivals that are not
installed are named in the table; pip install -e '.[train,benchmark]' installs them.
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

# One thread, like the command itself, because the matrices are small. Must be set before NumPy is imported.
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
WIDTH = 132  # columns without a terminal


def _number(value: float) -> str:
    """Return a figure with three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(ratio: Figure) -> str:
    return f"{_number(ratio.median)} ({_number(ratio.low)} – {_number(ratio.high)})"


def _cells(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the rows as texts; a repeated name is left out."""
    last = ""
    for row in rows:
        ours = f"{_number(row.ours.median)} {row.unit}" if row.ours else ""
        theirs = f"{_number(row.theirs.median)} {row.unit}" if row.theirs else row.note
        ratio = _ratio(row.ratio) if row.ratio else ""
        yield row.what if row.what != last else "", row.rival, ours, theirs, ratio
        last = row.what


def print_markdown(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
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
    """Print a description of the computer and its load."""
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
        1 if a module failed, whatever the results are.
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
    # Without cached bytecode, every measured command would compile its imports, unlike on users' computers.
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
