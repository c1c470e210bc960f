from __future__ import annotations

import numpy as np
import pytest

from live.events import NO_MUSIC
from live.front_end import FrontEndSpec, MelFrames
from tests.training.conftest import RATE, hiss, tone
from training.augment import (
    FITTED,
    MEASURED,
    AugmentationContext,
    augmented,
    babble,
    band_centres,
    equalised,
    frequency_warped,
    gated,
    level_controlled,
    limited,
    lossily_coded,
    masked,
    mechanical_noise,
    microphone_simulation,
    over_noise_floor,
    resampled_in_time,
    reverberate,
    room_and_microphone,
    steady_noise,
    through_a_call,
    to_decibels,
    to_power,
)

SPEC = FrontEndSpec()


def mel_db(samples: np.ndarray) -> np.ndarray:
    return MelFrames(SPEC).feed(samples).astype(np.float32)


def windows(count: int = 6) -> np.ndarray:
    return np.stack([mel_db(tone(k, 3) + 0.1 * hiss(k, 3)) for k in range(count)])


def test_the_simulation_depends_on_the_clip_alone() -> None:
    music = mel_db(tone(0, 4))
    once = microphone_simulation(music, "clip", SPEC)
    microphone_simulation(music, "another", SPEC)
    np.testing.assert_array_equal(once, microphone_simulation(music, "clip", SPEC))
    assert np.abs(once - microphone_simulation(music, "another", SPEC)).max() > 1


def test_the_simulation_leaves_music_audible_and_stays_in_range() -> None:
    for number in range(20):
        music = mel_db(tone(number, 4))
        heard = microphone_simulation(music, f"clip{number}", SPEC)
        assert heard.shape == music.shape
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()
        middle = (band_centres(SPEC) > 400) & (band_centres(SPEC) < 2_000)
        loud = music.max(axis=0) > music.max() - 10
        assert np.corrcoef(music.max(axis=0)[middle], heard.max(axis=0)[middle])[0, 1] > 0.3, number
        assert loud.any()


def test_band_limits_fall_12_and_18_db_an_octave() -> None:
    from dataclasses import replace

    quiet_room = replace(
        MEASURED, wet=(0.0, 0.0), ripple_db=0.0, snr_db=(90.0, 90.0), high_pass_hz=(400.0, 400.0),
        low_pass_hz=(2_000.0, 2_000.0),
    )  # fmt: skip
    flat = np.zeros((1, 30, SPEC.n_mels), np.float32)
    heard = room_and_microphone(flat, SPEC, np.random.default_rng(0), quiet_room)[0].mean(axis=0)
    level = np.interp([100, 200, 900, 4_000, 8_000], band_centres(SPEC), heard)
    assert level[1] - level[0] == pytest.approx(12, abs=1)
    assert level[3] - level[4] == pytest.approx(18, abs=1)
    assert abs(level[2]) < 0.5


def test_noise_comes_at_the_asked_ratio() -> None:
    from dataclasses import replace

    wide = replace(
        MEASURED, wet=(0.0, 0.0), ripple_db=0.0, high_pass_hz=(1e-3, 1e-3), low_pass_hz=(1e6, 1e6),
        snr_db=(10.0, 10.0),
    )  # fmt: skip
    music = windows()
    heard = room_and_microphone(music, SPEC, np.random.default_rng(0), wide)
    added = to_power(heard) - to_power(music)
    from training.augment import band_widths

    ratio = (to_power(music) @ band_widths(SPEC)).mean(axis=1) / (added @ band_widths(SPEC)).mean(axis=1)
    np.testing.assert_allclose(10 * np.log10(ratio), 10, atol=0.2)


def test_reverberation_dies_by_60_db_in_rt60_at_constant_power() -> None:
    power = np.zeros((1, 60, 4), np.float32)
    power[:, 0] = 1
    one = np.ones((1, 1, 1), np.float32)
    smeared = to_decibels(reverberate(power, 0.5 * one, one, hop_s=0.05))[0, :, 0]
    assert smeared[3] - smeared[9] == pytest.approx(36, abs=0.1)  # 0.3 s at 120 dB a second
    steady = np.ones((1, 200, 4), np.float32)
    np.testing.assert_allclose(reverberate(steady, 0.5 * one, 0.5 * one, hop_s=0.05), 1, rtol=1e-5)


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


def test_a_warp_moves_a_spectrum_by_its_ratio() -> None:
    centres = band_centres(SPEC)
    tone_at = np.exp(-((np.log2(centres / 2_000) / 0.2) ** 2)) * 60
    still = np.broadcast_to(tone_at.astype(np.float32), (200, 3, SPEC.n_mels))
    warped = frequency_warped(still, SPEC, np.random.default_rng(0), ratio=1.12, chance=1.0)
    peaks = centres[warped[:, 0].argmax(axis=1)] / 2_000
    assert 1 / 1.16 < peaks.min() < 0.93
    assert 1.07 < peaks.max() < 1.16


def test_an_equaliser_moves_bands_alike_in_all_frames() -> None:
    music = windows()
    changed = equalised(music, np.random.default_rng(0), knots=6, reach_db=10, chance=1.0) - music
    assert np.ptp(changed, axis=1).max() < 1e-3
    assert 5 < np.abs(changed).max() <= 10.001


def test_masks_cover_no_more_than_asked() -> None:
    music = windows() + np.random.default_rng(1).normal(0, 0.1, windows().shape).astype(np.float32)
    covered = masked(music, np.random.default_rng(0), bands=12, frames=6) != music
    whole_bands, whole_frames = covered.all(axis=1).sum(axis=1), covered.all(axis=2).sum(axis=1)
    assert whole_bands.max() <= 24
    assert whole_frames.max() <= 12
    assert covered.any()


def test_the_live_recipes_augmentation_is_seeded_and_leaves_its_input_alone() -> None:
    music = windows()
    kept = music.copy()
    for noise in (None, lambda n, frames, _: np.zeros((n, frames, SPEC.n_mels), np.float32)):
        context = AugmentationContext(SPEC, ("a", NO_MUSIC), noise)
        targets = {"genre": np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]}
        once, same = augmented(music, targets, context, np.random.default_rng(5))
        np.testing.assert_array_equal(music, kept)
        np.testing.assert_array_equal(once, augmented(music, targets, context, np.random.default_rng(5))[0])
        np.testing.assert_array_equal(same["genre"], targets["genre"])
        frames = int(music.shape[1] / 1.1)
        assert once.shape == (6, frames, SPEC.n_mels)
        assert once.dtype == np.float32
        assert np.isfinite(once).all()
        assert (np.abs(once - music[:, -frames:]).max(axis=(1, 2)) > 0.1).all()


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


def test_automatic_gain_shrinks_slow_changes_of_level() -> None:
    fading = np.broadcast_to(np.linspace(0, -30, 60, dtype=np.float32)[None, :, None], (20, 60, 8))
    controlled = level_controlled(fading, np.random.default_rng(0), chance=1.0)
    assert np.ptp(controlled[:, :, 0], axis=1).max() < 28
    np.testing.assert_array_equal(level_controlled(fading, np.random.default_rng(0), chance=0.0), fading)


def test_a_gate_turns_down_quiet_frames_and_a_limiter_loud_ones() -> None:
    steps = np.repeat(np.array([0, -6, -50], np.float32), 10)[None, :, None]
    steps = np.broadcast_to(steps, (40, 30, 8))
    gate = gated(steps, np.random.default_rng(0), chance=1.0) - steps
    np.testing.assert_array_equal(gate[:, :20], 0)
    assert (gate[:, 20:] <= -6).all()
    limiter = limited(steps, np.random.default_rng(0), chance=1.0) - steps
    assert (limiter[:, 0] <= -2.6).all()  # the loudest exceeds the threshold by 3 dB at least
    assert (limiter[:, 10] >= limiter[:, 0]).all()
    np.testing.assert_allclose(limiter[:, 20:], 0, atol=1e-4)


def test_a_codec_leaves_holes_beside_what_is_loud_alone() -> None:
    spectrum = np.full(SPEC.n_mels, -60, np.float32)
    spectrum[30] = 0
    heard = lossily_coded(np.tile(spectrum, (40, 3, 1)), np.random.default_rng(0), chance=1.0)
    np.testing.assert_array_equal(heard[:, :, 30], 0)
    assert (heard[:, :, 25:30] <= -70).all()
    np.testing.assert_array_equal(heard[:, :, 50:], -60)


def test_a_call_changes_nothing_where_no_part_of_it_happens() -> None:
    music = windows()
    np.testing.assert_allclose(through_a_call(music, np.random.default_rng(0), chance=0.0), music, atol=1e-4)
    heard = through_a_call(music, np.random.default_rng(0), chance=1.0)
    assert np.isfinite(heard).all()
    assert np.abs(heard - music).max() > 3


def test_mechanical_noise_is_of_many_kinds() -> None:
    noise = mechanical_noise(np.random.default_rng(0), 120, 46, SPEC)
    assert noise.shape == (120, 46, SPEC.n_mels)
    assert noise.dtype == np.float32
    assert np.isfinite(noise).all()
    assert (noise > 0).all()
    swing = np.std(10 * np.log10(noise.sum(axis=2)), axis=1)
    assert swing.min() < 1
    assert swing.max() > 6


def test_silence_and_very_short_windows_survive() -> None:
    silence = np.full((2, 1, SPEC.n_mels), -100, np.float32)
    assert np.isfinite(room_and_microphone(silence, SPEC, np.random.default_rng(0), FITTED)).all()
    assert SPEC.sample_rate == RATE
