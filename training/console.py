"""The console output of genre-train: progress bars and sentences on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable

from live.errors import one_line

from .dataset.shards import Progress as CountProgress
from .evaluation.results import Evaluation
from .evaluation.tables import Table, collection_table, headline_table, room_table
from .network.fit import FitProgress
from .network.history import FitHistory
from .run_listener import RunListener


def _columns() -> list[ProgressColumn]:
    return [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    ]


class ConsoleFitProgress(FitProgress):
    """Shows bars of epochs and of batches; without a terminal, a line for each epoch."""

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console = console
        self._bars = bars
        self._epochs: TaskID | None = None
        self._steps: TaskID | None = None
        self._total = 0

    def begin(self, *, epochs: int, steps: int, done_epochs: int) -> None:
        """Show the bars."""
        self._total = epochs
        self._epochs = self._bars.add_task("Epochs", total=epochs, completed=done_epochs, note="")
        self._steps = self._bars.add_task("Batches", total=steps, note="")

    def step(self, *, loss: float, accuracy: float) -> None:
        """Move the bar of batches."""
        if self._steps is not None:
            self._bars.update(self._steps, advance=1, note=f"loss {loss:.3f}, accuracy {accuracy:.3f}")

    def epoch(self, history: FitHistory) -> None:
        """Move the bar of epochs."""
        if self._epochs is None or self._steps is None:
            return
        best = history.valid_loss[history.best_epoch - 1]
        note = (
            f"validation: loss {history.valid_loss[-1]:.3f}, accuracy {history.valid_accuracy[-1]:.3f}; "
            f"kept: epoch {history.best_epoch} with {best:.3f}"
        )
        self._bars.update(self._epochs, completed=history.epochs, note=note)
        self._bars.reset(self._steps)
        if not self._console.is_terminal:
            self._console.print(
                f"Epoch {history.epochs}/{self._total}: {note}", soft_wrap=True, highlight=False
            )


class ConsoleListener(RunListener):
    """Shows a run on a console.

    Parameters
    ----------
    console : Console
        On standard error, so that standard output holds only results.
    check : callable
        Called from time to time; see ``Interruption.check``.
    """

    def __init__(self, console: Console, check: Callable[[], None] = lambda: None) -> None:
        self._console, self._check = console, check

    def notify(self, sentence: str) -> None:
        """Print a sentence."""
        self._check()
        self._console.print(one_line(sentence), soft_wrap=True, highlight=False, markup=False)

    def _bars(self) -> Progress:
        """Return progress bars, which are hidden without a terminal."""
        shown = self._console.is_terminal
        return Progress(*_columns(), console=self._console, transient=True, disable=not shown)

    @contextmanager
    def progress(self, title: str) -> Iterator[CountProgress]:
        """Show one bar; it appears with the first count."""
        self._check()
        with self._bars() as bars:
            task: TaskID | None = None

            def count(done: int, total: int) -> None:
                nonlocal task
                self._check()
                if task is None:
                    task = bars.add_task(title, total=total, note="")
                bars.update(task, completed=done, total=total)

            yield count

    @contextmanager
    def fit_progress(self) -> Iterator[FitProgress]:
        """Show bars of epochs and batches."""
        with self._bars() as bars:
            yield ConsoleFitProgress(self._console, bars)


def rich_table(table: Table, title: str | None = None) -> RichTable:
    """Return a table for rich."""
    drawn = RichTable(*map(escape, table.header), title=None if title is None else escape(title))
    for row in table.rows:
        drawn.add_row(*map(escape, row))
    return drawn


def show_evaluation(console: Console, evaluation: Evaluation, title: str) -> None:
    """Print the main figures, and the tables of collections and rooms."""
    console.print(rich_table(headline_table(evaluation, with_intervals=False), title))
    if evaluation.clean.collections:
        console.print(rich_table(collection_table(evaluation, with_intervals=False), "By collection"))
    if evaluation.rooms:
        console.print(rich_table(room_table(evaluation.rooms), "In rooms"))
