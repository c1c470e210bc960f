from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from live.bundle import read_description
from live.classifier import Classifier
from live.file_lock import FileLock
from live.front_end import FrontEndSpec, MelFrames
from tests.live.spreading.in_process import InThisProcess
from tests.training.conftest import RATE, hiss, small_store, tone, write_dataset
from training.cli import main
from training.console import ConsoleListener
from training.dataset.reader_processes import extract_each
from training.dataset.splits import PARTS, published_lists
from training.dataset.store import StoreWriter, open_store
from training.interruption import Interruption

FIGURES = {
    "window_accuracy", "clip_accuracy", "clip_balanced_accuracy", "clip_top3_accuracy", "vote_accuracy",
    "ece", "clips", "per_genre", "confusion",
}  # fmt: skip


def run(*words: object) -> int:
    return main([str(word) for word in words])


def said(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err


def test_a_folder_of_two_genres_becomes_a_bundle_that_hears_them(trained: Path) -> None:
    classifier = Classifier(trained)
    assert classifier.description.name == "sounds"
    assert classifier.description.labels == ("hiss", "tone")
    for label, samples in (("hiss", hiss(77, 3)), ("tone", tone(77, 3))):
        probabilities = classifier(MelFrames(classifier.description.front_end).feed(samples)[:34])
        assert classifier.description.labels[int(probabilities.argmax())] == label


def test_a_bundle_tells_how_it_was_made(trained: Path) -> None:
    training = read_description(trained).training
    assert training["dataset"]["clips"] == 10
    assert (training["recipe"], training["split"], training["seed"]) == ("live", "group", 0)
    assert {"tensorflow", "numpy", "python"} <= set(training["packages"])
    assert training["metrics"]["valid"]["clip_accuracy"] is not None
    values = json.loads((trained / "bundle.json").read_text())
    assert set(values["sha256"]) == {"network.tflite", "network-of-several.tflite", "network.keras"}
    card = (trained / "README.md").read_text()
    assert "fitted on" in card or "Fit" in card
    assert "report/report.md" in card


def test_a_bundle_brings_its_report_with_pictures(trained: Path) -> None:
    text = (trained / "report" / "report.md").read_text()
    for name in ("curves", "confusion_valid", "reliability_valid", "risk_coverage_valid", "vote_valid"):
        picture = trained / "report" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG"), name
        assert f"({name}.png)" in text
    assert "LEAKS" not in text
    for line in text.splitlines():
        assert "nan" not in line.lower().split()


def test_nothing_but_the_bundle_is_left_behind(trained: Path) -> None:
    assert [path.name for path in trained.parent.iterdir()] == [trained.name]
    assert {path.name for path in trained.iterdir()} == {
        "README.md", "bundle.json", "network-of-several.tflite", "network.keras", "network.tflite", "report",
    }  # fmt: skip


def test_evaluation_gives_one_json_object(
    trained: Path, dataset: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, "--evaluate", trained, "--cache", cache, "--json") == 0
    [line] = capfd.readouterr().out.splitlines()
    result = json.loads(line)
    assert set(result) >= FIGURES | {"labels", "microphone", "intervals"}
    assert set(result["microphone"]) >= FIGURES
    assert set(result["vote_accuracy"]) == {"3", "5", "10", "20", "30"}
    assert result["labels"] == ["hiss", "tone"]
    assert result["clips"] == 10
    assert np.array(result["confusion"]).sum() == 10
    assert result["clip_accuracy"] == 1.0
    assert set(result["per_genre"]) == {"hiss", "tone"}


def test_evaluation_of_a_part_shows_a_table_and_writes_a_report(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--evaluate", trained, "--cache", cache, "--part", "test", "--out", tmp_path / "report")
    assert run(dataset, *words) == 0
    captured = capfd.readouterr()
    assert "Whole clips" in captured.out
    assert "2 clips" in captured.out
    assert (tmp_path / "report" / "report.md").exists()
    assert (tmp_path / "report" / "confusion_test.png").exists()


def test_no_music_is_measured_where_the_data_have_it(
    trained: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 3.0)
    (dataset / "no_music").mkdir()
    soundfile.write(dataset / "no_music" / "silence.wav", np.zeros(3 * RATE), RATE)
    assert run(dataset, "--evaluate", trained, "--cache", cache, "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert result["no_music"]["recall"] == 0.0  # a model without that output cannot
    assert result["no_music"]["false_alarm"] == 0.0
    assert result["clips"] == 4


def test_the_seed_recipe_on_a_leaky_split_of_a_store_of_another_hop(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = small_store(tmp_path / "s.npz")
    words = ("--out", tmp_path / "m", "--recipe", "seed", "--split", "segment", "--epochs", "1", "--json")
    assert run(tmp_path / "s.npz", *words, "--export-json", tmp_path / "d.json") == 0
    captured = capfd.readouterr()
    description = read_description(tmp_path / "m")

    assert "LEAKS" in captured.err
    assert "LEAKS" in (tmp_path / "m" / "report" / "report.md").read_text()
    assert "LEAKS" in (tmp_path / "m" / "README.md").read_text()
    assert (description.training["split"], description.training["leaks"]) == ("segment", True)
    made = json.loads(captured.out)
    assert any("LEAKS" in note for note in made["valid"]["notes"])
    for part in ("valid", "test"):
        right = f"Right of {made[part]['clips']} {part} clips: {made[part]['clip_accuracy']:.3f} ("
        assert right in captured.err

    assert description.front_end.hop_length == store.front_end.hop_length
    exported: dict[str, Any] = json.loads((tmp_path / "d.json").read_text())
    assert exported["mapping"] == ["high", "low"]
    assert exported["labels"] == [0, 1] * 6
    assert np.array(exported["mfcc"]).shape == (12, description.window_frames, description.front_end.n_mfcc)


def test_a_broken_file_is_named_and_never_fatal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], trained: Path
) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 3.0)
    (dataset / "tone" / "broken.mp3").write_bytes(b"no music at all")
    assert run(dataset, "--evaluate", trained, "--cache", tmp_path / "c", "--json") == 0
    captured = capfd.readouterr()
    assert [line for line in captured.err.splitlines() if "broken.mp3" in line]
    assert json.loads(captured.out)["clips"] == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "DATASET"),
        (["DATA"], "--out DIR"),
        (["DATA", "--out", "NEW", "--split", "random"], "--split"),
        (["DATA", "--out", "NEW", "--epochs", "0"], "'0' is not a whole number"),
        (["DATA", "--out", "NEW", "--recipe", "best"], "--recipe"),
        (["DATA", "--out", "NEW", "--part", "test"], "--part is for --evaluate"),
        (["DATA", "--evaluate", "MODEL", "--epochs", "3"], "--epochs is for training"),
        (["DATA", "--evaluate", "MODEL", "--split", "clip"], "--part"),
        (["DATA", "--evaluate", "nowhere"], "There is no model"),
        (["nowhere", "--out", "NEW"], "There is no dataset"),
        (["nowhere.npz", "--out", "NEW"], "There is no"),
        (["DATA", "--out", "FILE"], "is a file"),
        (["DATA", "--out", "DATA"], "holds other files"),
        (["STORE", "--out", "NEW"], "cannot use this feature store"),
        (["STORE", "--evaluate", "MODEL"], "cannot hear"),
        (["TINY", "--out", "NEW", "--split", "fault-filtered"], "has one clip only"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    trained: Path,
    dataset: Path,
    cache: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import re

    small_store(tmp_path / "store.npz")
    (tmp_path / "file").write_text("x")
    places = {
        "DATA": dataset, "NEW": tmp_path / "new", "MODEL": trained, "FILE": tmp_path / "file",
        "STORE": tmp_path / "store.npz",
    }  # fmt: skip
    if "TINY" in words:
        places["TINY"] = write_dataset(tmp_path / "tiny", 1, 1.0)
    given = [str(places.get(word, word)) for word in words]
    assert main([*given, *(["--cache", str(cache)] if words else [])]) == 2
    lines = said(capfd).splitlines()
    complaints = [line for line in lines if line.startswith("genre-train: ")]
    assert len(complaints) == 1
    assert complaints[0] == lines[-1]
    assert re.search(sentence, complaints[0])
    assert "Traceback" not in "".join(lines)
    assert not (tmp_path / "new").exists()


def test_a_name_with_an_escape_sequence_does_nothing_to_the_terminal() -> None:
    out = io.StringIO()
    ConsoleListener(Console(file=out)).notify("Left out: \x1b[31mred.wav.")
    assert out.getvalue() == "Left out: \N{REPLACEMENT CHARACTER}[31mred.wav.\n"


def test_help_and_version_do_not_wait_for_tensorflow() -> None:
    script = """
import sys
from training.cli import main
try:
    main([sys.argv[1]])
except SystemExit as end:
    assert end.code == 0
heavy = {"tensorflow", "keras", "sklearn", "matplotlib", "numpy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", script, option], capture_output=True, text=True, check=True
        )
        assert "genre-train" in done.stdout
        assert done.stderr == ""


def test_what_help_names_is_what_there_is() -> None:
    from training import options
    from training.dataset import splits
    from training.network import recipes

    assert options.SPLITS == splits.SPLITS
    assert set(options.RECIPES) == set(recipes.RECIPES)
    assert set(options.PARTS) == {"all", *splits.PARTS}


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "tensorflow" else found(name, *rest)
    )
    assert run(tmp_path, "--out", tmp_path / "m") == 2
    assert "pip install '.[train]'" in said(capfd)


def test_what_cannot_be_written_is_told_in_one_sentence(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    words = (dataset, "--cache", cache)
    assert run(*words, "--evaluate", trained, "--out", tmp_path / "file" / "report") == 2
    assert "cannot be used (Not a directory): choose another place." in said(capfd).splitlines()[-1]
    assert run(tmp_path / ("x" * 300), "--out", tmp_path / "m") == 2
    assert "File name too long" in said(capfd)


def test_a_folder_that_files_cannot_be_made_in_is_told_before_the_work(
    trained: Path,
    dataset: Path,
    cache: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_only(**how: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(how["dir"] / "tmp1234"))

    monkeypatch.setattr("tempfile.TemporaryDirectory", read_only)
    assert run(dataset, "--cache", cache, "--evaluate", trained, "--out", tmp_path / "report") == 2
    assert [line.startswith("genre-train: ") for line in said(capfd).splitlines()] == [True]
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    assert run(dataset, "--cache", tmp_path / "c", "--evaluate", trained) == 2
    told = said(capfd).splitlines()[-1]
    assert f"{tmp_path / 'c'} cannot be used (Read-only file system)" in told


def test_a_full_disk_is_the_machines_fault(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("training.dataset.features.StoreWriter.add", full)
    assert run(dataset, "--out", tmp_path / "m", "--cache", tmp_path / "c") == 1
    told = said(capfd).splitlines()[-1]
    assert told.endswith(
        f"{tmp_path / 'c'} cannot be written (No space left on device): make room, and run it again with "
        "--resume."
    )


@pytest.mark.parametrize("what", ["shards.StoreWriter.add", "shards.StoreWriter._finish", "shards.np.savez"])
def test_a_full_disk_of_a_cluster_is_no_fault_of_the_clips(
    dataset: Path,
    tmp_path: Path,
    what: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("training.datasets.open_engine", InThisProcess)
    monkeypatch.setattr(f"training.dataset.{what}", full)
    words = ("--out", tmp_path / "m", "--cache", tmp_path / "c", "--scheduler", "tcp://head:8786")
    assert run(dataset, *words) == 1
    told = said(capfd).splitlines()
    assert told[-1].endswith(
        f"{tmp_path / 'c'} cannot be written (No space left on device): make room, and run it again with "
        "--resume."
    )
    assert not any("Left out" in line for line in told)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full.")
def test_a_result_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.cli._train", lambda *_: {"clips": 4})
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        status = run(tmp_path, "--out", tmp_path / "m", "--json")
        monkeypatch.undo()
    assert status == 1
    (line,) = said(capfd).splitlines()
    assert "The output cannot be written (No space left on device)" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full.")
def test_an_answer_that_cannot_be_written_does_not_fail_at_the_end() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-m", "training.cli", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            check=False,
            timeout=60,
        )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_model_that_will_be_replaced_is_told(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--refit", trained]):
        assert run(tmp_path / "none", "--out", trained, *words) == 2
        assert "holds a model, which is replaced when the new one is done" in " ".join(said(capfd).split())


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_one_writes(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m"
    first = FileLock(tmp_path / ".m.training.lock")
    first.acquire()
    for words in ([], ["--refit", trained]):
        assert run(dataset, "--cache", cache, "--out", out, *words) == 2
        assert f"Another genre-train is writing {out}: wait until it ends" in said(capfd)
    first.release()
    assert not list(tmp_path.iterdir())


def test_a_models_name_is_no_markup(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained, model)
    values = json.loads((model / "bundle.json").read_text())
    (model / "bundle.json").write_text(json.dumps(values | {"name": "Rock [/Pop]"}))
    assert run(dataset, "--cache", cache, "--evaluate", model) == 0
    assert "Rock [/Pop]: 10 clips" in capfd.readouterr().out


def test_a_datasets_name_is_no_markup() -> None:
    shown = io.StringIO()
    listener = ConsoleListener(Console(file=shown, force_terminal=True, width=200))
    with listener.progress("Reading my [bold] music") as count:
        count(1, 2)
    assert "Reading my [bold] music" in shown.getvalue()


def evaluated(capfd: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """Return the notes of an evaluation, from its JSON."""
    assert run(*words, "--json") == 0
    notes: list[str] = json.loads(capfd.readouterr().out)["notes"]
    return notes


def test_a_part_is_measured_as_the_model_divided_it_and_what_it_knows_is_told(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (dataset, "--cache", cache, "--evaluate", trained, "--part")
    assert not [note for note in evaluated(capfd, *words, "test") if "fitted" in note]
    assert "fitted on train clips" in evaluated(capfd, *words, "train")[0]
    assert "may know some of these clips" in evaluated(capfd, *words, "test", "--seed", 1)[0]
    values = json.loads((trained / "bundle.json").read_text())
    values["training"] |= {"seed": 1, "refit": {"clips": 8}}
    model = tmp_path / "model"
    shutil.copytree(trained, model)
    (model / "bundle.json").write_text(json.dumps(values))
    words = (dataset, "--cache", cache, "--evaluate", model, "--part")
    assert "fitted on valid clips" in evaluated(capfd, *words, "valid", "--seed", 0)[0]
    assert not [note for note in evaluated(capfd, *words, "test", "--seed", 0) if "fitted" in note]
    assert "may know some of these clips" in evaluated(capfd, *words, "test")[0]  # by the model's own seed
    others = write_dataset(tmp_path / "others", 3, 3.0)
    for part in ("train", "valid"):  # of data that the model has never heard
        notes = evaluated(capfd, others, "--cache", cache, "--evaluate", model, "--part", part)
        assert "may know some of these clips" in notes[0]


def test_a_model_that_is_measured_on_all_it_was_fitted_on_says_so(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def warned(data: Path, model: Path) -> bool:
        return any(
            "flatter" in note for note in evaluated(capfd, data, "--cache", cache, "--evaluate", model)
        )

    assert warned(dataset, trained)
    assert warned(shutil.copytree(dataset, tmp_path / "renamed"), trained)
    others = write_dataset(tmp_path / dataset.name, 1, 3.0)  # other clips in a folder of the same name
    assert not warned(others, trained)
    values = json.loads((trained / "bundle.json").read_text())
    values["training"]["split"] = "fault-filtered"
    model = tmp_path / "model"
    shutil.copytree(trained, model)
    (model / "bundle.json").write_text(json.dumps(values))
    lists, file = published_lists(), others / "hiss" / "hiss0.wav"
    for part in PARTS:
        file = file.rename(others / "hiss" / f"{lists[part][0]}.wav")
        assert warned(others, model) == (part == "train")
    (others / "tone" / "tone0.wav").rename(others / "tone" / f"{lists['test'][1]}.wav")
    file = file.rename(others / "hiss" / f"{lists['test'][0]}.wav")
    notes = evaluated(capfd, others, "--cache", cache, "--evaluate", model, "--part", "test")
    assert not [note for note in notes if "may know" in note]  # the lists divide every dataset alike
    values["training"]["refit"] = {"clips": 8}
    (model / "bundle.json").write_text(json.dumps(values))
    file.rename(others / "hiss" / f"{lists['valid'][0]}.wav")
    assert warned(others, model)


def test_a_label_that_the_model_spells_otherwise_is_not_measured_as_unknown(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(dataset, tmp_path / "other")
    (other / "hiss").rename(other / "Hiss")
    assert run(other, "--cache", cache, "--evaluate", trained) == 2
    assert said(capfd) == "genre-train: The label 'Hiss' is almost the model's 'hiss': rename it to that.\n"


def test_a_report_does_not_replace_the_files_of_somebody_else(
    trained: Path, dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "report.md").write_text("my thesis")
    words = ("--evaluate", trained, "--cache", cache, "--part", "test", "--out")
    for place in (out, trained):
        assert run(dataset, *words, place) == 2
        assert "holds other files" in capfd.readouterr().err
    assert (out / "report.md").read_text() == "my thesis"
    for _ in range(2):  # its own report may be replaced
        assert run(dataset, *words, tmp_path / "report") == 0


def test_what_would_fail_after_the_fit_is_refused_before_it(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words, sentence in (
        (["--name", "x" * 65], "cannot be a model's name"),
        (["--name", "a\x1b[31mb"], "cannot be a model's name"),
    ):
        assert run(dataset, "--out", tmp_path / "m", "--cache", tmp_path / "c", *words) == 2
        assert sentence in said(capfd)
    assert not (tmp_path / "c").exists()


def test_an_export_that_would_destroy_a_file_is_refused_before_audio_is_read(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = small_store(tmp_path / "s.npz").path
    song, manifest = dataset / "tone" / "tone0.wav", tmp_path / "clips.csv"
    manifest.write_text(f"path,label\n{song},a\n{dataset}/hiss/hiss0.wav,b\n")
    words = ("--out", tmp_path / "m", "--cache", tmp_path / "c", "--export-json")
    for data, target in ((path, path), (dataset, song), (manifest, manifest)):
        before = target.read_bytes()
        assert run(data, *words, target) == 2
        assert f"{target} is not an earlier export" in said(capfd)
        assert target.read_bytes() == before
    assert not (tmp_path / "c").exists()


def test_parts_that_hold_no_genre_are_refused_before_the_fit(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lists = published_lists()
    spec = FrontEndSpec(n_mels=24, n_mfcc=12)
    for part, ids in (("valid", lists["train"][:4]), ("test", [*lists["train"][:4], *lists["valid"][:4]])):
        with StoreWriter(tmp_path / "s.npz", spec) as writer:
            for clip in ids:
                label = clip.split(".")[0]
                writer.add(clip=clip, label=label, group=clip, mel_db=np.full((60, 24), -20.0))
            for number in range(6):
                name = f"noise{number}"
                writer.add(clip=name, label="no_music", group=name, mel_db=np.full((60, 24), -40.0))
            if part == "test":
                writer.add(clip=lists["test"][0], label="no_music", group="x", mel_db=np.zeros((60, 24)))
        words = ("--out", tmp_path / "m", "--recipe", "seed", "--split", "fault-filtered", "--epochs", "1")
        assert run(tmp_path / "s.npz", *words) == 2
        assert f"leaves no {part} clips of a genre" in said(capfd)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a child there")
def test_ctrl_c_ends_with_a_sentence_and_resume_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small_store(tmp_path / "s.npz")
    words = [sys.executable, "-m", "training.cli", str(tmp_path / "s.npz"), "--out", str(tmp_path / "m")]
    words += ["--recipe", "seed", "--batch-size", "4"]
    checkpoint = tmp_path / ".m.training" / "checkpoint.npz"
    process = subprocess.Popen(
        [*words, "--epochs", "10000"],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them, and so this, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Epoch 2/"):  # the checkpoint of the first is complete
            break
    process.send_signal(signal.SIGINT)
    errors = process.stderr.read()
    assert process.wait(60) == 1
    assert errors.splitlines()[-1] == "genre-train: Interrupted: run it again with --resume to go on."
    assert "Traceback" not in errors
    assert checkpoint.exists()
    assert not (tmp_path / "m").exists()
    assert main([*words[3:], "--epochs", "9999", "--resume"]) == 2  # other options than the interrupted run's
    with np.load(tmp_path / "s.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "s.npz", **{**arrays, "fingerprint": np.array(["of another file"] * 12)})
    assert main([*words[3:], "--epochs", "10000", "--resume"]) == 2  # other data: other files
    assert "other options or data" in said(capfd)
    np.savez(tmp_path / "s.npz", **{**arrays, "group": arrays["group"][::-1]})
    assert main([*words[3:], "--epochs", "10000", "--resume"]) == 2  # other data: another division
    assert "other options or data" in said(capfd)


@contextlib.contextmanager
def handling(number: int, handler: Any) -> Iterator[None]:
    """Set the handler of a signal, which a shell may have had the tests ignore."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_keeps_the_audio_that_was_read(
    name: str,
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    number = getattr(signal, name)
    finish = StoreWriter._finish

    def interrupted(*words: Any, **options: Any) -> Generator[Any, None, None]:
        for count, frames in enumerate(extract_each(*words, **options)):
            if count == 3:
                signal.raise_signal(number)
            yield frames

    def finish_disturbed(writer: StoreWriter) -> None:
        if name == "SIGHUP":  # of a closed terminal, from the system and again from the shell
            signal.raise_signal(number)
        finish(writer)

    monkeypatch.setattr("training.dataset.features.extract_each", interrupted)
    monkeypatch.setattr(StoreWriter, "_finish", finish_disturbed)
    with handling(number, signal.SIG_DFL):
        assert run(dataset, "--out", tmp_path / "m", "--cache", tmp_path / "c", "--workers", 1) == 1
        assert signal.getsignal(number) is signal.SIG_DFL
    assert said(capfd).splitlines()[-1].endswith("Interrupted: run it again with --resume to go on.")
    [kept] = (tmp_path / "c").iterdir()
    assert len(open_store(kept)) == 3


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal there")
def test_a_signal_that_is_ignored_as_with_nohup_stays_ignored() -> None:
    with handling(signal.SIGHUP, signal.SIG_IGN), Interruption() as interruption:
        signal.raise_signal(signal.SIGHUP)
        assert not interruption.was_asked_for


def test_an_interruption_that_a_library_swallows_or_renames_ends_it_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def swallow(_options: object, check: Callable[[], None]) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        check()
        pytest.fail("It went on.")

    def rename(_options: object, _check: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("a part of a library is missing") from None

    before = signal.getsignal(signal.SIGINT)
    for work in (swallow, rename):
        monkeypatch.setattr("training.cli._run", work)
        assert run(tmp_path, "--out", tmp_path / "m") == 1
        assert capfd.readouterr().err == "genre-train: Interrupted: run it again with --resume to go on.\n"
    assert signal.getsignal(signal.SIGINT) is before
