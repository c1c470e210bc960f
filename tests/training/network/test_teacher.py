from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from live.errors import InputError
from live.events import NO_MUSIC
from tests.training.conftest import small_store
from tests.training.network.test_fit import RECIPE, tiny_network
from training.dataset.clips import UNLABELLED
from training.dataset.splits import whole_store
from training.dataset.store import StoreWriter, open_store
from training.network.batches import Crops
from training.network.fit import Checkpoint, FitPlan, fit, genre_loss, tags_loss
from training.network.teacher import Teacher


def write_teacher(path: Path) -> Teacher:
    np.savez(
        path,
        tags=np.array(["loud", "slow"]),
        clip=np.array(["clip0", "clip1", "clip0"]),
        probability=np.array([[0.0, 0.5], [0.9, 0.1], [1.0, 0.5]], np.float16),
    )
    return Teacher(path)


def test_answers_are_interpolated_over_time(tmp_path: Path) -> None:
    teacher = write_teacher(tmp_path / "t.npz")
    np.testing.assert_allclose(teacher.answer("clip0", 0.25), [1, 0.25, 0.5])
    np.testing.assert_allclose(teacher.answer("clip0", 99.0), [1, 1.0, 0.5])
    np.testing.assert_allclose(teacher.answer("clip1", 0.7), [1, 0.9, 0.1], atol=1e-3)
    np.testing.assert_allclose(teacher.answer("unheard", 0.0), [0, 0, 0])


def test_a_file_that_is_no_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        Teacher(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("x")
    with pytest.raises(InputError, match="no tags of a teacher"):
        Teacher(tmp_path / "text.npz")
    np.savez(tmp_path / "short.npz", tags=np.array(["a"]), clip=np.array(["b"]), probability=np.zeros((2, 1)))
    with pytest.raises(InputError, match="do not fit together"):
        Teacher(tmp_path / "short.npz")


def test_a_plain_array_or_one_of_nan_is_no_teacher(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"give an \.npz with tags, clip and probability"):
        Teacher(tmp_path / "plain.npy")
    np.savez(tmp_path / "nan.npz", tags=["a"], clip=["b"], probability=[[np.nan]])
    with pytest.raises(InputError, match="no numbers"):
        Teacher(tmp_path / "nan.npz")


def test_tags_count_only_where_the_teacher_heard() -> None:
    answers = np.array([[1, 1.0, 0.0], [0, 0.0, 0.0]], np.float32)
    loss = np.asarray(tags_loss(answers, np.array([[0.8, 0.5], [0.9, 0.9]], np.float32)))
    np.testing.assert_allclose(loss, [-np.log(0.8) - np.log(0.5), 0], rtol=1e-5)


def test_music_without_a_label_may_be_any_genre() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    targets = keras.ops.convert_to_tensor(np.array([[0, 1, 0], [1, 1, 0]], np.float32))
    loss = np.asarray(genre_loss(0.0)(targets, keras.ops.convert_to_tensor(probabilities)))
    np.testing.assert_allclose(loss, [-np.log(0.3), -np.log(0.8)], rtol=1e-5)
    smooth = np.asarray(genre_loss(0.3)(targets, keras.ops.convert_to_tensor(probabilities)))
    one = -(0.1 * np.log(0.5) + 0.8 * np.log(0.3) + 0.1 * np.log(0.2))
    np.testing.assert_allclose(smooth, [one, -np.log(0.8)], rtol=1e-5)


def test_unlabelled_music_is_fitted_on_but_is_no_output_and_not_validated(tmp_path: Path) -> None:
    spec = RECIPE.front_end
    with StoreWriter(tmp_path / "s.npz", spec) as writer:
        for label in ("jazz", NO_MUSIC, UNLABELLED):
            writer.add(clip=label, label=label, group=label, mel_db=np.zeros((60, 24)))
    store = open_store(tmp_path / "s.npz")
    crops = Crops(store, whole_store(store), ("jazz", NO_MUSIC), RECIPE, seed=0)
    _, targets = next(crops.epoch(1, 99))
    assert {tuple(row) for row in targets["genre"].tolist()} == {(1, 0), (0, 1)}
    assert sum(len(inputs) for inputs, _ in crops.validation(99)) == 20
    wider = Crops(store, whole_store(store), ("blues", "jazz", NO_MUSIC), RECIPE, seed=0)
    _, targets = next(wider.epoch(1, 99))
    assert (1, 1, 0) in {tuple(row) for row in targets["genre"].tolist()}


def test_a_teachers_tags_are_learnt_and_left_out_of_the_network(tmp_path: Path) -> None:
    def network(*arguments: Any) -> Any:
        made = tiny_network(*arguments)
        made.layers[-2].name = "heard"
        return made

    store = small_store(tmp_path / "s.npz")
    teacher = write_teacher(tmp_path / "t.npz")
    recipe = replace(RECIPE, network=network, teacher_layer="heard")
    labels = ("high", "low")
    crops = Crops(store, whole_store(store), labels, recipe, seed=0, teacher=teacher)
    inputs, targets = next(crops.epoch(1, 48))
    assert targets["tags"].shape == (48, 3)
    assert targets["tags"][:, 0].sum() == 8  # four windows of each of two of the twelve clips
    plan = FitPlan(recipe, labels, 0, 2, 16, {}, teacher)
    fitted, _ = fit(plan, crops, crops, checkpoint=Checkpoint(tmp_path / "c.npz"))
    assert np.asarray(fitted.predict_on_batch(inputs)).shape == (48, 2)
    alone = replace(plan, teacher=None)
    plain = Crops(store, whole_store(store), labels, recipe, seed=0)
    other, _ = fit(alone, plain, plain, checkpoint=Checkpoint(tmp_path / "d.npz"))
    pairs = list(zip(fitted.get_weights(), other.get_weights(), strict=True))
    assert all(one.shape == two.shape for one, two in pairs)
    assert not all(np.array_equal(one, two) for one, two in pairs)  # the tags have had their say
