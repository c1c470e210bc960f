"""The command on a real terminal: it draws, heeds keys, and leaves all as it found it."""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals on Windows", allow_module_level=True)

import fcntl
import termios

PATIENCE_S = 60.0
ENTERS_SECOND_PAGE = b"\x1b[?1049h"
LEAVES_SECOND_PAGE = b"\x1b[?1049l"
SHOWS_CURSOR = b"\x1b[?25h"


class Terminal:
    """A terminal of 80 by 24 with genre-live in it."""

    def __init__(self, *arguments: str, program: Sequence[str] = (), **variables: str) -> None:
        self.end, inner = os.openpty()
        termios.tcsetwinsize(self.end, (24, 80))
        self.settings = termios.tcgetattr(inner)
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **variables}
        self.process = subprocess.Popen(
            program or [sys.executable, "-m", "live.cli", *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # keys are read in front only
        )
        self.inner = inner
        self.seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for descriptor in (self.end, self.inner):
            if descriptor >= 0:
                os.close(descriptor)

    def wait_for(self, words: bytes) -> None:
        """Read until ``words`` were drawn."""
        while words not in self.seen:
            self.read_more(f"{words!r} was not drawn")

    def read_more(self, complaint: str = "nothing is drawn") -> None:
        """Wait until something is drawn."""
        ready, _, _ = select.select([self.end], [], [], PATIENCE_S)
        assert ready, f"{complaint}; the last was {self.seen[-500:]!r}"
        self.seen += os.read(self.end, 65_536)

    def drain(self, other: socket.socket) -> None:
        """Read what is drawn until ``other`` has something to say."""
        while other.fileno() not in (
            ready := select.select([self.end, other.fileno()], [], [], PATIENCE_S)[0]
        ):
            assert ready, "nothing is drawn"
            self.seen += os.read(self.end, 65_536)

    def press(self, key: bytes) -> None:
        os.write(self.end, key)

    def read_to_its_end(self) -> int:
        """Read all that comes until the process has ended; gives its exit status."""
        while self.process.poll() is None or select.select([self.end], [], [], 0)[0]:
            if select.select([self.end], [], [], 0.05)[0]:
                self.seen += os.read(self.end, 65_536)
        return self.process.returncode

    def close(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self.inner)
        os.close(self.end)
        self.end = self.inner = -1


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    time_s = np.arange(60 * 22_050) / 22_050
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s % 0.5 < 0.25), 22_050)
    return path


@pytest.fixture
def terminal(song: Path) -> Iterator[Terminal]:
    with Terminal("--file", str(song)) as terminal:
        terminal.wait_for(b"song.wav")
        yield terminal


@pytest.mark.parametrize("way", ["q", "ctrl-c", "SIGTERM"])
def test_it_ends_with_a_summary_and_a_terminal_as_it_was(terminal: Terminal, way: str) -> None:
    if way == "SIGTERM":
        terminal.process.send_signal(signal.SIGTERM)
    elif way == "ctrl-c":
        terminal.process.send_signal(signal.SIGINT)
    else:
        terminal.press(b"q")
    assert terminal.read_to_its_end() == 0
    after = terminal.seen[terminal.seen.rindex(LEAVES_SECOND_PAGE) :]
    assert b"Listened for" in after
    assert SHOWS_CURSOR in terminal.seen
    assert termios.tcgetattr(terminal.inner) == terminal.settings
    assert b"Traceback" not in terminal.seen
    assert b"Listened for 1:00" not in terminal.seen  # it did not just run to the end


def test_a_closed_terminal_ends_it_with_a_whole_log(song: Path, tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    with Terminal("--file", str(song), "--log", str(log)) as terminal:
        terminal.wait_for(b"song.wav")
        terminal.close()
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(PATIENCE_S) == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[-1]["event"] == "summary"


def test_space_halts_a_file_and_starts_it_again(terminal: Terminal) -> None:
    terminal.press(b" ")
    terminal.wait_for(b"paused")
    terminal.press(b" ")
    terminal.wait_for(b"0:08")
    terminal.press(b"q")
    assert terminal.read_to_its_end() == 0
    assert b"Listened for 1:00" not in terminal.seen


def test_with_debug_there_is_no_screen_for_other_words_to_run_across(song: Path) -> None:
    words = ["--file", str(song), "--speed", "max", "--debug", "--on-change", "echo these are other words"]
    with Terminal(*words) as terminal:
        assert terminal.read_to_its_end() == 0
    assert b"these are other words" in terminal.seen
    assert b"Listened for 1:00" in terminal.seen
    assert LEAVES_SECOND_PAGE not in terminal.seen


def test_the_watchdog_is_fed_while_a_screen_is_drawn(song: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with Terminal("--file", str(song), **variables) as terminal:
            told: list[bytes] = []
            is_ready = False  # it is also fed before that, while the file is opened
            while told.count(b"WATCHDOG=1") < 2:
                terminal.drain(manager)
                message = manager.recv(4_096)
                is_ready = is_ready or message == b"READY=1"
                if is_ready:
                    told.append(message)
                assert b"STOPPING=1" not in told
            terminal.press(b"q")
            assert terminal.read_to_its_end() == 0


@pytest.mark.parametrize("size", ["0", "80"])
def test_columns_of_zero_are_none(song: Path, size: str) -> None:
    with Terminal("--file", str(song), COLUMNS=size, LINES=size) as terminal:
        terminal.wait_for(b"song.wav")
        terminal.wait_for(b"quit")
        terminal.press(b"q")
        assert terminal.read_to_its_end() == 0
    assert b"Listened for" in terminal.seen


class Shell(Terminal):
    """A terminal with a shell in it that controls jobs."""

    def __init__(self, tmp_path: Path) -> None:
        self.command = f"{shlex.quote(sys.executable)} -m live.cli"
        (tmp_path / "rc").write_text("PS1='ready> '; bind 'set enable-bracketed-paste off' 2>/dev/null\n")
        super().__init__(program=["bash", "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"])

    def type(self, line: str, answer: bytes) -> None:
        """Type a line, and wait for what it brings; what came before is forgotten."""
        self.seen = b""
        self.press(line.encode() + b"\n")
        self.wait_for(answer)


@pytest.mark.skipif(shutil.which("bash") is None, reason="This test needs bash.")
def test_behind_the_shell_it_leaves_the_terminal_alone(song: Path, tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        shell.wait_for(b"ready> ")
        shell.type(f"{shell.command} --file {song} &", b" song.wav")
        shell.wait_for(b"  ")
        assert ENTERS_SECOND_PAGE not in shell.seen
        shell.type("kill %1; wait; echo over", b"\nover")
        log = tmp_path / "session.jsonl"
        shell.type(f"{shell.command} --file {song} --log {log}", ENTERS_SECOND_PAGE)
        shell.wait_for(b"song.wav")
        shell.press(b"\x1a")
        shell.wait_for(b"Stopped")
        shell.wait_for(LEAVES_SECOND_PAGE)
        heard = len(log.read_text().splitlines())
        shell.type(f"bg; tail -f -n +{heard + 6} {log} | head -n 1 | grep -c time_s", b"\n1")
        assert ENTERS_SECOND_PAGE not in shell.seen
        shell.type("fg", ENTERS_SECOND_PAGE)
        shell.wait_for(b"song.wav")
        shell.seen = b""
        shell.press(b"q")
        shell.wait_for(b"Listened for")
        shell.type("exit", b"exit")


def test_several_sources_are_a_list_of_which_one_opens_and_pauses_alone(song: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(song.read_bytes())
    with Terminal("--file", str(song), "--file", str(other)) as terminal:
        terminal.wait_for(b"2 sources")
        terminal.press(b"2")
        terminal.wait_for(b"all sources")
        terminal.press(b" ")
        terminal.wait_for(b"paused")
        terminal.seen = b""
        terminal.press(b"\x1b")
        terminal.wait_for(b"1 paused")
        terminal.press(b"\x1b[B\r")
        terminal.wait_for(b"all sources")
        terminal.press(b" ")
        terminal.wait_for(b"listening")
        terminal.press(b"q")
        assert terminal.read_to_its_end() == 0


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_a_pipe_without_a_writer_is_said_to_be_waited_for_and_keys_are_heeded(
    key: bytes, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Terminal("--file", str(pipe)) as terminal:
        terminal.wait_for(b"Waiting for")
        terminal.press(key)
        assert terminal.read_to_its_end() == 0
