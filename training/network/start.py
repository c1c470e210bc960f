"""Fine-tuning: a fit that starts from a trained model, with a new head.

The mean output of the LSTM over a window is a feature that distinguishes more than the genres it was fitted
on. First the new head is computed by logistic regression on these features of the training windows. Then the
whole network is fitted at a small learning rate.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from live.bundle import KERAS_FILE, START_FILE, BundleDescription, read_description, read_hashed
from live.errors import InputError
from live.front_end import FrontEndSpec

from ..augmentation.mel_levels import Windows
from .batches import Crops
from .merging import pooled_outputs
from .networks import POOLED_LAYER
from .recipes import Recipe

EPOCHS, PATIENCE = 12, 6
RATE = 2e-4
BIAS_OF_UNSEEN = -6.0  # of a label without a window in the regression
MOST_BYTES, MOST_CONFIG_BYTES = 256_000_000, 4_000_000  # of a saved network, unpacked
WINDOWS_OF_HEAD, MOST_EPOCHS_OF_HEAD = 4_000, 12  # approximate number of windows of the regression
STRENGTH = 0.05  # of the regularisation: scikit-learn's 1 / C per window

_LAYERS = {
    "InputLayer", "Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling1D",
    "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "BatchNormalization", "LayerNormalization",
    "Normalization", "ReLU", "LeakyReLU", "Activation", "Softmax", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "Reshape", "Permute", "Flatten", "LSTM", "GRU", "Bidirectional",
    "GlobalAveragePooling1D", "GlobalMaxPooling1D", "Concatenate", "Add", "Multiply", "Average", "Rescaling",
    "Cropping1D", "ZeroPadding1D", "ZeroPadding2D",
}  # fmt: skip
_OTHERS = {"Functional", "DTypePolicy", "__tuple__", "__keras_tensor__", "__numpy__"}
_MODULES = ("keras.src.ops.", "keras.initializers", "keras.ops")


@dataclass(frozen=True)
class Start:
    """A model from which a fit starts.

    Attributes
    ----------
    description : BundleDescription
    body : keras.Model
        From MFCCs to the mean output of the LSTM over time [shape=(windows, units)]; of a merged network, to
        those of all its LSTMs.
    """

    description: BundleDescription
    body: Any


def open_start(folder: Path, front_end: FrontEndSpec, window_frames: int) -> Start:
    """Open a bundle's network as the start of a fit.

    Parameters
    ----------
    folder : Path
        The bundle.
    front_end : FrontEndSpec
        The front end of the new model.
    window_frames : int
        The window of the new model.

    Raises
    ------
    InputError
        When its front end differs, it has no ``network.keras``, or the file is not as expected.

    Notes
    -----
    A bundle may have another network to start from, in ``start.keras``: one that was fitted to the answers of
    others hears well, but its features are a worse start for other genres (figures in ``docs/training.md``).
    """
    description = read_description(folder)
    own, wanted = description.front_end.to_dict(), front_end.to_dict()
    differing = [
        f"{name} {own[name]} instead of {value}" for name, value in wanted.items() if own[name] != value
    ]
    if window_frames != description.window_frames:
        differing.append(f"windows of {description.window_frames} frames instead of {window_frames}")
    if differing:
        raise InputError(
            f"{description.name} has another front end and cannot be started from ({', '.join(differing)}): "
            "leave out --start-from, or give audio."
        )
    network = open_network(
        folder, description, START_FILE if START_FILE in description.sha256 else KERAS_FILE
    )
    pooled = pooled_outputs(network)
    if not pooled:
        raise InputError(
            f"{description.name} cannot be started from: its network has no layer {POOLED_LAYER!r}."
        )
    import keras

    features = pooled[0] if len(pooled) == 1 else keras.layers.Concatenate(name="features")(pooled)
    return Start(description, keras.Model(network.input, features, name="body"))


def open_network(folder: Path, description: BundleDescription, name: str = KERAS_FILE) -> Any:
    """Open a Keras network of a bundle after checking its hash and that it consists of plain layers.

    Parameters
    ----------
    folder : Path
        The bundle.
    description : BundleDescription
    name : str
        The file.

    Raises
    ------
    InputError
        When there is none, or it is not as expected.
    """
    content = read_hashed(folder, description, name)
    import keras

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"it holds more than {MOST_BYTES} bytes")
            if archive.getinfo("config.json").file_size > MOST_CONFIG_BYTES:
                raise ValueError(f"its configuration holds more than {MOST_CONFIG_BYTES} bytes")
            _check_plain(json.loads(archive.read("config.json")))
        return keras.models.load_model(folder / name, compile=False, safe_mode=True)
    except Exception as error:  # Keras and what reads its files raise many kinds
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{description.name} cannot be started from: its {name}: {reason}.") from None


def _check_plain(config: Any) -> None:
    """Check that a saved network uses only plain layers of Keras, because others may run untrusted code.

    Raises
    ------
    ValueError
        When it uses another.
    """
    if isinstance(config, list):
        for each in config:
            _check_plain(each)
    elif isinstance(config, dict):
        name, module = config.get("class_name"), str(config.get("module"))
        if isinstance(name, str) and name not in _LAYERS | _OTHERS and not module.startswith(_MODULES):
            raise ValueError(f"it names {name[:80]!r}, which is not a plain layer")
        for each in config.values():
            _check_plain(each)


def gentle(recipe: Recipe) -> Recipe:
    """Return the recipe for fine-tuning: fewer epochs, and a small learning rate."""
    return replace(recipe, optimizer=_small_rate, epochs=min(recipe.epochs, EPOCHS), patience=PATIENCE)


def _small_rate(steps: int) -> Any:
    """Return AdamW with averaged weights, a warm-up to a rate of 2e-4, and cosine decay."""
    import keras

    warm_up = max(1, steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5, max(1, steps - warm_up), alpha=0.05, warmup_target=RATE, warmup_steps=warm_up
    )
    momentum = min(0.99, max(0.5, 1 - 10 / steps))
    return keras.optimizers.AdamW(
        schedule, weight_decay=0.01, global_clipnorm=1.0, use_ema=True, ema_momentum=momentum
    )


def started(recipe: Recipe, start: Start, training: Crops, batch_size: int) -> Recipe:
    """Return a recipe whose network starts with the weights of a model and a new head.

    Parameters
    ----------
    recipe : Recipe
        See ``gentle``.
    start : Start
    training : Crops
        The windows for the regression.
    batch_size : int
    """

    def network(spec: FrontEndSpec, window_frames: int, labels: int, examples: Windows) -> Any:
        import keras
        from keras import layers

        del spec, window_frames, examples
        body = keras.models.clone_model(start.body)
        body.set_weights(start.body.get_weights())
        for layer in body.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False  # few clips are not enough for the statistics of the levels
        head = layers.Dense(labels, activation="softmax", name="genre")
        outputs = head(layers.Dropout(0.3)(body.output))
        head.set_weights(_solved_head(body, training, batch_size, labels))
        return keras.Model(body.input, outputs, name="started")

    return replace(recipe, network=network)


def _embedded(body: Any, training: Crops, batch_size: int) -> tuple[Windows, Windows]:
    """Return the features of training windows and their targets, without unlabelled music."""
    inputs, targets = [], []
    epochs = min(max(1, round(WINDOWS_OF_HEAD / training.windows_in_epoch)), MOST_EPOCHS_OF_HEAD)
    for number in range(1, epochs + 1):
        for windows, wanted in training.epoch(number, batch_size):
            named = wanted["genre"].sum(axis=1) < 1.5
            inputs.append(np.asarray(body.predict_on_batch(windows))[named])
            targets.append(wanted["genre"][named])
    return np.concatenate(inputs), np.concatenate(targets)


def _solved_head(body: Any, training: Crops, batch_size: int, labels: int) -> list[Windows]:
    """Return kernel and bias of the logistic regression from features to labels."""
    from sklearn.linear_model import LogisticRegression

    inputs, targets = _embedded(body, training, batch_size)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    solved = LogisticRegression(C=1 / (STRENGTH * len(inputs)), max_iter=300)
    solved.fit((inputs - mean) / scale, targets.argmax(axis=1))
    rows, offsets = solved.coef_, solved.intercept_
    if len(solved.classes_) == 2:  # for two classes, scikit-learn returns only the second
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    kernel = np.zeros((inputs.shape[1], labels), dtype=np.float32)
    bias = np.full(labels, BIAS_OF_UNSEEN, dtype=np.float32)
    kernel[:, solved.classes_] = (rows / scale).T
    bias[solved.classes_] = offsets - (rows / scale) @ mean
    return [kernel, bias]
