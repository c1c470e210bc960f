"""What docs/scale.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from live.archive.cli import build_parser
from live.archive.rows import STRETCH_COLUMNS, ModelName

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_every_option_and_column_is_told() -> None:
    for option in re.findall(r"^  (--[\w-]+)", build_parser().format_help(), re.MULTILINE):
        if option not in {"--version", "--print-completion", "--debug"}:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", PAGE), option
    for column in (*ModelName("m", "0", ("<label>",)).columns, *STRETCH_COLUMNS):
        assert f"`{column}`" in PAGE


def test_the_options_shown_are_such_as_there_are() -> None:
    known = build_parser()._option_string_actions
    for document in (PAGE, (ROOT / "README.md").read_text(encoding="utf-8")):
        calls = re.findall(r"^genre-scan([^#\n]*)", document, re.MULTILINE)
        assert calls
        for call in calls:
            for option in re.findall(r"(?<=\s)--[\w-]+", call):
                assert option in known, call


def test_the_python_of_the_page_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = (text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "live.scan" in text)
    exec(compile(example, "docs/scale.md", "exec"), {})
    assert "demo.ogg" in capsys.readouterr().out
