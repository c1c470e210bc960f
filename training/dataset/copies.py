"""Clips of a store that hold the same sound, such as copies of one file."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from .clips import UNLABELLED
from .store import FeatureStore

DIGEST_BYTES = 16  # no two of many thousand clips may agree by chance


def copies(store: FeatureStore) -> list[list[int]]:
    """Return the clips of each sound that occurs more than once, except digital silence."""
    of_sound: dict[bytes, list[int]] = {}
    for clip in range(len(store)):
        digest = blake2b(store.clip_frames(clip).tobytes(), digest_size=DIGEST_BYTES).digest()
        of_sound.setdefault(digest, []).append(clip)
    return [clips for clips in of_sound.values() if len(clips) > 1 and not _is_even(store, clips[0])]


def _is_even(store: FeatureStore, clip: int) -> bool:
    frames = store.clip_frames(clip)
    return bool((frames == frames[0, 0]).all())


def groups_with_copies(groups: Sequence[str], same: Sequence[Sequence[int]]) -> list[str]:
    """Return the group of each clip, where groups that hold copies of one sound are one.

    Parameters
    ----------
    groups : sequence of str
        One for each clip.
    same : sequence of sequences of int
        The clips of each sound, from ``copies``.
    """
    joined: dict[str, str] = {}

    def last(group: str) -> str:
        while group in joined:
            group = joined[group]
        return group

    for clips in same:
        first = last(groups[clips[0]])
        for other in {last(groups[clip]) for clip in clips} - {first}:
            joined[other] = first
    return [last(group) for group in groups]


def remarks_on_copies(store: FeatureStore, same: Sequence[Sequence[int]]) -> list[str]:
    """Return a sentence if copies of one sound have different labels."""
    contrary = [
        pair
        for clips in same
        if len(pair := list({store.label[k]: k for k in clips if store.label[k] != UNLABELLED}.values())) > 1
    ]
    if not contrary:
        return []
    one, other = (f"{store.clip[clip]} ({store.label[clip]})" for clip in contrary[0][:2])
    return [
        f"There are copies with different labels (sounds: {len(contrary)}), such as {one} and {other}: give "
        "each sound one label."
    ]
