"""Batches of windows, drawn from a feature store on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

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

VALIDATION_WINDOWS = 10  # evenly spaced, of each clip
EXAMPLE_BATCHES = 16

Batch = tuple[Windows, Targets]


def frames_of(store: FeatureStore, segment: Segment, start: int, frames: int) -> Windows:
    """Return frames ``start`` to ``start + frames`` of a segment [shape=(frames, n_mels)].

    A shorter segment is repeated, as in listening to a short sound. Frames before its start are copies of
    its first one.

    Parameters
    ----------
    store : FeatureStore
    segment : Segment
    start : int
        First frame, counted from the start of the segment; may be negative.
    frames : int
        Number of frames.
    """
    clip = store.clip_frames(segment.clip)[segment.start : segment.stop]
    if start >= 0 and start + frames <= len(clip):
        clip, start = clip[start : start + frames], 0
    indices = np.maximum(np.arange(start, start + frames), 0) % len(clip)
    levels: Windows = clip[indices].astype(np.float32)
    return levels


def grid_starts(segment: Segment, window_frames: int) -> list[int]:
    """Return the starts of windows without overlap or gap; a short segment has one."""
    return list(range(0, max(1, segment.stop - segment.start - window_frames + 1), window_frames))


def even_starts(segment: Segment, window_frames: int, count: int = VALIDATION_WINDOWS) -> list[int]:
    """Return the starts of up to ``count`` evenly spaced windows."""
    room = segment.stop - segment.start - window_frames
    if room <= 0:
        return [0]
    return sorted({round(start) for start in np.linspace(0, room, count).tolist()})


def _by(numbers: Iterable[int], kind: Callable[[int], str]) -> dict[str, list[int]]:
    """Return the numbers grouped by their kind."""
    members: dict[str, list[int]] = {}
    for number in numbers:
        members.setdefault(kind(number), []).append(number)
    return members


def _parts_by_root(members: Mapping[str, list[int]], favours: Sequence[float] | None = None) -> list[float]:
    """Return shares with sum 1, proportional to the square root of each member's count."""
    weights = np.sqrt([len(numbers) for numbers in members.values()]) * (1 if favours is None else favours)
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def targets_of(labels: Sequence[str]) -> dict[str, Windows]:
    """Return the target of each label, and of ``unlabelled``, which is 1 for all but ``no_music``.

    Parameters
    ----------
    labels : sequence of str
        In the order of the targets' columns.
    """
    rows = {label: np.eye(len(labels), dtype=np.float32)[k] for k, label in enumerate(labels)}
    rows[UNLABELLED] = np.array([label != NO_MUSIC for label in labels], dtype=np.float32)
    return rows


class Crops:
    """Draws the windows of one part of a dataset for a recipe.

    Parameters
    ----------
    store : FeatureStore
    segments : sequence of Segment
        The segments of the part.
    labels : tuple of str
        In the order of the targets' columns.
    recipe : Recipe
    seed : int
        Together with the epoch's number it determines all crops, so that an epoch can be repeated.

    Notes
    -----
    ``unlabelled`` music has a target of 1 for every genre, because it may be any of them.
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
        rows = targets_of(labels)
        self._target = np.stack([rows[label] for label in self._label])
        self._silent = [segment for segment in segments if store.label[segment.clip] == NO_MUSIC]
        self._context = AugmentationContext(
            recipe.front_end, labels, self._noise if self._silent else None, recipe.window_frames
        )
        self._grid = [
            (number, start)
            for number, segment in enumerate(self._segments)
            for start in grid_starts(segment, recipe.window_frames)
        ]

    @property
    def windows_in_epoch(self) -> int:
        """Number of windows in one epoch."""
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

    def _order(self, generator: Generator, batch_size: int) -> npt.NDArray[np.int64]:
        """Return the number of the segment (or of the window, on a grid) of each crop of an epoch."""
        if self._recipe.crops == "grid":
            return generator.permutation(len(self._grid))
        if not self._recipe.balanced:
            return generator.permutation(
                np.repeat(np.arange(len(self._segments)), self._recipe.crops_per_clip)
            )
        # A few more, so that all batches are equal: TensorFlow traces the network again for another size.
        steps = self.steps_in_epoch(batch_size)
        count = steps * -(-self.windows_in_epoch // steps)
        reached = np.cumsum(self.chances)
        evenly = (np.arange(count) + generator.random()) / count  # as evenly as possible
        return generator.permutation(np.searchsorted(reached, evenly * reached[-1], side="right"))

    @cached_property
    def chances(self) -> npt.NDArray[np.float64]:
        """The probability with which a balanced recipe draws each segment [shape=(segments,)]."""
        recipe = self._recipe
        members = _by(range(len(self._segments)), lambda number: self._label[number])
        shares = {label: recipe.shares[label] for label in members if label in recipe.shares}
        counts = {label: len(numbers) ** recipe.prevalence for label, numbers in members.items()}
        left = 1 - sum(shares.values())
        others = sum(count for label, count in counts.items() if label not in shares)
        chances = np.zeros(len(self._segments))
        for label, numbers in members.items():
            share = shares[label] if label in shares else left * counts[label] / others
            collections = _by(numbers, self._collection)
            for inside, part in zip(collections.values(), self._parts(collections), strict=True):
                groups = _by(inside, self._group)
                for alike, its in zip(groups.values(), _parts_by_root(groups), strict=True):
                    chances[alike] = share * part * its / len(alike)
        return chances

    def _collection(self, number: int) -> str:
        return self._store.collection_of(self._segments[number].clip)

    def _group(self, number: int) -> str:
        return self._store.group[self._segments[number].clip]

    def _parts(self, collections: Mapping[str, list[int]]) -> list[float]:
        """Return the share of each collection: the square root of its number of clips, times its weight."""
        favours = [
            next((favour for start, favour in self._recipe.favoured.items() if name.startswith(start)), 1.0)
            for name in collections
        ]
        return _parts_by_root(collections, favours)

    def epoch(self, number: int, batch_size: int) -> Iterator[Batch]:
        """Yield the batches of one epoch; each is prepared while the previous one is in use.

        Those of a balanced recipe are all of one size, at most ``batch_size``.

        Yields
        ------
        tuple of ndarray
            MFCCs [shape=(windows, window_frames, n_mfcc)] and targets.
        """
        order = self._order(np.random.default_rng([self._seed, number]), batch_size)
        each = -(-len(order) // self.steps_in_epoch(batch_size)) if self._recipe.balanced else batch_size
        starts = range(0, len(order), each)
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for start in starts:
                generator = np.random.default_rng([self._seed, number, start])
                making = ahead.submit(self._batch, order[start : start + each], generator)
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
        """Return training MFCCs, to standardise the input with [shape=(examples, window_frames, n_mfcc)]."""
        batches = []
        for number, (inputs, _) in enumerate(self.epoch(0, batch_size)):
            batches.append(inputs)
            if number + 1 == EXAMPLE_BATCHES:
                break
        return np.concatenate(batches)

    def by_collection(self) -> list[list[int]]:
        """Return the numbers of the segments with a known label, grouped by collection."""
        known = [number for number, label in enumerate(self._label) if label != UNLABELLED]
        return by_collection(known, lambda k: self._store.collection_of(self._segments[k].clip))

    def validation(self, batch_size: int, numbers: Sequence[int] | None = None) -> Iterator[Batch]:
        """Yield batches of unchanged windows of clips with a known label: ten of each, or the whole grid.

        Parameters
        ----------
        batch_size : int
        numbers : sequence of int, optional
            Numbers of the segments to use. Default: all.
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
