"""Windows of a feature store, drawn batch by batch from disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from live.events import NO_MUSIC

from ..augmentation.augment import AugmentationContext, Targets
from ..augmentation.mel_levels import Generator, Windows
from ..dataset.clips import UNLABELLED
from ..dataset.collections import by_collection
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .recipes import Recipe

VALIDATION_WINDOWS = 10  # of each clip, evenly spaced
EXAMPLE_BATCHES = 16

Batch = tuple[Windows, Targets]


def frames_of(store: FeatureStore, segment: Segment, start: int, frames: int) -> Windows:
    """Return frames ``start`` to ``start + frames`` of a segment [shape=(frames, n_mels)].

    A segment shorter than that is repeated, as when listening to a short sound; frames before its
    beginning are its first one.
    """
    clip = store.clip_frames(segment.clip)[segment.start : segment.stop]
    if start >= 0 and start + frames <= len(clip):
        clip, start = clip[start : start + frames], 0
    indices = np.maximum(np.arange(start, start + frames), 0) % len(clip)
    levels: Windows = clip[indices].astype(np.float32)
    return levels


def grid_starts(segment: Segment, window_frames: int) -> list[int]:
    """Return the starts of the windows that lie end to end; one for a short segment."""
    return list(range(0, max(1, segment.stop - segment.start - window_frames + 1), window_frames))


def even_starts(segment: Segment, window_frames: int, count: int = VALIDATION_WINDOWS) -> list[int]:
    """Return the starts of up to ``count`` evenly spaced windows."""
    room = segment.stop - segment.start - window_frames
    if room <= 0:
        return [0]
    return sorted({round(start) for start in np.linspace(0, room, count).tolist()})


class Crops:
    """The windows of one part of a dataset, for a recipe.

    Parameters
    ----------
    store : FeatureStore
    segments : sequence of Segment
        The part.
    labels : tuple of str
        In the order of the targets' columns.
    recipe : Recipe
    seed : int
        With the epoch's number it decides on every crop, so that an epoch can be drawn again.

    Notes
    -----
    Music of the label ``unlabelled`` has a target of 1 for every genre: it may be any of them.
    """

    def __init__(
        self,
        store: FeatureStore,
        segments: Sequence[Segment],
        labels: tuple[str, ...],
        recipe: Recipe,
        *,
        seed: int,
    ) -> None:
        self._store = store
        self._segments = list(segments)
        self._labels = labels
        self._recipe = recipe
        self._seed = seed
        self._label = [store.label[segment.clip] for segment in segments]
        rows = {label: np.eye(len(labels), dtype=np.float32)[k] for k, label in enumerate(labels)}
        rows[UNLABELLED] = np.array([label != NO_MUSIC for label in labels], dtype=np.float32)
        self._target = np.stack([rows[label] for label in self._label])
        self._silent = [segment for segment in segments if store.label[segment.clip] == NO_MUSIC]
        self._context = AugmentationContext(recipe.front_end, labels, self._noise if self._silent else None)
        self._grid = [
            (number, start)
            for number, segment in enumerate(self._segments)
            for start in grid_starts(segment, recipe.window_frames)
        ]

    @property
    def windows_in_epoch(self) -> int:
        """Windows that are fitted on in one epoch."""
        if self._recipe.crops == "grid":
            return len(self._grid)
        return self._recipe.crops_per_clip * len(self._segments)

    def steps_in_epoch(self, batch_size: int) -> int:
        """Return the number of batches of one epoch."""
        return -(-self.windows_in_epoch // batch_size)

    def _noise(self, windows: int, frames: int, generator: Generator) -> Windows:
        drawn = generator.integers(len(self._silent), size=windows)
        return np.stack([self._random_window(self._silent[number], frames, generator) for number in drawn])

    def _random_window(self, segment: Segment, frames: int, generator: Generator) -> Windows:
        room = max(0, segment.stop - segment.start - frames)
        return frames_of(self._store, segment, int(generator.integers(0, room + 1)), frames)

    def _order(self, generator: Generator) -> npt.NDArray[np.int64]:
        """Return the number of the segment, or on a grid of the window, of each crop of an epoch."""
        if self._recipe.crops == "grid":
            return generator.permutation(len(self._grid))
        count = self.windows_in_epoch
        if not self._recipe.balanced:
            return generator.permutation(
                np.repeat(np.arange(len(self._segments)), self._recipe.crops_per_clip)
            )
        members = self._members_of_groups()
        shares = {label: self._recipe.shares[label] for label in members if label in self._recipe.shares}
        others = (1 - sum(shares.values())) / max(1, len(members) - len(shares))
        ends = np.cumsum([shares.get(label, others) for label in members])
        ends = np.round(ends / ends[-1] * count).astype(int)
        drawn: list[int] = []
        for windows, groups in zip(np.diff(ends, prepend=0), members.values(), strict=True):
            rounds = -(-windows // len(groups))
            order = [k for _ in range(rounds) for k in generator.permutation(len(groups))][:windows]
            drawn += [int(generator.choice(groups[group])) for group in order]
        return generator.permutation(np.array(drawn))

    def _members_of_groups(self) -> dict[str, list[list[int]]]:
        """Return the numbers of the segments of each group of each label."""
        members: dict[str, dict[str, list[int]]] = {}
        for number, (label, segment) in enumerate(zip(self._label, self._segments, strict=True)):
            group = self._store.group[segment.clip]
            members.setdefault(label, {}).setdefault(group, []).append(number)
        return {label: list(groups.values()) for label, groups in sorted(members.items())}

    def epoch(self, number: int, batch_size: int) -> Iterator[Batch]:
        """Yield the batches of one epoch: MFCCs and targets, each made while the one before is used.

        Yields
        ------
        tuple of ndarray
            [shape=(windows, window_frames, n_mfcc)] and the targets.
        """
        order = self._order(np.random.default_rng([self._seed, number]))
        starts = range(0, len(order), batch_size)
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for start in starts:
                generator = np.random.default_rng([self._seed, number, start])
                making = ahead.submit(self._batch, order[start : start + batch_size], generator)
                if waiting is not None:
                    yield waiting.result()
                waiting = making
            if waiting is not None:
                yield waiting.result()

    def _batch(self, chosen: npt.NDArray[np.int64], generator: Generator) -> Batch:
        recipe = self._recipe
        window_frames = recipe.window_frames
        crops, indices = [], []
        for number in chosen.tolist():
            if recipe.crops == "grid":
                index, start = self._grid[number]
            else:
                index = number
                segment = self._segments[index]
                start = int(generator.integers(0, max(0, segment.stop - segment.start - window_frames) + 1))
            crops.append(
                frames_of(
                    self._store,
                    self._segments[index],
                    start - recipe.context_frames,
                    window_frames + recipe.context_frames,
                )
            )
            indices.append(index)
        mel_db, targets = np.stack(crops), {"genre": self._target[indices]}
        if recipe.augment is not None:
            mel_db, targets = recipe.augment(mel_db, targets, self._context, generator)
        return recipe.coefficients(mel_db[:, -window_frames:], recipe.front_end), targets

    def examples(self, batch_size: int) -> Windows:
        """Return MFCCs as fitting sees them, to standardise by [shape=(examples, window_frames, n_mfcc)]."""
        batches = []
        for number, (inputs, _) in enumerate(self.epoch(0, batch_size)):
            batches.append(inputs)
            if number + 1 == EXAMPLE_BATCHES:
                break
        return np.concatenate(batches)

    def by_collection(self) -> list[list[int]]:
        """Return the numbers of the segments whose label is known, apart by their collections."""
        known = [number for number, label in enumerate(self._label) if label != UNLABELLED]
        return by_collection(known, lambda k: self._store.collection_of(self._segments[k].clip))

    def validation(self, batch_size: int, numbers: Sequence[int] | None = None) -> Iterator[Batch]:
        """Yield batches of unchanged windows of clips whose label is known: ten of each, or on a grid all.

        Parameters
        ----------
        batch_size : int
        numbers : sequence of int, optional
            Of the segments wanted; all by default.
        """
        recipe = self._recipe
        wanted = range(len(self._segments)) if numbers is None else numbers
        starts_of = grid_starts if recipe.crops == "grid" else even_starts
        rows = [
            (number, start)
            for number in wanted
            if self._label[number] != UNLABELLED
            for start in starts_of(self._segments[number], recipe.window_frames)
        ]
        for first in range(0, len(rows), batch_size):
            chunk = rows[first : first + batch_size]
            mel_db = np.stack(
                [frames_of(self._store, self._segments[k], start, recipe.window_frames) for k, start in chunk]
            )
            targets = self._target[[k for k, _ in chunk]]
            yield recipe.coefficients(mel_db, recipe.front_end), {"genre": targets}
