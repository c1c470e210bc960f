"""How a dataset is divided into train, validation and test.

What divides matters more than what is trained: a split that puts pieces of one recording, or songs of
one artist, on both sides measures how well they are recognised again, not how well genres are heard.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
import warnings
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import astuple, dataclass, field
from typing import Literal, get_args

import numpy as np

from live.errors import InputError

from .clips import UNLABELLED
from .store import FeatureStore

SplitName = Literal["fault-filtered", "group", "clip", "segment"]
PartName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
PARTS: tuple[PartName, ...] = get_args(PartName)

GTZAN_ID = re.compile(r"(blues|classical|country|disco|hiphop|jazz|metal|pop|reggae|rock)\.\d{5}")
FOLDS = 5  # validation and test are one fifth each, or without a test validation is a quarter
TRIES = 20

LEAK = (
    "This split LEAKS: pieces of the same recording are in training and in validation, so every figure "
    "here flatters the model; use --split group or fault-filtered for figures to believe."
)


NO_GROUPS = (
    "No groups are known, so each recording is one, and an artist may lie on both sides: a CSV manifest can "
    "name them."
)


@dataclass(frozen=True)
class Segment:
    """A stretch of one clip that belongs to one part.

    Attributes
    ----------
    clip : int
        Index into the store.
    start, stop : int
        Frames of the clip.
    """

    clip: int
    start: int
    stop: int


@dataclass(frozen=True)
class Split:
    """A dataset divided.

    Attributes
    ----------
    name : str
        ``fault-filtered``, ``group``, ``clip`` or ``segment``.
    parts : dict of str to list of Segment
        ``train``, ``valid`` and ``test``; whole clips but for ``segment``.
    notes : tuple of str
        What a reader should know: clips that are missing or left out, and whether it leaks.
    """

    name: SplitName
    parts: dict[PartName, list[Segment]]
    notes: tuple[str, ...] = field(default=())

    @property
    def leaks(self) -> bool:
        """Whether pieces of one recording lie in several parts."""
        return self.name == "segment"

    def digest(self, store: FeatureStore) -> str:
        """Return the SHA-256 of which clip, by id, label, group and length, lies in which part."""
        text = hashlib.sha256()
        for part, segments in self.parts.items():
            for segment in segments:
                clip = segment.clip
                about = (store.clip[clip], store.label[clip], store.group[clip], segment.start, segment.stop)
                text.update(repr((part, *about)).encode())
        return text.hexdigest()


def gtzan_id(clip: str) -> str | None:
    """Return GTZAN's id of a clip; a folder before it tells joined stores apart, and not recordings."""
    name = clip.rpartition("/")[2]
    return name if GTZAN_ID.fullmatch(name) else None


def default_split(store: FeatureStore) -> SplitName:
    """``fault-filtered`` when most clips bear the ids of GTZAN's, else ``group``."""
    known = sum(gtzan_id(clip) is not None for clip in store.clip)
    return "fault-filtered" if known >= len(store) / 2 else "group"


def split_store(
    store: FeatureStore, name: SplitName, *, window_frames: int, seed: int, only: str | None = None
) -> Split:
    """Divide a store.

    Parameters
    ----------
    store : FeatureStore
    name : str
        One of ``SPLITS``.
    window_frames : int
        Length of a segment of the ``segment`` split.
    seed : int
        The same seed divides the same way.
    only : str, optional
        The one part that is wanted; without it, those that are fitted and validated on.

    Raises
    ------
    InputError
        When a label would have nothing to be fitted or validated on, or the part that is wanted is empty.
    """
    if name == "segment":
        return _split_segments(store, window_frames, seed, only)
    part_of_clip: Sequence[PartName | None]
    notes: tuple[str, ...] = ()
    if name == "fault-filtered":
        part_of_clip, notes = _fault_filtered(store, seed)
    else:
        rows = _rows(store, store.group if name == "group" else store.clip)
        part_of_clip = _divide(rows, seed, kind="group" if name == "group" else "clip")
        if name == "group" and store.group == store.clip:
            notes = (NO_GROUPS,)
    segments = _whole_clips(store)
    parts: dict[PartName, list[Segment]] = {part: [] for part in PARTS}
    for segment, chosen in zip(segments, part_of_clip, strict=True):
        if chosen is not None:
            parts[chosen].append(segment)
    _check_parts(store, parts, name, only)
    return Split(name, parts, notes)


def _rows(store: FeatureStore, groups: Sequence[str]) -> list[_Row]:
    return [
        _Row(store.collection_of(clip), label, group)
        for clip, (label, group) in enumerate(zip(store.label, groups, strict=True))
    ]


def _whole_clips(store: FeatureStore) -> list[Segment]:
    return [Segment(index, 0, int(frames)) for index, frames in enumerate(np.diff(store.offset))]


def whole_store(store: FeatureStore) -> list[Segment]:
    """Return every clip of a store, whole."""
    return _whole_clips(store)


def published_lists() -> dict[PartName, list[str]]:
    """Return GTZAN's fault-filtered lists: 443, 197 and 290 clip ids (Kereliuk, Sturm and Larsen, 2015)."""
    folder = importlib.resources.files(__package__) / "fault_filtered"
    return {part: (folder / f"{part}.txt").read_text(encoding="ascii").split() for part in PARTS}


def _named(clips: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(clips[:most])
    return shown if len(clips) <= most else f"{shown} and {len(clips) - most} more"


def _fault_filtered(store: FeatureStore, seed: int) -> tuple[list[PartName | None], tuple[str, ...]]:
    lists = published_lists()
    part_of_id: dict[str, PartName] = {clip: part for part in PARTS for clip in lists[part]}
    ids = [gtzan_id(clip) for clip in store.clip]
    parts: list[PartName | None] = [part_of_id.get(clip_id or "") for clip_id in ids]
    notes = []
    present = set(ids)
    for part in PARTS:
        missing = [clip for clip in lists[part] if clip not in present]
        if missing:
            notes.append(
                f"{len(missing)} of the {len(lists[part])} {part} clips are missing: {_named(missing)}."
            )
    faulty = [clip_id for clip_id in ids if clip_id is not None and clip_id not in part_of_id]
    if faulty:
        notes.append(f"{len(faulty)} GTZAN clips with known faults are left out: {_named(faulty)}.")
    others = [index for index, clip_id in enumerate(ids) if clip_id is None]
    if others:
        rows = _rows(store, store.group)
        held = {store.label[k] for k, part in enumerate(parts) if part == "valid"}
        divided = _divide([rows[k] for k in others], seed, held=held, with_test="test" in parts)
        for index, part in zip(others, divided, strict=True):
            parts[index] = part
        notes.append(f"{len(others)} clips are not GTZAN's and were divided by group.")
    return parts, tuple(notes)


@dataclass(frozen=True)
class _Row:
    """What decides on a clip's part: the collection it is of, its label, its group."""

    collection: str
    label: str
    group: str


def _strata(rows: Sequence[_Row], held: Set[str]) -> tuple[list[tuple[str, str]], set[str]]:
    """Return what each row is a sample of, and the groups that belong to training.

    Each collection is divided by itself, label by label. Where a collection has one group of a label, and
    the label can be validated on others, that group teaches; where no collection has two, they are taken
    together.
    """
    groups = Counter((collection, label) for collection, label, _ in {astuple(row) for row in rows})
    divisible = {label for (_, label), count in groups.items() if count > 1}
    teaching = {
        row.group
        for row in rows
        if groups[row.collection, row.label] < 2 and (row.label in divisible or row.label in held)
    }
    return [(row.collection if row.label in divisible else "", row.label) for row in rows], teaching


def _divide(
    rows: Sequence[_Row],
    seed: int,
    *,
    held: Set[str] = frozenset(),
    with_test: bool = True,
    kind: str = "group",
) -> list[PartName]:
    """Divide stratified by collection and label, with each group in one part alone.

    Parameters
    ----------
    rows : sequence of _Row
    seed : int
    held : set of str
        Labels that have validation clips already.
    with_test : bool
    kind : str
        The word for a group.
    """
    groups = Counter(label for label, _ in {(row.label, row.group) for row in rows})
    # A few clips of unlabelled music teach, and no genre is measured by them: they need not be divided.
    few = UNLABELLED if 0 < groups[UNLABELLED] < FOLDS else None
    wanted = {label: count for label, count in groups.items() if label not in held and label != few}
    rarest, fewest = min(wanted.items(), key=lambda item: item[1], default=("", FOLDS))
    if fewest < 2:
        raise InputError(
            f"The label {rarest!r} has one {kind} only, which cannot be in training and validation both: "
            f"add recordings{', or use --split clip' if kind == 'group' else ''}."
        )
    divided = [row for row in rows if row.label != few]
    strata, teaching = _strata(divided, held)
    chosen = [
        (row, stratum) for row, stratum in zip(divided, strata, strict=True) if row.group not in teaching
    ]
    # With two groups there is nothing left for a test.
    held_out: tuple[PartName, ...] = ("valid", "test") if with_test and fewest > 2 else ("valid",)
    folds = min(FOLDS if with_test else FOLDS - 1, fewest, len({row.group for row, _ in chosen}))
    part_of_group: dict[str, PartName] = {}
    if folds > 1:
        numbers = _fold_numbers(chosen, folds, len(held_out), seed)
        for (row, _), number in zip(chosen, numbers, strict=True):
            part_of_group[row.group] = held_out[number] if number < len(held_out) else "train"
    return [part_of_group.get(row.group, "train") for row in rows]


def _fold_numbers(
    chosen: Sequence[tuple[_Row, tuple[str, str]]], folds: int, held_out: int, seed: int
) -> list[int]:
    """Return each row's fold; of some tries that in which most parts have most strata."""
    from sklearn.model_selection import StratifiedGroupKFold

    kinds = sorted({stratum for _, stratum in chosen})
    kind = [kinds.index(stratum) for _, stratum in chosen]
    groups = [row.group for row, _ in chosen]
    best, best_covered = np.zeros(len(chosen), dtype=np.int64), -1
    for attempt in range(TRIES):
        random = (seed + attempt * 9_973) % 2**32
        splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=random)
        fold = np.empty(len(chosen), dtype=np.int64)
        with warnings.catch_warnings(action="ignore"):  # that a stratum has fewer clips than there are folds
            for number, (_, held) in enumerate(splitter.split(kind, kind, groups)):
                fold[held] = number
        covered = len(
            {(min(number, held_out), each) for number, each in zip(fold.tolist(), kind, strict=True)}
        )
        if covered > best_covered:
            best, best_covered = fold, covered
        if covered == (held_out + 1) * len(kinds):
            break
    found: list[int] = best.tolist()
    return found


def _split_segments(store: FeatureStore, window_frames: int, seed: int, only: str | None) -> Split:
    """Divide by the seed's protocol: cut every clip into segments and shuffle those; it leaks."""
    segments = []
    for whole in _whole_clips(store):
        starts = range(0, max(1, whole.stop - window_frames + 1), window_frames)
        segments += [Segment(whole.clip, start, min(start + window_frames, whole.stop)) for start in starts]
    rows = [_Row("", store.label[segment.clip], str(index)) for index, segment in enumerate(segments)]
    divided = _divide(rows, seed, kind="segment")
    parts: dict[PartName, list[Segment]] = {part: [] for part in PARTS}
    for segment, part in zip(segments, divided, strict=True):
        parts[part].append(segment)
    _check_parts(store, parts, "segment", only)
    return Split("segment", parts, (LEAK,))


def _check_parts(
    store: FeatureStore, parts: dict[PartName, list[Segment]], name: SplitName, only: str | None
) -> None:
    if only is not None:
        if not any(segments for part, segments in parts.items() if part == only):
            raise InputError(f"The split {name} leaves no {only} clips: choose another --part or --split.")
        return
    wanted = {store.label[segment.clip] for segments in parts.values() for segment in segments}
    if len(wanted) < 2:
        raise InputError(
            f"The split {name} leaves fewer than two labels of {store.path.name}: add recordings of others."
        )
    for part in ("train", "valid"):
        lacking = sorted(wanted - {UNLABELLED} - {store.label[segment.clip] for segment in parts[part]})
        if lacking and (part == "train" or not parts[part]):
            raise InputError(
                f"The split {name} leaves no {part} clips of {_named(lacking)}: add recordings, or use "
                "another --split."
            )
