from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from live.front_end import FrontEndSpec, mfcc
from tests.training.conftest import small_store
from training.augmentation.augment import AugmentationContext, Targets
from training.dataset.splits import Segment, whole_store
from training.dataset.store import FeatureStore, StoreWriter, join_stores, open_store
from training.network.batches import Crops, even_starts, frames_of, grid_starts
from training.network.recipes import LIVE, SEED, Recipe

SPEC = FrontEndSpec(n_mels=24, n_mfcc=12)
PLAIN = replace(LIVE, front_end=SPEC, augment=None, context_frames=0, balanced=False, prevalence=0.0)
LABELS = ("high", "low")


def crops(store: FeatureStore, recipe: Recipe, seed: int = 0) -> Crops:
    return Crops(store, whole_store(store), LABELS, recipe, seed=seed)


def test_three_seconds_are_as_many_frames_as_fit() -> None:
    assert LIVE.window_frames == 34
    assert SEED.window_frames == 126
    assert SEED.front_end.window_samples(126) <= 3 * 22_050 < SEED.front_end.window_samples(127)


def test_frames_come_from_the_segment_alone(store: FeatureStore) -> None:
    clip = store.clip_frames(3).astype(np.float32)
    segment = Segment(3, 10, 40)
    np.testing.assert_array_equal(frames_of(store, segment, 5, 20), clip[15:35])
    np.testing.assert_array_equal(frames_of(store, segment, 0, 45), np.tile(clip[10:40], (2, 1))[:45])
    before = frames_of(store, segment, -4, 10)
    np.testing.assert_array_equal(before, np.concatenate([np.repeat(clip[10:11], 4, axis=0), clip[10:16]]))


def test_starts() -> None:
    assert grid_starts(Segment(0, 0, 110), 34) == [0, 34, 68]
    assert grid_starts(Segment(0, 5, 20), 34) == [0]
    assert even_starts(Segment(0, 0, 344), 34, 3) == [0, 155, 310]
    assert even_starts(Segment(0, 0, 36), 34, 10) == [0, 1, 2]
    assert even_starts(Segment(0, 0, 3), 34, 10) == [0]


def test_an_epoch_draws_each_clip_equally_often(store: FeatureStore) -> None:
    drawn = crops(store, PLAIN)
    batches = list(drawn.epoch(1, 10))
    assert [len(inputs) for inputs, _ in batches] == [10] * 9 + [6]
    assert len(batches) == drawn.steps_in_epoch(10)
    assert batches[0][0].shape == (10, 34, 12)
    targets = np.concatenate([targets["genre"] for _, targets in batches])
    np.testing.assert_array_equal(targets.sum(axis=0), [48, 48])


def test_epochs_differ_and_can_be_drawn_again(store: FeatureStore) -> None:
    def epoch(number: int, seed: int = 0) -> np.ndarray:
        recipe = replace(LIVE, front_end=SPEC)
        return np.concatenate([inputs for inputs, _ in crops(store, recipe, seed).epoch(number, 16)])

    np.testing.assert_array_equal(epoch(2), epoch(2))
    assert not np.array_equal(epoch(2), epoch(3))
    assert not np.array_equal(epoch(2), epoch(2, seed=1))


@pytest.mark.parametrize("batch_size", [1, 5, 7, 16, 23, 24, 100])
def test_the_batches_of_a_balanced_epoch_are_equally_large(tmp_path: Path, batch_size: int) -> None:
    drawn = crops(small_store(tmp_path / "s.npz", spec=SPEC), replace(PLAIN, balanced=True))
    sizes = [len(inputs) for inputs, _ in drawn.epoch(1, batch_size)]
    assert len(sizes) == drawn.steps_in_epoch(batch_size)
    assert len(set(sizes)) == 1
    assert sizes[0] <= batch_size
    assert drawn.windows_in_epoch <= sum(sizes) < drawn.windows_in_epoch + len(sizes)


def test_a_balanced_epoch_gives_every_label_the_same(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        for number in range(12):
            label = "low" if number < 2 else "high"
            writer.add(clip=str(number), label=label, group=str(number), mel_db=np.full((40, 24), number))
    drawn = crops(open_store(tmp_path / "s.npz"), replace(PLAIN, balanced=True))
    targets = np.concatenate([targets["genre"] for _, targets in drawn.epoch(1, 16)])
    np.testing.assert_array_equal(targets.sum(axis=0), [48, 48])


def test_a_label_of_many_clips_may_have_more_windows(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        for number in range(18):
            label = "low" if number < 2 else "high"
            writer.add(clip=str(number), label=label, group=str(number), mel_db=np.full((40, 24), number))
    drawn = crops(open_store(tmp_path / "s.npz"), replace(PLAIN, balanced=True, prevalence=1 / 3))
    targets = np.concatenate([targets["genre"] for _, targets in drawn.epoch(1, 16)])
    low, high = sorted(targets.sum(axis=0))
    assert high == pytest.approx(2 * low, abs=2)  # eight times as many clips


def test_collections_weigh_by_the_root_of_their_clips_and_by_favour(tmp_path: Path) -> None:
    for name, clips in (("small", 2), ("large", 8)):
        with StoreWriter(tmp_path / f"{name}.npz", SPEC) as writer:
            for number in range(clips):
                writer.add(
                    clip=f"{name}{number}", label="high", group=f"{name}{number}",
                    mel_db=np.full((40, 24), clips),
                )  # fmt: skip
    store = join_stores([open_store(tmp_path / f"{name}.npz") for name in ("small", "large")])
    for favoured, share in (({}, 1 / 3), ({"small": 2.0}, 1 / 2)):
        recipe = replace(PLAIN, balanced=True, favoured=favoured)
        drawn = Crops(store, whole_store(store), ("high", "low"), recipe, seed=0)
        inputs, _ = next(drawn.epoch(1, 80))
        of_small = (np.abs(inputs[:, 0, 0] / np.sqrt(24) - 2) < 0.1).mean()
        assert of_small == pytest.approx(share, abs=0.02)


def test_labels_may_have_a_share_of_their_own_and_groups_the_root_of_theirs(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        for number in range(12):  # nine clips of one artist, one of another, and two of noise
            label = "no_music" if number > 9 else "high"
            writer.add(
                clip=str(number), label=label, group=str(max(number, 8)), mel_db=np.full((40, 24), number)
            )
    store = open_store(tmp_path / "s.npz")
    recipe = replace(PLAIN, balanced=True, shares={"no_music": 0.25, "unlabelled": 0.125})
    drawn = Crops(store, whole_store(store), ("high", "no_music"), recipe, seed=0)
    inputs, targets = next(drawn.epoch(1, 96))
    np.testing.assert_array_equal(targets["genre"].sum(axis=0), [72, 24])
    levels = inputs[:, 0, 0] / np.sqrt(24)
    assert (np.abs(levels - 9) < 0.1).sum() == 18  # the artist of nine clips has three times as many windows


def test_a_grid_epoch_is_each_window_once_in_another_order(store: FeatureStore) -> None:
    recipe = replace(PLAIN, crops="grid", crops_per_clip=99, front_end=replace(SPEC, hop_length=3_000))
    drawn = crops(store, recipe)
    assert recipe.window_frames == 22
    assert drawn.windows_in_epoch == 12 * 2
    first, second = (np.concatenate([x for x, _ in drawn.epoch(n, 7)]) for n in (1, 2))
    assert not np.array_equal(first, second)
    key = [Counter(window.tobytes() for window in epoch) for epoch in (first, second)]
    assert key[0] == key[1]
    assert max(key[0].values()) == 1


def test_an_augmentation_sees_the_frames_before_the_window(store: FeatureStore) -> None:
    seen: list[np.ndarray] = []

    def watch(
        mel_db: np.ndarray, targets: Targets, context: AugmentationContext, _: np.random.Generator
    ) -> tuple[np.ndarray, Targets]:
        assert context.labels == LABELS
        assert context.noise is None
        seen.append(mel_db)
        return mel_db + np.arange(mel_db.shape[1], dtype=np.float32)[None, :, None], targets

    inputs, _ = next(crops(store, replace(PLAIN, augment=watch, context_frames=6)).epoch(1, 8))
    assert seen[0].shape == (8, 40, 24)
    ramp = np.arange(6, 40, dtype=np.float32)[None, :, None]
    np.testing.assert_allclose(inputs, mfcc(seen[0][:, 6:] + ramp, SPEC))


def test_an_augmentation_may_draw_noise_from_the_no_music_clips(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        for number, (label, level) in enumerate([("jazz", 0), ("no_music", -50), ("no_music", -51)]):
            writer.add(clip=str(number), label=label, group=str(number), mel_db=np.full((20, 24), level))
    store = open_store(tmp_path / "s.npz")
    drawn: list[np.ndarray] = []

    def watch(
        mel_db: np.ndarray, targets: Targets, context: AugmentationContext, generator: np.random.Generator
    ) -> tuple[np.ndarray, Targets]:
        assert context.noise is not None
        drawn.append(context.noise(7, 34, generator))
        return mel_db, targets

    recipe = replace(PLAIN, augment=watch)
    next(Crops(store, whole_store(store), ("jazz", "no_music"), recipe, seed=0).epoch(1, 64))
    assert drawn[0].shape == (7, 34, 24)
    assert set(np.unique(drawn[0])) == {-50, -51}


def test_validation_is_unchanged_and_evenly_spaced(store: FeatureStore) -> None:
    def refuse(*_: object) -> tuple[np.ndarray, Targets]:
        pytest.fail("validation must not be augmented")

    batches = list(crops(store, replace(PLAIN, augment=refuse)).validation(64))
    inputs = np.concatenate([inputs for inputs, _ in batches])
    targets = np.concatenate([targets["genre"] for _, targets in batches])
    assert len(inputs) == 12 * 10
    clip = store.clip_frames(0).astype(np.float32)
    np.testing.assert_allclose(inputs[0], mfcc(clip[None, :34], SPEC)[0])
    np.testing.assert_allclose(inputs[9], mfcc(clip[None, 26:60], SPEC)[0])
    np.testing.assert_array_equal(targets[:10].argmax(axis=1), [0] * 10)
    np.testing.assert_array_equal(targets[10:20].argmax(axis=1), [1] * 10)


def test_the_store_fixture_is_learnable(tmp_path: Path) -> None:
    store = small_store(tmp_path / "s.npz")
    means = {label: store.clip_frames(k)[:, :5].mean() for k, label in enumerate(store.label[:2])}
    assert means["low"] > means["high"] + 10
