"""Replacement of a file: the new one is there as a whole, or the old one stays."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from live.file_replacement import replacing_file


@pytest.mark.parametrize("before", [None, "old"])
def test_the_new_file_is_seen_at_the_end_and_not_earlier(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    if before is not None:
        path.write_text(before)
    with replacing_file(path) as unfinished:
        unfinished.write_text("new")
        assert (path.read_text() if path.exists() else None) == before
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_exception_the_old_file_stays_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with contextlib.suppress(KeyboardInterrupt), replacing_file(path) as unfinished:
        unfinished.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
