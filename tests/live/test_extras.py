"""What to do where an extra is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from live.errors import InputError
from live.extras import need


@pytest.mark.parametrize(
    ("mark", "command"),
    [
        ("pipx_metadata.json", "pipx install --force '.[osc]'"),
        ("uv-receipt.toml", "uv tool install '.[osc]'"),
        ("pyvenv.cfg", f"{sys.executable} -m pip install '.[osc]'"),
    ],
)
def test_the_command_is_for_the_environment_that_runs(
    mark: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(InputError) as failed:
        need("a_module_that_there_is_not", extra="osc", purpose="--osc")
    assert str(failed.value) == f"--osc needs the extra [osc]: in the checkout, run {command}."
