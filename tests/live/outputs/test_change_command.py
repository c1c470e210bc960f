"""``--on-change``: what runs, with what in its environment, and that nothing it does reaches the session."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.errors import InputError
from live.events import stamped
from live.outputs.change_command import ChangeCommand, verdict_variables
from tests.live.example_events import AT, start, summary, verdict, window

pytestmark = pytest.mark.skipif(os.name == "nt", reason="The commands here are for a POSIX shell.")

WAIT_S = 30.0  # a limit that no working program comes near


class Notes:
    """Takes sentences, and lets a test wait for one."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.came = threading.Event()

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)
        self.came.set()


class Pipe:
    """A named pipe that commands write a line into: reading it waits for them."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._file = os.fdopen(os.open(path, os.O_RDWR), "r", encoding="utf-8")

    def line(self) -> str:
        return self._file.readline().strip()

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    pipe.close()


def say(pipe: Pipe) -> str:
    return f'echo "$GENRE_LIVE_PREVIOUS_GENRE>$GENRE_LIVE_GENRE" > {shlex.quote(str(pipe.path))}'


def test_the_environment_tells_the_change() -> None:
    variables = verdict_variables(window(12.5, "rock", 0.71), verdict(None, 0.3))
    assert variables == {
        "GENRE_LIVE_STATE": "genre",
        "GENRE_LIVE_GENRE": "rock",
        "GENRE_LIVE_CONFIDENCE": "0.7100",
        "GENRE_LIVE_PREVIOUS_STATE": "unsure",
        "GENRE_LIVE_PREVIOUS_GENRE": "",
        "GENRE_LIVE_PREVIOUS_CONFIDENCE": "0.3000",
        "GENRE_LIVE_TIME_S": "12.500",
        "GENRE_LIVE_SOURCE": "",
        "GENRE_LIVE_TITLE": "",
    }
    named = stamped(window(12.5, "rock"), at=AT, source="bar", title="a\0b")
    variables = verdict_variables(named, verdict(None, 0.3))
    assert (variables["GENRE_LIVE_SOURCE"], variables["GENRE_LIVE_TITLE"]) == ("bar", "ab")


def test_it_runs_when_the_verdict_changes_and_only_then(pipe: Pipe) -> None:
    notes = Notes()
    command = ChangeCommand(say(pipe), notes)
    command.start()
    command(start())
    command(window(3.0, "rock", 0.6))
    assert pipe.line() == ">rock"
    command(window(3.5, "rock", 0.9))
    command(window(4.0, "metal"))
    assert pipe.line() == "rock>metal"
    command(window(4.5, state="silence"))
    assert pipe.line() == "metal>"
    command(summary())
    command.close()
    assert notes.sentences == []


def test_a_shell_line_may_hold_pipes_and_what_was_heard_is_never_part_of_it(
    pipe: Pipe, tmp_path: Path
) -> None:
    labels = ("$(touch trap); rock", "b")
    command = ChangeCommand(f'printenv GENRE_LIVE_GENRE | cat > "{pipe.path}"', Notes())
    command.start()
    command(window(3.0, labels[0], labels=labels))
    assert pipe.line() == labels[0]
    command.close()
    assert not Path("trap").exists()


def test_one_runs_at_a_time_and_only_the_newest_waits(pipe: Pipe, tmp_path: Path) -> None:
    gate = Pipe(tmp_path / "gate")
    line = f'{say(pipe)}; read _ < "{gate.path}"'
    command = ChangeCommand(line, Notes())
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    for time_s, genre in ((3.5, "metal"), (4.0, "blues"), (4.5, "metal")):
        command(window(time_s, genre))
    gate.path.write_text("go\n")
    assert pipe.line() == "rock>metal", "blues came and went while the first command ran"
    command(window(5.0, "blues"))
    command(window(5.5, "metal"))
    gate.path.write_text("go\n")
    command.close()
    gate.close()
    assert command._sources[None].told.genre == "metal"


def test_a_verdict_that_is_back_runs_nothing(pipe: Pipe, tmp_path: Path) -> None:
    gate = Pipe(tmp_path / "gate")
    ran = tmp_path / "ran"
    command = ChangeCommand(f'echo >> "{ran}"; {say(pipe)}; read _ < "{gate.path}"', Notes())
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    command(window(3.5, "metal"))
    command(window(4.0, "rock"))
    gate.path.write_text("go\n")
    command.close()
    gate.close()
    assert ran.read_text() == "\n"


def test_what_waits_at_the_end_is_run(pipe: Pipe, tmp_path: Path) -> None:
    command = ChangeCommand(say(pipe), Notes())
    command(window(3.0, "rock"))
    command.start()
    command.close()
    assert pipe.line() == ">rock"


def test_the_cooldown_holds_the_next_run_back(tmp_path: Path, pipe: Pipe) -> None:
    ran = tmp_path / "ran"
    command = ChangeCommand(f'echo "$GENRE_LIVE_GENRE" >> "{ran}"; {say(pipe)}', Notes(), cooldown_s=3_600)
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    command(window(3.5, "metal"))
    command.close()
    assert ran.read_text() == "rock\n", "not even the end breaks the cooldown"


def test_a_failure_is_told_once(pipe: Pipe) -> None:
    notes = Notes()
    command = ChangeCommand(f"{say(pipe)}; exit 3", notes)
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    assert notes.came.wait(WAIT_S)
    command(window(3.5, "metal"))
    assert pipe.line() == "rock>metal"
    command.close()
    assert len(notes.sentences) == 1
    assert "failed (exit status 3)" in notes.sentences[0]


@pytest.mark.parametrize("show_output", [False, True])
def test_who_sees_its_output_is_not_told_how_to_see_it(pipe: Pipe, show_output: bool) -> None:
    notes = Notes()
    command = ChangeCommand(f"{say(pipe)}; exit 3", notes, show_output=show_output)
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    assert notes.came.wait(WAIT_S)
    command.close()
    assert ("--debug" in notes.sentences[0]) != show_output


def test_a_command_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr("subprocess.Popen", refuse)
    notes = Notes()
    command = ChangeCommand("true", notes)
    command.start()
    command(window(3.0, "rock"))
    assert notes.came.wait(WAIT_S)
    command.close()
    assert "did not start (no more processes)" in notes.sentences[0]


@pytest.mark.parametrize("ended_by", ["time-out", "the session's end"])
def test_a_command_that_hangs_is_ended_with_its_children(
    tmp_path: Path, ended_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_too_slow = ended_by == "time-out"
    monkeypatch.setattr("live.outputs.change_command.CLOSE_WITHIN_S", WAIT_S if is_too_slow else 0.1)
    monkeypatch.setattr("live.outputs.change_command.DIES_WITHIN_S", 0.1)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    notes = Notes()
    stubborn = f'(trap "" TERM; exec 3> {shlex.quote(str(path))}; echo here >&3; sleep 3600)'
    command = ChangeCommand(f"{stubborn} & wait", notes, timeout_s=2.0 if is_too_slow else 3_600)
    command.start()
    command(window(3.0, "rock"))
    with path.open() as held_open:
        assert held_open.readline() == "here\n"
        if is_too_slow:
            assert notes.came.wait(WAIT_S)
        command.close()
        assert held_open.read() == "", "the child that heeds no polite signal is gone too"
    assert not command._thread.is_alive()
    if is_too_slow:
        assert "took more than 2 s and was ended" in notes.sentences[0]
    else:
        assert notes.sentences == []


def test_each_of_several_sources_has_verdicts_and_a_cooldown_of_its_own(pipe: Pipe) -> None:
    line = f'echo "$GENRE_LIVE_SOURCE: $GENRE_LIVE_GENRE" > {shlex.quote(str(pipe.path))}'
    command = ChangeCommand(line, Notes(), cooldown_s=3_600)
    command.start()
    command(stamped(window(3.0, "rock"), at=AT, source="bar"))
    assert pipe.line() == "bar: rock"
    command(stamped(window(3.5, "metal"), at=AT, source="bar"))
    command(stamped(window(3.5, "rock"), at=AT, source="hall"))
    assert pipe.line() == "hall: rock", "the cooldown of the bar holds up the bar alone"
    command.close()


def test_it_runs_for_wanted_verdicts_alone_and_again_when_one_comes_back(pipe: Pipe) -> None:
    command = ChangeCommand(say(pipe), Notes(), runs_for=lambda verdict: verdict.genre == "rock")
    command.start()
    command(window(3.0, "metal"))
    command(window(3.5, "rock"))
    assert pipe.line() == ">rock"
    command(window(4.0, "rock"))
    command(window(4.5, state="silence"))
    command(window(5.0, "rock"))
    assert pipe.line() == "rock>rock"
    command.close()


def test_a_wanted_verdict_that_ended_in_the_cooldown_is_told_no_more(pipe: Pipe, tmp_path: Path) -> None:
    ran, gate = tmp_path / "ran", Pipe(tmp_path / "gate")
    command = ChangeCommand(
        f'echo "$GENRE_LIVE_GENRE" >> "{ran}"; {say(pipe)}; read _ < "{gate.path}"',
        Notes(),
        runs_for=lambda verdict: verdict.genre is not None,
    )
    command.start()
    command(window(3.0, "rock"))
    assert pipe.line() == ">rock"
    command(window(3.5, "metal"))
    command(window(4.0, state="silence"))
    gate.path.write_text("go\n")
    command.close()
    gate.close()
    assert ran.read_text() == "rock\n"


@pytest.mark.parametrize("command", ["", "  ", "a\0b"])
def test_no_command_is_one_sentence(command: str) -> None:
    with pytest.raises(InputError, match="--on-change takes a command"):
        ChangeCommand(command, Notes())
