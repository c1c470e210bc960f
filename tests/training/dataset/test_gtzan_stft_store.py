from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.front_end import FrontEndSpec, MelFrames, mel_filter_bank
from tests.shared_data import SHARED, gtzan_recording
from training.dataset.gtzan_stft_store import make_store, nearest_rows
from training.dataset.store import open_store

ARCHIVE = SHARED / "data/gtzan/stft_train_valid.npz"


def test_each_bin_takes_the_nearest_row() -> None:
    of_bin = nearest_rows(544, 1025)
    stored = np.floor((np.arange(544) + 0.5) / 544 * 1025).astype(int)
    assert of_bin.shape == (1025,)
    np.testing.assert_array_equal(of_bin[stored], np.arange(544))
    distance = np.abs(stored[:, None] - np.arange(1025)[None]).min(axis=0)
    np.testing.assert_array_equal(np.abs(stored[of_bin] - np.arange(1025)), distance)


def test_levels_become_mel_levels(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (2, 544, 5), dtype=np.uint8)
    np.savez(
        tmp_path / "a.npz",
        clip=np.array(["blues.00001", "jazz.00002"]),
        spec=levels,
        vmin=np.array([-100.0, -90.0]),
        vmax=np.array([-10.0, -20.0]),
    )
    assert make_store(tmp_path / "a.npz", tmp_path / "s.npz") == 2
    store = open_store(tmp_path / "s.npz")
    assert (store.label, store.group) == (("blues", "jazz"), store.clip)
    decibels = -90 + 70 * levels[1].astype(np.float64) / 255
    power = 768 * 10 ** (decibels / 10)
    expected = 10 * np.log10(mel_filter_bank(FrontEndSpec()) @ power[nearest_rows(544, 1025)]).T
    np.testing.assert_allclose(store.clip_frames(1), expected, atol=0.05)


def test_the_archive_sounds_as_the_recordings_do(tmp_path: Path) -> None:
    path = gtzan_recording("jazz")
    if not ARCHIVE.is_file():
        pytest.skip("The archive of spectrograms is not here: ../shared/data/gtzan.")
    with np.load(ARCHIVE) as arrays:
        row = arrays["clip"].tolist().index(path.stem)
        alone = {name: arrays[name][row : row + 1] for name in ("clip", "spec", "vmin", "vmax")}
    np.savez(tmp_path / "one.npz", **alone)
    make_store(tmp_path / "one.npz", tmp_path / "s.npz")
    stored = open_store(tmp_path / "s.npz").clip_frames(0).astype(np.float64)
    heard = MelFrames(FrontEndSpec()).feed(soundfile.read(path, dtype="float32")[0])
    assert stored.shape == heard.shape
    loud = heard > heard.max() - 60
    assert np.abs(stored - heard)[loud].mean() < 1.5
