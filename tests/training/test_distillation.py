"""The scripts that fit a small network to the answers of wide ones with JAX, and make a bundle of it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from live.bundle import find_bundle, read_description
from live.classifier import Classifier
from training.console import ConsoleListener
from training.dataset.splits import whole_store
from training.datasets import DatasetOptions, open_datasets
from training.evaluation.record import TrainingRecord
from training.network.batches import Crops
from training.network.recipes import LIVE

ROOT = Path(__file__).parents[2]
NOT_OPTIMISED = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
COMPILED_ONCE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
RATE = 22_050


pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="JAX is not installed: python -m pip install jax"
    ),
    pytest.mark.xdist_group("distillation"),  # in one process with JAX
]


SEVERAL = """
import json, sys
from importlib import import_module
for line in sys.stdin:
    sys.argv = json.loads(line)
    status = exec(sys.argv.pop(1), {}) if sys.argv[0] == "-c" else import_module(sys.argv[0]).main()
    print(status or 0, flush=True)
"""


class Scripts:
    """Scripts that run one after another in a process, which imports and compiles once for all of them."""

    def __init__(self, stderr: Path) -> None:
        self._stderr = stderr
        with stderr.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SEVERAL],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                cwd=ROOT,
                env=os.environ | NOT_OPTIMISED | COMPILED_ONCE,
            )

    def __enter__(self) -> Scripts:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, *words: object) -> tuple[int, str]:
        """Run a script, or code after "-c"; return its exit status and what it wrote on standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before = self._stderr.stat().st_size
        self._process.stdin.write(json.dumps(list(map(str, words))) + "\n")
        self._process.stdin.flush()
        status = self._process.stdout.readline()
        said = self._stderr.read_bytes()[before:].decode()
        assert status, said
        return int(status), said


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """Return the process in which the scripts of this module run that need JAX."""
    folder = tmp_path_factory.mktemp("jax")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
        with Scripts(folder / "said.txt") as process:
            yield process


@pytest.fixture(scope="module")
def with_noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of chords, clicks and hiss of 5 s."""
    folder = tmp_path_factory.mktemp("data") / "heard"
    generator = np.random.default_rng(0)
    time = np.arange(5 * RATE) / RATE
    for number in range(4):
        pitch = 220 * 2 ** (number / 12)
        chord = np.mean([np.sin(2 * np.pi * pitch * ratio * time) for ratio in (1, 1.25, 1.5, 4)], axis=0)
        clicks = (generator.random(len(time)) < 8 / RATE).astype(float)
        clicks = np.convolve(clicks, np.exp(-np.arange(800) / 100), "same") * generator.normal(size=len(time))
        for label, samples in (
            ("classical", chord),
            ("metal", clicks),
            ("no_music", generator.normal(size=len(time)) / 8),
        ):
            (folder / label).mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / label / f"{label}{number}.wav", samples / 2, RATE)
    return folder


DUMP = """
import sys
from dataclasses import replace
from pathlib import Path
import jax, numpy as np
from rich.console import Console
from scripts.distil import drawing
from scripts.jax_windows import noise_stock, shares_of, sounds_of
from training.datasets import DatasetOptions, open_datasets
from training.console import ConsoleListener
from training.network.recipes import LIVE
folder, cache, out = map(Path, sys.argv[1:])
data = DatasetOptions([folder], cache, workers=1, split=None, seed=0)
store = open_datasets(data, LIVE.front_end, ConsoleListener(Console(stderr=True))).store
labels = ("classical", "metal", "no_music")
frames = LIVE.window_frames + LIVE.context_frames
sounds = jax.device_put(sounds_of(store, labels, noise_stock(LIVE.front_end, frames, 500)))
shares = shares_of(store, range(len(store)), labels, LIVE)
draw = drawing(250, 1)
drawn = [draw(jax.random.key(number), sounds, shares) for number in range(4)]
windows, targets = (np.concatenate(each, axis=1)[0] for each in zip(*drawn))
np.savez(out, windows=windows, targets=targets)
"""


def figures(windows: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return what describes the augmented windows, of each label alone."""
    below = windows - windows.max(axis=(1, 2), keepdims=True)
    found: dict[str, float] = {}
    for label in range(targets.shape[1]):
        own = below[targets[:, label] > 0.9]
        found |= {
            f"{label} level": float(own.mean()),
            f"{label} levels' spread": float(own.std()),
            f"{label} in time": float(np.abs(np.diff(own, axis=1)).mean()),
            f"{label} over bands": float(np.abs(np.diff(own, axis=2)).mean()),
            f"{label} contrast": float(own.std(axis=(1, 2)).std()),
            f"{label} low bands": float(own[:, :, :24].mean()),
            f"{label} high bands": float(own[:, :, -24:].mean()),
        }
    return found


@pytest.mark.timeout(900)
def test_windows_are_augmented_as_in_genre_train(
    scripts: Scripts, with_noise: Path, cache: Path, tmp_path: Path
) -> None:
    status, said = scripts.run("-c", DUMP, with_noise, cache, tmp_path / "drawn.npz")
    assert status == 0, said
    with np.load(tmp_path / "drawn.npz") as file:
        windows, targets = file["windows"], file["targets"]
    assert windows.shape == (1000, LIVE.window_frames, LIVE.front_end.n_mels)
    assert np.isfinite(windows).all()
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)

    data = DatasetOptions([with_noise], cache, workers=1, split=None, seed=0)
    store = open_datasets(data, LIVE.front_end, ConsoleListener(Console(stderr=True))).store
    labels = ("classical", "metal", "no_music")
    of_levels = replace(LIVE, coefficients=lambda mel_db, _: mel_db)
    crops = Crops(store, whole_store(store), labels, of_levels, seed=0)
    batches = [batch for epoch in range(10) for batch in crops.epoch(epoch, 96)]
    expected_windows = np.concatenate([inputs for inputs, _ in batches])
    expected_windows = np.maximum(
        expected_windows, expected_windows.max(axis=(1, 2), keepdims=True) - LIVE.front_end.top_db
    )
    expected_targets = np.concatenate([row["genre"] for _, row in batches])
    np.testing.assert_allclose(targets.mean(axis=0), expected_targets.mean(axis=0), atol=0.03)
    expected = figures(expected_windows, expected_targets)
    for name, value in figures(windows, targets).items():
        varied = name.startswith(str(labels.index("no_music")))  # a few dozen synthetic noises of all kinds
        assert value == pytest.approx(expected[name], rel=0.2 if varied else 0.08), name


LOSSES = """
import json, os, sys
from pathlib import Path
os.environ["KERAS_BACKEND"] = "jax"
import jax, jax.numpy as jnp
from scripts.distil import mean_answers, student_loss
rows = jnp.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])  # labelled, and unlabelled: the first or the second
taught = jnp.array([[0.2, 0.7, 0.1]] * 2)
def steepness(row, answers):  # 0 for what a student answers in the end
    loss = lambda z: student_loss(rows[row : row + 1], taught[row : row + 1], jax.nn.softmax(z))[0]
    return float(jnp.abs(jax.grad(loss)(jnp.log(jnp.array([answers])))).max())
class Teacher:
    def answers(self, values, windows):
        return jnp.array(values)
mean = mean_answers([Teacher()] * 2, [[[0.5, 0.4, 0.1]], [[0.1, 0.4, 0.5]]], None)
expected = json.loads(sys.argv[2])
found = [[steepness(row, each) for each in expected] for row in (0, 1)] + [mean[0].tolist()]
Path(sys.argv[1]).write_text(json.dumps(found))
"""


@pytest.mark.timeout(900)
def test_a_student_learns_most_from_the_teachers_and_of_the_unlabelled_all(
    scripts: Scripts, tmp_path: Path
) -> None:
    smoothed = np.array([1, 0, 0]) * (1 - LIVE.label_smoothing) + LIVE.label_smoothing / 3
    taught = np.array([0.2, 0.7, 0.1])
    both = 0.8 * taught + 0.2 * smoothed
    status, said = scripts.run("-c", LOSSES, tmp_path / "found", json.dumps([both.tolist(), taught.tolist()]))
    assert status == 0, said
    labelled, unlabelled, mean = json.loads((tmp_path / "found").read_text(encoding="utf-8"))
    assert labelled[0] == pytest.approx(0, abs=1e-4) != labelled[1]
    assert unlabelled[1] == pytest.approx(0, abs=1e-4) != unlabelled[0]
    geometric = np.sqrt([0.05, 0.16, 0.05])
    assert mean == pytest.approx(geometric / geometric.sum(), abs=1e-4)


@pytest.mark.timeout(900)  # XLA compiles for a minute on an idle machine
def test_a_student_of_two_teachers_becomes_a_model(
    scripts: Scripts, with_noise: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "left-out.txt").write_text("heard/metal3\n", encoding="utf-8")
    fit, damaged = tmp_path / "fit", tmp_path / "damaged"
    words: tuple[object, ...] = (with_noise, "--cache", cache, "--without", tmp_path / "left-out.txt")
    words += ("--teachers", 2, "--width", 0.25, "--batch-size", 4, "--steps-at-once", 1)
    words += ("--teacher-steps", 2, "--student-steps", 2)
    (fit / "network.keras").mkdir(parents=True)  # in the student's way, so the fit ends after its teachers
    status, said = scripts.run("scripts.distil", *words, "--out", fit)
    assert status == 1, said
    assert "cannot be written (Is a directory): make room, and give --resume" in said
    assert "Traceback" not in said
    (fit / "network.keras").rmdir()
    shutil.copytree(fit, damaged)
    (damaged / "teacher-1.keras").write_text("no network", encoding="utf-8")
    words += ("--resume",)
    status, said = scripts.run("scripts.distil", *words, "--out", fit, "--seed", 1)
    assert status == 2, said
    assert "were fitted with other options or data" in said
    status, said = scripts.run("scripts.distil", *words, "--out", damaged)
    assert status == 2, said
    assert "cannot be read: leave out --resume to start again" in said
    status, said = scripts.run("scripts.distil", *words, "--out", fit)
    assert status == 0, said
    assert not list(fit.glob("teacher*"))
    words = ("scripts.bundle_fit", fit, "--out", tmp_path / "m", "--recurrent-rank", 64, "--start")
    with Scripts(tmp_path / "bundling.txt") as with_tensorflow:
        status, said = with_tensorflow.run(*words, tmp_path / "left-out.txt")
        assert status == 2, said
        assert "cannot be started from: its start.keras" in said
        status, said = with_tensorflow.run(*words, find_bundle("genre-lstm") / "network.keras")
        assert status == 0, said
    description = read_description(tmp_path / "m")
    record = TrainingRecord.read(description.training)
    assert description.labels == ("classical", "metal", "no_music")
    assert (record.teachers, record.dataset.clips, record.fitted_on) == (2, 11, ("train", "valid"))
    probabilities = Classifier(tmp_path / "m")(np.zeros((34, 96), np.float32))
    assert probabilities.shape == (3,)
    shipped = (find_bundle("genre-lstm") / "network.tflite").stat().st_size
    assert (tmp_path / "m/network.tflite").stat().st_size == pytest.approx(shipped, rel=0.01)
    assert set(description.sha256) >= {"network.keras", "start.keras"}
    card = (tmp_path / "m/README.md").read_text(encoding="utf-8")
    assert "| Taught by | the mean answers of 2 wider networks |" in card


@pytest.mark.timeout(900)
def test_what_cannot_be_distilled_is_told_in_a_sentence(
    scripts: Scripts, with_noise: Path, dataset: Path, cache: Path, tmp_path: Path
) -> None:
    out, clips = tmp_path / "fit", tmp_path / "clips.txt"
    clips.write_text("heard/elsewhere\n", encoding="utf-8")
    common = ("scripts.distil", with_noise, "--cache", cache, "--out", out)
    for words, sentence in (
        (("scripts.distil", dataset, *common[2:]), "Give both music and clips with the label no_music."),
        ((*common, "--without", clips), "names 'heard/elsewhere', which is in none of the datasets"),
        (
            (*common, "--teachers", 0),
            "Numbers of teachers, steps and windows and the width must be",
        ),
        ((*common, "--teacher-steps", 75), "Give multiples of 50 steps, or another --steps-at-once."),
        ((*common, "--out", clips), "clips.txt cannot be written: File exists; give another --out."),
        (("scripts.bundle_fit", out / "no", "--out", out), "does not hold a fit of scripts.distil"),
    ):
        status, said = scripts.run(*words)
        assert status == 2, said
        assert sentence in said
        assert "Traceback" not in said
