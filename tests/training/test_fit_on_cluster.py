"""A whole fit whose features are extracted by a Dask cluster of real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import training.dataset.features as features_module
import training.dataset.shards as shards_module
from live.bundle import read_description
from tests.live.spreading.dask_cluster import DaskProcesses
from tests.training.conftest import write_dataset
from training.cli import main

FIT = ("--recipe", "seed", "--epochs", "1", "--batch-size", "8", "--start-from", "none")


@pytest.mark.timeout(600)
def test_a_fit_extracts_on_a_cluster_and_its_shards_are_a_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def told(*words: object) -> dict[str, Any]:
        """Run genre-train and return what it prints."""
        assert main([*map(str, words), "--json"]) == 0
        figures: dict[str, Any] = json.loads(capfd.readouterr().out)
        return figures

    def read_here(*_: object, **__: object) -> None:
        raise AssertionError("a file was read by processes of this machine")

    monkeypatch.setattr(shards_module, "SHARD_BYTES", 60_000)  # one clip, or a few
    monkeypatch.setattr(features_module, "extract_each", read_here)
    dataset = write_dataset(tmp_path / "sounds", 3, 3.0)
    (dataset / "tone" / "broken.mp3").write_bytes(b"no music at all")
    cache, bundle = tmp_path / "cache", tmp_path / "bundle"
    with DaskProcesses(tmp_path) as cluster:
        cluster.start_worker()
        cluster.start_worker()
        fitted = told(dataset, *FIT, "--cache", cache, "--scheduler", cluster.address, "--out", bundle)
    assert read_description(bundle).training["dataset"]["clips"] == 6
    [shards] = cache.iterdir()
    assert len(list(shards.glob("*.npz"))) >= 3  # with the index
    measured = told(shards, "--cache", tmp_path / "unused", "--evaluate", bundle, "--part", "test")
    for name in ("clips", "confusion", "ece", "window_accuracy", "intervals"):
        assert measured[name] == fitted["test"][name]
    assert measured["clips"] > 0
    assert not (tmp_path / "unused").exists()
