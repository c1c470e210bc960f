"""Fitting: seconds an epoch, against the plain Keras recipe at the same network and batch.

    python -m benchmarks.fitting STORE EPOCHS SIDE     one side alone, in a process of its own

The plain recipe holds every window in memory, changes none of them and calls ``Model.fit``. genre-train
draws other windows from disk in each epoch and writes a checkpoint after it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cold import WITHOUT_GPU
from benchmarks.measuring import Row, Scale, compared, missing, run
from training.garbage import look_for_garbage_seldom

LABELS = ("blues", "classical", "jazz", "rock")
CLIP_FRAMES = 344  # of 30 s
CLIPS = 120
EPOCHS = 3  # at least two: the first one compiles, and does not count
RIVAL = "Keras fit, all windows in memory"


def write_store(path: Path, clips: int) -> Path:
    """Write a feature store of levels drawn at random."""
    from training.dataset.store import StoreWriter
    from training.network.recipes import LIVE

    random = np.random.default_rng(0)
    with StoreWriter(path, LIVE.front_end) as writer:
        for number in range(clips):
            frames = random.normal(-40, 15, (CLIP_FRAMES, LIVE.front_end.n_mels)).astype(np.float16)
            label = LABELS[number % len(LABELS)]
            writer.add(clip=f"{label}.{number}", label=label, group=str(number), mel_db=frames)
    return path


def _crops(store_path: Path, recipe: Any) -> tuple[Any, Any]:
    """Windows to fit on and to validate with."""
    from training.dataset.splits import split_store
    from training.dataset.store import open_store
    from training.network.batches import Crops

    store = open_store(store_path)
    split = split_store(store, "group", window_frames=recipe.window_frames, seed=0)
    return (
        Crops(store, split.parts["train"], LABELS, recipe, seed=0),
        Crops(store, split.parts["valid"], LABELS, recipe, seed=0),
    )


def _fit_ours(store_path: Path, epochs: int, *, augmented: bool) -> list[float]:
    from training.network.fit import Checkpoint, FitPlan, FitProgress, fit
    from training.network.recipes import LIVE

    class Times(FitProgress):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def epoch(self, history: Any) -> None:  # noqa: ARG002 (part of the interface)
            self.ends.append(time.perf_counter())

    recipe = LIVE if augmented else replace(LIVE, augment=None, context_frames=0)
    training, validation = _crops(store_path, recipe)
    plan = FitPlan(recipe, LABELS, 0, epochs, recipe.batch_size, {})
    times = Times()
    fit(plan, training, validation, checkpoint=Checkpoint(store_path.with_suffix(".fit")), progress=times)
    return np.diff(times.ends).tolist()


def _fit_plain(store_path: Path, epochs: int) -> list[float]:
    import keras

    from training.network.recipes import LIVE

    recipe = replace(LIVE, augment=None, context_frames=0)
    training, validation = _crops(store_path, recipe)

    def arrays(batches: Any) -> tuple[Any, Any]:
        inputs, targets = zip(*batches, strict=True)
        return np.concatenate(inputs), np.concatenate([target["genre"] for target in targets])

    inputs, targets = arrays(training.epoch(1, recipe.batch_size))
    ends: list[float] = []
    network = recipe.network(recipe.front_end, recipe.window_frames, len(LABELS), inputs[:256])
    network.compile(optimizer=recipe.optimizer(100), loss="categorical_crossentropy", metrics=["accuracy"])
    network.fit(
        inputs,
        targets,
        batch_size=recipe.batch_size,
        epochs=epochs,
        validation_data=arrays(validation.validation(recipe.batch_size)),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))],
    )
    return np.diff(ends).tolist()


def measure(scale: Scale) -> Iterator[Row]:
    """Compare fits, each in a process of its own; if only to check that they run, in the same one."""
    if importlib.util.find_spec("keras") is None:
        yield missing("fitting, an epoch", RIVAL)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder) / "store.npz", 12 if scale.quick else CLIPS)

        def epoch_s(sides: list[str]) -> list[float]:
            epochs = str(2 if scale.quick else EPOCHS)
            command = (sys.executable, "-m", "benchmarks.fitting", str(store), epochs, *sides)
            output = run(command, environment=WITHOUT_GPU | {"TF_CPP_MIN_LOG_LEVEL": "3"}).output
            return [float(np.median(json.loads(line))) for line in output.splitlines()[-len(sides) :]]

        rows: dict[str, list[float]] = {"plain": [], "same-windows": [], "genre-train": []}
        sides = [side for side in rows if not (scale.quick and side == "genre-train")]
        for _ in range(scale.rounds(3)):
            for together in [sides] if scale.quick else [[side] for side in sides]:
                for side, taken_s in zip(together, epoch_s(together), strict=True):
                    rows[side].append(taken_s)
        yield compared("fitting, an epoch, no augmentation", "s", rows["same-windows"], RIVAL, rows["plain"])
        if "genre-train" in sides:
            yield compared("fitting, an epoch, augmented", "s", rows["genre-train"], RIVAL, rows["plain"])


def main() -> None:
    """Fit each side and print the seconds of its epochs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fitting", description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("epochs", type=int)
    parser.add_argument("sides", choices=["genre-train", "same-windows", "plain"], nargs="+")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    look_for_garbage_seldom()  # on both sides, as in genre-train
    for side in arguments.sides:
        if side == "plain":
            times = _fit_plain(arguments.store, arguments.epochs)
        else:
            times = _fit_ours(arguments.store, arguments.epochs, augmented=side == "genre-train")
        print(json.dumps(times))


if __name__ == "__main__":
    main()
