"""What goes wrong is told in one sentence, with the status that tells it to scripts."""

from __future__ import annotations

import pytest

from live.errors import InputError, RunningError, explain, print_message


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (InputError("There is no file: give one."), 2, "command: There is no file: give one.\n"),
        (RunningError("It broke."), 1, "command: It broke.\n"),
        (MemoryError(), 1, "command: There is too little memory: end other programs, or raise its limit.\n"),
        (ValueError("x"), 1, "command: It failed (ValueError: x): run it again with --debug and report"),
    ],
)
def test_an_error_is_one_sentence_and_a_status(
    error: Exception, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain("command", error, debug=False) == status
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith(told)
    assert written.err.count("\n") == 1


def test_debugging_shows_where_it_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise InputError("No.")
    except InputError as error:
        explain("command", error, debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_a_file_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("command", "a\x1b[31m\nb")
    assert capsys.readouterr().err == "command: a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b\n"


def test_without_standard_error_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    print_message("command", "Nobody hears this.")
