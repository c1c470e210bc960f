"""Damaged files that the fuzzer kept: each is heard or refused in words, for ever after."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("The cases are tried in forked processes.", allow_module_level=True)

from benchmarks.fuzz import CORPUS, attempt

CASES = sorted(CORPUS.glob("*-*"))


def test_there_is_a_corpus() -> None:
    assert len(CASES) >= 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_that_was_kept_is_no_trouble(case: Path) -> None:
    kind, _, _ = case.name.partition("-")
    assert not attempt(kind, case).startswith("FAILED")
