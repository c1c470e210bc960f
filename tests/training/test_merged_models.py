"""The scripts that merge fits and measure the result by cross-validation, end to end."""

from __future__ import annotations

import contextlib
import importlib
import io
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from live.bundle import read_description, write_description
from live.classifier import Classifier
from training.cli import main
from training.console import ConsoleListener
from training.dataset.splits import whole_store
from training.dataset.store import FeatureStore
from training.datasets import DatasetOptions, open_datasets
from training.evaluation.folds import Fold, evaluate_folds
from training.evaluation.metrics import evaluate
from training.evaluation.record import TrainingRecord
from training.evaluation.results import Following

ROOT = Path(__file__).parents[2]


def run(script: str, *words: object) -> tuple[int, str]:
    """Run a script in this process, and return its exit status and what it wrote to stderr."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(told):
        patch.setattr(sys, "argv", [script, *map(str, words)])
        status: int = importlib.import_module(f"scripts.{script}").main()
    return status, told.getvalue()


def test_the_scripts_are_commands() -> None:
    for script, option in (("merge_models", "--ranks"), ("cross_validation", "--into")):
        command = [sys.executable, "-m", f"scripts.{script}", "--help"]
        finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        assert option in finished.stdout


@pytest.fixture(scope="module")
def merged(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the mean of a bundle with itself, factored."""
    out = tmp_path_factory.mktemp("models") / "both"
    ranks = ("--ranks", 0, 40, 64, "--recurrent-rank", 64)
    status, told = run("merge_models", trained, trained, "--out", out, *ranks)
    assert status == 0, told
    return out


def at_temperature(model: Path, temperature: float, to: Path) -> Classifier:
    shutil.copytree(model, to)
    write_description(to, replace(read_description(to), temperature=temperature, sha256={}))
    return Classifier(to)


@pytest.fixture(scope="module")
def sounds(dataset: Path, cache: Path, trained: Path) -> FeatureStore:
    data = DatasetOptions([dataset], cache, workers=1, split=None, seed=0)
    listener = ConsoleListener(Console(stderr=True))
    return open_datasets(data, read_description(trained).front_end, listener).store


def test_a_merged_model_listens_as_its_parts_do_and_says_what_it_is(
    merged: Path, trained: Path, sounds: FeatureStore
) -> None:
    description = read_description(merged)
    record = TrainingRecord.read(description.training)
    assert description.name == "both"
    assert record.merged_from == ("sounds", "sounds")
    assert record.metrics == {}  # those of its parts are not its own
    card = (merged / "README.md").read_text(encoding="utf-8")
    assert "| Merged from | the mean of sounds and sounds |" in card
    both, one = Classifier(merged), Classifier(trained)
    for segment in whole_store(sounds):
        window = sounds.clip_frames(segment.clip)[:34].astype(np.float32)
        assert both(window).argmax() == one(window).argmax()
    assert (merged / "network.tflite").stat().st_size < 1.4 * (trained / "network.tflite").stat().st_size


def test_a_fit_can_start_from_a_merged_model_and_says_so(
    merged: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (dataset, "--out", tmp_path / "m", "--cache", cache, "--epochs", 1, "--batch-size", 8)
    assert main([*map(str, words), "--start-from", str(merged)]) == 0
    assert "Starting from both: its front and its LSTM, with a new head." in capfd.readouterr().err
    training = read_description(tmp_path / "m").training
    assert training["started_from"] == "both"
    assert training["metrics"]["valid"]["clip_accuracy"] == 1.0


def test_a_merged_model_is_not_fitted_again(
    merged: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (dataset, "--refit", merged, "--out", tmp_path / "m", "--cache", cache)
    assert main([*map(str, words)]) == 2
    assert "cannot be fitted again: it is the mean of 2 models." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--ranks", 40, 64), "--ranks 40 64: give one for each convolution."),
        (("--recurrent-rank", 64), "--recurrent-rank needs --ranks: give one for each 2-D convolution"),
        ((Path("nowhere"),), "nowhere"),
    ],
    ids=["ranks", "recurrent", "nowhere"],
)
def test_what_cannot_be_merged_is_told_in_a_sentence(
    trained: Path, tmp_path: Path, words: tuple[object, ...], sentence: str
) -> None:
    status, told = run("merge_models", trained, *words, "--out", tmp_path / "out")
    assert status == 2
    assert sentence in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_models_with_other_labels_are_not_merged(trained: Path, tmp_path: Path) -> None:
    from live.bundle import find_bundle

    status, told = run("merge_models", trained, find_bundle("genre-lstm"), "--out", tmp_path / "out")
    assert status == 2
    assert "has other labels or another front end than" in told


def test_figures_of_folds_are_those_of_all_their_clips_whatever_the_temperatures(
    trained: Path, sounds: FeatureStore, tmp_path: Path
) -> None:
    segments = whole_store(sounds)
    description = read_description(trained)
    whole = [Fold(at_temperature(trained, 1.0, tmp_path / "one"), segments)]
    chosen, expected = evaluate_folds(whole, description, sounds)
    halves = [
        Fold(at_temperature(trained, 0.5, tmp_path / "sharp"), segments[::2]),
        Fold(at_temperature(trained, 2.0, tmp_path / "soft"), segments[1::2]),
    ]
    again, found = evaluate_folds(halves, description, sounds)
    assert again.temperature == pytest.approx(chosen.temperature, rel=0.02)
    assert found.clean.clips == expected.clean.clips == len(segments)
    assert found.clean.clip_accuracy.value == expected.clean.clip_accuracy.value
    assert found.clean.ece.value == pytest.approx(expected.clean.ece.value, abs=0.01)
    alone = evaluate(at_temperature(trained, chosen.temperature, tmp_path / "own"), sounds, segments)
    assert expected.clean.window_accuracy.value == alone.clean.window_accuracy.value
    assert expected.microphone.window_accuracy.value == alone.microphone.window_accuracy.value


def test_changes_and_rooms_are_heard_with_what_was_chosen(
    trained: Path, sounds: FeatureStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import training.evaluation.folds as module

    heard: list[Classifier] = []

    def follow(classifier: Classifier, *_: object) -> Following:
        heard.append(classifier)
        return Following()

    def rooms(classifier: Classifier, *_: object) -> tuple[()]:
        heard.append(classifier)
        return ()

    monkeypatch.setattr(module, "follow_changes", follow)
    monkeypatch.setattr(module, "measure_rooms", rooms)
    own = at_temperature(trained, 3.0, tmp_path / "own")
    vote = {"unsure_below": 0.9}
    description = replace(read_description(trained), vote=vote)
    chosen, _ = evaluate_folds([Fold(own, whole_store(sounds))], description, sounds, rooms=True)
    for classifier in heard:
        assert classifier.description.temperature == chosen.temperature != 3.0
        assert classifier.description.vote == chosen.vote
    assert len(heard) == 2
    assert own.description.temperature == 3.0


def test_cross_validation_writes_its_figures_to_the_card(
    merged: Path, trained: Path, dataset: Path, cache: Path, sounds: FeatureStore, tmp_path: Path
) -> None:
    shutil.copytree(merged, tmp_path / "both")
    for number in (0, 1):
        lines = (f"{sounds.collection_of(clip)}/{sounds.clip[clip]}" for clip in range(number, 10, 2))
        (tmp_path / f"{number}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    folds = [word for number in (0, 1) for word in ("--fold", trained, tmp_path / f"{number}.txt")]
    words = (dataset, "--cache", cache, "--into", tmp_path / "both", *folds)
    status, told = run("cross_validation", *words)
    assert status == 0, told
    record = TrainingRecord.read(read_description(tmp_path / "both").training)
    assert record.folds == 2
    assert record.metrics["valid"]["clips"] == 10
    assert record.metrics["valid"]["clip_accuracy"] == 1.0
    card = (tmp_path / "both/README.md").read_text(encoding="utf-8")
    assert "The figures are those of 2 further models of the same recipe" in card
    assert (tmp_path / "both/report/vote_valid.png").stat().st_size > 1_000
    Classifier(tmp_path / "both")  # its hashes are still right


def test_a_clip_that_is_in_no_dataset_is_told(
    merged: Path, trained: Path, dataset: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips.txt").write_text("sounds/elsewhere\n", encoding="utf-8")
    before = (merged / "bundle.json").read_bytes()
    words = (dataset, "--cache", cache, "--into", merged, "--fold", trained, tmp_path / "clips.txt")
    status, told = run("cross_validation", *words)
    assert status == 2
    assert "names 'sounds/elsewhere', which is in none of the datasets" in told
    assert (merged / "bundle.json").read_bytes() == before
    status, told = run("cross_validation", *words[:-1], tmp_path / "none.txt")
    assert status == 2
    assert "none.txt cannot be read" in told
