"""The script that measures a learning curve tells mistakes in a sentence."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.learning_curve import draw, main
from tests.training.conftest import small_store
from training.dataset.store import FeatureStore
from training.network.recipes import LIVE


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["DATA", "--count", "50"], "With --count 50, no clips are left to evaluate: give a smaller one."),
        (["none.csv", "--count", "2"], "There is no dataset none.csv"),
        (["STORE", "--count", "2"], "cannot use this feature store, which was made with n_mels 24"),
        (["LONE", "--count", "2"], "The label 'high' has one group only"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str],
    sentence: str,
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = small_store(tmp_path / "store.npz")
    lone = small_store(tmp_path / "lone.npz", clips=2, spec=LIVE.front_end)
    places = {"DATA": dataset, "STORE": store.path, "LONE": lone.path}
    monkeypatch.setattr(sys, "argv", ["learning_curve", *(str(places.get(word, word)) for word in words)])
    assert main() == 2
    said = capfd.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words", [["--count", "0"], ["--count", "1"], ["--seeds", "0"], ["--epochs", "-1"], ["--epochs", "two"]]
)
def test_a_number_that_is_too_small_is_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["learning_curve", "none.csv", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"argument {words[0]}: '{words[1]}' is not a whole number" in capfd.readouterr().err


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_clips_of_each_label_are_of_several_groups(count: int, store: FeatureStore) -> None:
    store = replace(store, group=tuple(f"artist{clip // 6}" for clip in range(len(store))))
    for seed in range(5):
        learnt, heard = draw(store, count, seed)
        drawn = {(store.label[clip], store.group[clip]) for clip in learnt}
        assert drawn == {(label, f"artist{k}") for label in ("high", "low") for k in range(2)}
        assert [store.label[clip] for clip in learnt] == ["high"] * count + ["low"] * count
        assert len(set(learnt)) == 2 * count
        assert heard == []
