"""Copies of a Keras network in which some layers are replaced, with the weights of the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Called = Callable[..., Any]
"""(own, clone, *inputs, **options) → the outputs of ``own``'s copy ``clone``, or of its replacement."""


def rebuilt(network: Any, called: Called, *, inputs: Any = None, suffix: str = "") -> Any:
    """Return a copy of a network.

    Parameters
    ----------
    network : keras.Model
    called : callable
        Calls the copy of each layer and of each operation; ``call_copy`` does only that.
    inputs : KerasTensor, optional
        The input of the copy. Default: a new one of the same shape.
    suffix : str
        Added to the name of each layer.
    """
    import keras

    own_of: dict[str, Any] = {}

    def cloned(layer: Any) -> Any:
        clone = layer.__class__.from_config({**layer.get_config(), "name": layer.name + suffix})
        own_of[clone.name] = layer
        return clone

    def call(clone: Any, *arguments: Any, **options: Any) -> Any:
        return called(own_of[clone.name], clone, *arguments, **options)

    return keras.models.clone_model(network, input_tensors=inputs, clone_function=cloned, call_function=call)


def call_copy(own: Any, clone: Any, *inputs: Any, **options: Any) -> Any:
    """Call the copy of a layer, and give it the layer's weights; an operation has none."""
    outputs = clone(*inputs, **options)
    if getattr(own, "weights", None):
        clone.set_weights(own.get_weights())
    return outputs


def call_new(layer: Any, weights: list[Any], inputs: Any) -> Any:
    """Call a new layer, and give it weights."""
    outputs = layer(inputs)
    layer.set_weights(weights)
    return outputs
