from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from live.front_end import FrontEndSpec
from training.dataset.clips import UNLABELLED
from training.dataset.copies import copies, groups_with_copies
from training.dataset.splits import Split, SplitName, published_lists, split_store
from training.dataset.store import FeatureStore, StoreWriter, open_store

SPEC = FrontEndSpec(n_mels=4, n_mfcc=4)
SILENCE = -1


def store_of(path: Path, rows: Sequence[tuple[str, str, str, int]]) -> FeatureStore:
    """Return a store of clips (id, label, group, number of their sound)."""
    with StoreWriter(path, SPEC) as writer:
        for clip, label, group, sound in rows:
            frames = np.random.default_rng(max(sound, 0)).normal(-40, 10, (5, SPEC.n_mels))
            mel_db = np.full_like(frames, -100) if sound == SILENCE else frames
            writer.add(clip=clip, label=label, group=group, mel_db=mel_db)
    return open_store(path)


def part_of(split: Split, store: FeatureStore) -> dict[str, str]:
    return {store.clip[segment.clip]: part for part, segments in split.parts.items() for segment in segments}


def test_copies_are_found_by_their_sound_and_silence_is_none(tmp_path: Path) -> None:
    sounds = [1, 2, 1, SILENCE, SILENCE, 2, 3, 1]
    store = store_of(tmp_path / "s.npz", [(f"c{k}", "a", f"g{k}", sound) for k, sound in enumerate(sounds)])
    assert copies(store) == [[0, 2, 7], [1, 5]]


def test_groups_that_share_a_sound_are_one() -> None:
    assert groups_with_copies(["a", "b", "c", "d", "a"], [[1, 2], [2, 4]]) == ["b", "b", "b", "d", "b"]
    assert groups_with_copies(["a", "b"], []) == ["a", "b"]


@pytest.mark.parametrize("name", ["group", "clip", "fault-filtered"])
def test_copies_of_a_sound_lie_in_one_part(name: SplitName, tmp_path: Path) -> None:
    rows = [
        (f"{label}{k}", label, f"{label}{k}", 10 * k + (label == "b")) for label in "ab" for k in range(20)
    ]
    rows += [(f"copy{k}", "a", f"other{k}", 10 * k) for k in range(20)]
    rows += [(clip, "jazz", clip, 7_000 + k) for k, clip in enumerate(published_lists()["valid"][:2])]
    rows += [(clip, "jazz", clip, 8_000 + k) for k, clip in enumerate(published_lists()["train"][:2])]
    store = store_of(tmp_path / "s.npz", rows)
    part = part_of(split_store(store, name, window_frames=5, seed=0), store)
    assert {part[f"a{k}"] for k in range(20)} >= {"train", "valid"}
    assert all(part[f"a{k}"] == part[f"copy{k}"] for k in range(20))


def test_a_sound_with_two_labels_is_remarked_on(tmp_path: Path) -> None:
    rows = [
        (f"{label}{k}", label, f"{label}{k}", 10 * k + (label == "b")) for label in "ab" for k in range(9)
    ]
    loose = [("same", "a", "same", 10), ("unknown", UNLABELLED, "unknown", 20)]
    store = store_of(tmp_path / "s.npz", [*rows, *loose])
    assert not [
        note for note in split_store(store, "clip", window_frames=5, seed=0).notes if "copies" in note
    ]
    store = store_of(tmp_path / "s.npz", [*rows, *loose, ("wrong", "b", "wrong", 30)])
    [note] = split_store(store, "clip", window_frames=5, seed=0).notes
    assert note == (
        "There are copies with different labels (sounds: 1), such as a3 (a) and wrong (b): give each sound "
        "one label."
    )
