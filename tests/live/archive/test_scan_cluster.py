"""genre-scan on a Dask cluster of real processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.archive.classification import ClassifyFiles, ScanSettings
from live.archive.cli import main
from live.archive.finding import Found
from live.archive.scanning import classify_each, model_named
from live.spreading.cluster import DaskCluster
from tests.bundles import copy_bundle
from tests.live.spreading.dask_cluster import DaskProcesses, environment_with
from tests.sounds import write_tune

pytestmark = pytest.mark.timeout(600)
Capture = pytest.CaptureFixture[str]

LACK = """
import os
stat, access = os.stat, os.access
def is_lacking(path):
    return not isinstance(path, int) and any(mount in os.fsencode(path) for mount in {mounts!r})
def stat_there(path, *rest, **more):
    if is_lacking(path):
        raise FileNotFoundError(2, "No such file or directory", path)
    return stat(path, *rest, **more)
os.stat = stat_there
os.access = lambda path, *rest, **more: not is_lacking(path) and access(path, *rest, **more)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A cluster of two workers without the mount ``nowhere``, one of which also lacks ``somewhere``."""
    folder = tmp_path_factory.mktemp("dask")
    with DaskProcesses(folder) as processes:
        for number, mounts in enumerate(([b"/nowhere/", b"/somewhere/"], [b"/nowhere/"])):
            processes.start_worker(environment_with(folder / f"site{number}", LACK.format(mounts=mounts)))
        yield processes


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(6):
        write_tune(folder / f"{number}.wav", 4.0 + number)
    (folder / "broken.mp3").write_text("no sound")
    return folder


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    """Rows by the names of their files; each file has one."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    by_name = {Path(row["path"]).name: row for row in rows}
    assert len(by_name) == len(rows)
    return by_name


@pytest.mark.parametrize("folder", ["music", "somewhere"])
def test_the_rows_are_those_of_one_machine(
    cluster: DaskProcesses,
    music: Path,
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
) -> None:
    music.rename(tmp_path / folder)
    monkeypatch.chdir(tmp_path)  # the workers are in another folder
    common = [folder, "--model", str(bundle)]
    assert main([*common, "--out", "here.jsonl", "--workers", "1"]) == 0
    assert main([*common, "--out", "there.jsonl", "--scheduler", cluster.address]) == 0
    assert len(rows_of(tmp_path / "here.jsonl")) == 7
    assert rows_of(tmp_path / "there.jsonl") == rows_of(tmp_path / "here.jsonl")


@pytest.mark.parametrize("files", [1, 7])
def test_workers_that_see_no_file_are_refused_by_name_and_no_row_is_written(
    cluster: DaskProcesses, music: Path, tmp_path: Path, bundle: Path, capfd: Capture, files: int
) -> None:
    folder = music.rename(tmp_path / "nowhere")
    out = tmp_path / "genres.jsonl"
    paths = [str(path) for path in sorted(folder.iterdir())[:files]]
    assert main([*paths, "--model", str(bundle), "--out", str(out), "--scheduler", cluster.address]) == 1
    said = capfd.readouterr().err
    assert said.count(f"is not used. It does not see {folder}/") == 3  # each worker, and the last sentence
    assert said.splitlines()[-1].startswith(f"genre-scan: No worker at {cluster.address} can do this work.")
    assert not rows_of(out)


def test_a_file_that_is_gone_when_a_worker_opens_it_has_a_row(
    cluster: DaskProcesses, music: Path, bundle: Path
) -> None:
    work = ClassifyFiles(ScanSettings(str(bundle)), model_named(str(bundle)).sha256)
    gone = [Found(str(music / f"gone {number}.wav"), 1_000) for number in range(5)]
    with contextlib.closing(DaskCluster(cluster.address, pytest.fail)) as engine:
        results = dict(classify_each(engine, work, gone))
    assert {found: result.error for found, result in results.items()} == {
        found: f"There is no file {found.path}: check the path." for found in gone
    }


def test_workers_with_another_version_or_model_are_refused_by_name(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    other = copy_bundle(bundle, tmp_path / "other")
    description = json.loads((other / "bundle.json").read_text())
    network = (other / "network.tflite").read_bytes() + b"\0"
    (other / "network.tflite").write_bytes(network)
    description["sha256"]["network.tflite"] = hashlib.sha256(network).hexdigest()
    (other / "bundle.json").write_text(json.dumps(description))
    older = environment_with(tmp_path / "older", "import live; live.__version__ = '0.0.9'")
    differing = environment_with(
        tmp_path / "differing",
        f"import live.bundle as c, pathlib; c.find_bundle = lambda _: pathlib.Path({str(other)!r})",
    )
    arguments = [str(music), "--model", str(bundle), "--out", str(tmp_path / "genres.jsonl")]
    with DaskProcesses(tmp_path) as cluster:
        cluster.start_worker(older)
        cluster.start_worker(differing)
        assert main([*arguments, "--scheduler", cluster.address]) == 1
        said = capfd.readouterr().err
        assert "It has genre-live 0.0.9" in said
        assert "is another one" in said
        assert said.count("The worker tcp://127.0.0.1:") >= 2
        assert said.splitlines()[-1].startswith(
            f"genre-scan: No worker at {cluster.address} can do this work."
        )
        cluster.start_worker()
        assert main([*arguments, "--scheduler", cluster.address]) == 0
        assert "is not used. It has genre-live 0.0.9" in capfd.readouterr().err
    assert len(rows_of(tmp_path / "genres.jsonl")) == 7


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [("", "There is no Dask scheduler at tls://127.0.0.1:1 ("),
     ("a: [", "Dask cannot read its settings (A dask config file at '{settings}' is malformed): correct")],
)  # fmt: skip
def test_what_is_wrong_before_the_connection_is_told_in_one_sentence(
    music: Path, tmp_path: Path, settings: str, sentence: str
) -> None:
    pytest.importorskip("distributed", reason="The extra [cluster] is absent.")
    (tmp_path / "dask.yaml").write_text(settings)
    told = subprocess.run(
        [sys.executable, "-m", "live.archive.cli", str(music), "--out", str(tmp_path / "genres.jsonl"),
         "--scheduler", "tls://127.0.0.1:1"],  # without certificates
        env={**os.environ, "DASK_CONFIG": str(tmp_path / "dask.yaml")},
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr.startswith(f"genre-scan: {sentence.format(settings=tmp_path / 'dask.yaml')}")
    assert len(told.stderr.splitlines()) == 1


HANG = """
import os, soundfile
opened = soundfile.SoundFile
def open_slowly(path, *rest, **more):
    if b"z hang" in os.fsencode(path):
        import threading
        open({told!r}, "w").close()  # a named pipe: waits for a reader, who waits for it
        threading.Event().wait()
    return opened(path, *rest, **more)
soundfile.SoundFile = open_slowly
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes of this kind there")
def test_a_scheduler_that_dies_ends_it_with_a_sentence_and_the_same_command_goes_on(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    write_tune(music / "z hang.flac")
    os.mkfifo(tmp_path / "hangs")
    environment = environment_with(tmp_path / "site", HANG.format(told=str(tmp_path / "hangs")))
    out = tmp_path / "genres.jsonl"
    arguments = [str(music), "--model", str(bundle), "--out", str(out)]
    with DaskProcesses(tmp_path) as cluster:
        cluster.start_worker(environment)
        running = subprocess.Popen(
            [sys.executable, "-m", "live.archive.cli", *arguments, "--scheduler", cluster.address],
            stderr=subprocess.PIPE,
            text=True,
        )
        (tmp_path / "hangs").read_text()  # comes when the last file is begun
        cluster.scheduler.kill()
        _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert said.splitlines()[-1].startswith(f"genre-scan: The scheduler at {cluster.address} is gone")
    assert "Traceback" not in said
    before = rows_of(out)
    assert 1 <= len(before) <= 7  # those that share their task with the last file are not told yet
    (music / "z hang.flac").rename(music / "z.flac")
    assert main([*arguments, "--workers", "1"]) == 0
    rows = rows_of(out)
    assert len(rows) == 8
    assert before.items() <= rows.items()
    assert f"Already among the rows: {len(before)} file" in capfd.readouterr().err
