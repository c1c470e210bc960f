"""Fitting a recipe's network, with a checkpoint after every epoch."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live.errors import InputError, RunningError

from ..dataset.collections import worst_weighted
from ..dataset.store import open_arrays
from .batches import Batch, Crops
from .devices import Devices, found_gpus
from .history import FitHistory
from .recipes import Recipe

CHECKPOINT_FORMAT = 1
SMALLEST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class FitPlan:
    """What to fit, and for how long.

    Attributes
    ----------
    recipe : Recipe
    labels : tuple of str
    seed : int
    epochs, batch_size : int
    description : mapping
        Further facts that must be the same to resume a fit, for instance the dataset.
    stop_after : int, optional
        Number of epochs after which to stop; the optimizer's schedule is still that of ``epochs``.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    seed: int
    epochs: int
    batch_size: int
    description: dict[str, Any]
    stop_after: int | None = None

    @property
    def fingerprint(self) -> str:
        """All facts that must be the same to resume a fit, as JSON."""
        own = {
            "format": CHECKPOINT_FORMAT,
            "recipe": self.recipe.name,
            "labels": self.labels,
            "front_end": self.recipe.front_end.to_dict(),
            "seed": self.seed,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
        }
        return json.dumps(own | self.description, sort_keys=True)


class FitProgress:
    """Receives the progress of a fit; this base class ignores it."""

    def begin(self, *, epochs: int, steps: int, done_epochs: int) -> None:
        """Receive the start: ``steps`` batches in each of ``epochs`` epochs, ``done_epochs`` already done."""

    def step(self, *, loss: float, accuracy: float) -> None:
        """Receive the end of a batch, with means of the epoch so far."""

    def epoch(self, history: FitHistory) -> None:
        """Receive the end of an epoch."""


def set_seed(seed: int) -> None:
    """Make Keras and TensorFlow reproducible in this process."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()


def genre_loss(smoothing: float) -> Any:
    """Return the cross-entropy loss.

    If a target has the value 1 for several labels, as for unlabelled music, any of them is right: the loss is
    then the negative logarithm of the sum of their probabilities.

    Parameters
    ----------
    smoothing : float
        Share of a target that is distributed over all labels (Szegedy et al., 2016).

    Returns
    -------
    callable
        A function of targets and probabilities [shape=(windows, labels)] that returns the loss
        [shape=(windows,)].
    """
    from keras import ops

    def loss(targets: Any, probabilities: Any) -> Any:
        bounded = ops.clip(probabilities, 1e-7, 1.0)
        smooth = targets * (1 - smoothing) + smoothing / targets.shape[-1]
        one = -ops.sum(smooth * ops.log(bounded), axis=-1)
        any_of = -ops.log(ops.clip(ops.sum(targets * probabilities, axis=-1), 1e-7, 1.0))
        return ops.where(ops.sum(targets, axis=-1) > 1.5, any_of, one)

    return loss


def hit_accuracy(targets: Any, probabilities: Any) -> Any:
    """Return 1 for windows whose most likely label has a positive target, else 0."""
    from keras import ops

    likeliest = ops.argmax(probabilities, axis=-1)
    named = ops.take_along_axis(targets, ops.expand_dims(likeliest, -1), axis=-1)
    return ops.cast(ops.squeeze(named, -1) >= ops.max(targets, axis=-1), "float32")


def _compiled(plan: FitPlan, training: Crops) -> tuple[Any, Any]:
    """Return the network, and a compiled model of it with a named output, for fitting."""
    import keras

    recipe = plan.recipe
    network = recipe.network(
        recipe.front_end, recipe.window_frames, len(plan.labels), training.examples(plan.batch_size)
    )
    fitted = keras.Model(network.input, {"genre": network.output}, name="fitted")
    fitted.compile(
        optimizer=recipe.optimizer(plan.epochs * training.steps_in_epoch(plan.batch_size)),
        loss={"genre": genre_loss(recipe.label_smoothing)},
        metrics={"genre": [hit_accuracy]},
    )
    # A step that creates variables, as of the optimizer and the metrics, is traced twice.
    fitted.optimizer.build(fitted.trainable_variables)
    blank = {"genre": np.zeros((1, len(plan.labels)), dtype=np.float32)}
    fitted.compute_loss(None, blank, blank)
    fitted.compute_metrics(None, blank, blank)
    fitted.reset_metrics()
    return network, fitted


def _all_variables(network: Any) -> list[Any]:
    """Return all variables that fitting changes: weights, random state, and the optimizer's."""
    return [*network.variables, *network.optimizer.variables]


class Checkpoint:
    """The state of a fit, in a file that is replaced after every epoch.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, plan: FitPlan, history: FitHistory, network: Any, best: list[npt.NDArray[Any]]) -> None:
        """Write the state atomically."""
        state = {f"variable_{k}": v.numpy() for k, v in enumerate(_all_variables(network))}
        state |= {f"best_{k}": array for k, array in enumerate(best)}
        about = json.dumps({"plan": plan.fingerprint, "history": asdict(history)})
        unfinished = self.path.with_suffix(".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                np.savez(file, allow_pickle=False, about=np.array(about), **state)
            unfinished.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise RunningError(
                f"The checkpoint {self.path} cannot be written ({error.strerror}): make room, and run it "
                "again with --resume."
            ) from None

    def load(self, plan: FitPlan, network: Any) -> tuple[FitHistory, list[npt.NDArray[Any]]]:
        """Restore the state of ``network``, and return the history and the best weights.

        Raises
        ------
        InputError
            When the checkpoint is broken or belongs to another fit.
        """
        try:
            with open_arrays(self.path) as state:
                about = json.loads(str(state["about"]))
                if about["plan"] != plan.fingerprint:
                    raise InputError(
                        f"The interrupted training in {self.path.parent} was started with other options or "
                        "data: give the same ones again, or leave out --resume to start again."
                    )
                for k, variable in enumerate(_all_variables(network)):
                    variable.assign(state[f"variable_{k}"])
                best = [
                    state[f"best_{k}"] for k in range(sum(name.startswith("best_") for name in state.files))
                ]
            return FitHistory(**about["history"]), best
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            raise InputError(
                f"The checkpoint {self.path} is damaged: leave out --resume to start again."
            ) from None

    def remove(self) -> None:
        """Delete the file, and its folder if it is empty."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".part").unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def validate(network: Any, batches: Any, devices: Devices) -> tuple[float, float, int]:
    """Return the mean negative log-likelihood of windows, in nats, their accuracy, and their number."""
    loss, hits, count = 0.0, 0, 0
    for inputs, targets in batches:
        probabilities = devices.predict(network, inputs)
        targets = targets["genre"]
        loss -= float((targets * np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))).sum())
        hits += int((probabilities.argmax(axis=1) == targets.argmax(axis=1)).sum())
        count += len(targets)
    return (loss / count, hits / count, count) if count else (float("nan"), float("nan"), 0)


def validate_collections(
    network: Any, validation: Crops, batch_size: int, devices: Devices
) -> tuple[float, float]:
    """Return the loss over the collections of a part, and the accuracy of all its windows.

    Parameters
    ----------
    network : keras.Model
    validation : Crops
    batch_size : int
    devices : Devices

    Returns
    -------
    loss : float
        In nats; see ``training.dataset.collections.worst_weighted``.
    accuracy : float
    """
    measured = [
        validate(network, validation.validation(batch_size, numbers), devices)
        for numbers in validation.by_collection()
    ]
    count = sum(windows for _, _, windows in measured)
    hits = sum(accuracy * windows for _, accuracy, windows in measured if windows)
    return worst_weighted([loss for loss, _, _ in measured]), hits / count if count else float("nan")


def _fit_epoch(network: Any, batches: Any, progress: FitProgress, devices: Devices) -> tuple[float, float]:
    sums, windows = np.zeros(2), 0
    batch: Batch
    for batch in batches:
        network.reset_metrics()  # so that the metrics are those of this batch only
        figures = devices.train_on_batch(network, batch)
        accuracy = next(float(value) for name, value in figures.items() if name.endswith("accuracy"))
        sums += len(batch[0]) * np.array([float(figures["loss"]), accuracy])
        windows += len(batch[0])
        if not np.isfinite(figures["loss"]):
            raise RunningError("Fitting failed: the loss is no longer a number; look for damaged audio.")
        progress.step(loss=float(sums[0] / windows), accuracy=float(sums[1] / windows))
    return float(sums[0] / windows), float(sums[1] / windows)


def _validate_averaged(
    network: Any, fitted: Any, validation: Crops, batch_size: int, devices: Devices
) -> tuple[float, float, list[npt.NDArray[Any]]]:
    """Return loss and accuracy of the averaged weights, if the optimizer has them, and these weights."""
    running = fitted.get_weights()
    if fitted.optimizer.use_ema:
        fitted.optimizer.finalize_variable_values(fitted.trainable_variables)
    loss, accuracy = validate_collections(network, validation, batch_size, devices)
    averaged = network.get_weights()
    fitted.set_weights(running)
    return loss, accuracy, averaged


def fit(
    plan: FitPlan,
    training: Crops,
    validation: Crops,
    *,
    checkpoint: Checkpoint,
    resume: bool = False,
    progress: FitProgress | None = None,
    devices: Devices | None = None,
) -> tuple[Any, FitHistory]:
    """Fit a network.

    Parameters
    ----------
    plan : FitPlan
    training, validation : Crops
    checkpoint : Checkpoint
        Updated after every epoch; the caller deletes it when the result is saved.
    resume : bool
        Whether to continue from the checkpoint, if there is one.
    progress : FitProgress, optional
    devices : Devices, optional
        Default: all of TensorFlow's GPUs.

    Returns
    -------
    network : keras.Model
        With the weights of the best epoch, or of the last if the recipe does not select.
    history : FitHistory
    """
    progress = progress or FitProgress()
    set_seed(plan.seed)
    devices = devices or Devices(found_gpus())
    with devices.mirrored():
        network, fitted = _compiled(plan, training)
    devices.prepare(network)
    history, best = FitHistory(), network.get_weights()
    if resume and checkpoint.path.exists():
        history, best = checkpoint.load(plan, fitted)
    patience = plan.recipe.patience
    steps = training.steps_in_epoch(plan.batch_size)
    progress.begin(epochs=plan.epochs, steps=steps, done_epochs=history.epochs)
    for number in range(history.epochs, plan.stop_after or plan.epochs):
        if patience is not None and number - history.best_epoch >= patience:
            break
        loss, accuracy = _fit_epoch(fitted, training.epoch(number + 1, plan.batch_size), progress, devices)
        valid_loss, valid_accuracy, averaged = _validate_averaged(
            network, fitted, validation, plan.batch_size, devices
        )
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        history.valid_loss.append(valid_loss)
        history.valid_accuracy.append(valid_accuracy)
        if patience is None or not valid_loss >= min(history.valid_loss[:-1], default=float("inf")):
            best, history.best_epoch = averaged, number + 1
        checkpoint.save(plan, history, fitted, best)
        progress.epoch(history)
    network.set_weights(best)
    devices.release(network)
    return network, history
