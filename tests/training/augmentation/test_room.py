from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve  # type: ignore[import-untyped]

from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, mel_db, mel_windows, tone
from training.augmentation.mel_levels import (
    at_unit_power,
    band_centres,
    band_widths,
    to_decibels,
    to_power,
)
from training.augmentation.room import (
    FITTED,
    MEASURED,
    RoomRanges,
    diffuse_tail,
    in_a_room,
    microphone_simulation,
    reverberate,
    through_microphone,
)
from training.evaluation.rooms import impulse_response

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
        MEASURED, ripple_db=0.0, snr_db=(90.0, 90.0), high_pass_hz=(400.0, 400.0),
        low_pass_hz=(2_000.0, 2_000.0),
    )  # fmt: skip
    flat = np.ones((1, 30, SPEC.n_mels), np.float32)
    heard = through_microphone(flat, SPEC, np.random.default_rng(0), quiet_room)[0].mean(axis=0)
    level = np.interp([100, 200, 900, 4_000, 8_000], band_centres(SPEC), heard)
    assert level[1] - level[0] == pytest.approx(12, abs=1)
    assert level[3] - level[4] == pytest.approx(18, abs=1)
    assert abs(level[2]) < 0.5


def test_noise_comes_at_the_asked_ratio() -> None:
    from dataclasses import replace

    wide = replace(
        MEASURED, ripple_db=0.0, high_pass_hz=(1e-3, 1e-3), low_pass_hz=(1e6, 1e6), snr_db=(10.0, 10.0)
    )
    music = mel_windows()
    heard = through_microphone(to_power(music), SPEC, np.random.default_rng(0), wide)
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


def test_a_diffuse_tail_dies_by_60_db_in_rt60_and_keeps_the_energy() -> None:
    power = np.zeros((1, 80, 3), np.float32)
    power[:, 30] = 1
    by_band = np.array([0.3, 0.6, 1.2], np.float32)[None, None, :]
    tail = diffuse_tail(power, by_band, hop_s=0.05)[0]
    np.testing.assert_allclose(tail.sum(axis=0), 1, atol=0.01)
    for band, rt60_s in enumerate((0.3, 0.6, 1.2)):
        fallen_db = 10 * np.log10(tail[32, band] / tail[36, band])
        assert fallen_db == pytest.approx(60 * 0.2 / rt60_s, abs=0.1)
    assert not tail[:30].any()
    steady = np.ones((1, 40, 3), np.float32)  # also before the crop
    np.testing.assert_allclose(diffuse_tail(steady, by_band, hop_s=0.05), 1, rtol=1e-5)


def convolved(samples: np.ndarray, rt60_s: float, direct_db: float, seed: int) -> np.ndarray:
    """Mel levels of samples in a room of noise that dies away, at unit power."""
    response = impulse_response(rt60_s, direct_db, RATE, seed)
    return at_unit_power(to_power(mel_db(fftconvolve(samples, response)[: len(samples)])[None]), SPEC)


@pytest.mark.parametrize(("rt60_s", "direct_db"), [(0.6, 0.0), (1.5, 0.0), (1.5, -10.0), (2.5, -5.0)])
def test_a_made_room_is_as_near_to_a_convolution_as_another_convolution(
    rt60_s: float, direct_db: float
) -> None:
    room = RoomRanges((rt60_s, rt60_s + 1e-6), (direct_db, direct_db), (0.0, 0.0), 0.0)
    generator = np.random.default_rng(4)
    made_distance, distance, level, spread = [], [], [], []
    for number in range(6):
        time_s = np.arange(10 * RATE) / RATE
        beats = (time_s * (1.5 + number / 3)) % 1 < 0.3
        samples = (0.05 * generator.standard_normal(len(time_s)) * beats).astype(np.float32)
        dry = to_power(mel_db(samples)[None])
        made = to_decibels(at_unit_power(in_a_room(dry, SPEC, generator, room), SPEC))[:, -34:]
        one, other = (
            to_decibels(convolved(samples, rt60_s, direct_db, seed))[:, -34:]
            for seed in (number, 99 - number)
        )
        audible = one > one.max() - 60
        made_distance.append((made - one)[audible].std())
        distance.append((other - one)[audible].std())
        level.append((made - one)[audible].mean())
        spread.append(np.diff(made, axis=1).std() / np.diff(one, axis=1).std())
    assert np.mean(made_distance) < 1.3 * np.mean(distance)
    assert abs(np.mean(level)) < 1.0
    assert 0.8 < np.mean(spread) < 1.25  # it fluctuates as much


def test_silence_and_very_short_windows_survive() -> None:
    silence = to_power(np.full((2, 1, SPEC.n_mels), -100, np.float32))
    reverberated = in_a_room(silence, SPEC, np.random.default_rng(0))
    assert np.isfinite(through_microphone(reverberated, SPEC, np.random.default_rng(0), FITTED)).all()
    assert SPEC.sample_rate == RATE
