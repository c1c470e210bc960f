"""What C libraries write to standard error is not seen, what the program writes is."""

from __future__ import annotations

import os
import sys

import pytest

from live.quiet import quiet_libraries


def test_libraries_are_silenced_and_the_program_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with quiet_libraries():
        os.write(2, b"ALSA lib pcm.c: nonsense ")
        print("words", end=" ", file=sys.stderr)
        sys.stderr.flush()
    os.write(2, b"after")
    assert capfd.readouterr().err == "before words after"


def test_with_debug_everything_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries(enabled=False):
        os.write(2, b"ALSA lib pcm.c: nonsense")
    assert capfd.readouterr().err == "ALSA lib pcm.c: nonsense"


def test_an_error_inside_leaves_all_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    stream = sys.stderr
    with pytest.raises(KeyError), quiet_libraries():
        raise KeyError
    assert sys.stderr is stream
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_it_leaves_no_descriptor_open() -> None:
    def probe() -> int:
        number = os.open(os.devnull, os.O_RDONLY)
        os.close(number)
        return number

    before = probe()
    for _ in range(10):
        with quiet_libraries():
            pass
    assert probe() == before


def test_a_program_without_standard_error_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with quiet_libraries():
        pass
