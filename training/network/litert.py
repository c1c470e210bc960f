"""Conversion of a Keras network to LiteRT, for a fixed number of windows at a time."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from live.library_messages import quiet_libraries

from .rebuilding import call_copy, call_new, rebuilt

NEGLIGIBLE = 1e-6  # singular values below this share of the largest are rounding errors
SAID_OF_STEPS = ("activation", "recurrent_activation", "use_bias", "go_backwards", "return_state", "stateful")


def _is_plain(layer: Any) -> bool:
    """Return whether a layer is an LSTM with Keras's default options."""
    import keras

    if not isinstance(layer, keras.layers.LSTM):
        return False
    config, plain = layer.get_config(), keras.layers.LSTM(layer.units).get_config()
    return all(config[name] == plain[name] for name in SAID_OF_STEPS)


def _factors(matrix: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Return two matrices whose product is the given one, or itself, if two would not have fewer weights."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    rank = int((values > NEGLIGIBLE * values[0]).sum())
    if rank * sum(matrix.shape) >= matrix.size:
        return [matrix]
    return [left[:, :rank] * values[:rank], right[:rank]]


def _loop_layer() -> Any:
    """Return the class of a layer that computes a plain LSTM with a loop that LiteRT runs efficiently.

    LiteRT packs the weights of each operator in the graph to memory of its own, so unrolled steps would hold
    the recurrent weights many times, more than fits into a processor's cache. In a loop they are packed once.
    The product with the input is outside the loop, as one matrix product for all steps. A list of all states
    is copied in every step; for their mean, a sum is enough. A recurrent kernel of low rank is two products,
    whose weights stay nearer to the processor.
    """
    import keras
    import tensorflow
    from keras import ops

    class Loop(keras.layers.Layer):  # type: ignore[misc]
        """An LSTM with forget gates (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).

        ``returns`` is its last state, all its states, or their mean; ``recurrent`` are the shapes of the
        matrices whose product is the recurrent kernel.
        """

        def __init__(
            self, units: int, returns: str, recurrent: Sequence[tuple[int, ...]], **options: Any
        ) -> None:
            super().__init__(**options)
            self.units, self.returns, self.recurrent = units, returns, recurrent

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 4 * self.units), name="kernel")
            self.bias = self.add_weight(shape=(4 * self.units,), name="bias")
            self.recurrent_kernel = [self.add_weight(shape=factor) for factor in self.recurrent]

        def call(self, inputs: Any, **_: Any) -> Any:
            windows, steps, _features = inputs.shape
            # [shape=(steps, windows, gates)]
            from_input = ops.transpose(ops.matmul(inputs, self.kernel) + self.bias, (1, 0, 2))
            recurrent_kernel = [ops.convert_to_tensor(factor) for factor in self.recurrent_kernel]

            def step(k: Any, state: Any, cell: Any, gathered: Any) -> tuple[Any, ...]:
                gates = tensorflow.gather(from_input, k) + reduce(ops.matmul, recurrent_kernel, state)
                enter, keep, candidate, leave = ops.split(gates, 4, axis=-1)
                cell = ops.sigmoid(enter) * ops.tanh(candidate) + ops.sigmoid(keep) * cell
                state = ops.sigmoid(leave) * ops.tanh(cell)
                more = gathered.write(k, state) if self.returns == "all" else gathered + state
                return k + 1, state, cell, more

            zeros = ops.zeros((windows, self.units))
            states = tensorflow.TensorArray("float32", size=steps, element_shape=zeros.shape)
            begin = tensorflow.constant(0), zeros, zeros, states if self.returns == "all" else zeros
            _, state, _, gathered = tensorflow.while_loop(lambda k, *_: k < steps, step, begin)
            if self.returns == "all":
                return ops.transpose(gathered.stack(), (1, 0, 2))
            return gathered / steps if self.returns == "mean" else state

    return Loop


def for_windows(network: Any, windows: int) -> Any:
    """Return the same network with a fixed number of windows, which the conversion of an LSTM requires.

    A plain LSTM is replaced by an equivalent loop, which is smaller and faster than Keras's, together with
    the mean of its states, if nothing else uses them.
    """
    import keras

    loop_layer = _loop_layer()
    given: dict[str, tuple[Any, Any]] = {}  # the LSTM and the inputs of each loop

    def looped(lstm: Any, returns: str, inputs: Any, name: str) -> Any:
        kernel, recurrent_kernel, bias = lstm.get_weights()
        factors = _factors(recurrent_kernel)
        loop = loop_layer(lstm.units, returns, [factor.shape for factor in factors], name=name)
        given[name] = lstm, inputs
        return call_new(loop, [kernel, bias, *factors], inputs)

    def called(own: Any, clone: Any, *arguments: Any, **options: Any) -> Any:
        if _is_plain(own):
            return looped(own, "all" if own.return_sequences else "last", arguments[0], own.name)
        if isinstance(own, keras.layers.GlobalAveragePooling1D) and own.data_format == "channels_last":
            before = arguments[0]._keras_history.operation
            if before.name in given and not own.keepdims:
                lstm, its_inputs = given[before.name]
                return looped(lstm, "mean", its_inputs, f"{lstm.name}_{own.name}")
        return call_copy(own, clone, *arguments, **options)

    inputs = keras.Input(network.input_shape[1:], batch_size=windows, name="mfcc")
    return rebuilt(network, called, inputs=inputs)


def to_litert(network: Any, windows: int = 1) -> bytes:
    """Convert a Keras network to a LiteRT flat buffer that takes ``windows`` windows at a time.

    The weights are constants of the converted function. With variables, as in ``from_keras_model``,
    TensorFlow would save the model to a folder and trace it several times, which takes twice as long for the
    same result.
    """
    import tensorflow

    # The converter prints to both streams, also from C++ code.
    with contextlib.redirect_stdout(io.StringIO()), quiet_libraries():
        fixed = for_windows(network, windows)
        weights = [
            [tensorflow.constant(variable.numpy()) for variable in variables]
            for variables in (fixed.trainable_variables, fixed.non_trainable_variables)
        ]
        inputs = tensorflow.TensorSpec((windows, *network.input_shape[1:]), "float32", name="mfcc")
        module = tensorflow.Module()
        module.run = tensorflow.function(
            lambda mfcc: fixed.stateless_call(*weights, mfcc, training=False)[0], input_signature=[inputs]
        )
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions(
            [module.run.get_concrete_function()], module
        )
        content: bytes = converter.convert()
    return content


def run_litert(content: bytes, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run a LiteRT network on windows, as many at a time as it takes.

    Parameters
    ----------
    content : bytes
        The flat buffer.
    inputs : ndarray [shape=(windows, window_frames, n_mfcc)]

    Returns
    -------
    ndarray [shape=(windows, labels)]
    """
    from ai_edge_litert.interpreter import Interpreter

    with quiet_libraries():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    at_a_time = int(into["shape"][0])
    outputs = []
    for start in range(0, len(inputs), at_a_time):
        some = inputs[start : start + at_a_time].astype(np.float32)
        interpreter.set_tensor(into["index"], np.resize(some, into["shape"]))  # filled with repeated windows
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(out["index"]))
    return np.concatenate(outputs)[: len(inputs)]


def largest_difference(network: Any, content: bytes, inputs: npt.NDArray[np.float32]) -> float:
    """Return the largest difference between the probabilities of LiteRT and Keras on some windows."""
    expected = np.asarray(network.predict_on_batch(inputs))
    return float(np.abs(run_litert(content, inputs) - expected).max())
