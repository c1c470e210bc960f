from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from live.errors import InputError
from training.dataset.store import FeatureStore
from training.network.json_export import check_export, export_json
from training.network.recipes import RECIPES


def export(path: Path, store: FeatureStore) -> None:
    export_json(path, store, RECIPES["seed"].for_store(store.front_end))


def test_an_export_may_be_new_or_replace_an_earlier_one(store: FeatureStore, tmp_path: Path) -> None:
    target, link = tmp_path / "data.json", tmp_path / "link.json"
    link.symlink_to(target)
    for path in (target, target, link):
        check_export(path, tmp_path / "model")
        export(path, store)
        assert json.loads(target.read_text())["mapping"] == ["high", "low"]
    assert link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"data.json", "link.json", "store.npz"}


def test_an_export_tells_its_progress(store: FeatureStore, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    recipe = RECIPES["seed"].for_store(store.front_end)
    export_json(tmp_path / "data.json", store, recipe, lambda done, total: told.append((done, total)))
    windows = len(json.loads((tmp_path / "data.json").read_text())["mfcc"])
    assert told == [(number + 1, windows) for number in range(windows)]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("store.npz", "is not an earlier export, so it is kept"),
        ("link.npz", "is not an earlier export, so it is kept"),
        ("hard.npz", "is not an earlier export, so it is kept"),
        ("notes.json", "is not an earlier export, so it is kept"),
        ("folder", "is a folder: give --export-json a file"),
        ("none/data.json", "There is no folder .*none: make it"),
        ("model/data.json", "which is replaced: give --export-json a file outside it"),
        ("model", "which is replaced: give --export-json a file outside it"),
        ("way/data.json", "which is replaced: give --export-json a file outside it"),
        ("x" * 254, "cannot be written: File name too long; give another --export-json"),
    ],
)
def test_an_export_replaces_nothing_else(
    name: str, sentence: str, store: FeatureStore, tmp_path: Path
) -> None:
    (tmp_path / "link.npz").symlink_to(store.path)
    os.link(store.path, tmp_path / "hard.npz")
    (tmp_path / "notes.json").write_text('{"mine": 1}')
    for folder in ("folder", "model"):
        (tmp_path / folder).mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "model")
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=sentence):
        check_export(tmp_path / name, tmp_path / "model")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="there are no device files")
def test_a_device_is_no_earlier_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not an earlier export"):
        check_export(Path(os.devnull), tmp_path / "model")


def test_an_export_that_fails_leaves_the_one_before_and_names_the_file(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "data.json"
    export(target, store)
    before = target.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("training.network.json_export.frames_of", full)
    with pytest.raises(OSError, match="No space left") as caught:
        export(target, store)
    assert caught.value.filename == str(target)
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"data.json", "store.npz"}
