from __future__ import annotations

import numpy as np
import pytest

from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, mel_db, mel_windows, tone
from training.augmentation.mel_levels import band_centres, band_widths, to_decibels, to_power
from training.augmentation.room import (
    FITTED,
    MEASURED,
    gated,
    level_controlled,
    limited,
    lossily_coded,
    microphone_simulation,
    reverberate,
    room_and_microphone,
    through_a_call,
)

SPEC = FrontEndSpec()


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
    music = mel_windows()
    heard = room_and_microphone(music, SPEC, np.random.default_rng(0), wide)
    added = to_power(heard) - to_power(music)
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
    music = mel_windows()
    np.testing.assert_allclose(through_a_call(music, np.random.default_rng(0), chance=0.0), music, atol=1e-4)
    heard = through_a_call(music, np.random.default_rng(0), chance=1.0)
    assert np.isfinite(heard).all()
    assert np.abs(heard - music).max() > 3


def test_silence_and_very_short_windows_survive() -> None:
    silence = np.full((2, 1, SPEC.n_mels), -100, np.float32)
    assert np.isfinite(room_and_microphone(silence, SPEC, np.random.default_rng(0), FITTED)).all()
    assert SPEC.sample_rate == RATE
