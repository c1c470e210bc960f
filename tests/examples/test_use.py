"""The examples of use run as their first lines say."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from live.events import Event
from live.palette import DARK
from tests.end_to_end.conftest import virtual_microphone
from tests.end_to_end.virtual_microphone import VirtualMicrophone
from tests.live.example_events import start, window

__all__ = ["virtual_microphone"]

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = EXAMPLES / "demo.ogg"
USE = sorted(path for path in EXAMPLES.glob("*.py") if path.name not in {"__init__.py", "make_demo.py"})


def run(
    name: str, *words: str | Path, stdin: str = "", status: int = 0, environment: dict[str, str] | None = None
) -> str:
    """Run an example from a folder that is not its own, and return what it printed."""
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, *words],
        input=stdin, capture_output=True, text=True, timeout=120, check=False, cwd="/",
        env=os.environ if environment is None else environment,
    )  # fmt: skip
    assert result.returncode == status, result.stderr
    return result.stdout or result.stderr


def test_each_has_a_row_and_says_how_it_is_started() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in USE:
        assert f"`{path.name}`" in page
        assert f"python examples/{path.name}" in path.read_text(encoding="utf-8").partition('"""\n\nfrom')[0]


def test_a_file_is_heard_and_a_missing_one_is_one_sentence() -> None:
    said = run("file.py", DEMO)
    assert re.match(rf"{re.escape(str(DEMO))}: \w+, 7\d s\n", said)
    assert re.search(r"^ +\d+\.\d s  \w+$", said, re.MULTILINE)
    assert run("file.py", "missing.mp3", status=1).count("\n") == 1


def test_samples_of_ones_own_are_heard() -> None:
    said = run("own_samples.py", DEMO)
    assert len(re.findall(r"^ +\d+\.\d s  \w+$", said, re.MULTILINE)) > 10
    assert "at the end: " in said


def test_a_microphone_is_heard(virtual_microphone: VirtualMicrophone) -> None:
    said = run("microphone.py", "", "4", environment=virtual_microphone.environment)
    assert re.match(r" +\d+\.\d s  \w+  \(\d+%\)\n", said)


def test_the_lamp_follows_the_genre() -> None:
    events: list[Event] = [start(), window(3.0, "rock"), window(3.5, None)]
    lines = "".join(json.dumps(event.to_dict()) + "\n" for event in events)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lamp:
        lamp.bind(("127.0.0.1", 0))
        lamp.settimeout(60)
        run("lamp.py", "127.0.0.1", str(lamp.getsockname()[1]), stdin=lines)
        lit, dark = lamp.recv(2_000), lamp.recv(2_000)
    assert lit[:2] == dark[:2] == bytes([2, 10])
    confidence = events[1].to_dict()["vote"]["confidence"]
    rock = DARK.known["rock"]
    assert list(lit[2:5]) == [round(int(rock[k : k + 2], 16) * confidence) for k in (1, 3, 5)]
    assert set(dark[2:]) == {0}
    assert "\x1b[48;2;" in run("lamp.py", stdin=lines)


def test_the_notebook_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(EXAMPLES)
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "it is kept without outputs"
            exec(compile("".join(cell["source"]), "notebook", "exec"), names)
    assert "figure" in names
