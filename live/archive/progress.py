"""The output of a scan: a progress bar or plain lines, and at the end the genres as bars."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from live.archive.notes import BROKEN, Totals
from live.errors import one_line
from live.wording import STATE_NAMES, clock, count_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_EVERY_S = 10.0
BAR_WIDTH = 32
BAR_SIGN = "█"
NAMES = {str(state): name for state, name in STATE_NAMES.items()} | {
    BROKEN: "broken",
    "waiting": "too short to say",
}


def _hours(seconds: float) -> str:
    return f"{seconds / 3_600:.1f} h" if seconds >= 3_600 else f"{seconds / 60:.1f} min"


class ScanProgress:
    """Shows the progress of a scan.

    Parameters
    ----------
    console : Console
        On standard error.
    files, size : int
        Number of files and their total size in bytes, from which the remaining time is estimated.
    """

    def __init__(self, console: Console, files: int, size: int) -> None:
        self._console, self._files, self._size = console, files, size
        self._began_s = self._told_s = time.monotonic()
        self._done_size = 0
        self._totals = Totals()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ScanProgress:
        """Show the progress bar, if there is a terminal."""
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.fields[done]}"), BarColumn(), TextColumn("{task.fields[note]}"),
                console=self._console, transient=True,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("", total=max(1, self._files), done="", note="")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def _line(self) -> tuple[str, str]:
        elapsed_s = max(1e-9, time.monotonic() - self._began_s)
        totals = self._totals
        part = self._done_size / self._size if self._size else totals.files / max(1, self._files)
        left = f", {clock(round(elapsed_s * (1 / part - 1)))} left" if 0 < part < 1 else ""
        broken = f", {totals.broken} broken" if totals.broken else ""
        speed = f"{_hours(totals.seconds)} of music, {totals.seconds / elapsed_s:.0f} × real time"
        return f"{totals.files}/{self._files} files", f"{speed}{broken}{left}"

    def add(self, category: str, seconds: float, size: int) -> None:
        """Add a finished file."""
        self._totals.add(category, seconds)
        self._done_size += size
        if self._bar is not None and self._task is not None:
            done, note = self._line
            self._bar.update(self._task, completed=self._totals.files, done=done, note=note)
        elif self._bar is None and time.monotonic() - self._told_s >= LINE_EVERY_S:
            self._told_s = time.monotonic()
            self.notify(": ".join(self._line))

    def notify(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._console.print(one_line(sentence), soft_wrap=True, highlight=False, markup=False)

    def sentence(self) -> str:
        """Return a summary of this run."""
        totals, elapsed_s = self._totals, time.monotonic() - self._began_s
        broken = f", {totals.broken} of them broken" if totals.broken else ""
        return (
            f"Heard {count_of(totals.files, 'file')}{broken}: {_hours(totals.seconds)} of music "
            f"in {clock(round(elapsed_s))} ({totals.seconds / max(1e-9, elapsed_s):.0f} × real time)."
        )


def summary_lines(totals: Totals, genres: Iterable[str], encoding: str) -> list[str]:
    """Return the genres and other states as bars: genres first, the largest first.

    Parameters
    ----------
    totals : Totals
    genres : iterable of str
    encoding : str
        That of the output, which may lack the sign of a bar.
    """
    try:
        sign = BAR_SIGN.encode(encoding).decode(encoding)
    except UnicodeError:
        sign = "#"
    counts: Mapping[str, int] = totals.categories or {}
    known = set(genres)
    order = sorted(counts, key=lambda category: (category not in known, -counts[category], category))
    names = {category: category if category in known else NAMES.get(category, category) for category in order}
    width = max(map(len, names.values()), default=0)
    most = max(counts.values(), default=1)
    lines = []
    for category in order:
        count = counts[category]
        bar = sign * max(1, round(BAR_WIDTH * count / most))
        share = f"{count / totals.files:4.0%}"
        lines.append(f"{names[category]:<{width}}  {bar:<{BAR_WIDTH}}  {share}  {count}")
    return lines
