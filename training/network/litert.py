"""A Keras network as a LiteRT flat buffer: the same numbers, for so many windows at a time."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt

from live.library_messages import quiet_libraries

LONGEST_WRITTEN_OUT = 64  # steps of an LSTM that are written out one by one
SAID_OF_STEPS = ("activation", "recurrent_activation", "use_bias", "go_backwards", "return_state", "stateful")


def _is_plain(layer: Any) -> bool:
    """Return whether a layer is an LSTM as Keras makes it when nothing but its size is said."""
    import keras

    if not isinstance(layer, keras.layers.LSTM):
        return False
    config, plain = layer.get_config(), keras.layers.LSTM(layer.units).get_config()
    return all(config[name] == plain[name] for name in SAID_OF_STEPS)


def _written_out(lstm: Any) -> Any:
    """Return a layer that does what a plain LSTM does, step after step, without a loop.

    What comes from the input is one matrix product for all steps, so that its weights are fetched from
    memory once and not for each step; the first step has no state to multiply.
    """
    import keras
    from keras import ops

    class Steps(keras.layers.Layer):  # type: ignore[misc]
        """Hochreiter and Schmidhuber's LSTM with forget gates, weights in Keras's order."""

        def build(self, shape: Any) -> None:
            gates = 4 * lstm.units
            self.kernel = self.add_weight(shape=(shape[-1], gates), name="kernel")
            self.recurrent_kernel = self.add_weight(shape=(lstm.units, gates), name="recurrent_kernel")
            self.bias = self.add_weight(shape=(gates,), name="bias")

        def call(self, inputs: Any, **_: Any) -> Any:
            outputs: list[Any] = []
            cell = None
            for gates in ops.unstack(ops.matmul(inputs, self.kernel) + self.bias, axis=1):
                if outputs:
                    gates = gates + ops.matmul(outputs[-1], self.recurrent_kernel)
                enter, keep, candidate, leave = ops.split(gates, 4, axis=-1)
                entering = ops.sigmoid(enter) * ops.tanh(candidate)
                cell = entering if cell is None else entering + ops.sigmoid(keep) * cell
                outputs.append(ops.sigmoid(leave) * ops.tanh(cell))
            return ops.stack(outputs, axis=1) if lstm.return_sequences else outputs[-1]

    return Steps(name=lstm.name)


def for_windows(network: Any, windows: int) -> Any:
    """Return the same network for exactly so many windows at a time, without which an LSTM does not convert.

    The steps of a short LSTM are written out one by one: the same numbers, without the cost of a loop.
    """
    import keras

    def rebuilt(layer: Any) -> Any:
        if _is_plain(layer) and layer.input.shape[1] <= LONGEST_WRITTEN_OUT:
            return _written_out(layer)
        return layer.__class__.from_config(layer.get_config())

    inputs = keras.Input(network.input_shape[1:], batch_size=windows, name="mfcc")
    fixed = keras.models.clone_model(network, input_tensors=inputs, clone_function=rebuilt)
    fixed.set_weights(network.get_weights())
    return fixed


def to_litert(network: Any, windows: int = 1) -> bytes:
    """Convert a Keras network to a LiteRT flat buffer that takes ``windows`` windows at a time."""
    import tensorflow

    # The converter prints on both streams, through Python and below it.
    with contextlib.redirect_stdout(io.StringIO()), quiet_libraries():
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(for_windows(network, windows))
        content: bytes = converter.convert()
    return content


def run_litert(content: bytes, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run a flat buffer on windows, as many at a time as it takes.

    Parameters
    ----------
    content : bytes
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
        interpreter.set_tensor(into["index"], np.resize(some, into["shape"]))  # the last ones over again
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(out["index"]))
    return np.concatenate(outputs)[: len(inputs)]


def largest_difference(network: Any, content: bytes, inputs: npt.NDArray[np.float32]) -> float:
    """Return how far the probabilities of LiteRT and Keras lie apart at most, over some windows."""
    expected = np.asarray(network.predict_on_batch(inputs))
    return float(np.abs(run_litert(content, inputs) - expected).max())
