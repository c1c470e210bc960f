"""Several fits of one recipe as one network, with factored convolutions, so that it is cheap.

Fits with other draws of the same data err differently, and their mean is better than each. The kernels of a
fitted network are nearly of low rank: with two small convolutions instead of one it hears as well, with fewer
products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .networks import POOLED_LAYER
from .rebuilding import call_copy, call_new, rebuilt

Kernel = npt.NDArray[np.float32]


def factors_of(kernel: Kernel, rank: int) -> tuple[Kernel, Kernel]:
    """Return two kernels, over frames and then over bands, whose convolutions in turn approximate one.

    The sum of the squared differences is the smallest for the rank, by singular values (the second scheme of
    Jaderberg, Vedaldi and Zisserman, 2014).

    Parameters
    ----------
    kernel : ndarray [shape=(frames, bands, channels, filters)]
    rank : int
        Number of channels between the two.

    Returns
    -------
    over_frames : ndarray [shape=(frames, 1, channels, rank)]
    over_bands : ndarray [shape=(1, bands, rank, filters)]
    """
    frames, bands, channels, filters = kernel.shape
    matrix = kernel.transpose(0, 2, 1, 3).reshape(frames * channels, bands * filters)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    share = np.sqrt(values[:rank])
    over_frames = (left[:, :rank] * share).reshape(frames, channels, 1, rank).transpose(0, 2, 1, 3)
    over_bands = (share[:, None] * right[:rank]).reshape(rank, bands, filters).transpose(1, 0, 2)[None]
    return over_frames.astype(np.float32), over_bands.astype(np.float32)


def of_rank(matrix: Kernel, rank: int) -> Kernel:
    """Return the nearest matrix of a rank, by the sum of squares (Eckart and Young, 1936)."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    nearest: Kernel = ((left[:, :rank] * values[:rank]) @ right[:rank]).astype(np.float32)
    return nearest


def factored(network: Any, ranks: Sequence[int | None], recurrent_rank: int | None = None) -> Any:
    """Return a network with some convolutions replaced by two of fewer products each.

    The recurrent kernel of an LSTM keeps its shape, but is given a lower rank, which ``litert`` makes use of.

    Parameters
    ----------
    network : keras.Model
    ranks : sequence of int or None
        For each 2-D convolution, in the order of the layers; None leaves it as it is. They must have no bias,
        strides of 1 and the padding ``same``.
    recurrent_rank : int, optional
        Of the recurrent kernel of each LSTM. Default: unchanged.
    """
    from keras import layers

    convolutions = [layer for layer in network.layers if isinstance(layer, layers.Conv2D)]
    rank_of = {layer.name: rank for layer, rank in zip(convolutions, ranks, strict=True) if rank is not None}

    def called(own: Any, clone: Any, *inputs: Any, **options: Any) -> Any:
        if isinstance(own, layers.LSTM) and recurrent_rank is not None:
            outputs = call_copy(own, clone, *inputs, **options)
            kernel, recurrent, *bias = own.get_weights()
            clone.set_weights([kernel, of_rank(recurrent, recurrent_rank), *bias])
            return outputs
        if own.name not in rank_of:
            return call_copy(own, clone, *inputs, **options)
        (kernel,), (hidden,) = own.get_weights(), inputs
        for side, factor in zip(("frames", "bands"), factors_of(kernel, rank_of[own.name]), strict=True):
            layer = layers.Conv2D(
                factor.shape[3], factor.shape[:2], padding="same", use_bias=False, name=f"{own.name}_{side}"
            )
            hidden = call_new(layer, [factor], hidden)
        return hidden

    return rebuilt(network, called)


def merged(networks: Sequence[Any]) -> Any:
    """Return one network whose logits are the mean of several networks' logits.

    Its probabilities are the normalised geometric mean of theirs. The layers that give a mean over time keep
    their name, with a number.

    Parameters
    ----------
    networks : sequence of keras.Model
        With the same inputs and labels, and a softmax layer as the last.
    """
    import keras
    from keras import layers

    inputs = keras.Input(networks[0].input_shape[1:], name=networks[0].input.name)
    logits = []
    for number, network in enumerate(networks, 1):
        body = keras.Model(network.input, network.layers[-1].input)
        hidden = rebuilt(body, call_copy, inputs=inputs, suffix=f"_{number}").output
        head = layers.Dense(network.output_shape[-1], name=f"logits_{number}")
        logits.append(call_new(head, network.layers[-1].get_weights(), hidden))
    outputs = layers.Softmax(name="genre")(layers.Average(name="logits")(logits))
    return keras.Model(inputs, outputs, name="merged")


def pooled_outputs(network: Any) -> list[Any]:
    """Return the means over time of a network's LSTMs, of which a merged network has several."""
    return [
        layer.output
        for layer in network.layers
        if layer.name == POOLED_LAYER or layer.name.rpartition("_")[0] == POOLED_LAYER
    ]
