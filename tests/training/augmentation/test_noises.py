from __future__ import annotations

import numpy as np
import pytest

from live.front_end import FrontEndSpec
from training.augmentation.mel_levels import band_centres
from training.augmentation.noises import babble, mechanical_noise, steady_noise

SPEC = FrontEndSpec()


@pytest.mark.parametrize("make", [steady_noise, babble])
def test_noise_is_finite_and_falls_towards_high_frequencies(make: object) -> None:
    noise = make(np.random.default_rng(0), 40, 34, SPEC)  # type: ignore[operator]
    assert noise.shape == (40, 34, SPEC.n_mels)
    assert np.isfinite(noise).all()
    assert (noise >= 0).all()
    mean = noise.mean(axis=(0, 1))
    centres = band_centres(SPEC)
    assert mean[(centres > 300) & (centres < 600)].mean() > 3 * mean[centres > 6_000].mean()


def test_babble_has_syllables_and_steady_noise_has_none() -> None:
    def swing(noise: np.ndarray) -> float:
        return float(np.std(10 * np.log10(noise.sum(axis=2)), axis=1).mean())

    generator = np.random.default_rng(0)
    assert swing(babble(generator, 40, 68, SPEC)) > 2 * swing(steady_noise(generator, 40, 68, SPEC))


def test_mechanical_noise_has_many_harmonics_at_times() -> None:
    noise = 10 * np.log10(mechanical_noise(np.random.default_rng(0), 120, 46, SPEC))
    between = np.maximum(noise[:, :, :-4], noise[:, :, 4:])
    lines = (noise[:, :, 2:-2] > between + 6).sum(axis=2).mean(axis=1)  # bands that stand out
    assert (lines > 8).sum() >= 5


def test_mechanical_noise_is_of_many_kinds() -> None:
    noise = mechanical_noise(np.random.default_rng(0), 120, 46, SPEC)
    assert noise.shape == (120, 46, SPEC.n_mels)
    assert noise.dtype == np.float32
    assert np.isfinite(noise).all()
    assert (noise > 0).all()
    swing = np.std(10 * np.log10(noise.sum(axis=2)), axis=1)
    assert swing.min() < 1
    assert swing.max() > 6
