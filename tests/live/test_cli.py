"""The command genre-live in this process; ``tests/end_to_end`` runs it as its users do."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from live.cli import main
from live.session import SourceSession
from tests.sounds import write_tune


def test_garbage_is_collected_while_it_listens_and_after_it(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    start = SourceSession.start

    def seen_start(session: SourceSession) -> None:
        seen.append((gc.isenabled(), gc.get_freeze_count() > 0))
        start(session)

    monkeypatch.setattr(SourceSession, "start", seen_start)
    song = write_tune(tmp_path / "song.wav", 4)
    assert main(["--file", str(song), "--speed", "max", "--json", "--model", str(bundle)]) == 0
    assert seen == [(True, True)]
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, 0)
    assert main(["--file", str(song), "--model", str(tmp_path)]) == 2
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, 0)
