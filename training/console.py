"""What genre-train shows while it works: progress bars and sentences on standard error."""

from __future__ import annotations

from collections.abc import Iterator
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
from rich.table import Table

from .evaluation.metrics import VOTE_SECONDS, Evaluation
from .evaluation.metrics import Progress as CountProgress
from .network.fit import FitProgress, History
from .train import TrainingListener


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
    """Two bars, of epochs and of the batches in one; without a terminal a line an epoch."""

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

    def epoch(self, history: History) -> None:
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


class ConsoleListener(TrainingListener):
    """Shows a run on a console.

    Parameters
    ----------
    console : Console
        On standard error, so that standard output holds results alone.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self._console.print(sentence, soft_wrap=True, highlight=False, markup=False)

    def _bars(self) -> Progress:
        """Bars, which without a terminal would be but empty lines."""
        shown = self._console.is_terminal
        return Progress(*_columns(), console=self._console, transient=True, disable=not shown)

    @contextmanager
    def progress(self, title: str) -> Iterator[CountProgress]:
        """One bar; it appears with the first count."""
        with self._bars() as bars:
            task: TaskID | None = None

            def count(done: int, total: int) -> None:
                nonlocal task
                if task is None:
                    task = bars.add_task(title, total=total, note="")
                bars.update(task, completed=done, total=total)

            yield count

    @contextmanager
    def fit_progress(self) -> Iterator[FitProgress]:
        """Bars of epochs and batches."""
        with self._bars() as bars:
            yield ConsoleFitProgress(self._console, bars)


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def evaluation_table(evaluation: Evaluation, title: str) -> Table:
    """The headline figures as a table."""
    table = Table("", "clean", "microphone, simulated", title=escape(title))
    clean, microphone = evaluation.clean.figures, evaluation.microphone.figures
    for key in ("clip_accuracy", "clip_balanced_accuracy", "clip_top3_accuracy", "window_accuracy", "ece"):
        table.add_row(key.replace("_", " "), _text(clean[key]), _text(microphone[key]))
    for seconds in map(str, VOTE_SECONDS):
        row = (clean["vote_accuracy"][seconds], microphone["vote_accuracy"][seconds])
        table.add_row(f"vote after {seconds} s", *map(_text, row))
    if "no_music" in clean:
        for key in ("recall", "false_alarm"):
            row = (clean["no_music"][key], microphone["no_music"][key])
            table.add_row(f"no music, {key.replace('_', ' ')}", *map(_text, row))
    return table
