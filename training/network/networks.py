"""The networks, one function for each.

Each function returns a Keras model from MFCCs [shape=(windows, window_frames, n_mfcc)] to probabilities
[shape=(windows, labels)]. The models consist of Keras's own layers, so that a saved one can be opened without
code of this package.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from live.front_end import FrontEndSpec, dct_matrix

from ..augmentation.mel_levels import Windows

FEWEST_BANDS = 24  # needed for the pooling of the convolutions
FLOOR_DB = -60.0
LOWEST_BELOW_MEAN_DB = -40.0
SMALLEST_VARIANCE = 1e-3
POOLED_LAYER = "pooled"
BLOCKS = ((48, (1, 4)), (96, (2, 2)), (144, (1, 3)))  # channels, and (frames, bands) of the pooling
UNITS = 192
DROPPED_CHANNELS, DROPPED = 0.1, 0.25


def seed_network(spec: FrontEndSpec, window_frames: int, labels: int, examples: Windows) -> Any:
    """Return a network of two LSTM layers of 64 units on raw MFCCs, with which this project began.

    Parameters
    ----------
    spec : FrontEndSpec
    window_frames : int
    labels : int
    examples : ndarray [shape=(examples, window_frames, n_mfcc)]
        Not used: these MFCCs are not standardised.
    """
    import keras
    from keras import layers

    del examples
    inputs = keras.Input((window_frames, spec.n_mfcc), name="mfcc")
    hidden = layers.LSTM(64, return_sequences=True)(inputs)
    hidden = layers.LSTM(64)(hidden)
    hidden = layers.Dense(64, activation="relu")(hidden)
    hidden = layers.Dropout(0.3)(hidden)
    return keras.Model(inputs, layers.Dense(labels, activation="softmax", name="genre")(hidden), name="seed")


def _mel_levels(inputs: Any, spec: FrontEndSpec) -> Any:
    """Return the mel levels in dB of MFCCs [shape=(windows, frames, n_mels)], by a fixed inverse DCT."""
    from keras import layers

    to_levels = layers.Dense(spec.n_mels, use_bias=False, trainable=False, name="inverse_dct")
    levels = to_levels(inputs)
    to_levels.set_weights([dct_matrix(spec.n_mfcc, spec.n_mels).T.astype(np.float32)])
    return levels


def relative_levels(levels: Any, bands: int) -> Any:
    """Return levels relative to the window's loudest, limited by a floor, with neighbouring bands averaged.

    Parameters
    ----------
    levels : tensor [shape=(windows, frames, n_mels)]
        In dB.
    bands : int
        Number of bands of the result; ``n_mels`` must be a multiple of it.

    Returns
    -------
    tensor [shape=(windows, frames, bands)]
        In dB, from 0 down to ``FLOOR_DB``; independent of gain.
    """
    from keras import ops

    _, frames, n_mels = levels.shape
    below_loudest = ops.subtract(levels, ops.max(levels, axis=(1, 2), keepdims=True))
    floored = ops.maximum(below_loudest, FLOOR_DB)
    if bands == n_mels:
        return floored
    return ops.mean(ops.reshape(floored, (-1, frames, bands, n_mels // bands)), axis=-1)


def above_own_mean(levels: Any) -> Any:
    """Return each band's level relative to its mean power over the window, independent of equalisation.

    Parameters
    ----------
    levels : tensor [shape=(windows, frames, bands)]
        In dB.

    Returns
    -------
    tensor [shape=(windows, frames, bands)]
        Scaled to about −3 to 1.5.
    """
    from keras import ops

    nepers = math.log(10) / 10
    mean_power = ops.mean(ops.exp(ops.multiply(levels, nepers)), axis=1, keepdims=True)
    mean = ops.divide(ops.log(mean_power), nepers)
    above = ops.maximum(ops.subtract(levels, mean), LOWEST_BELOW_MEAN_DB)
    return ops.add(ops.divide(above, 12.0), 0.5)


def _statistics(examples: Windows, spec: FrontEndSpec, bands: int) -> tuple[list[float], float]:
    """Return the mean of each band's relative level, and the variance around it, common to all bands."""
    import keras

    inputs = keras.Input(examples.shape[1:])
    levels = relative_levels(_mel_levels(inputs, spec), bands)
    heard = np.asarray(keras.Model(inputs, levels).predict_on_batch(examples))
    mean = heard.mean(axis=(0, 1))
    return mean.tolist(), max(float((heard - mean).var()), SMALLEST_VARIANCE)


def conv_lstm_network(
    spec: FrontEndSpec,
    window_frames: int,
    labels: int,
    examples: Windows,
    *,
    width: float = 1.0,
    ranks: Sequence[int | None] = (None, None, None),
) -> Any:
    """Return a network of a small 2-D convolutional front and an LSTM of 192 units, averaged over time.

    The convolutions have two input channels: levels relative to the window's loudest, and each band's level
    relative to its own mean, which does not depend on the frequency response of a microphone.

    Parameters
    ----------
    spec : FrontEndSpec
        With at least 24 mel bands.
    window_frames : int
    labels : int
    examples : ndarray [shape=(examples, window_frames, n_mfcc)]
        MFCCs whose statistics standardise the input.
    width : float
        Factor for the channels of the convolutions and the units of the LSTM.
    ranks : sequence of int or None
        For each convolution, None, or the channels between two convolutions instead of one, over frames and
        then over bands; see ``merging.factored``.
    """
    import keras
    from keras import layers

    bands = spec.n_mels // 2 if spec.n_mels % 2 == 0 and spec.n_mels >= 2 * FEWEST_BANDS else spec.n_mels
    inputs = keras.Input((window_frames, spec.n_mfcc), name="mfcc")
    levels = relative_levels(_mel_levels(inputs, spec), bands)
    mean, variance = _statistics(examples, spec, bands)
    standardised = layers.Normalization(axis=-1, mean=mean, variance=[variance] * bands)(levels)
    hidden = keras.ops.stack([standardised, above_own_mean(levels)], axis=-1)
    for (channels, pool), rank in zip(BLOCKS, ranks, strict=True):
        if rank is not None:
            hidden = layers.Conv2D(rank, (3, 1), padding="same", use_bias=False)(hidden)
        shape = (3, 3) if rank is None else (1, 3)
        hidden = layers.Conv2D(round(width * channels), shape, padding="same", use_bias=False)(hidden)
        hidden = layers.MaxPooling2D(pool)(hidden)
        hidden = layers.BatchNormalization(momentum=0.98)(hidden)
        hidden = layers.ReLU()(hidden)
        hidden = layers.SpatialDropout2D(DROPPED_CHANNELS)(hidden)
    hidden = layers.Reshape((hidden.shape[1], hidden.shape[2] * hidden.shape[3]))(hidden)
    units = round(width * UNITS)
    hidden = layers.Dense(units, activation="relu")(hidden)
    hidden = layers.LSTM(units, return_sequences=True)(hidden)
    hidden = layers.GlobalAveragePooling1D(name=POOLED_LAYER)(hidden)
    hidden = layers.Dropout(DROPPED)(hidden)
    hidden = layers.Dense(64, activation="relu")(hidden)
    hidden = layers.Dropout(DROPPED)(hidden)
    outputs = layers.Dense(labels, activation="softmax", name="genre")(hidden)
    return keras.Model(inputs, outputs, name="conv_lstm")
