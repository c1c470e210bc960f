"""What strangers meet first is in order: forms, citation and changelog name the version that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from live import __version__
from live.cli import main

ROOT = Path(__file__).resolve().parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere_and_has_a_dated_entry() -> None:
    entry = re.search(
        rf"^## \[{re.escape(__version__)}\] - (\d{{4}}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE
    )
    assert entry is not None
    citation = read("CITATION.cff")
    assert f"\nversion: {__version__}\n" in citation
    assert f"\ndate-released: {entry[1]}\n" in citation


def test_each_python_of_the_classifiers_is_one_that_is_allowed_and_tried() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == ">=3.11,<3.15"
    for version in named:
        assert f'"{version}"' in read(".github/workflows/check.yml")


def test_the_forms_ask_for_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("fault", "wrong-genre"):
        assert "genre-live --diagnose" in read(f".github/ISSUE_TEMPLATE/{name}.yml")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--diagnose" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="This test needs shellcheck.")
def test_shell_scripts_are_clean() -> None:
    scripts = ["check", "try", ".ci/run", *(str(path) for path in (ROOT / "scripts").glob("*.sh"))]
    found = subprocess.run(
        ["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
