from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.bundle import BundleDescription
from live.classifier import Classifier
from live.errors import InputError
from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, small_store, tone
from training.dataset.features import load_features
from training.dataset.splits import whole_store
from training.evaluation.rooms import ROOMS, impulse_response, in_room, measure_rooms


@given(rt60_s=st.floats(0.3, 3.0), direct_db=st.floats(-15.0, 6.0), seed=st.integers(0, 2**32 - 1))
def test_a_room_has_the_ratio_and_the_energy_that_were_asked_for(
    rt60_s: float, direct_db: float, seed: int
) -> None:
    response = impulse_response(rt60_s, direct_db, RATE, seed).astype(float)
    assert np.sum(response**2) == pytest.approx(1.0, rel=1e-4)
    ratio_db = 10 * np.log10(response[0] ** 2 / np.sum(response[1:] ** 2))
    assert ratio_db == pytest.approx(direct_db, abs=0.01)


@pytest.mark.parametrize("rt60_s", [0.5, 1.5, 3.0])
def test_a_rooms_sound_falls_by_60_db_in_its_reverberation_time(rt60_s: float) -> None:
    energy = impulse_response(rt60_s, -30.0, RATE, 1).astype(float) ** 2
    left_db = 10 * np.log10(np.cumsum(energy[::-1])[::-1])  # Schroeder's backward integration
    time_s = np.arange(len(energy)) / RATE
    falling = (left_db < -5) & (left_db > -35)
    slope = np.polyfit(time_s[falling], left_db[falling], 1)[0]
    assert -60 / slope == pytest.approx(rt60_s, rel=0.05)


def test_a_room_changes_neither_length_nor_loudness_and_sounds_on() -> None:
    played = tone(1, 2.0)
    played[RATE:] = 0.0
    heard = in_room(played, 1.5, -10.0, RATE, 7)
    assert len(heard) == len(played)
    assert np.mean(heard**2) == pytest.approx(np.mean(played**2), rel=1e-3)
    assert np.mean(heard[RATE + 2_000 : 2 * RATE] ** 2) > 1e-3 * np.mean(heard[:RATE] ** 2)
    assert in_room(played, 0.0, 0.0, RATE, 7) is played


class _HearsTones:
    """Hears a tone whatever is played."""

    description = BundleDescription(
        name="tones", labels=("hiss", "tone"), front_end=FrontEndSpec(), window_frames=34
    )

    def __call__(self, _mel_db: np.ndarray) -> np.ndarray:
        return np.array([0.02, 0.98], dtype=np.float32)


def test_a_model_is_measured_by_room_from_the_audio_itself(dataset: Path, cache: Path) -> None:
    store = load_features(dataset, FrontEndSpec(), cache=cache, workers=1).store
    counted: list[tuple[int, int]] = []
    rooms = measure_rooms(
        cast("Classifier", _HearsTones()), store, whole_store(store), lambda *count: counted.append(count)
    )
    assert [(room.rt60_s, room.direct_db) for room in rooms] == list(ROOMS)
    assert {room.clips for room in rooms} == {len(store)}
    assert {room.clip_accuracy.value for room in rooms} == {0.5}
    assert {room.wrong_name.value for room in rooms} == {0.5}
    assert counted[-1] == (len(store) * len(ROOMS), len(store) * len(ROOMS))


def test_rooms_need_the_audio(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store.npz")
    with pytest.raises(InputError, match="--rooms needs the audio itself"):
        measure_rooms(cast("Classifier", _HearsTones()), store, whole_store(store))
