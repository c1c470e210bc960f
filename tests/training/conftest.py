"""Small synthetic datasets, and one bundle trained on them for all tests."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import soundfile

from live.front_end import FrontEndSpec, MelFrames
from training.dataset.store import FeatureStore, StoreWriter, open_store

RATE = 22_050


def tone(seed: int, seconds: float, rate: int = RATE) -> np.ndarray:
    """Return a chord of a few harmonics, twice a second."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = generator.uniform(150, 400)
    sound = sum(np.sin(2 * np.pi * pitch * k * time + generator.uniform(0, 6)) / k for k in range(1, 6))
    struck: np.ndarray = 0.2 * sound * np.exp(-4 * (time % 0.5))
    return struck.astype(np.float32)


def hiss(seed: int, seconds: float, rate: int = RATE) -> np.ndarray:
    """Return bursts of noise."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    noise: np.ndarray = 0.1 * generator.standard_normal(len(time)) * (time % 0.25 < 0.15)
    return noise.astype(np.float32)


KINDS = {"hiss": hiss, "tone": tone}


def write_dataset(folder: Path, clips: int, seconds: float) -> Path:
    """Write a folder of two genre folders, and return it."""
    for label, make in KINDS.items():
        (folder / label).mkdir(parents=True)
        for number in range(clips):
            soundfile.write(
                folder / label / f"{label}{number}.wav", make(number, seconds), RATE, subtype="PCM_16"
            )
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of ten clips of 4 s in two genre folders."""
    return write_dataset(tmp_path_factory.mktemp("data") / "sounds", 5, 4.0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the feature cache for all tests that do not test caching."""
    return tmp_path_factory.mktemp("cache")


def small_store(
    path: Path, clips: int = 12, frames: int = 60, spec: FrontEndSpec | None = None
) -> FeatureStore:
    """Return a store of synthetic frames: one label is loud in low bands, the other in high ones."""
    spec = spec or FrontEndSpec(n_mels=24, n_mfcc=12)
    generator = np.random.default_rng(0)
    slope = np.linspace(0, -40, spec.n_mels)
    with StoreWriter(path, spec) as writer:
        for number in range(clips):
            label = ("high", "low")[number % 2]
            levels = (slope if label == "low" else slope[::-1]) + generator.normal(
                0, 3, (frames, spec.n_mels)
            )
            writer.add(clip=f"clip{number}", label=label, group=f"artist{number // 2}", mel_db=levels)
    return open_store(path)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Return a small store."""
    return small_store(tmp_path / "store.npz")


@contextlib.contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Keep other workers of the run out of what is inside, where the system can."""
    with lock.open("w") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def trained(dataset: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle that the command trained on the synthetic dataset; a run's workers share it."""
    from training.cli import main

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ and sys.platform != "win32":
        folder = folder.parent
    out = folder / "trained" / "sounds"
    with one_at_a_time(folder / "trained.lock"):
        if not out.exists():
            words = [str(dataset), "--out", str(out), "--cache", str(cache), "--workers", "2"]
            words += ["--epochs", "5", "--batch-size", "8", "--start-from", "none"]
            assert main(words) == 0
    return out


def mel_db(samples: np.ndarray) -> np.ndarray:
    """Return the mel levels of samples, in the form of augmentation windows."""
    return MelFrames(FrontEndSpec()).feed(samples).astype(np.float32)


def mel_windows(count: int = 6) -> np.ndarray:
    return np.stack([mel_db(tone(k, 3) + 0.1 * hiss(k, 3)) for k in range(count)])
