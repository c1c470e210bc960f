from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.errors import InputError
from live.front_end import FrontEndSpec
from training.dataset import splits
from training.dataset.pieces import Pieces
from training.dataset.splits import (
    PARTS,
    Segment,
    Split,
    SplitName,
    default_split,
    published_lists,
    split_store,
)
from training.dataset.store import FeatureStore, join_stores

SPEC = FrontEndSpec(n_mels=24, n_mfcc=12)


def fake_store(
    clips: list[str], labels: list[str], groups: list[str] | None = None, frames: int = 50
) -> FeatureStore:
    return FeatureStore(
        path=Path("fake.npz"),
        clip=tuple(clips),
        label=tuple(labels),
        group=tuple(groups or clips),
        offset=np.arange(len(clips) + 1, dtype=np.int64) * frames,
        pieces=Pieces.of(np.zeros((len(clips) * frames, 24), np.float16)),
        front_end=SPEC,
    )


def clips_of(split: Split, part: str) -> set[int]:
    return {segment.clip for name, segments in split.parts.items() if name == part for segment in segments}


def test_the_published_lists_are_whole_and_apart() -> None:
    lists = published_lists()
    assert {part: len(lists[part]) for part in PARTS} == {"train": 443, "valid": 197, "test": 290}
    assert len({clip for part in PARTS for clip in lists[part]}) == 443 + 197 + 290


def test_fault_filtered_follows_the_lists_and_names_what_is_missing() -> None:
    lists = published_lists()
    everything = [clip for part in PARTS for clip in lists[part]]
    possible = [f"{genre}.{number:05}" for genre in ("jazz", "pop") for number in range(100)]
    faulty = [clip for clip in possible if clip not in everything][:3]
    kept = [clip for clip in everything if clip != lists["valid"][0]] + faulty
    store = fake_store(kept, [clip.split(".")[0] for clip in kept])
    assert default_split(store) == "fault-filtered"
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    assert len(split.parts["train"]) == 443
    assert len(split.parts["valid"]) == 196
    assert {store.clip[k] for k in clips_of(split, "test")} == set(lists["test"])
    assert not split.leaks
    notes = " ".join(split.notes)
    assert f"1 of the 197 valid clips are missing: {lists['valid'][0]}" in notes
    assert all(clip in notes for clip in faulty)


def test_a_recording_that_two_datasets_hold_lies_in_one_part() -> None:
    lists = published_lists()
    ids = [clip for part in PARTS for clip in lists[part][::3]]
    clips = [*ids, *(f"second/{clip}" for clip in ids)]
    store = fake_store(clips, [clip.rpartition("/")[2].split(".")[0] for clip in clips])
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    for part in PARTS:
        assert {store.clip[k].rpartition("/")[2] for k in clips_of(split, part)} <= set(lists[part])


def test_one_part_can_be_measured_where_there_is_nothing_to_fit_on() -> None:
    ids = published_lists()["test"]
    store = fake_store(ids, [clip.split(".")[0] for clip in ids])
    split = split_store(store, "fault-filtered", window_frames=34, seed=0, only="test")
    assert len(split.parts["test"]) == 290
    with pytest.raises(InputError, match=r"leaves no train clips of .* such as group"):
        split_store(store, "fault-filtered", window_frames=34, seed=0)
    with pytest.raises(InputError, match="leaves no valid clips: choose another"):
        split_store(store, "fault-filtered", window_frames=34, seed=0, only="valid")


def test_it_is_told_when_no_groups_are_known() -> None:
    for groups, told in (
        (None, "No groups are known, so"),
        ([*"rrsstt", "g", "h"], "No group is known of 2 clips, such as g: each"),
        ([*"rrssttuu"], ""),
    ):
        store = fake_store(list("abcdefgh"), list("xyxyxyxy"), groups)
        split = split_store(store, "group", window_frames=34, seed=0)
        assert len(split.notes) == bool(told)
        assert "".join(split.notes).startswith(told)


def test_noise_without_groups_is_not_told_to_have_artists() -> None:
    clips = list("abcdefghijkl")
    store = fake_store(clips, [*"xyxyxyxy", *["no_music"] * 4], [*"rrssttuu", *clips[8:]])
    assert split_store(store, "group", window_frames=34, seed=0).notes == ()


def test_joined_datasets_without_groups_are_told_although_their_clips_have_the_same_names() -> None:
    one = fake_store(list("abcd"), list("xyxy"))
    store = join_stores([one, replace(one, path=Path("other.npz"))])
    assert store.clip[4:] == ("other/a", "other/b", "other/c", "other/d")
    split = split_store(store, "group", window_frames=34, seed=0)
    assert any("No groups are known" in note for note in split.notes)


def test_unlabelled_music_may_lie_outside_training_with_its_group() -> None:
    clips = list("abcdefgh")
    parts = set()
    for group in clips:
        store = fake_store([*clips, "music"], [*"xyxyxyxy", "unlabelled"], [*clips, group])
        split = split_store(store, "group", window_frames=34, seed=0)
        parts |= {part for part in PARTS if 8 in clips_of(split, part)}
    assert parts == set(PARTS)


def test_the_digest_of_a_division_tells_what_lies_where() -> None:
    def digest(**changes: Any) -> str:
        values: dict[str, Any] = {"clips": list("abcdefgh"), "labels": list("xyxyxyxy"), "seed": 0} | changes
        store = fake_store(values["clips"], values["labels"], values.get("groups"), values.get("frames", 50))
        return split_store(store, "clip", window_frames=34, seed=values["seed"]).digest(store)

    assert digest() == digest()
    others = [
        digest(clips=list("Abcdefgh")),
        digest(labels=list("yxxyxyxy")),
        digest(groups=list("aabbccdd")),
        digest(frames=60),
        digest(seed=5),
    ]
    assert len({digest(), *others}) == 6


@pytest.mark.parametrize("with_test", [False, True])
def test_fault_filtered_divides_other_clips_by_group(with_test: bool) -> None:
    lists = published_lists()
    gtzan = lists["train"] + lists["valid"] + (lists["test"] if with_test else [])
    others = [f"speech{k}" for k in range(40)]
    groups = gtzan + [f"speaker{k // 4}" for k in range(40)]
    store = fake_store(gtzan + others, [clip.split(".")[0] for clip in gtzan] + ["no_music"] * 40, groups)
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    by_part = [{store.group[k] for k in clips_of(split, part) if k >= len(gtzan)} for part in PARTS]
    assert [bool(part) for part in by_part] == [True, True, with_test]
    assert len(by_part[1]) == (2 if with_test else 3)  # a fifth or a quarter of ten speakers
    assert not by_part[0] & by_part[1]
    assert not by_part[0] & by_part[2]


def test_other_data_are_divided_by_group() -> None:
    store = fake_store(["a", "b", "c", "d"], ["x", "y", "x", "y"])
    assert default_split(store) == "group"


@settings(max_examples=30)
@given(
    groups=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), min_size=6, max_size=40),
    seed=st.integers(0, 2**31 - 1),
)
def test_groups_never_straddle_and_every_clip_is_used_once(groups: list[tuple[int, int]], seed: int) -> None:
    labels, names = [], []
    for number, (label, clips) in enumerate([*groups, (0, 1), (0, 1), (1, 1), (1, 1), (2, 1), (2, 1)]):
        labels += [f"genre{label}"] * clips
        names += [f"artist{number}"] * clips
    store = fake_store([f"clip{k}" for k in range(len(labels))], labels, names)
    split = split_store(store, "group", window_frames=34, seed=seed)
    parts = [clips_of(split, part) for part in PARTS]
    assert sum(map(len, parts)) == len(store)
    assert set().union(*parts) == set(range(len(store)))
    held = [{store.group[k] for k in part} for part in parts]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]
    assert {store.label[k] for k in parts[0]} == set(labels)
    assert parts[1]
    again = split_store(store, "group", window_frames=34, seed=seed)
    assert again == split


def test_the_split_is_stratified() -> None:
    labels = ["often"] * 100 + ["seldom"] * 20
    store = fake_store([f"c{k}" for k in range(120)], labels)
    split = split_store(store, "clip", window_frames=34, seed=3)
    for part in ("valid", "test"):
        chosen = [labels[k] for k in clips_of(split, part)]
        assert (chosen.count("often"), chosen.count("seldom")) == (20, 4)


def test_clip_ignores_groups_that_group_keeps_apart() -> None:
    labels = ["a", "b"] * 10
    store = fake_store([f"c{k}" for k in range(20)], labels, ["one", "two"] * 10)
    split_store(store, "clip", window_frames=34, seed=0)
    with pytest.raises(InputError, match="one group only"):
        split_store(store, "group", window_frames=34, seed=0)


def test_two_clips_a_label_still_give_training_and_validation() -> None:
    store = fake_store(["a", "b", "c", "d"], ["x", "x", "y", "y"])
    split = split_store(store, "group", window_frames=34, seed=0)
    assert len(split.parts["train"]) == len(split.parts["valid"]) == 2
    assert split.parts["test"] == []


@pytest.mark.parametrize("split", ["group", "clip", "segment", "fault-filtered"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_clips_of_unlabelled_music_change_no_other_clips_part(split: SplitName, count: int) -> None:
    labels = ["a"] * 20 + ["b"] * 20
    store = fake_store([f"c{k}" for k in range(40)], labels)
    more = fake_store([f"c{k}" for k in range(40 + count)], [*labels, *["unlabelled"] * count])
    before = split_store(store, split, window_frames=50, seed=0)
    after = split_store(more, split, window_frames=50, seed=0)
    assert clips_of(after, "train") == clips_of(before, "train") | set(range(40, 40 + count))
    assert clips_of(after, "valid") == clips_of(before, "valid")
    assert clips_of(after, "test") == clips_of(before, "test")


def test_a_clip_of_unlabelled_music_beside_gtzan_is_fitted_on() -> None:
    lists = published_lists()
    gtzan = [clip for part in PARTS for clip in lists[part]]
    store = fake_store([*gtzan, "song"], [*(clip.split(".")[0] for clip in gtzan), "unlabelled"])
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    assert len(gtzan) in clips_of(split, "train")


@pytest.mark.parametrize("seed", range(5))
def test_unlabelled_music_stays_with_its_artist(seed: int) -> None:
    labels = ["a", "b"] * 5 + ["unlabelled"]
    groups = [f"artist{k}" for k in range(10)] + ["artist0"]
    split = split_store(
        fake_store([f"c{k}" for k in range(11)], labels, groups), "group", window_frames=34, seed=seed
    )
    assert [part for part in PARTS if 0 in clips_of(split, part)] == [
        part for part in PARTS if 10 in clips_of(split, part)
    ]


def test_segments_leak_and_say_so() -> None:
    store = fake_store([f"c{k}" for k in range(10)], ["x", "y"] * 5, frames=110)
    split = split_store(store, "segment", window_frames=34, seed=0)
    assert split.leaks
    assert any("LEAKS" in note for note in split.notes)
    segments = [segment for part in PARTS for segment in split.parts[part]]
    assert sorted(segments, key=lambda s: (s.clip, s.start)) == [
        Segment(clip, start, start + 34) for clip in range(10) for start in (0, 34, 68)
    ]
    assert clips_of(split, "train") & clips_of(split, "valid")


def joined(*collections: tuple[str, list[tuple[str, str]]]) -> FeatureStore:
    """Return a store of several collections, each given as pairs of label and group."""
    rows = [(name, label, group) for name, pairs in collections for label, group in pairs]
    store = fake_store(
        [f"c{k}" for k in range(len(rows))], [row[1] for row in rows], [row[2] for row in rows]
    )
    return replace(store, collection=tuple(row[0] for row in rows))


@pytest.mark.parametrize("seed", range(4))
def test_each_collection_is_in_training_and_in_validation(seed: int) -> None:
    large = [(label, f"{label}{k}") for label in ("rock", "jazz") for k in range(40)]
    small = [(label, f"s{label}{k}") for label in ("rock", "jazz", "other_music") for k in range(5)]
    store = joined(("large", large), ("small", small))
    split = split_store(store, "group", window_frames=34, seed=seed)
    for part in ("train", "valid"):
        found = {(store.collection[k], store.label[k]) for k in clips_of(split, part)}
        assert found == {
            (name, label) for name, pairs in (("large", large), ("small", small)) for label, _ in pairs
        }


def test_a_labels_only_group_in_one_of_several_collections_teaches() -> None:
    large = [(label, f"{label}{k}") for label in ("rock", "jazz") for k in range(10)]
    store = joined(("large", large), ("small", [("rock", "one band")] * 4))
    split = split_store(store, "group", window_frames=34, seed=0)
    assert clips_of(split, "train") >= set(range(20, 24))


def test_a_copy_of_a_gtzan_clip_under_another_name_lies_in_its_part() -> None:
    gtzan = [clip for clips in published_lists().values() for clip in clips[::20]]
    clips = [*gtzan, *(f"my {clip}" for clip in gtzan)]
    sounds = np.random.default_rng(0).normal(size=(len(gtzan) * 50, 24)).astype(np.float16)
    store = replace(
        fake_store(clips, [clip.split(".")[0].removeprefix("my ") for clip in clips]),
        pieces=Pieces.of(np.concatenate([sounds, sounds])),
    )
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    for part in PARTS:
        held = {store.clip[k] for k in clips_of(split, part)}
        assert held == {clip for clip in clips if clip.removeprefix("my ") in published_lists()[part]}


def test_a_clip_whose_group_the_gtzan_lists_divide_is_left_out() -> None:
    lists = published_lists()
    clips = [*lists["train"], *lists["valid"], "own"]
    groups = ["band", *lists["train"][1:], "band", *lists["valid"][1:], "band"]
    store = fake_store(clips, [*(clip.split(".")[0] for clip in clips[:-1]), "rock"], groups)
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    assert all(len(clips) - 1 not in clips_of(split, part) for part in PARTS)
    assert any("lists divide: 1 clip (own)" in note for note in split.notes)


def test_a_labels_only_group_beside_gtzan_teaches() -> None:
    lists = published_lists()
    gtzan = lists["train"] + lists["valid"]
    store = fake_store(
        [*gtzan, "own1", "own2"],
        [clip.split(".")[0] for clip in gtzan] + ["rock"] * 2,
        [*gtzan, "band", "band"],
    )
    split = split_store(store, "fault-filtered", window_frames=34, seed=0)
    assert clips_of(split, "train") >= {len(gtzan), len(gtzan) + 1}


@pytest.mark.parametrize(("rare", "parts"), [(2, (75, 25, 0)), (3, (60, 20, 20))])
def test_a_rare_label_leaves_the_others_as_much_training(rare: int, parts: tuple[int, ...]) -> None:
    labels = ["a"] * 100 + ["b"] * 100 + ["rare"] * rare
    split = split_store(
        fake_store([f"c{k}" for k in range(len(labels))], labels), "group", window_frames=34, seed=0
    )
    found = [[labels[k] for k in clips_of(split, part)] for part in PARTS]
    assert tuple(each.count("a") for each in found) == parts
    assert [each.count("rare") for each in found] == [1] * rare + [0] * (3 - rare)


def test_an_artist_with_nearly_all_clips_teaches() -> None:
    labels = ["a"] * 30 + ["b"] * 30
    groups = [*["giant"] * 28, "a1", "a2", *["giant"] * 28, "b1", "b2"]
    store = fake_store([f"c{k}" for k in range(60)], labels, groups)
    split = split_store(store, "group", window_frames=34, seed=0)
    assert "giant" in {store.group[k] for k in clips_of(split, "train")}
    assert {labels[k] for k in clips_of(split, "valid")} == {"a", "b"}


def test_data_that_could_be_divided_before_are_divided_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(_kind: object, _groups: object, _folds: int, random: int) -> list[int]:
        # The first fold of the first draw has no clip of x, though others would do.
        return [*((1, 1, 2, 3, 4) if random == 0 else range(5)), *range(5)]

    monkeypatch.setattr(splits, "_random_folds", draw)
    store = fake_store([f"c{k}" for k in range(10)], [*"xxxxxyyyyy"])
    split = split_store(store, "group", window_frames=34, seed=0)
    assert (clips_of(split, "valid"), clips_of(split, "test")) == ({0, 5}, {1, 6}), "as the second draw says"


def test_collections_of_two_clips_each_are_divided_without_a_test() -> None:
    one, two = (
        [(label, f"{label}{k}") for label in ("rock", "jazz") for k in range(n, n + 2)] for n in (0, 2)
    )
    split = split_store(joined(("a", one), ("b", two)), "group", window_frames=34, seed=0)
    assert [len(clips_of(split, part)) for part in PARTS] == [4, 4, 0]


def test_a_label_that_cannot_be_measured_is_told() -> None:
    groups = [*"vvaa", *"vvbb", *"aabb"]  # no two of the three artists have all labels, nor has one alone
    store = fake_store([f"c{k}" for k in range(12)], [*"xxxxyyyyzzzz"], groups)
    split = split_store(store, "group", window_frames=34, seed=0)
    (lacking,) = {*"xyz"} - {store.label[k] for k in clips_of(split, "valid")}
    assert f"There are no validation clips of {lacking}, so no validation figure covers it." in split.notes
    assert {store.label[k] for k in clips_of(split, "train")} == {*"xyz"}


def test_a_label_that_only_the_test_measures_is_not_called_unmeasured() -> None:
    store = fake_store([f"c{k}" for k in range(6)], [*"xxxyyy"], [*"pqrqrs"])
    split = split_store(store, "group", window_frames=34, seed=0)
    labels = {part: {store.label[k] for k in clips_of(split, part)} for part in PARTS}
    assert labels["valid"] < labels["test"] == {*"xy"}
    (note,) = (note for note in split.notes if note.startswith("There are no validation clips"))
    assert "no figure" not in note


def test_a_label_with_one_group_in_all_is_refused() -> None:
    store = joined(
        ("a", [("rock", "x"), ("rock", "y"), ("jazz", "z")]), ("b", [("rock", "v"), ("jazz", "z")])
    )
    with pytest.raises(InputError, match=r"'jazz' has one group only.* use --split clip"):
        split_store(store, "group", window_frames=34, seed=0)


@pytest.mark.parametrize("name", ["group", "clip"])
def test_a_label_with_one_clip_is_refused_without_advice_that_would_not_help(name: SplitName) -> None:
    store = fake_store(["a", "b", "c"], ["rock", "rock", "jazz"])
    with pytest.raises(InputError, match=r"'jazz' has one clip only.* leave this label out"):
        split_store(store, name, window_frames=34, seed=0)
