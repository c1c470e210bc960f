"""A model for the tests: the shipped one, or a small untrained one if none is shipped."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from live.bundle import (
    BUNDLE_FORMAT,
    DESCRIPTION_FILE,
    NETWORK_FILE,
    SEVERAL_FILE,
    find_bundle,
    shipped_models,
)
from live.front_end import FrontEndSpec

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def a_bundle(folder: Path) -> Path:
    """Return the folder of a shipped bundle, or else of one that is made in ``folder``."""
    names = shipped_models()
    return find_bundle(names[0]) if names else untrained_bundle(folder / "untrained")


def untrained_bundle(folder: Path) -> Path:
    """Write a bundle whose network has random weights, and return its folder."""
    tensorflow = pytest.importorskip("tensorflow", reason="No model ships, and the [train] extra is absent.")
    labels = [*GENRES, "no_music"]
    spec, window_frames = FrontEndSpec(), 34
    hears = tensorflow.keras.Input((window_frames, spec.n_mfcc), batch_size=1)
    says = tensorflow.keras.layers.Dense(len(labels), activation="softmax")(
        tensorflow.keras.layers.LSTM(16)(hears)
    )
    network = tensorflow.keras.Model(hears, says)
    content = tensorflow.lite.TFLiteConverter.from_keras_model(network).convert()
    folder.mkdir()
    (folder / NETWORK_FILE).write_bytes(content)
    description = {
        "format": BUNDLE_FORMAT,
        "name": "untrained",
        "labels": labels,
        "front_end": spec.to_dict(),
        "window_frames": window_frames,
        "temperature": 1.0,
        "sha256": {NETWORK_FILE: hashlib.sha256(content).hexdigest()},
    }
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    return folder


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """Copy the files that a bundle needs to run to ``folder``, to change them, and return it."""
    folder.mkdir(exist_ok=True)
    for name in (DESCRIPTION_FILE, NETWORK_FILE, SEVERAL_FILE):
        if (bundle / name).exists():
            shutil.copyfile(bundle / name, folder / name)
    return folder


def describe(bundle: Path) -> dict[str, Any]:
    """Return a bundle's description, to change it."""
    values: dict[str, Any] = json.loads((bundle / DESCRIPTION_FILE).read_text())
    return values
