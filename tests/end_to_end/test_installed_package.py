"""What is built and installed: one import package that holds all it needs and that no file can shadow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.commands import TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"live": ROOT / "live", "live/training": ROOT / "training", "live/models": ROOT / "models"}
COMMANDS = {"genre-live", "genre-scan", "genre-train"}
VARIABLES = {"PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
IMPORT_ALL = """
import importlib, pkgutil, sys
import live
for module in pkgutil.walk_packages(live.__path__, "live."):
    importlib.import_module(module.name)
print(live.__file__)
print(sorted(name for name in sys.modules if name.split(".")[0] in {"training", "models", "tests"}))
"""
USE_IT = """
import live
from pathlib import Path
result = live.classify_file(Path("sound.wav"))
print(result.windows, result.verdict.state)
"""


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it, and a folder of files that bear our modules' names."""

    wheel: Path
    sdist: Path
    scripts: Path
    folder: Path

    def run(self, *words: str | Path, status: int = 0, **variables: str) -> str:
        """Run a program of the environment in the folder and return what it printed."""
        program, *arguments = words
        result = subprocess.run(
            [self.scripts / program, *arguments],
            cwd=self.folder, capture_output=True, text=True, timeout=3 * TIMEOUT_S, check=False,
            env={**os.environ, **VARIABLES, **variables},
        )  # fmt: skip
        assert result.returncode == status, result.stderr
        return result.stdout


def build(out: Path) -> None:
    """Build the source archive, and the wheel from that; from a copy, so that the checkout stays as it is."""
    checkout = out / "checkout"
    shutil.copytree(
        ROOT, checkout,
        ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "shared"),
    )  # fmt: skip
    for name in (".ci", ".github"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name)
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout]
    built = subprocess.run(command, capture_output=True, text=True, timeout=5 * TIMEOUT_S, check=False)
    assert built.returncode == 0, built.stdout + built.stderr


def shadows(folder: Path) -> None:
    """Fill a folder with modules and packages of our names, each of which fails when it is imported."""
    names = {path.stem for source in SOURCES.values() for path in source.rglob("*.py")}
    names |= {path.name for source in SOURCES.values() for path in source.rglob("*") if path.is_dir()}
    names |= {"models", "tests", "benchmarks", "examples", "genre_live"}
    for name in names - {"__init__", "__pycache__", "live"} - sys.stdlib_module_names:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('the user has a {name} of his own')\n")
    (folder / "training").mkdir()
    (folder / "training" / "__init__.py").write_text("raise RuntimeError('the user trains by himself')\n")
    (folder / "models" / "genre-lstm").mkdir(parents=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, sound_of_a_second: Path) -> Installed:
    out = tmp_path_factory.mktemp("built")
    build(out)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    environment = out / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    paths = {"base": str(environment), "platbase": str(environment)}
    scheme = "nt" if os.name == "nt" else "posix_prefix"
    scripts = Path(sysconfig.get_path("scripts", scheme, paths))
    libraries = Path(sysconfig.get_path("purelib", scheme, paths))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", scripts / "python", "install",
         "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel],
        check=True,
    )  # fmt: skip
    # The dependencies are those of the tests' own environment. A path in a .pth file is searched, but no
    # .pth file in it is heeded: the editable install there stays out of sight.
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    folder = tmp_path_factory.mktemp("user")
    shadows(folder)
    shutil.copy(sound_of_a_second, folder / "sound.wav")
    return Installed(wheel, sdist, scripts, folder)


@pytest.fixture(scope="module")
def sound_of_a_second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np
    import soundfile

    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    chance = np.random.default_rng(0)
    soundfile.write(path, 0.3 * chance.standard_normal(5 * 22_050), 22_050)
    return path


def test_the_wheel_holds_one_package_and_all_that_it_needs(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"live"}
    wanted = {
        f"{prefix}/{path.relative_to(source).as_posix()}"
        for prefix, source in SOURCES.items()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".png"
    }
    assert names == wanted


def test_the_source_archive_holds_the_checkout(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "check",
        ".ci/run",
        "scripts/prepare.sh",
        "tests/conftest.py",
        "training/cli.py",
        "docs/README.md",
    ):
        assert name in names, name
    assert not any("__pycache__" in name for name in names)


def test_an_index_would_take_both(installed: Installed) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "twine",
        "check",
        "--strict",
        installed.wheel,
        installed.sdist,
    ]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert checked.returncode == 0, checked.stdout


def test_no_file_beside_a_script_is_taken_for_one_of_ours(installed: Installed) -> None:
    (installed.folder / "script.py").write_text(USE_IT)
    windows, state = installed.run("python", "script.py").split()
    assert int(windows) > 0
    assert state
    (installed.folder / "script.py").write_text(IMPORT_ALL)
    where, foreign = installed.run("python", "script.py").splitlines()
    assert Path(where).is_relative_to(installed.scripts.parent)
    assert foreign == "[]"


def test_the_commands_run_from_a_folder_full_of_them(installed: Installed) -> None:
    assert {path.stem for path in installed.scripts.glob("genre-*")} == COMMANDS
    lines = installed.run(
        "genre-live", "--no-defaults", "--file", "sound.wav", "--speed", "max", "--json"
    ).splitlines()
    assert json.loads(lines[-1])["event"] == "summary"
    for genre in ("blues", "rock"):
        (installed.folder / "music" / genre).mkdir(parents=True)
        shutil.copy(installed.folder / "sound.wav", installed.folder / "music" / genre / f"{genre}.wav")
    # The sounds differ: a file that two genres hold is refused.
    sound = installed.folder / "music" / "rock" / "rock.wav"
    sound.write_bytes(sound.read_bytes()[:-2_000] + bytes(2_000))
    measured = installed.run(
        "genre-train", "music", "--evaluate", "genre-lstm", "--cache", "cache", "--workers", "1", "--json",
        PYTHONWARNINGS="error",
    )  # fmt: skip
    assert json.loads(measured)["clips"] == 2
