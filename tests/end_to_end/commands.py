"""The installed commands, run like a user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from live.cli import main
from tests.event_contract import Recorded, check

MODULES = {
    "genre-live": "live.cli",
    "genre-scan": "live.archive.cli",
    "genre-train": "live.training.cli",
}
TIMEOUT_S = 60.0
"""After this a command is said to hang; it takes a second or two."""


def command(name: str = "genre-live") -> list[str]:
    """Return the command that is installed beside the Python of the tests."""
    scripts = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    for folder in scripts:
        program = shutil.which(name, path=folder)
        if program is not None:
            return [program]
    return [sys.executable, "-m", MODULES[name]]


@dataclass(frozen=True)
class Outcome:
    """The exit status and output of a command."""

    status: int
    out: str
    error: str

    def session(self) -> Recorded:
        """Return the session, after checking the exit status and the event contract."""
        assert self.status == 0, self.error
        return check(self.out.splitlines())

    def sentence(self) -> str:
        """Return the only sentence on standard error."""
        lines = self.error.splitlines()
        assert len(lines) == 1, self.error
        assert lines[0].startswith("genre-live: "), self.error
        assert lines[0].endswith("."), self.error
        assert "Traceback" not in lines[0]
        assert "It failed" not in lines[0]  # the text of an unexpected error
        return lines[0].removeprefix("genre-live: ")


def genre_live(
    *arguments: str | Path,
    model: Path | None = None,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    given: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Run ``genre-live`` to its end.

    Parameters
    ----------
    arguments : str or Path
    model : Path, optional
        Folder of the bundle for ``--model``.
    stdin : file, optional
        Its standard input.
    given : bytes, optional
        The same as bytes.
    environment : mapping, optional
        Its environment. Default: that of the tests.
    folder : Path, optional
        Its working folder.
    """
    chosen = [] if model is None else ["--model", str(model)]
    finished = subprocess.run(
        [*command(), *chosen, *map(str, arguments)],
        stdin=None if given is not None else stdin,
        input=given,
        capture_output=True,
        env=environment,
        cwd=folder,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(
        finished.returncode,
        finished.stdout.decode(errors="replace").replace(os.linesep, "\n"),
        finished.stderr.decode(errors="replace").replace(os.linesep, "\n"),
    )


def in_this_process(capture: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    """Run ``genre-live`` in this process, which is ten times faster.

    Parameters
    ----------
    capture : fixture
        pytest's ``capfd``.
    arguments : str or Path
    """
    capture.readouterr()
    status = main([str(argument) for argument in arguments])
    said = capture.readouterr()
    return Outcome(status, said.out, said.err)
