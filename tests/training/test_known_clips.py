"""Whether a model knows clips, which would flatter its figures and those of a fit that starts from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scripts.merge_models import record_of_all
from tests.training.conftest import small_store
from training.dataset.splits import PartName, Split, gtzan_id, published_lists, split_store
from training.dataset.store import FeatureStore
from training.datasets import known_clips, known_of_part
from training.evaluation.record import DatasetRecord, RefitRecord, StartRecord, TrainingRecord


def fitted(store: FeatureStore, split: Split, **changes: object) -> TrainingRecord:
    """Return the record of a fit on the training part of a division."""
    used = {s.clip for name in ("train", "valid") for s in split.parts[name]}
    digests = frozenset(store.clip_digest(clip) for clip in used)
    dataset = DatasetRecord("own", len(store), division=split.digest(store), digests=digests)
    record = TrainingRecord(dataset=dataset, split=split.name)
    return replace(record, **changes)  # type: ignore[arg-type]


def divided(store: FeatureStore, seed: int) -> Split:
    return split_store(store, "clip", window_frames=34, seed=seed)


def held(split: Split, part: PartName) -> set[int]:
    return {segment.clip for segment in split.parts[part]}


def test_a_model_knows_held_out_clips_that_another_division_taught_it(store: FeatureStore) -> None:
    first, second = divided(store, 0), divided(store, 1)
    record = fitted(store, first)
    for part in ("valid", "test"):
        assert known_of_part(record, store, first, part) == []
        assert set(known_of_part(record, store, second, part)) == held(second, part) - held(first, "test")
    assert held(second, "valid") - held(first, "test")


def test_a_second_fit_knows_the_validation_clips_of_the_same_division(store: FeatureStore) -> None:
    split = divided(store, 0)
    record = fitted(store, split, refit=RefitRecord(9, 3))
    assert set(known_of_part(record, store, split, "valid")) == held(split, "valid")
    assert known_of_part(record, store, split, "test") == []


def test_the_mean_of_two_fits_knows_the_clips_of_both(store: FeatureStore) -> None:
    first, second = divided(store, 0), divided(store, 1)
    both = record_of_all([fitted(store, first), fitted(store, second)])
    assert set(known_of_part(both, store, first, "test")) == held(first, "test") - held(second, "test")
    assert set(known_of_part(both, store, first, "valid")) == held(first, "valid")
    alike = record_of_all([fitted(store, first), fitted(store, first)])
    assert known_of_part(alike, store, first, "valid") == []


def test_the_mean_of_two_fits_knows_the_clips_of_one_though_the_other_does_not_tell_its_own(
    store: FeatureStore,
) -> None:
    split = divided(store, 0)
    untold = TrainingRecord(DatasetRecord("others"), split="clip")
    both = record_of_all([fitted(store, split), untold])
    assert set(known_clips(both, store, range(len(store)))) == held(split, "train") | held(split, "valid")
    others = replace(store, collection=("others",) * len(store))
    assert known_clips(both, others, range(len(store))) == [*range(len(store))]


def test_what_a_start_knew_is_not_forgotten(store: FeatureStore) -> None:
    split = divided(store, 0)
    record = fitted(store, split, start=StartRecord(knows=2))
    assert set(known_of_part(record, store, split, "valid")) == held(split, "valid")


def test_clips_without_digests_are_known_by_their_dataset_and_gtzans_lists(tmp_path: Path) -> None:
    store = small_store(tmp_path / "music.npz")
    everything = list(range(len(store)))
    shipped = TrainingRecord(DatasetRecord("gtzan + music"), split="fault-filtered", refit=RefitRecord(9, 3))
    assert known_clips(shipped, store, everything) == everything
    other = replace(store, path=tmp_path / "other.npz")
    assert known_clips(shipped, other, everything) == []
    listed = published_lists()
    ids = (listed["train"][0], listed["valid"][0], listed["test"][0], *other.clip[3:])
    assert all(map(gtzan_id, ids[:3]))
    assert known_clips(shipped, replace(other, clip=ids), everything) == [0, 1]
    started = fitted(store, divided(store, 0), start=StartRecord(shipped.names_known, shipped.lists_known))
    assert known_clips(started, store, everything) == everything
