"""The script that measures a learning curve tells mistakes in a sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.learning_curve import main


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["DATA", "--count", "50"], "With --count 50, no clips are left to evaluate: give a smaller one."),
        (["none.csv", "--count", "2"], "There is no dataset none.csv"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str],
    sentence: str,
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["learning_curve", *(str(dataset) if w == "DATA" else w for w in words)])
    assert main() == 2
    said = capfd.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
