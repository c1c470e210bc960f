"""The console output of genre-train on terminals of usual and small size."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from rich.console import Console

from live.front_end import FrontEndSpec
from training.console import ConsoleListener, rich_table
from training.datasets import DatasetOptions, open_datasets
from training.evaluation.tables import Table
from training.network.history import FitHistory


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_shows_the_fit_with_counts_times_and_all_figures(width: int) -> None:
    shown = io.StringIO()
    listener = ConsoleListener(Console(file=shown, force_terminal=True, color_system=None, width=width))
    with listener.fit_progress() as progress:
        progress.begin(epochs=50, steps=120, done_epochs=8)
        history = FitHistory([2.0] * 9, [0.3] * 9, [1.854] * 9, [0.322] * 9, best_epoch=9)
        progress.epoch(history)
        progress.step(loss=1.582, accuracy=0.562)
    words = " ".join(shown.getvalue().split())
    for told in ("9/50", "1/120", "0:00:00", "training: loss 1.582, accuracy 0.562"):
        assert told in words
    assert "validation: loss 1.854, accuracy 0.322; kept: epoch 9 with 1.854" in words
    assert "…" not in words


def test_the_remaining_time_of_the_fit_is_known_within_the_first_epoch() -> None:
    shown, clock = io.StringIO(), itertools.count()
    console = Console(
        file=shown, force_terminal=True, color_system=None, width=80, get_time=lambda: float(next(clock))
    )
    with ConsoleListener(console).fit_progress() as progress:
        progress.begin(epochs=2, steps=4, done_epochs=0)
        for _ in range(3):
            progress.step(loss=1.0, accuracy=0.5)
    last = [line for line in shown.getvalue().splitlines() if "Epochs" in line][-1]
    assert "0/2" in last
    assert "-:--:--" not in last


def test_the_count_is_seen_beside_a_long_title() -> None:
    shown = io.StringIO()
    listener = ConsoleListener(Console(file=shown, force_terminal=True, color_system=None, width=60))
    with listener.progress("Reading " + "音楽" * 40) as count:
        count(1234, 5678)
    assert "1234/5678" in shown.getvalue()


def test_the_present_folder_is_called_by_its_name(
    dataset: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dataset)
    shown = io.StringIO()
    listener = ConsoleListener(Console(file=shown, force_terminal=True, width=200))
    data = DatasetOptions([Path()], cache, workers=2, split=None, seed=0)
    open_datasets(data, FrontEndSpec(), listener)
    assert f"Reading {dataset.name}" in shown.getvalue()


def test_no_figure_of_a_wide_table_is_cut_on_a_narrow_terminal() -> None:
    header = ("Collection", "Clips", "Right", "ECE", "Right if sure", "Sure", "Wrong name", "Others", "Named")
    figures = ("0.667", "0.199", "0.773", "0.149", "0.270", "96", "0.333")
    shown = io.StringIO()
    table = Table(header, (("my noises, microphone", "123", *figures),))
    Console(file=shown, width=60).print(rich_table(table, "By collection"))
    assert set(figures) <= set(shown.getvalue().split())
    assert "…" not in shown.getvalue()
