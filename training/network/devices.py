"""Several GPUs of one machine, each given its share of every batch (``tf.distribute.MirroredStrategy``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .batches import Batch


def found_gpus() -> list[str]:
    """Return the names of the GPUs that TensorFlow sees."""
    import tensorflow

    return [f"GPU:{number}" for number in range(len(tensorflow.config.list_logical_devices("GPU")))]


class Devices:
    """The devices that a network is fitted on.

    Parameters
    ----------
    names : sequence of str
        TensorFlow's, as ``GPU:0``; with fewer than two, fitting is left to the one it chooses itself.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._strategy: Any = None
        if len(names) > 1:
            import tensorflow

            self._strategy = tensorflow.distribute.MirroredStrategy(list(names))
        self.count = max(1, len(names))

    @contextlib.contextmanager
    def mirrored(self) -> Iterator[None]:
        """Make the variables of what is built in the block on every device."""
        if self._strategy is None:
            yield
            return
        with self._strategy.scope():
            yield

    def prepare(self, network: Any) -> None:
        """Let batch normalisation see whole batches, and not the share of each device."""
        self._synchronise(network, self._strategy is not None)

    def release(self, network: Any) -> None:
        """Undo ``prepare``: what is written to a bundle knows of no devices."""
        self._synchronise(network, False)

    @staticmethod
    def _synchronise(network: Any, synchronised: bool) -> None:
        import keras

        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = synchronised

    def train_on_batch(self, network: Any, batch: Batch) -> dict[str, float]:
        """Fit a network on one batch, and return its figures."""
        inputs, targets = batch
        if self._strategy is None:
            return dict(network.train_on_batch(inputs, targets, return_dict=True))
        if network.train_function is None:
            network.test_on_batch(inputs, targets)  # makes the metrics, of a batch not shared out
            network.make_train_function()
        shares, weight = shared_out(len(inputs), self.count)
        shared = {name: self._values(array, shares) for name, array in targets.items()}
        given = (self._values(inputs, shares), shared, self._values(weight, range(self.count)))
        network.reset_metrics()
        figures = network.train_function(iter([given]))  # train_on_batch knows nothing of what is shared out
        return {name: float(value) for name, value in figures.items()}

    def _values(self, array: npt.NDArray[Any], shares: Any) -> Any:
        import tensorflow

        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tensorflow.convert_to_tensor(array[shares[context.replica_id_in_sync_group]])
        )

    def predict(self, network: Any, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return what a network makes of inputs."""
        if self._strategy is None:
            return np.asarray(network.predict_on_batch(inputs), dtype=np.float64)
        return np.asarray(network(inputs, training=False), dtype=np.float64)


def shared_out(count: int, devices: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return which rows of a batch each device is given, and their weights.

    Shares are of one length, so that the mean over devices is that over the batch; what is missing in the
    last ones is filled with rows of no weight.

    Returns
    -------
    rows : ndarray [shape=(devices, length)]
    weight : ndarray [shape=(devices, length)]
        Such that the mean over devices of each one's mean over its share is the mean over the batch.
    """
    length = -(-count // devices)
    rows = np.arange(devices * length)
    weight = np.where(rows < count, devices * length / count, 0.0).astype(np.float32)
    return (rows % count).reshape(devices, length), weight.reshape(devices, length)
