from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import pytest

from live.errors import InputError, RunningError
from live.front_end import FrontEndSpec
from training.dataset.splits import whole_store
from training.dataset.store import FeatureStore
from training.network.batches import Crops
from training.network.fit import Checkpoint, FitPlan, FitProgress, fit, hit_accuracy
from training.network.history import FitHistory
from training.network.recipes import LIVE, Recipe

SPEC = FrontEndSpec(n_mels=24, n_mfcc=12)
LABELS = ("high", "low")


def tiny_network(spec: FrontEndSpec, window_frames: int, labels: int, examples: np.ndarray) -> Any:
    inputs = keras.Input((window_frames, spec.n_mfcc))
    hidden = keras.layers.Rescaling(0.01)(inputs)
    hidden = keras.layers.GlobalAveragePooling1D()(hidden)  # an LSTM would take seconds to compile
    hidden = keras.layers.Dense(4, activation="tanh")(hidden)
    hidden = keras.layers.Dropout(0.2)(hidden)
    return keras.Model(inputs, keras.layers.Dense(labels, activation="softmax")(hidden))


def adam(steps: int) -> Any:
    return keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5)


RECIPE = replace(
    LIVE,
    front_end=SPEC,
    network=tiny_network,
    optimizer=adam,
    augment=None,
    context_frames=0,
    crops_per_clip=4,
)


class Interrupting(FitProgress):
    """Raises as Ctrl-C does, in the middle of an epoch."""

    def __init__(self, after_steps: int) -> None:
        self.left = after_steps

    def step(self, *, loss: float, accuracy: float) -> None:  # noqa: ARG002
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def run(
    store: FeatureStore,
    checkpoint: Path,
    *,
    recipe: Recipe = RECIPE,
    epochs: int = 4,
    seed: int = 0,
    resume: bool = False,
    progress: FitProgress | None = None,
) -> tuple[list[np.ndarray], FitHistory]:
    plan = FitPlan(recipe, LABELS, seed, epochs, 16, {"clips": len(store)})
    training = Crops(store, whole_store(store)[:8], LABELS, recipe, seed=seed)
    validation = Crops(store, whole_store(store)[8:], LABELS, recipe, seed=seed)
    network, history = fit(
        plan, training, validation, checkpoint=Checkpoint(checkpoint), resume=resume, progress=progress
    )
    return network.get_weights(), history


def test_a_fit_learns_and_says_how_it_went(store: FeatureStore, tmp_path: Path) -> None:
    _, history = run(store, tmp_path / "c.npz", epochs=6)
    assert history.epochs == 6
    assert history.valid_loss[-1] < history.valid_loss[0]
    assert history.valid_accuracy[-1] > 0.9
    assert history.best_epoch == 1 + int(np.argmin(history.valid_loss))


def test_a_resumed_fit_is_the_one_that_was_not_interrupted(store: FeatureStore, tmp_path: Path) -> None:
    whole, whole_history = run(store, tmp_path / "whole.npz")
    with pytest.raises(KeyboardInterrupt):  # two steps an epoch: in the middle of the third
        run(store, tmp_path / "c.npz", progress=Interrupting(5))
    resumed, history = run(store, tmp_path / "c.npz", resume=True)
    assert history == whole_history
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_seed_decides_on_everything(store: FeatureStore, tmp_path: Path) -> None:
    one, _ = run(store, tmp_path / "1.npz", epochs=2)
    same, _ = run(store, tmp_path / "2.npz", epochs=2)
    other, _ = run(store, tmp_path / "3.npz", epochs=2, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_fitting_stops_when_validation_gets_no_better_and_keeps_the_best(
    store: FeatureStore, tmp_path: Path
) -> None:
    def too_fast(steps: int) -> Any:
        return keras.optimizers.SGD(30.0)

    recipe = replace(RECIPE, optimizer=too_fast, patience=2)
    _, history = run(store, tmp_path / "c.npz", recipe=recipe, epochs=40)
    assert history.epochs < 40
    assert history.epochs - history.best_epoch == 2
    assert min(history.valid_loss) == history.valid_loss[history.best_epoch - 1]


def test_without_patience_the_last_epoch_is_kept(store: FeatureStore, tmp_path: Path) -> None:
    _, history = run(store, tmp_path / "c.npz", recipe=replace(RECIPE, patience=None), epochs=2)
    assert history.best_epoch == 2


def test_another_fit_is_not_resumed(store: FeatureStore, tmp_path: Path) -> None:
    run(store, tmp_path / "c.npz", epochs=1)
    with pytest.raises(InputError, match="other options"):
        run(store, tmp_path / "c.npz", epochs=1, seed=5, resume=True)
    for content in (b"damaged", b"PK\x03\x04 damaged"):
        (tmp_path / "c.npz").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            run(store, tmp_path / "c.npz", epochs=1, resume=True)


def test_a_loss_that_is_no_number_ends_the_fit(store: FeatureStore, tmp_path: Path) -> None:
    def spoil(mel_db: np.ndarray, targets: Any, *_: object) -> tuple[np.ndarray, Any]:
        return np.full_like(mel_db, np.nan), targets

    with pytest.raises(RunningError, match="no longer a number"):
        run(store, tmp_path / "c.npz", recipe=replace(RECIPE, augment=spoil), epochs=1)


def test_a_checkpoint_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / ".model.training"
    folder.mkdir()
    checkpoint = Checkpoint(folder / "checkpoint.npz")
    checkpoint.path.write_bytes(b"x")
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_checkpoint_before_and_tells_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: IO[bytes], **_: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.path.write_bytes(b"of the epoch before")
    network = keras.Sequential([keras.Input((1,))])
    network.compile("sgd")
    monkeypatch.setattr("training.network.fit.np.savez", full)
    with pytest.raises(RunningError, match=r"make room, and run it again with --resume\.$"):
        checkpoint.save(FitPlan(LIVE, LABELS, 0, 1, 1, {}), FitHistory(), network, [])
    assert list(tmp_path.iterdir()) == [checkpoint.path]
    assert checkpoint.path.read_bytes() == b"of the epoch before"


def test_unlabelled_music_is_heard_right_as_any_genre() -> None:
    probabilities = np.eye(3, dtype=np.float32)
    any_of = np.array([[1, 1, 0]] * 3, dtype=np.float32)
    assert np.asarray(hit_accuracy(any_of, probabilities)).tolist() == [1, 1, 0]
    one = np.array([[0, 1, 0]] * 3, dtype=np.float32)
    assert np.asarray(hit_accuracy(one, probabilities)).tolist() == [0, 1, 0]
