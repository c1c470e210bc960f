"""Learning curve for few clips per label: fine-tuning compared with a fit from random weights.

    python -m scripts.learning_curve DATASET --count 5 --count 10 --count 20 --count 50

draws so many clips of each label, by groups (artists, if a manifest names them), fits twice like genre-train,
and evaluates both models on the clips of all other groups. It prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from live.bundle import find_bundle
from live.errors import GenreLiveError, InputError, explain
from live.library_messages import quiet_libraries
from live.option_table import Number
from training.dataset.clips import UNLABELLED, check_labels
from training.dataset.copies import copies, groups_with_copies
from training.dataset.features import cache_folder, load_features
from training.dataset.pieces import Pieces
from training.dataset.splits import Segment, split_store, whole_store
from training.dataset.store import FeatureStore
from training.garbage import look_for_garbage_seldom
from training.network.batches import Crops
from training.network.fit import Checkpoint, FitPlan, fit
from training.network.recipes import LIVE, Recipe
from training.network.start import gentle, open_start, started


@dataclass(frozen=True)
class Result:
    """One fit: accuracy of clips, balanced accuracy, and seconds."""

    accuracy: float
    balanced: float
    seconds: float


def draw(store: FeatureStore, count: int, seed: int) -> tuple[list[int], list[int]]:
    """Return training clips, and the clips of all groups that were not drawn.

    Parameters
    ----------
    store : FeatureStore
    count : int
        Number of training clips of each label, at least two, from at least two groups.
    seed : int

    Raises
    ------
    InputError
        When a label has only one group.
    """
    generator = np.random.default_rng(seed)
    of_label: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for clip, (label, group) in enumerate(zip(store.label, store.group, strict=True)):
        of_label[label][group].append(clip)
    learnt: list[int] = []
    for label in sorted(set(of_label) - {UNLABELLED}):
        groups = list(of_label[label].values())
        if len(groups) < 2:
            raise InputError(
                f"The label {label!r} has one group only, which cannot be in training and validation both: "
                "add recordings."
            )
        first, *others = (groups[k] for k in generator.permutation(len(groups)))
        drawn = [*first[: count - 1], *(clip for group in others for clip in group), *first[count - 1 :]]
        learnt += drawn[:count]
    taken = {store.group[clip] for clip in learnt}
    left = (clip for clip in range(len(store)) if store.group[clip] not in taken)
    return learnt, [clip for clip in left if store.label[clip] != UNLABELLED]


def only(store: FeatureStore, clips: Sequence[int]) -> FeatureStore:
    """Return a store with only these clips."""
    frames = [store.clip_frames(clip) for clip in clips]
    return FeatureStore(
        path=store.path,
        clip=tuple(store.clip[clip] for clip in clips),
        label=tuple(store.label[clip] for clip in clips),
        group=tuple(store.group[clip] for clip in clips),
        offset=np.concatenate([[0], np.cumsum([len(each) for each in frames])]),
        pieces=Pieces.of(np.concatenate(frames)),
        front_end=store.front_end,
    )


def run(
    learnt: FeatureStore, heard: FeatureStore, recipe: Recipe, start_from: str | None, seed: int
) -> Result:
    """Fit on some clips, evaluate on others, and return the result."""
    begun = time.perf_counter()
    split = split_store(learnt, "group", window_frames=recipe.window_frames, seed=seed)
    labels = tuple(sorted(set(learnt.label)))
    if start_from is not None:
        recipe = gentle(recipe)
    joined: list[Segment] = [*split.parts["train"], *split.parts["test"]]  # the evaluation has its own clips
    training = Crops(learnt, joined, labels, recipe, seed=seed)
    validation = Crops(learnt, split.parts["valid"], labels, recipe, seed=seed)
    if start_from is not None:
        start = open_start(find_bundle(start_from), recipe.front_end, recipe.window_frames)
        recipe = started(recipe, start, training, recipe.batch_size)
    plan = FitPlan(recipe, labels, seed, recipe.epochs, recipe.batch_size, {})
    with tempfile.TemporaryDirectory() as folder:
        network, _ = fit(plan, training, validation, checkpoint=Checkpoint(Path(folder) / "checkpoint.npz"))
    seconds = time.perf_counter() - begun
    right: dict[str, list[bool]] = defaultdict(list)
    windows = Crops(heard, whole_store(heard), labels, recipe, seed=seed)
    for clip, label in enumerate(heard.label):
        [(inputs, _)] = windows.validation(1_000, [clip])
        mean = np.asarray(network.predict_on_batch(inputs)).mean(axis=0)
        right[label].append(labels[int(mean.argmax())] == label)
    accuracy = np.mean([each for clips in right.values() for each in clips])
    balanced = np.mean([np.mean(clips) for clips in right.values()])
    return Result(float(accuracy), float(balanced), seconds)


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a function that reads a whole number for argparse."""
    number = Number(lowest, highest, whole=True)

    def read(text: str) -> int:
        try:
            return int(number(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def main() -> int:
    """Measure the learning curve, print it, and return the exit status."""
    look_for_garbage_seldom()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument(
        "--count", type=_whole(2, 100_000), action="append", help="clips a label (5, 10, 20, 50)"
    )
    parser.add_argument("--seeds", type=_whole(1, 1_000), default=1, help="draws of each, to be averaged")
    parser.add_argument("--start-from", default="genre-lstm")
    parser.add_argument("--epochs", type=_whole(1, 100_000), help="at most so many")
    parser.add_argument("--only-started", action="store_true", help="leave out the fits from nothing")
    arguments = parser.parse_args()
    try:
        with quiet_libraries():
            measure(arguments)
    except (GenreLiveError, OSError) as error:
        return explain("learning_curve", error, debug=False)
    return 0


def measure(arguments: argparse.Namespace) -> None:
    """Print a row for each number of clips and each start.

    Raises
    ------
    InputError
        When the dataset or the model cannot be used, or no clips are left to evaluate.
    """
    store = load_features(
        arguments.dataset, LIVE.front_end, cache=cache_folder() / "features", workers=2
    ).store
    check_labels(set(store.label))
    recipe = LIVE.for_store(store.front_end)
    recipe = replace(recipe, epochs=arguments.epochs or recipe.epochs)
    store = replace(store, group=tuple(groups_with_copies(store.group, copies(store))))
    starts = (arguments.start_from,) if arguments.only_started else (None, arguments.start_from)
    print("| clips a label | heard | begun from | clips right | labels weighing alike | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in arguments.count or (5, 10, 20, 50):
        drawn = [draw(store, count, seed) for seed in range(arguments.seeds)]
        if not all(heard for _, heard in drawn):
            raise InputError(f"With --count {count}, no clips are left to evaluate: give a smaller one.")
        for start in starts:
            found = [
                run(only(store, learnt), only(store, heard), recipe, start, seed)
                for seed, (learnt, heard) in enumerate(drawn)
            ]
            mean = np.mean([(each.accuracy, each.balanced, each.seconds) for each in found], axis=0)
            figures = (f"{mean[0]:.3f}", f"{mean[1]:.3f}", f"{mean[2]:.0f}")
            cells = (count, len(drawn[0][1]), start or "nothing", *figures)
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
