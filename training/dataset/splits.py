"""Division of a dataset into training, validation and test.

The division matters more than the model: a split with segments of one recording, or songs of one artist, in
several parts measures how well these are recognised again, not how well genres are recognised.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import astuple, dataclass, field
from typing import Literal, get_args

import numpy as np

from live.errors import InputError
from live.events import NO_MUSIC
from live.wording import count_of

from .clips import UNLABELLED
from .copies import copies, groups_with_copies, remarks_on_copies
from .store import FeatureStore

SplitName = Literal["fault-filtered", "group", "clip", "segment"]
PartName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
PARTS: tuple[PartName, ...] = get_args(PartName)
FAULT_FILTERED: SplitName = "fault-filtered"

GTZAN_ID = re.compile(r"(blues|classical|country|disco|hiphop|jazz|metal|pop|reggae|rock)\.\d{5}")
FOLDS = 5  # validation and test are a fifth each; without a test part, validation is a quarter
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
    """A range of frames of one clip that belongs to one part.

    Attributes
    ----------
    clip : int
        Index of the clip in the store.
    start, stop : int
        First frame, and the frame after the last.
    """

    clip: int
    start: int
    stop: int


@dataclass(frozen=True)
class Split:
    """The division of a dataset.

    Attributes
    ----------
    name : str
        ``fault-filtered``, ``group``, ``clip`` or ``segment``.
    parts : dict of str to list of Segment
        ``train``, ``valid`` and ``test``; whole clips, except for the split ``segment``.
    notes : tuple of str
        Sentences for the reader: missing clips, clips left out, and whether it leaks.
    """

    name: SplitName
    parts: dict[PartName, list[Segment]]
    notes: tuple[str, ...] = field(default=())

    @property
    def leaks(self) -> bool:
        """Whether segments of one recording are in several parts."""
        return self.name == "segment"

    def digest(self, store: FeatureStore) -> str:
        """Return the SHA-256 of the clips (id, label, group and length) of each part."""
        text = hashlib.sha256()
        for part, segments in self.parts.items():
            for segment in segments:
                clip = segment.clip
                about = (store.clip[clip], store.label[clip], store.group[clip], segment.start, segment.stop)
                text.update(repr((part, *about)).encode())
        return text.hexdigest()


def gtzan_id(clip: str) -> str | None:
    """Return the GTZAN id of a clip, without a folder before it, which only distinguishes joined stores."""
    name = clip.rpartition("/")[2]
    return name if GTZAN_ID.fullmatch(name) else None


def default_split(store: FeatureStore) -> SplitName:
    """Return ``fault-filtered`` if most clips have GTZAN ids, else ``group``."""
    known = sum(gtzan_id(clip) is not None for clip in store.clip)
    return "fault-filtered" if known >= len(store) / 2 else "group"


def split_store(
    store: FeatureStore, name: SplitName, *, window_frames: int, seed: int, only: str | None = None
) -> Split:
    """Divide a store; copies of one sound are always in one part, except with the split ``segment``.

    Parameters
    ----------
    store : FeatureStore
    name : str
        One of ``SPLITS``.
    window_frames : int
        Length of a segment of the ``segment`` split.
    seed : int
        The same seed gives the same split.
    only : str, optional
        The only part that is needed. Default: training and validation.

    Raises
    ------
    InputError
        When a label would have no clip for training or validation, or the part ``only`` is empty.
    """
    if name == "segment":
        return _split_segments(store, window_frames, seed, only)
    part_of_clip: Sequence[PartName | None]
    notes: tuple[str, ...] = ()
    same = copies(store)
    groups = groups_with_copies(store.clip if name == "clip" else store.group, same)
    if name == "fault-filtered":
        part_of_clip, notes = _fault_filtered(store, groups, seed)
    else:
        rows = _rows(store, groups)
        part_of_clip = _divide(rows, seed, kind="group" if name == "group" else "clip")
        if name == "group":
            notes = _remark_on_groups(store)
    segments = whole_store(store)
    parts: dict[PartName, list[Segment]] = {part: [] for part in PARTS}
    for segment, chosen in zip(segments, part_of_clip, strict=True):
        if chosen is not None:
            parts[chosen].append(segment)
    _check_parts(store, parts, name, only)
    return Split(name, parts, (*notes, *_remark_on_unmeasured(store, parts), *remarks_on_copies(store, same)))


def _remark_on_groups(store: FeatureStore) -> tuple[str, ...]:
    """Return a sentence if the groups of clips of music are unknown."""
    music = [k for k, label in enumerate(store.label) if label != NO_MUSIC]
    alone = [
        store.clip[k]
        for k in music
        if f"/{store.clip[k]}".endswith(f"/{store.group[k]}")  # joined stores may put their name before it
    ]
    if not alone:
        return ()
    if len(alone) == len(music):
        return (NO_GROUPS,)
    return (
        f"No group is known of {count_of(len(alone), 'clip')}, such as {alone[0]}: each is one, and an "
        "artist may lie on both sides.",
    )


def _rows(store: FeatureStore, groups: Sequence[str]) -> list[_Row]:
    return [
        _Row(store.collection_of(clip), label, group)
        for clip, (label, group) in enumerate(zip(store.label, groups, strict=True))
    ]


def whole_store(store: FeatureStore) -> list[Segment]:
    """Return every clip of a store, whole."""
    return [Segment(index, 0, int(frames)) for index, frames in enumerate(np.diff(store.offset))]


def published_lists() -> dict[PartName, list[str]]:
    """Return GTZAN's fault-filtered lists: 443, 197 and 290 clip ids (Kereliuk, Sturm and Larsen, 2015)."""
    folder = importlib.resources.files(__package__) / "fault_filtered"
    return {part: (folder / f"{part}.txt").read_text(encoding="ascii").split() for part in PARTS}


def _named(clips: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(clips[:most])
    return shown if len(clips) <= most else f"{shown} and {len(clips) - most} more"


def _fault_filtered(
    store: FeatureStore, groups: Sequence[str], seed: int
) -> tuple[list[PartName | None], tuple[str, ...]]:
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
    bound = _parts_of_listed(groups, parts)
    torn = [index for index in others if len(bound.get(groups[index], ())) > 1]
    if torn:
        notes.append(
            f"Left out, of groups that GTZAN's lists divide: {count_of(len(torn), 'clip')} "
            f"({_named([store.clip[k] for k in torn])})."
        )
    for index in others:
        if len(found := list(bound.get(groups[index], ()))) == 1:
            parts[index] = found[0]
    others = [index for index in others if groups[index] not in bound]
    if others:
        rows = _rows(store, groups)
        held = {store.label[k] for k, part in enumerate(parts) if part == "valid"}
        divided = _divide([rows[k] for k in others], seed, held=held, with_test="test" in parts)
        for index, part in zip(others, divided, strict=True):
            parts[index] = part
        notes.append(f"{len(others)} clips are not GTZAN's and were divided by group.")
    return parts, tuple(notes)


def _parts_of_listed(groups: Sequence[str], parts: Sequence[PartName | None]) -> dict[str, set[PartName]]:
    """Return the parts of each group that has clips on GTZAN's lists, such as copies under another name."""
    found: dict[str, set[PartName]] = {}
    for group, part in zip(groups, parts, strict=True):
        if part is not None:
            found.setdefault(group, set()).add(part)
    return found


@dataclass(frozen=True)
class _Row:
    """What determines a clip's part: its collection, label and group."""

    collection: str
    label: str
    group: str


def _strata(rows: Sequence[_Row], held: Set[str]) -> tuple[list[tuple[str, str]], set[str]]:
    """Return the stratum of each row, and the groups that must be in training.

    Each collection is divided separately, label by label. If a collection has only one group of a label, and
    other collections can validate that label, this group is in training; if no collection has two groups,
    the collections are divided together.
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
    """Return the part of each row, stratified by collection and label, with each group in one part only.

    Parameters
    ----------
    rows : sequence of _Row
    seed : int
    held : set of str
        Labels that already have validation clips.
    with_test : bool
        Whether there is a test part.
    kind : str
        The word for a group, for errors.
    """
    groups = Counter(label for label, _ in {(row.label, row.group) for row in rows})
    # A few unlabelled clips are all in training: no genre is measured on them.
    few = UNLABELLED if 0 < groups[UNLABELLED] < FOLDS else None
    wanted = {label: count for label, count in groups.items() if label not in held and label != few}
    rarest, fewest = min(wanted.items(), key=lambda item: item[1], default=("", FOLDS))
    if fewest < 2:
        if sum(row.label == rarest for row in rows) < 2:
            kind = "clip"  # so --split clip would not help
        other = "use --split clip" if kind == "group" else "leave this label out"
        raise InputError(
            f"The label {rarest!r} has one {kind} only, which cannot be in training and validation both: "
            f"add recordings, or {other}."
        )
    divided = [row for row in rows if row.label != few]
    strata, teaching = _strata(divided, held)
    chosen = [
        (row, stratum) for row, stratum in zip(divided, strata, strict=True) if row.group not in teaching
    ]
    # For scikit-learn there must be a stratum with a clip for each fold.
    most = max(Counter(stratum for _, stratum in chosen).values(), default=0)
    most = min(most, len({row.group for row, _ in chosen}))
    # With two groups there is none left for a test.
    held_out: tuple[PartName, ...] = ("valid", "test") if with_test and min(most, fewest) > 2 else ("valid",)
    most = min(most, FOLDS if "test" in held_out else FOLDS - 1)
    part_of_group: dict[str, PartName] = {}
    if min(most, fewest) > 1:
        for (row, _), number in zip(chosen, _numbers(chosen, most, fewest, len(held_out), seed), strict=True):
            part_of_group[row.group] = held_out[number] if number < len(held_out) else "train"
    return [part_of_group.get(row.group, "train") for row in rows]


def _numbers(
    chosen: Sequence[tuple[_Row, tuple[str, str]]], most: int, fewest: int, held_out: int, seed: int
) -> list[int]:
    """Return the number of each row's part, of which the last is training.

    Of several random divisions in folds, it is the one with the most strata in training, then one in which
    training is the largest part, and then the one with the most strata in all parts. If none has all, fewer
    and so larger folds, as many as the rarest label has groups, are tried too.

    Parameters
    ----------
    chosen : sequence of tuple
        The rows and their strata.
    most : int
        The largest number of folds.
    fewest : int
        Number of groups of the rarest label.
    held_out : int
        Number of parts of one fold each.
    seed : int
    """
    kinds = sorted({stratum for _, stratum in chosen})
    kind = [kinds.index(stratum) for _, stratum in chosen]
    groups = [row.group for row, _ in chosen]
    draw = functools.cache(
        lambda folds, attempt: _random_folds(kind, groups, folds, (seed + attempt * 9_973) % 2**32)
    )
    best: list[int] = []
    best_covered = (-1, False, -1)
    for folds in dict.fromkeys((most, min(most, fewest))):
        # The first folds of all draws before others of each: so were the data of existing models divided.
        for held, attempt in itertools.product(itertools.permutations(range(folds), held_out), range(TRIES)):
            fold = draw(folds, attempt)
            number_of = [held.index(k) if k in held else held_out for k in range(folds)]
            numbers = [number_of[k] for k in fold]
            found = set(zip(numbers, kind, strict=True))
            clips = Counter(numbers)
            largest = clips[held_out] == max(clips.values())
            covered = (sum(number == held_out for number, _ in found), largest, len(found))
            if covered > best_covered:
                best, best_covered = numbers, covered
            if covered == (len(kinds), True, (held_out + 1) * len(kinds)):
                return best
    return best


def _random_folds(kind: Sequence[int], groups: Sequence[str], folds: int, random: int) -> list[int]:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=random)
    fold = np.empty(len(kind), dtype=np.int64)
    with warnings.catch_warnings(action="ignore"):  # about a stratum with fewer clips than folds
        for number, (_, held) in enumerate(splitter.split(kind, kind, groups)):
            fold[held] = number
    found: list[int] = fold.tolist()
    return found


def _split_segments(store: FeatureStore, window_frames: int, seed: int, only: str | None) -> Split:
    """Cut every clip into segments and shuffle them, as the ``seed`` recipe did; this split leaks."""
    segments = []
    for whole in whole_store(store):
        starts = range(0, max(1, whole.stop - window_frames + 1), window_frames)
        segments += [Segment(whole.clip, start, min(start + window_frames, whole.stop)) for start in starts]
    rows = [_Row("", store.label[segment.clip], str(index)) for index, segment in enumerate(segments)]
    divided = _divide(rows, seed, kind="segment")
    parts: dict[PartName, list[Segment]] = {part: [] for part in PARTS}
    for segment, part in zip(segments, divided, strict=True):
        parts[part].append(segment)
    _check_parts(store, parts, "segment", only)
    return Split("segment", parts, (LEAK,))


def _remark_on_unmeasured(store: FeatureStore, parts: dict[PartName, list[Segment]]) -> tuple[str, ...]:
    """Return a sentence if there are labels that are fitted and not validated."""
    fitted, valid = ({store.label[segment.clip] for segment in parts[part]} for part in ("train", "valid"))
    lacking = sorted(fitted - valid - {UNLABELLED})
    if not valid or not lacking:
        return ()
    covers = "it" if len(lacking) == 1 else "them"
    return (f"There are no validation clips of {_named(lacking)}, so no validation figure covers {covers}.",)


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
                f"another --split{' such as group' if name == FAULT_FILTERED else ''}."
            )
