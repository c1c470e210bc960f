"""The networks, one function each.

Each gives a Keras model from MFCCs [shape=(windows, window_frames, n_mfcc)] to probabilities
[shape=(windows, labels)]. They are built of Keras's own layers, so that a saved one opens without any
code of this package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from live.front_end import FrontEndSpec, dct_matrix
from training.augment import Windows

BANDS = 48  # that the convolutions see: pairs of the front end's 96
SMALLEST_DEVIATION = 1e-3


def seed_network(spec: FrontEndSpec, window_frames: int, labels: int, examples: Windows) -> Any:
    """Two LSTM layers of 64 on raw MFCCs: the network this project grew out of.

    Parameters
    ----------
    spec : FrontEndSpec
    window_frames : int
    labels : int
    examples : ndarray [shape=(examples, window_frames, n_mfcc)]
        Not looked at: these MFCCs are not standardised.
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


def inverse_dct(spec: FrontEndSpec, bands: int) -> npt.NDArray[np.float32]:
    """From MFCCs back to levels, neighbouring bands averaged [shape=(n_mfcc, bands)]."""
    group = spec.n_mels // bands
    inverse = dct_matrix(spec.n_mfcc, spec.n_mels).T[:, : group * bands]
    averaged: npt.NDArray[np.float32] = (
        inverse.reshape(spec.n_mfcc, bands, group).mean(axis=2).astype(np.float32)
    )
    return averaged


def _standardised_levels(inputs: Any, spec: FrontEndSpec, bands: int, examples: Windows) -> Any:
    """Levels below the window's loudest, less each band's mean, over one common deviation."""
    import keras
    from keras import layers

    to_levels = layers.Dense(bands, use_bias=False, trainable=False, name="inverse_dct")
    levels = to_levels(inputs)
    matrix = inverse_dct(spec, bands)
    to_levels.set_weights([matrix])
    relative = keras.ops.subtract(levels, keras.ops.max(levels, axis=(1, 2), keepdims=True))

    heard = examples @ matrix
    heard = heard - heard.max(axis=(1, 2), keepdims=True)
    mean = heard.mean(axis=(0, 1))
    variance = max(float((heard - mean).var()), SMALLEST_DEVIATION)
    return layers.Normalization(
        axis=-1, mean=mean.tolist(), variance=[variance] * bands, name="standardised"
    )(relative)


def conv_lstm_network(spec: FrontEndSpec, window_frames: int, labels: int, examples: Windows) -> Any:
    """A small 2-D convolutional front before an LSTM of 96, averaged over time.

    Parameters
    ----------
    spec : FrontEndSpec
        With at least 24 mel bands.
    window_frames : int
    labels : int
    examples : ndarray [shape=(examples, window_frames, n_mfcc)]
        MFCCs that the input is standardised by.
    """
    import keras
    from keras import layers

    bands = min(BANDS, spec.n_mels)
    inputs = keras.Input((window_frames, spec.n_mfcc), name="mfcc")
    hidden = _standardised_levels(inputs, spec, bands, examples)
    hidden = layers.Reshape((window_frames, bands, 1))(hidden)
    for channels, pool in ((16, (1, 2)), (32, (2, 4)), (64, (1, 3))):
        hidden = layers.Conv2D(channels, 3, padding="same", use_bias=False)(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.ReLU()(hidden)
        hidden = layers.MaxPooling2D(pool)(hidden)
        hidden = layers.SpatialDropout2D(0.1)(hidden)
    hidden = layers.Reshape((hidden.shape[1], hidden.shape[2] * hidden.shape[3]))(hidden)
    hidden = layers.Dense(96, activation="relu")(hidden)
    hidden = layers.LSTM(96, return_sequences=True)(hidden)
    hidden = layers.GlobalAveragePooling1D()(hidden)
    hidden = layers.Dropout(0.3)(hidden)
    hidden = layers.Dense(64, activation="relu")(hidden)
    hidden = layers.Dropout(0.3)(hidden)
    outputs = layers.Dense(labels, activation="softmax", name="genre")(hidden)
    return keras.Model(inputs, outputs, name="conv_lstm")
