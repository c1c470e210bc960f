"""The network alone: probabilities of one window of MFCCs, with all ways to run it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Row, Scale, missing, pairs, seconds
from live.bundle import NETWORK_FILE
from live.classifier import Classifier
from live.front_end import mfcc

WHAT = "network alone, one window"


def keras_network(model: Path) -> Any:
    """Return the bundle's Keras network; raise ImportError without Keras."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import keras

    return keras.models.load_model(model / "network.keras")


def _litert(model: Path, inputs: Any) -> Callable[[], object]:
    """Return a function that only invokes LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model / NETWORK_FILE), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    work: Callable[[], object] = interpreter.invoke
    return work


def measure(scale: Scale) -> Iterator[Row]:
    """Compare ways to run the network, and yield the rows.

    genre-live's figure is that of its ``Classifier``, which starts from mel levels, so it includes the
    window's MFCCs and the calibration of the probabilities.
    """
    classifier = Classifier(scale.model)
    description = classifier.description
    spec, frames = description.front_end, description.window_frames
    mel_db = np.random.default_rng(0).normal(-40, 15, (frames, spec.n_mels))
    inputs = mfcc(mel_db, spec).astype(np.float32)[None]
    ways: dict[str, tuple[Callable[[], object], int]] = {}
    try:
        network = keras_network(scale.model)
        import tensorflow
    except ImportError:
        for rival in ("Keras predict", "Keras predict_on_batch", "tf.function", "XLA"):
            yield missing(WHAT, rival)
    else:
        tensor = tensorflow.constant(inputs)
        graph = tensorflow.function(lambda window: network(window, training=False))
        compiled = tensorflow.function(lambda window: network(window, training=False), jit_compile=True)
        ways["Keras predict"] = (lambda: network.predict(inputs, verbose=0), 5)
        ways["Keras predict_on_batch"] = (lambda: network.predict_on_batch(inputs), 20)
        ways["tf.function"] = (lambda: graph(tensor).numpy(), 50)
        ways["XLA (jit_compile=True)"] = (lambda: compiled(tensor).numpy(), 50)
    ways["the limit: LiteRT invoke alone"] = (_litert(scale.model, inputs), 200)

    def ours() -> float:
        return 1e3 * seconds(lambda: classifier(mel_db), 2 if scale.quick else 200)

    for rival, (work, calls) in ways.items():

        def theirs(work: Callable[[], object] = work, calls: int = calls) -> float:
            return 1e3 * seconds(work, 2 if scale.quick else calls)

        yield pairs(WHAT, "ms", ours, rival, theirs, rounds=scale.rounds(11))
