from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.conftest import small_store
from training.network.devices import shared_out

SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
import keras, tensorflow
from keras import layers
cpu = tensorflow.config.list_physical_devices("CPU")[0]
tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
from training.dataset.splits import split_store
from training.dataset.store import open_store
from training.network.batches import Crops
from training.network.devices import Devices
from training.network.fit import Checkpoint, FitPlan, fit
from training.network.recipes import LIVE

def network(spec, frames, labels, examples):
    inputs = keras.Input((frames, spec.n_mfcc))
    hidden = layers.BatchNormalization()(layers.Dense(8)(inputs))
    hidden = layers.LSTM(8)(hidden)
    return keras.Model(inputs, layers.Dense(labels, activation="softmax", name="genre")(hidden))

store = open_store(Path(sys.argv[1]))
recipe = replace(LIVE, network=network, augment=None, context_frames=0, patience=None)
recipe = replace(recipe, front_end=store.front_end)
split = split_store(store, "group", window_frames=recipe.window_frames, seed=0)
labels = ("high", "low")
weights, losses = [], []
for names in (["CPU:0"], ["CPU:0", "CPU:1"]):
    crops = [Crops(store, split.parts[part], labels, recipe, seed=0) for part in ("train", "valid")]
    plan = FitPlan(recipe, labels, 0, 3, 10, {})
    checkpoint = Checkpoint(Path(sys.argv[2]) / str(len(names)) / "checkpoint.npz")
    fitted, history = fit(plan, *crops, checkpoint=checkpoint, devices=Devices(names))
    weights.append([array.tolist() for array in fitted.get_weights()])
    losses.append([history.loss, history.valid_loss])
    assert not any(getattr(layer, "synchronized", False) for layer in fitted.layers)
    fitted.save(Path(sys.argv[2]) / "network.keras")
print(json.dumps({"weights": weights, "losses": losses}))
"""


def test_two_devices_fit_what_one_does_within_rounding(tmp_path: Path) -> None:
    small_store(tmp_path / "store.npz", clips=18)
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "store.npz"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(found["losses"][1], found["losses"][0], rtol=1e-3)
    for one, two in zip(*found["weights"], strict=True):
        np.testing.assert_allclose(two, one, atol=2e-4)


@given(count=st.integers(1, 200), devices=st.integers(1, 9))
def test_shares_are_alike_and_weigh_as_the_batch_does(count: int, devices: int) -> None:
    rows, weight = shared_out(count, devices)
    assert sorted(rows[weight > 0].tolist()) == list(range(count))
    values = np.random.default_rng(count).normal(size=count)
    by_device = (values[rows] * weight).mean(axis=1)
    assert by_device.mean() == pytest.approx(values.mean(), abs=1e-5)
