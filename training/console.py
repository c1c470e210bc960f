"""The console output of genre-train: progress bars and sentences on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
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
from rich.text import Text

from live.errors import one_line

from .dataset.shards import Progress as CountProgress
from .evaluation.results import Evaluation
from .evaluation.tables import Table, collection_table, headline_table, room_table
from .network.fit import FitProgress
from .network.history import FitHistory
from .run_listener import RunListener

BESIDE_TITLE = 36  # columns for a short bar, the count, and the times
REMEMBERED_S = 600.0  # the remaining time is estimated from so much of the work; Rich's 30 s may be a batch


def _columns() -> list[ProgressColumn]:
    return [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]


class _Bars(Progress):
    """Progress bars with lines of text below, where a narrow terminal wraps them and shortens no bar."""

    lines: tuple[str, ...] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars and the lines."""
        yield from super().get_renderables()
        for line in filter(None, self.lines):
            yield Text(line, style="dim")


class ConsoleFitProgress(FitProgress):
    """Shows bars of epochs and of batches; without a terminal, a line for each epoch."""

    def __init__(self, console: Console, bars: _Bars) -> None:
        self._console = console
        self._bars = bars
        self._epochs: TaskID | None = None
        self._batches: TaskID | None = None
        self._done = self._total = self._steps = self._step = 0
        self._validated = ""

    def begin(self, *, epochs: int, steps: int, done_epochs: int) -> None:
        """Show the bars."""
        self._total, self._steps, self._done = epochs, steps, done_epochs
        self._epochs = self._bars.add_task("Epochs", total=epochs, completed=done_epochs)
        self._batches = self._bars.add_task("Batches", total=steps)

    def step(self, *, loss: float, accuracy: float) -> None:
        """Move the bars: that of epochs by a part of one, so that the remaining time is known early."""
        if self._epochs is None or self._batches is None:
            return
        self._step += 1
        self._bars.lines = (f"training: loss {loss:.3f}, accuracy {accuracy:.3f}", self._validated)
        self._bars.update(self._batches, completed=self._step)
        self._bars.update(self._epochs, completed=self._done + self._step / (self._steps + 1))

    def epoch(self, history: FitHistory) -> None:
        """Move the bar of epochs."""
        if self._epochs is None or self._batches is None:
            return
        best = history.valid_loss[history.best_epoch - 1]
        note = (
            f"validation: loss {history.valid_loss[-1]:.3f}, accuracy {history.valid_accuracy[-1]:.3f}; "
            f"kept: epoch {history.best_epoch} with {best:.3f}"
        )
        self._done, self._step, self._validated = history.epochs, 0, note
        self._bars.lines = (*self._bars.lines[:1], note)
        self._bars.update(self._epochs, completed=history.epochs)
        self._bars.reset(self._batches)
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

    def _bars(self) -> _Bars:
        """Return progress bars, which are hidden without a terminal."""
        shown = self._console.is_terminal
        return _Bars(
            *_columns(),
            console=self._console,
            transient=True,
            disable=not shown,
            speed_estimate_period=REMEMBERED_S,
        )

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
                    shown = Text(title)
                    shown.truncate(max(1, self._console.width - BESIDE_TITLE), overflow="ellipsis")
                    task = bars.add_task(shown.plain, total=total)
                bars.update(task, completed=done, total=total)

            yield count

    @contextmanager
    def fit_progress(self) -> Iterator[FitProgress]:
        """Show bars of epochs and batches."""
        with self._bars() as bars:
            yield ConsoleFitProgress(self._console, bars)


def rich_table(table: Table, title: str | None = None) -> RichTable:
    """Return a table for rich, narrow enough for small terminals: texts are wrapped, and none is cut."""
    drawn = RichTable(
        title=None if title is None else escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    for name in table.header:
        drawn.add_column(escape(name), overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(escape, row))
    return drawn


def show_evaluation(console: Console, evaluation: Evaluation, title: str) -> None:
    """Print the main figures, and the tables of collections and rooms."""
    tables = [rich_table(headline_table(evaluation, with_intervals=False), title)]
    if len(evaluation.clean.collections) > 1:  # the figures of the only one are the main figures
        tables.append(rich_table(collection_table(evaluation, with_intervals=False), "By collection"))
    if evaluation.rooms:
        tables.append(rich_table(room_table(evaluation.rooms), "In rooms"))
    for number, table in enumerate(tables):
        if number:
            console.print()
        console.print(table)
