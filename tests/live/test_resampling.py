"""The rate is converted in a stream as it would be in one go, and what is no number is silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.resampling import Resampler, to_mono
from live.samples import Samples
from tests.live.stubs import noise


def _streamed(signal: Samples, cuts: list[int], source_rate: int, target_rate: int) -> Samples:
    resampler = Resampler(source_rate, target_rate)
    pieces = [resampler.feed(block) for block in np.split(signal, cuts)]
    return np.concatenate([*pieces, resampler.feed(signal[:0], last=True)])


@settings(max_examples=60)
@given(
    rates=st.sampled_from(
        [(44_100, 22_050), (48_000, 22_050), (8_000, 22_050), (192_000, 22_050), (22_050, 22_050)]
    ),
    length=st.integers(0, 20_000),
    shares=st.lists(st.floats(0, 1), max_size=12).map(sorted),
)  # fmt: skip
def test_a_stream_in_blocks_is_converted_like_a_whole_one(
    rates: tuple[int, int], length: int, shares: list[float]
) -> None:
    signal = noise(3)[:length, 0]
    cuts = [int(share * length) for share in shares]
    whole, streamed = _streamed(signal, [], *rates), _streamed(signal, cuts, *rates)
    assert whole.shape == streamed.shape
    np.testing.assert_allclose(streamed, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("source_rate", [8_000, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_keeps_its_frequency_its_level_and_its_place_in_time(source_rate: int) -> None:
    time = np.arange(source_rate) / source_rate
    tone = (0.5 * np.sin(2 * np.pi * 997 * time)).astype(np.float32)
    converted = _streamed(tone, [source_rate // 3], source_rate, 22_050)
    assert len(converted) == pytest.approx(22_050, abs=2)
    time = np.arange(len(converted)) / 22_050
    inner = slice(2_000, -2_000)
    np.testing.assert_allclose(converted[inner], 0.5 * np.sin(2 * np.pi * 997 * time)[inner], atol=1e-3)


def test_what_lies_above_half_the_target_rate_is_gone() -> None:
    time = np.arange(48_000) / 48_000
    whistle = (0.5 * np.sin(2 * np.pi * 15_000 * time)).astype(np.float32)
    assert np.abs(_streamed(whistle, [], 48_000, 22_050)[1_000:-1_000]).max() < 1e-4


def test_equal_rates_change_nothing() -> None:
    signal = noise(1)[:, 0]
    np.testing.assert_array_equal(_streamed(signal, [100, 5_000], 8_000, 8_000), signal)


def test_a_reset_begins_a_new_stream() -> None:
    signal = noise(1)[:, 0]
    resampler = Resampler(8_000, 22_050)
    resampler.feed(noise(1, seed=3)[:, 0], last=True)
    resampler.reset()
    again = np.concatenate((resampler.feed(signal), resampler.feed(signal[:0], last=True)))
    np.testing.assert_array_equal(again, _streamed(signal, [], 8_000, 22_050))


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_are_mixed_to_their_mean(channels: int) -> None:
    block = np.random.default_rng(0).normal(size=(100, channels)).astype(np.float32)
    np.testing.assert_allclose(to_mono(block), block.mean(axis=1), atol=1e-6)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_what_is_no_number_is_heard_as_silence_and_says_nothing(channels: int) -> None:
    block = np.full((6, channels), 0.5, dtype=np.float32)
    block[0, 0], block[1, 0], block[2, 0] = np.nan, np.inf, -np.inf
    block[3] = np.inf
    block[3, 0] = -np.inf  # opposite infinities in one frame have no mean
    mono = to_mono(block)
    np.testing.assert_array_equal(mono, np.array([0, 0, 0, 0, 0.5, 0.5], dtype=np.float32))


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_enormous_samples_do_not_poison_the_stream() -> None:
    enormous = np.full((2_000, 2), 3e38, dtype=np.float32)
    enormous[::2] *= -1
    resampler = Resampler(44_100, 22_050)
    resampler.feed(to_mono(enormous))
    after = resampler.feed(to_mono(np.full((20_000, 2), 0.5, dtype=np.float32)))
    assert np.isfinite(after).all()


@pytest.mark.parametrize("sample", [3e38, -3e38])
def test_an_enormous_sample_of_either_sign_is_heard_as_silence(sample: float) -> None:
    np.testing.assert_array_equal(to_mono(np.array([[0.5], [sample]], dtype=np.float32)), [0.5, 0.0])


def test_mixing_leaves_the_block_as_it_was() -> None:
    block = np.array([[np.nan], [1.0]], dtype=np.float32)
    to_mono(block)
    assert np.isnan(block[0, 0])
