"""However it ends, it ends well: summed up, with the right exit status, without a word too many."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from live.ending import Stop, ending_signals
from live.outputs.connections import Connections
from live.sources.devices import input_devices
from tests.end_to_end.commands import Outcome, command, in_this_process
from tests.event_contract import check, parse_line
from tests.icecast import until
from tests.live.fake_sounddevice import Device, FakeSoundDevice
from tests.sounds import ffmpeg, tune, write_tune

TIMEOUT_S = 60.0
ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals.")


@contextlib.contextmanager
def running(
    arguments: Sequence[str | Path], bundle: Path, *, stdin: int | None = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Run a genre-live process during the ``with`` block."""
    with subprocess.Popen(
        [*command(), "--model", str(bundle), "--json", *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _write(pipe: IO[str], content: bytes) -> None:
    """Write bytes to a pipe that was opened for text, or as many as its reader wants."""
    with contextlib.suppress(BrokenPipeError):
        while content:
            content = content[os.write(pipe.fileno(), content) :]


def rest(process: subprocess.Popen[str], lines: Sequence[str] = ()) -> Outcome:
    """Wait for the end; ``lines`` were read before it."""
    out, error = process.communicate(timeout=TIMEOUT_S)
    return Outcome(process.returncode, "".join(lines) + out, error)


def until_first_window(process: subprocess.Popen[str]) -> list[str]:
    """Read lines up to the first window's."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if parse_line(line.rstrip("\n"))["event"] == "window":
            return lines
    pytest.fail(f"It ended before it heard a window: {lines}")


@needs_signals
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_with_a_summary(name: str, bundle: Path, tmp_path: Path) -> None:
    path, log = write_tune(tmp_path / "tune.wav", 60), tmp_path / "log.jsonl"
    with running(["--file", path, "--speed", "5", "--log", log], bundle) as process:
        lines = until_first_window(process)
        process.send_signal(getattr(signal, name))
        outcome = rest(process, lines)
    session = outcome.session()
    assert outcome.error == ""
    assert 0 < session.summary["duration_s"] < 60
    check(log.read_text().splitlines())


@needs_signals
def test_a_hang_up_that_is_ignored_as_with_nohup_ends_nothing(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 60)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # children inherit it
    try:
        with running(["--file", path, "--speed", "30"], bundle) as process:
            lines = until_first_window(process)
            process.send_signal(signal.SIGHUP)
            session = rest(process, lines).session()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert session.summary["duration_s"] == 60.0


@needs_signals
def test_the_same_signal_twice_at_once_as_timeout_sends_it_ends_it_with_a_summary(
    bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.wav", 60)
    with running(["--file", path, "--speed", "5"], bundle) as process:
        lines = until_first_window(process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        rest(process, lines).session()


@needs_signals
def test_signals_while_python_itself_ends_change_nothing(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 60)
    with running(["--file", path, "--speed", "5"], bundle) as process:
        lines = until_first_window(process)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while parse_line(lines[-1].rstrip("\n"))["event"] != "summary":
            lines.append(process.stdout.readline())
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        rest(process, lines).session()


@pytest.fixture
def signals() -> Iterator[None]:
    """The handlers of signals as they were, after a command that one has ended."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@needs_signals
@pytest.mark.usefixtures("signals")
def test_a_signal_while_it_closes_leaves_nothing_open(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path, closed = write_tune(tmp_path / "tune.wav", 4), []
    close = Connections.close

    def interrupted(connections: Connections) -> None:
        signal.raise_signal(signal.SIGINT)
        close(connections)
        closed.append(connections)

    monkeypatch.setattr(Connections, "close", interrupted)
    outcome = in_this_process(capfd, "--model", bundle, "--file", path, "--speed", "max", "--json")
    outcome.session()
    assert outcome.error == ""
    assert len(closed) == 1


@needs_signals
def test_a_pipe_that_says_nothing_more_does_not_keep_it_from_ending(bundle: Path, tmp_path: Path) -> None:
    """A thread that waits for the pipe must not make Python abort at its exit."""
    stream = write_tune(tmp_path / "tune.wav", 10).read_bytes()[:300_000]
    for arguments, ask in ((["--duration", "4"], False), ([], True)):
        with running(["--file", "-", "--speed", "max", *arguments], bundle, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            _write(process.stdin, stream)
            lines = until_first_window(process)
            if ask:
                process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert process.stderr is not None
            lines += process.stdout.readlines()
            outcome = Outcome(process.wait(TIMEOUT_S), "".join(lines), process.stderr.read())
            process.stdin.close()
        assert outcome.error == ""
        outcome.session()


@needs_signals
def test_a_writer_that_dies_ends_the_session_of_what_came_before(bundle: Path) -> None:
    """The header promises more: the stream just ends."""
    header_and_sound = _wav_stream(seconds=4)
    with running(["--file", "-", "--speed", "max"], bundle, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        _write(process.stdin, header_and_sound)
        process.stdin.close()
        process.stdin = None
        session = rest(process).session()
    assert session.summary["duration_s"] == pytest.approx(4.0)


def _wav_stream(seconds: float) -> bytes:
    content = (tune(seconds) * 32_767).astype("<i2").tobytes()
    form = b"fmt \x10\x00\x00\x00\x01\x00\x01\x00" + (22_050).to_bytes(4, "little")
    form += (44_100).to_bytes(4, "little") + b"\x02\x00\x10\x00"
    return b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff" + content


def test_nobody_reads_its_output_any_more(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 60)
    with running(["--file", path, "--speed", "20"], bundle) as process:
        until_first_window(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT_S) == 0


def shell(script: str, bundle: Path, *arguments: str | Path) -> Outcome:
    """Run a shell's script in which ``"$@"`` is the command."""
    finished = subprocess.run(
        ["sh", "-c", script, "sh", *command(), "--model", str(bundle), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(finished.returncode, finished.stdout, finished.stderr)


@needs_signals
def test_standard_streams_that_are_closed_are_no_reason_to_fail(bundle: Path, tmp_path: Path) -> None:
    path, log = write_tune(tmp_path / "tune.wav", 4), tmp_path / "log.jsonl"
    listen = ("--file", path, "--speed", "max", "--json", "--log", log)
    closed = shell('"$@" >&-', bundle, *listen)
    assert (closed.status, closed.out, closed.error) == (0, "", "")
    check(log.read_text().splitlines())
    log.unlink()
    shell('"$@" 2>&- <&-', bundle, *listen).session()
    check(log.read_text().splitlines())


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full.")


@needs_full_device
@pytest.mark.parametrize("arguments", [["--json"], []])
def test_an_output_that_is_full_is_an_error_while_running(
    arguments: list[str], bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.wav", 4)
    outcome = shell('"$@" >/dev/full', bundle, "--file", path, "--speed", "max", *arguments)
    assert outcome.status == 1
    assert "cannot be written" in outcome.sentence()


@needs_full_device
@pytest.mark.parametrize(
    "words", [["--show-defaults"], ["--hop", "1", "--save-defaults"], ["--list-devices"]]
)
def test_an_answer_that_cannot_be_written_is_one_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENRE_LIVE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice([Device("Mic")]))
    monkeypatch.setattr("live.sources.microphones.driver.list_devices", lambda **_: input_devices())
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        outcome = in_this_process(capfd, *words)
        monkeypatch.undo()
    assert outcome.status == 1
    assert "The output cannot be written" in outcome.sentence()


@needs_full_device
def test_a_log_that_is_full_is_an_error_while_running(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 4)
    outcome = shell('"$@"', bundle, "--file", path, "--speed", "max", "--json", "--log", "/dev/full")
    assert outcome.status == 1
    assert "/dev/full" in outcome.sentence()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of this kind.")
def test_a_disk_that_fills_up_leaves_a_log_of_whole_lines(bundle: Path, tmp_path: Path) -> None:
    path, log = write_tune(tmp_path / "tune.wav", 20), tmp_path / "log.jsonl"
    # A limit on the size of files, in blocks of 512 bytes: the 10th block ends in the midst of a line.
    outcome = shell(
        'ulimit -f 10; trap "" XFSZ; exec "$@"',
        bundle,
        "--file",
        path,
        "--speed",
        "max",
        "--json",
        "--log",
        log,
    )
    assert outcome.status == 1
    assert str(log.name) in outcome.sentence()
    content = log.read_text()
    assert content.endswith("\n")
    assert [parse_line(line)["event"] for line in content.splitlines()][:2] == ["start", "window"]


@needs_signals
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no named pipes.")
def test_an_ffmpeg_that_it_started_does_not_outlive_it(bundle: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with the [dev] extra")
    path = tmp_path / "long.m4a"
    ffmpeg("-i", write_tune(tmp_path / "tune.wav", 120), "-c:a", "aac", path)
    with running(["--file", path, "--speed", "5"], bundle) as process:
        lines = until_first_window(process)
        (child,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        rest(process, lines).session()
        assert psutil.wait_procs([child], timeout=TIMEOUT_S)[1] == []


FULL_PIPE_BYTES = 50_000


def waiting_bytes(pipe: int) -> int:
    """Return how many bytes there are to read in a pipe."""
    import fcntl
    import termios

    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


class Dropped:
    """Has a destructor that a signal interrupts."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", ENDING)
def test_each_signal_that_the_system_has_asks_for_the_end(number: signal.Signals) -> None:
    def interrupted() -> None:
        with ending_signals():
            signal.raise_signal(number)

    with pytest.raises(Stop):
        interrupted()


@needs_signals
@pytest.mark.usefixtures("signals")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_python_drops_is_heeded_all_the_same() -> None:
    def interrupted() -> None:
        with ending_signals() as ending:
            ending.check()
            Dropped()
            assert ending.is_asked.is_set()
            ending.check()

    with pytest.raises(Stop):
        interrupted()


@needs_signals
@pytest.mark.usefixtures("signals")
def test_an_error_that_a_signal_causes_is_no_error() -> None:
    def interrupted() -> None:
        with ending_signals():
            try:
                signal.raise_signal(signal.SIGINT)
            except Stop:
                raise TypeError("expected a message argument") from None

    with pytest.raises(Stop):
        interrupted()


@needs_signals
@pytest.mark.usefixtures("signals")
def test_an_error_while_everything_is_closed_is_told() -> None:
    def interrupted() -> None:
        with ending_signals() as ending:
            ending.has_begun.set()
            signal.raise_signal(signal.SIGINT)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        interrupted()


@needs_full_device
@pytest.mark.parametrize("arguments", [["--file", "/nonexistent"], ["--verse"]])
def test_a_standard_error_that_is_full_changes_no_status(arguments: list[str], bundle: Path) -> None:
    assert shell('"$@" 2>/dev/full', bundle, *arguments).status == 2


@needs_signals
def test_a_reader_that_does_not_read_keeps_it_from_ending_for_seconds_only(
    bundle: Path, tmp_path: Path
) -> None:
    path, log = write_tune(tmp_path / "tune.wav", 60), tmp_path / "log.jsonl"
    arguments: list[str | Path] = ["--file", path, "--speed", "max", "--hop", "0.05", "--log", log]
    with running(arguments, bundle) as process:
        until_first_window(process)
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        until(lambda: waiting_bytes(pipe) > FULL_PIPE_BYTES, "the pipe does not fill")
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 1
        assert process.stderr is not None
        assert "the last lines are lost" in process.stderr.read()
    for line in log.read_text().splitlines():
        parse_line(line)


STRUCK_WHILE_IT_IMPORTS = """
import os, signal, sys
from live.cli import main

class Struck:
    def find_spec(self, name, path=None, target=None):
        if name == "live.classifier":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                while True: pass
            except BaseException:
                raise ImportError("initialization failed")

signal.signal(signal.SIGINT, signal.SIG_DFL)  # which whoever runs the tests in the background has ignored
sys.meta_path.insert(0, Struck())
sys.exit(main(["--file", "song.wav"]))
"""


@needs_signals
def test_ctrl_c_while_libraries_are_imported_is_no_error() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STRUCK_WHILE_IT_IMPORTS], capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
