"""Fitting on several GPUs of one computer, each with a share of every batch (MirroredStrategy)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .batches import Batch


def found_gpus() -> list[str]:
    """Return the names of TensorFlow's GPUs."""
    import tensorflow

    return [f"GPU:{number}" for number in range(len(tensorflow.config.list_logical_devices("GPU")))]


class Devices:
    """The devices for fitting a network.

    Parameters
    ----------
    names : sequence of str
        TensorFlow's names, such as ``GPU:0``; with fewer than two, TensorFlow chooses the device.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._strategy: Any = None
        if len(names) > 1:
            import tensorflow

            self._strategy = tensorflow.distribute.MirroredStrategy(list(names))
        self.count = max(1, len(names))

    @contextlib.contextmanager
    def mirrored(self) -> Iterator[None]:
        """Create the variables of networks built inside the block on every device."""
        if self._strategy is None:
            yield
            return
        with self._strategy.scope():
            yield

    def prepare(self, network: Any) -> None:
        """Make batch normalisation use whole batches, not the share of each device."""
        self._synchronise(network, self._strategy is not None)

    def release(self, network: Any) -> None:
        """Undo ``prepare``, because a bundle must not depend on devices."""
        self._synchronise(network, False)

    @staticmethod
    def _synchronise(network: Any, synchronised: bool) -> None:
        import keras

        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = synchronised

    def train_on_batch(self, network: Any, batch: Batch) -> dict[str, float]:
        """Fit a network on one batch, and return its loss and metrics."""
        inputs, targets = batch
        if self._strategy is None:
            return dict(network.train_on_batch(inputs, targets, return_dict=True))
        network.make_train_function()
        shares, weight = shared_out(len(inputs), self.count)
        shared = {name: self._values(array, shares) for name, array in targets.items()}
        given = (self._values(inputs, shares), shared, self._values(weight, range(self.count)))
        network.reset_metrics()
        figures = network.train_function(iter([given]))  # Keras's train_on_batch does not support shares
        return {name: float(value) for name, value in figures.items()}

    def _values(self, array: npt.NDArray[Any], shares: Any) -> Any:
        import tensorflow

        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tensorflow.convert_to_tensor(array[shares[context.replica_id_in_sync_group]])
        )

    def predict(self, network: Any, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the output of a network."""
        if self._strategy is None:
            return np.asarray(network.predict_on_batch(inputs), dtype=np.float64)
        return np.asarray(network(inputs, training=False), dtype=np.float64)


def shared_out(count: int, devices: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the rows of a batch for each device, and their weights.

    All shares have the same length; the last ones are filled up with rows of weight 0.

    Returns
    -------
    rows : ndarray [shape=(devices, length)]
    weight : ndarray [shape=(devices, length)]
        Weights with which the mean over devices of the means over shares is the mean over the batch.
    """
    length = -(-count // devices)
    rows = np.arange(devices * length)
    weight = np.where(rows < count, devices * length / count, 0.0).astype(np.float32)
    return (rows % count).reshape(devices, length), weight.reshape(devices, length)
