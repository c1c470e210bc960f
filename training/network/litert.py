"""Conversion of a Keras network to LiteRT, for a fixed number of windows at a time."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt

from live.library_messages import quiet_libraries

SAID_OF_STEPS = ("activation", "recurrent_activation", "use_bias", "go_backwards", "return_state", "stateful")


def _is_plain(layer: Any) -> bool:
    """Return whether a layer is an LSTM with Keras's default options."""
    import keras

    if not isinstance(layer, keras.layers.LSTM):
        return False
    config, plain = layer.get_config(), keras.layers.LSTM(layer.units).get_config()
    return all(config[name] == plain[name] for name in SAID_OF_STEPS)


def _as_one_loop(lstm: Any) -> Any:
    """Return a layer that computes the same as a plain LSTM, with a loop that LiteRT runs efficiently.

    LiteRT packs the weights of each operator in the graph to memory of its own, so unrolled steps would hold
    the recurrent weights many times, more than fits into a processor's cache. In a loop they are packed once.
    The product with the input is outside the loop, as one matrix product for all steps.
    """
    import keras
    import tensorflow
    from keras import ops

    class Steps(keras.layers.Layer):  # type: ignore[misc]
        """An LSTM with forget gates (Hochreiter and Schmidhuber, 1997; Gers et al., 2000)."""

        def build(self, shape: Any) -> None:
            gates = 4 * lstm.units
            self.kernel = self.add_weight(shape=(shape[-1], gates), name="kernel")
            self.recurrent_kernel = self.add_weight(shape=(lstm.units, gates), name="recurrent_kernel")
            self.bias = self.add_weight(shape=(gates,), name="bias")

        def call(self, inputs: Any, **_: Any) -> Any:
            windows, steps, _features = inputs.shape
            # [shape=(steps, windows, gates)]
            from_input = ops.transpose(ops.matmul(inputs, self.kernel) + self.bias, (1, 0, 2))
            recurrent_kernel = ops.convert_to_tensor(self.recurrent_kernel)

            def step(k: Any, state: Any, cell: Any, states: Any) -> Any:
                gates = tensorflow.gather(from_input, k) + ops.matmul(state, recurrent_kernel)
                enter, keep, candidate, leave = ops.split(gates, 4, axis=-1)
                cell = ops.sigmoid(enter) * ops.tanh(candidate) + ops.sigmoid(keep) * cell
                state = ops.sigmoid(leave) * ops.tanh(cell)
                return k + 1, state, cell, states.write(k, state)

            zeros = ops.zeros((windows, lstm.units))
            states = tensorflow.TensorArray("float32", size=steps, element_shape=zeros.shape)
            _, state, _, states = tensorflow.while_loop(
                lambda k, *_: k < steps, step, (tensorflow.constant(0), zeros, zeros, states)
            )
            return ops.transpose(states.stack(), (1, 0, 2)) if lstm.return_sequences else state

    return Steps(name=lstm.name)


def for_windows(network: Any, windows: int) -> Any:
    """Return the same network with a fixed number of windows, which the conversion of an LSTM requires.

    A plain LSTM is replaced by an equivalent loop, which is smaller and faster than Keras's.
    """
    import keras

    def rebuilt(layer: Any) -> Any:
        if _is_plain(layer):
            return _as_one_loop(layer)
        return layer.__class__.from_config(layer.get_config())

    inputs = keras.Input(network.input_shape[1:], batch_size=windows, name="mfcc")
    fixed = keras.models.clone_model(network, input_tensors=inputs, clone_function=rebuilt)
    fixed.set_weights(network.get_weights())
    return fixed


def to_litert(network: Any, windows: int = 1) -> bytes:
    """Convert a Keras network to a LiteRT flat buffer that takes ``windows`` windows at a time."""
    import tensorflow

    # The converter prints to both streams, also from C++ code.
    with contextlib.redirect_stdout(io.StringIO()), quiet_libraries():
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(for_windows(network, windows))
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
