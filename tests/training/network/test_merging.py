from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.network.litert import largest_difference, to_litert
from training.network.merging import factored, factors_of, merged, pooled_outputs
from training.network.recipes import LIVE, SEED, Recipe


def examples(count: int = 6) -> np.ndarray:
    shape = (count, LIVE.window_frames, LIVE.front_end.n_mfcc)
    drawn: np.ndarray = np.random.default_rng(0).normal(0, 40, shape).astype(np.float32)
    return drawn


def fitted(seed: int, recipe: Recipe = LIVE) -> keras.Model:
    """Return a network whose weights are all random, as after a fit."""
    keras.utils.set_random_seed(seed)
    shape = (6, recipe.window_frames, recipe.front_end.n_mfcc)
    drawn = np.random.default_rng(seed).normal(0, 40, shape).astype(np.float32)
    network = recipe.network(recipe.front_end, recipe.window_frames, 4, drawn)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + np.random.default_rng(seed).normal(0, 0.05, variable.shape))
    return network


def convolved(kernel: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    layer = keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], padding="same", use_bias=False)
    layer.build(inputs.shape)
    layer.set_weights([kernel])
    return np.asarray(layer(inputs))


@settings(max_examples=20)
@given(
    frames=st.sampled_from([1, 3]),
    bands=st.sampled_from([1, 3, 5]),
    channels=st.integers(1, 4),
    filters=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_at_full_rank_two_convolutions_are_the_one(
    frames: int, bands: int, channels: int, filters: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    kernel = generator.normal(size=(frames, bands, channels, filters)).astype(np.float32)
    over_frames, over_bands = factors_of(kernel, min(frames * channels, bands * filters))
    assert over_frames.shape[:3] == (frames, 1, channels)
    assert over_bands.shape[0] == 1
    assert over_bands.shape[3] == filters
    inputs = generator.normal(size=(2, 6, 7, channels)).astype(np.float32)
    np.testing.assert_allclose(
        convolved(over_bands, convolved(over_frames, inputs)), convolved(kernel, inputs), atol=1e-4
    )


def test_a_lower_rank_is_the_nearest_of_its_kind() -> None:
    """Its error is that of the singular values left out (Eckart and Young, 1936)."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    over_frames, over_bands = factors_of(kernel, 5)
    product = np.einsum("faci,ibr->fbcr", over_frames[:, :, :, :], over_bands[0].transpose(1, 0, 2))
    values = np.linalg.svd(kernel.transpose(0, 2, 1, 3).reshape(12, 18), compute_uv=False)
    assert np.sqrt(((product - kernel) ** 2).sum()) == pytest.approx(
        np.sqrt((values[5:] ** 2).sum()), rel=1e-4
    )


def test_a_factored_network_computes_less_and_nearly_the_same() -> None:
    network = fitted(1)
    exact = factored(network, (None, 144, 288))
    np.testing.assert_allclose(exact(examples()), network(examples()), atol=1e-4)
    small = factored(network, (None, 40, 64))
    assert small.count_params() < 0.85 * network.count_params()
    np.testing.assert_array_equal(factored(network, (None, None, None))(examples()), network(examples()))


def test_the_recurrent_kernel_gets_a_lower_rank_and_the_rest_of_the_lstm_stays() -> None:
    network = fitted(2)
    for rank, close in ((192, 1e-5), (64, 1e-1)):
        small = factored(network, (None, None, None), recurrent_rank=rank)
        own, its = (
            next(layer for layer in each.layers if isinstance(layer, keras.layers.LSTM)).get_weights()
            for each in (network, small)
        )
        assert np.linalg.matrix_rank(its[1]) == rank
        np.testing.assert_array_equal(its[0], own[0])
        np.testing.assert_array_equal(its[2], own[2])
        np.testing.assert_allclose(small(examples()), network(examples()), atol=close)


def test_a_merged_network_is_the_geometric_mean_and_is_exported_as_such() -> None:
    first, second = fitted(1), fitted(2)
    both = merged([first, second])
    product = np.sqrt(np.asarray(first(examples())) * np.asarray(second(examples())))
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(both(examples()), expected, atol=1e-6)
    assert [output.shape[1] for output in pooled_outputs(both)] == [192, 192]
    assert len(pooled_outputs(first)) == 1
    for windows in (1, 4):
        assert largest_difference(both, to_litert(both, windows), examples()) < 1e-5


def test_one_network_merged_with_itself_stays_what_it_was() -> None:
    network = fitted(3, SEED)
    shape = (5, SEED.window_frames, SEED.front_end.n_mfcc)
    inputs = np.random.default_rng(1).normal(0, 40, shape).astype(np.float32)
    np.testing.assert_allclose(merged([network, network])(inputs), network(inputs), atol=1e-6)
