from __future__ import annotations

import numpy as np

from live.front_end import FrontEndSpec
from tests.training.conftest import mel_windows
from training.augmentation.call import gated, level_controlled, limited, lossily_coded, through_a_call

SPEC = FrontEndSpec()


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
