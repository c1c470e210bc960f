from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from live.front_end import FrontEndSpec
from training.network.bundle import write_networks
from training.network.litert import for_windows, largest_difference, run_litert, to_litert
from training.network.merging import of_rank
from training.network.networks import above_own_mean, conv_lstm_network, relative_levels, seed_network
from training.network.recipes import LIVE, SEED, Recipe


def examples(recipe: Recipe, count: int = 12) -> np.ndarray:
    shape = (count, recipe.window_frames, recipe.front_end.n_mfcc)
    drawn: np.ndarray = np.random.default_rng(0).normal(0, 40, shape).astype(np.float32)
    return drawn


def shuffled(recipe: Recipe, labels: int) -> keras.Model:
    """Return a network whose weights are all random, including those that are initially zero."""
    keras.utils.set_random_seed(1)
    network = recipe.network(recipe.front_end, recipe.window_frames, labels, examples(recipe))
    generator = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + generator.normal(0, 0.05, variable.shape))
    return network


@pytest.mark.parametrize(("recipe", "labels"), [(LIVE, 11), (SEED, 2)], ids=["live", "seed"])
def test_litert_gives_what_keras_gives(recipe: Recipe, labels: int) -> None:
    network = shuffled(recipe, labels)
    inputs = examples(recipe)
    probabilities = np.asarray(network.predict_on_batch(inputs))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(probabilities, axis=0).max() > 1e-3  # it listens to its input
    one, several = to_litert(network), to_litert(network, 4)
    assert largest_difference(network, one, inputs) < 1e-5
    np.testing.assert_array_equal(run_litert(one, inputs), run_litert(several, inputs))


def test_an_lstm_of_more_steps_is_exported_with_no_more_operators() -> None:
    """LiteRT holds weights of its own for each operator that stands in the graph."""
    from ai_edge_litert.interpreter import Interpreter

    counts = []
    for steps in (4, 40):
        inputs = keras.Input((steps, 5))
        network = keras.Model(inputs, keras.layers.LSTM(7)(inputs))
        interpreter = Interpreter(model_content=to_litert(network))
        counts.append(Counter(details["op_name"] for details in interpreter._get_ops_details()))
    assert counts[0] == counts[1]


def test_an_export_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import training.network.bundle
    from live.errors import RunningError

    network = shuffled(LIVE, 3)
    monkeypatch.setattr(training.network.bundle, "largest_difference", lambda *_: 2e-5)
    monkeypatch.setattr(training.network.bundle, "to_litert", lambda *_: b"")
    with pytest.raises(RunningError, match="differs"):
        write_networks(tmp_path, network, examples(LIVE))
    assert list(tmp_path.iterdir()) == []


def test_a_saved_network_opens_without_code_of_this_package_or_an_optimizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.network.bundle

    network = shuffled(LIVE, 3)
    network.compile("adam", "categorical_crossentropy")
    network.optimizer.build(network.trainable_variables)
    monkeypatch.setattr(training.network.bundle, "to_litert", lambda *_: b"")
    monkeypatch.setattr(training.network.bundle, "largest_difference", lambda *_: 0.0)
    write_networks(tmp_path, network, examples(LIVE))
    opened = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_allclose(opened(examples(LIVE)), network(examples(LIVE)), atol=1e-6)
    assert not opened.compiled
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in opened.layers)


@pytest.mark.parametrize("windows", [1, 4])
def test_the_network_for_so_many_windows_is_the_same_network(windows: int) -> None:
    network = shuffled(LIVE, 4)
    fixed = for_windows(network, windows)
    assert fixed.input_shape == (windows, 34, 96)
    some = examples(LIVE)[:windows]
    np.testing.assert_allclose(fixed(some), network(some), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"go_backwards": True},
        {"activation": "relu"},
        {"use_bias": False},
        {"recurrent_activation": "hard_sigmoid"},
    ],
    ids=str,
)
def test_any_lstm_is_exported_as_what_it_is(options: dict[str, Any]) -> None:
    inputs = keras.Input((9, 5))
    hidden = keras.layers.Flatten()(keras.layers.LSTM(7, **options)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    network.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in network.get_weights()])
    heard = np.random.default_rng(1).normal(size=(6, 9, 5)).astype(np.float32)
    for windows in (1, 4):
        assert largest_difference(network, to_litert(network, windows), heard) < 1e-5


@pytest.mark.parametrize("rank", [2, 20])
def test_the_mean_of_an_lstm_and_a_recurrent_kernel_of_low_rank_are_exported_as_what_they_are(
    rank: int,
) -> None:
    units = 24
    inputs = keras.Input((9, 5))
    states = keras.layers.LSTM(units, return_sequences=True)(inputs)
    mean = keras.layers.GlobalAveragePooling1D()(states)
    last = keras.layers.Flatten()(states[:, -1:])  # the states are used twice
    hidden = keras.layers.Concatenate()([mean, last])
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=w.shape).astype(np.float32) for w in network.get_weights()]
    left, right = generator.normal(size=(units, rank)), generator.normal(size=(rank, 4 * units))
    weights[1] = (left @ right / units).astype(np.float32)
    network.set_weights(weights)
    heard = generator.normal(size=(6, 9, 5)).astype(np.float32)
    for windows in (1, 4):
        assert largest_difference(network, to_litert(network, windows), heard) < 1e-5


def test_a_recurrent_kernel_of_low_rank_is_stored_as_two_small_ones() -> None:
    sizes = []
    for rank in (96, 8):
        inputs = keras.Input((9, 5))
        hidden = keras.layers.GlobalAveragePooling1D()(keras.layers.LSTM(96, return_sequences=True)(inputs))
        network = keras.Model(inputs, hidden)
        kernel, recurrent, bias = network.get_weights()
        network.set_weights([kernel, of_rank(recurrent, rank), bias])
        sizes.append(len(to_litert(network)))
    assert sizes[0] - sizes[1] > 0.9 * 4 * (96 * 384 - 8 * (96 + 384))


def test_level_does_not_matter_to_the_live_network() -> None:
    network = shuffled(LIVE, 4)
    quiet = examples(LIVE)
    loud = quiet.copy()
    loud[:, :, 0] += 20 * np.sqrt(96)  # 20 dB in every band
    np.testing.assert_allclose(network(quiet), network(loud), atol=1e-4)


def test_the_two_pictures_of_a_window() -> None:
    levels = np.random.default_rng(0).normal(-40, 20, (5, 34, 96)).astype(np.float32)
    below = np.asarray(relative_levels(keras.ops.convert_to_tensor(levels), 48))
    assert below.shape == (5, 34, 48)
    whole = np.maximum(levels - levels.max(axis=(1, 2), keepdims=True), -60)
    np.testing.assert_allclose(below, whole.reshape(5, 34, 48, 2).mean(axis=3), atol=1e-4)
    coloured = levels + np.random.default_rng(1).normal(0, 9, (5, 1, 96)).astype(np.float32)
    one, other = (np.asarray(above_own_mean(keras.ops.convert_to_tensor(x))) for x in (levels, coloured))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert np.ptp(one) > 1


def test_the_seed_network_is_the_one_the_project_grew_out_of() -> None:
    network = seed_network(SEED.front_end, 126, 10, examples(SEED))
    assert network.input_shape == (None, 126, 13)
    assert [layer.units for layer in network.layers if hasattr(layer, "units")] == [64, 64, 64, 10]


@pytest.mark.parametrize(("n_mels", "n_mfcc"), [(96, 96), (64, 20), (40, 40)])
def test_the_live_network_takes_other_front_ends(n_mels: int, n_mfcc: int) -> None:
    spec = FrontEndSpec(n_mels=n_mels, n_mfcc=n_mfcc)
    inputs = np.random.default_rng(0).normal(0, 9, (3, 20, n_mfcc)).astype(np.float32)
    network = conv_lstm_network(spec, 20, 5, inputs)
    assert network(inputs).shape == (3, 5)


def test_the_seeds_mfccs_are_librosas_and_the_front_ends() -> None:
    from live.front_end import mfcc
    from training.network.recipes import SEED, librosa_mfcc

    levels = np.random.default_rng(0).uniform(-120, 0, (3, 20, 128)).astype(np.float32)
    assert SEED.coefficients is librosa_mfcc
    np.testing.assert_allclose(librosa_mfcc(levels, SEED.front_end), mfcc(levels, SEED.front_end), atol=1e-2)
