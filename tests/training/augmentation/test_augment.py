from __future__ import annotations

import numpy as np
import pytest

from live.events import NO_MUSIC
from live.front_end import FrontEndSpec
from tests.training.conftest import mel_windows
from training.augmentation.augment import (
    AugmentationContext,
    augmented,
    equalised,
    frequency_warped,
    masked,
    mixed_in_pairs,
    over_noise_floor,
    resampled_in_time,
)
from training.augmentation.mel_levels import band_centres

SPEC = FrontEndSpec()


def test_a_warp_moves_a_spectrum_by_its_ratio() -> None:
    centres = band_centres(SPEC)
    tone_at = np.exp(-((np.log2(centres / 2_000) / 0.2) ** 2)) * 60
    still = np.broadcast_to(tone_at.astype(np.float32), (200, 3, SPEC.n_mels))
    warped = frequency_warped(still, SPEC, np.random.default_rng(0), ratio=1.12, chance=1.0)
    peaks = centres[warped[:, 0].argmax(axis=1)] / 2_000
    assert 1 / 1.16 < peaks.min() < 0.93
    assert 1.07 < peaks.max() < 1.16


def test_an_equaliser_moves_bands_alike_in_all_frames() -> None:
    music = mel_windows()
    changed = equalised(music, np.random.default_rng(0), knots=6, reach_db=10, chance=1.0) - music
    assert np.ptp(changed, axis=1).max() < 1e-3
    assert 5 < np.abs(changed).max() <= 10.001


def test_masks_cover_no_more_than_asked() -> None:
    music = mel_windows() + np.random.default_rng(1).normal(0, 0.1, mel_windows().shape).astype(np.float32)
    covered = masked(music, np.random.default_rng(0), bands=12, frames=6) != music
    whole_bands, whole_frames = covered.all(axis=1).sum(axis=1), covered.all(axis=2).sum(axis=1)
    assert whole_bands.max() <= 24
    assert whole_frames.max() <= 12
    assert covered.any()


def test_the_live_recipes_augmentation_is_seeded_and_leaves_its_input_alone() -> None:
    music = mel_windows()
    kept = music.copy()
    for noise in (None, lambda n, frames, _: np.zeros((n, frames, SPEC.n_mels), np.float32)):
        context = AugmentationContext(SPEC, ("a", NO_MUSIC), noise)
        targets = {"genre": np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]}
        once, same = augmented(music, targets, context, np.random.default_rng(5))
        np.testing.assert_array_equal(music, kept)
        np.testing.assert_array_equal(once, augmented(music, targets, context, np.random.default_rng(5))[0])
        np.testing.assert_allclose(same["genre"].sum(axis=1), 1, atol=1e-6)
        frames = int(music.shape[1] / 1.1)
        assert once.shape == (6, frames, SPEC.n_mels)
        assert once.dtype == np.float32
        assert np.isfinite(once).all()
        assert (np.abs(once - music[:, -frames:]).max(axis=(1, 2)) > 0.1).all()


def test_the_window_alone_is_left_where_a_crop_begins_before_it() -> None:
    context = AugmentationContext(SPEC, ("a", "b"), None, window_frames=20)
    targets = {"genre": np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]}
    heard, _ = augmented(mel_windows(), targets, context, np.random.default_rng(5))
    assert heard.shape == (6, 20, SPEC.n_mels)


def test_mixing_shares_the_targets_as_it_shares_the_levels() -> None:
    levels = np.zeros((400, 2, 2), np.float32)
    levels[:, :, 0] = np.where(np.arange(400) % 2, -10.0, -20.0)[:, None]  # below the loudest, in the other
    genre = np.eye(2, dtype=np.float32)[np.arange(400) % 2]
    genre[:40] = 1  # unlabelled
    heard, targets = mixed_in_pairs(levels, {"genre": genre}, np.random.default_rng(0))
    mixed = targets["genre"]
    np.testing.assert_array_equal(mixed[:40], 1)
    np.testing.assert_array_equal(heard[:40], levels[:40])
    np.testing.assert_allclose(mixed[40:].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(heard[40:, 0, 0], -20 * mixed[40:, 0] - 10 * mixed[40:, 1], atol=1e-4)
    assert 0.1 < (mixed[40:].max(axis=1) < 1).mean() < 0.6
    assert (mixed[40:].argmax(axis=1) == genre[40:].argmax(axis=1)).all()


def test_playing_faster_keeps_the_end_and_moves_the_past() -> None:
    ramp = np.broadcast_to(np.arange(50, dtype=np.float32)[None, :, None], (300, 50, 2))
    played = resampled_in_time(ramp, 40, np.random.default_rng(0), ratio=1.1, chance=1.0)
    np.testing.assert_allclose(played[:, -1], 49)
    np.testing.assert_allclose(np.diff(played[:, :, 0], axis=1).max(), 1.1, atol=0.02)
    np.testing.assert_allclose(np.diff(played[:, :, 0], axis=1).min(), 1 / 1.1, atol=0.02)
    np.testing.assert_allclose(
        resampled_in_time(ramp, 40, np.random.default_rng(0), ratio=1.1, chance=0), ramp[:, 10:]
    )


def test_a_noise_floor_lies_as_far_below_the_loudest_as_asked() -> None:
    music = np.full((50, 30, SPEC.n_mels), -100, np.float32)
    music[:, :, 40] = 0
    heard = over_noise_floor(music, SPEC, np.random.default_rng(0), below_db=(40.0, 40.0), chance=1.0)
    near_1_khz = np.abs(np.log2(band_centres(SPEC) / 1_000)) < 0.1
    assert heard[:, :, near_1_khz].mean() == pytest.approx(-40, abs=1)
