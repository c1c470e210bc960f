"""A measured recipe fitted once more, on all that may be learnt from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from live.bundle import read_description
from live.classifier import Classifier
from tests.training.conftest import write_dataset
from training.cli import main


def test_a_second_fit_takes_both_parts_and_keeps_the_first_ones_figures(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    arguments = [str(dataset), "--refit", str(trained), "--out", str(out), "--cache", str(cache)]
    assert main(arguments) == 0
    first, second = read_description(trained), read_description(out)
    counts = first.training["dataset"]
    assert second.training["refit"]["clips"] == counts["train"] + counts["valid"]
    assert second.training["refit"]["epochs"] == first.training["best_epoch"]
    assert second.training["metrics"] == first.training["metrics"]
    assert (second.temperature, second.labels, second.vote) == (first.temperature, first.labels, first.vote)
    assert second.sha256 != first.sha256
    Classifier(out)
    for card in (out / "README.md", out / "report" / "report.md"):
        assert "training and validation clips together" in card.read_text(encoding="utf-8")
    assert (out / "report" / "figures.json").read_bytes() == (
        trained / "report" / "figures.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"leaks": True}, "its split leaks"),
        ({"recipe": "unknown"}, "does not name its recipe"),
        ({"refit": {"clips": 3}}, "was fitted again already: give the model that it was made from"),
        ({"started_from": "another"}, "it was started from another"),
    ],
)
def test_a_model_that_cannot_be_fitted_again_is_refused_in_one_sentence(
    change: dict[str, object],
    words: str,
    trained: Path,
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    values = json.loads((trained / "bundle.json").read_text(encoding="utf-8"))
    values["training"] |= change
    (model / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    assert main([str(dataset), "--refit", str(model), "--out", str(tmp_path / "again")]) == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert words in sentence


def test_other_data_or_another_division_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_dataset(tmp_path / "sounds", 5, 3.0)  # as many clips, of other lengths
    words = [str(other), "--refit", str(trained), "--cache", str(tmp_path / "c")]
    assert main([*words, "--out", str(tmp_path / "again")]) == 2
    assert "was made from other data" in capsys.readouterr().err
    model = tmp_path / "model"
    shutil.copytree(trained, model)
    values = json.loads((model / "bundle.json").read_text(encoding="utf-8"))
    del values["training"]["dataset"]["division"]  # an older one tells how many clips it had
    values["training"]["dataset"]["clips"] += 1
    (model / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    words[2] = str(model)
    assert main([*words, "--out", str(tmp_path / "again")]) == 2
    assert "was made from other data" in capsys.readouterr().err


def test_a_model_without_its_report_is_refused_before_it_is_fitted(
    trained: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained, model)
    shutil.rmtree(model / "report")
    assert main([str(dataset), "--refit", str(model), "--out", str(tmp_path / "again")]) == 2
    assert "it lacks its report/report.md" in capsys.readouterr().err


def test_what_the_first_fit_settled_is_not_asked_again(
    trained: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(dataset), "--refit", str(trained), "--out", str(tmp_path / "again"), "--epochs", "3"]
    assert main(arguments) == 2
    assert "--epochs is determined" in capsys.readouterr().err
