"""The cost of live listening: the share of a core while sound is analysed in real time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.cold import ORDINARY, WITHOUT_GPU
from benchmarks.measuring import GENRE_LIVE, Row, Scale, compared, missing
from benchmarks.ordinary import is_installed
from benchmarks.sound import write_wav
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone, missing_parts

SIZE = (30, 100)  # rows and columns of the terminal
RIVAL = "librosa + Keras predict, every 0.5 s"


def _used_s(pid: int) -> float:
    """Return the CPU time of a process with all its threads, in seconds."""
    if sys.platform == "linux":  # in nanoseconds; psutil has only hundredths of a second here
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)
    times = psutil.Process(pid).cpu_times()
    used: float = times.user + times.system
    return used


@contextlib.contextmanager
def _drawn(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on a pseudo-terminal whose output is read."""
    import fcntl
    import pty
    import struct
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)

    def look() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 1 << 16):
                pass

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        watcher.join()
        os.close(ours)


@contextlib.contextmanager
def unseen(
    command: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command without output."""
    environment = {**environment, **WITHOUT_GPU}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def with_children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return a process and the processes that capture for it."""
    return [process.pid, *(child.pid for child in psutil.Process(process.pid).children())]


def cpu_loads(groups: Sequence[Sequence[int]], watched_s: float) -> list[float]:
    """Return the CPU load of groups of processes over the same time, in per cent of a core."""
    before = [sum(map(_used_s, group)) for group in groups]
    began_s = time.monotonic()
    time.sleep(watched_s)
    elapsed_s = time.monotonic() - began_s
    return [
        100 * (sum(map(_used_s, group)) - earlier) / elapsed_s
        for group, earlier in zip(groups, before, strict=True)
    ]


def _shares(
    processes: Sequence[subprocess.Popen[bytes]], warm_after_s: float, watched_s: float
) -> list[float]:
    """Return the CPU load of each process, with what captures for it, over the same time."""
    time.sleep(warm_after_s)
    return cpu_loads([with_children(process) for process in processes], watched_s)


def measure(scale: Scale) -> Iterator[Row]:
    """Compare listening with and without the screen with the ordinary way, all at the same time."""
    if not is_installed():
        yield missing("listening live", RIVAL)
        return
    if sys.platform == "win32":
        yield Row("listening live", "% of a core", None, note="needs a pseudo-terminal")
        return
    watched_s, warm_after_s = (1.0, 6.0) if scale.quick else (10.0, 15.0)
    length_s = warm_after_s + watched_s + 10.0
    with tempfile.TemporaryDirectory() as folder:
        path = write_wav(Path(folder) / "live.wav", length_s, sample_rate=44_100)
        ordinary = (*ORDINARY, str(scale.model), str(path), "--live", str(length_s))
        yield from _file(scale, path, ordinary, warm_after_s, watched_s)
        if lacking := missing_parts():
            yield Row(
                "listening to a microphone, --json, capture included",
                "% of a core",
                None,
                note=f"needs {lacking[0]}",
            )
        else:
            yield _microphone(scale, path, ordinary, warm_after_s, watched_s)


def _file(
    scale: Scale, path: Path, ordinary: Sequence[str], warm_after_s: float, watched_s: float
) -> Iterator[Row]:
    """Yield the rows for a file in real time."""
    command = (*GENRE_LIVE, "--model", str(scale.model), "--file", str(path))
    screen: list[float] = []
    lines: list[float] = []
    rival: list[float] = []
    for _ in range(scale.rounds(3)):
        with (
            _drawn(command) as first,
            unseen((*command, "--json")) as second,
            unseen(ordinary) as third,
        ):
            shares = _shares((first, second, third), warm_after_s, watched_s)
        for values, share in zip((screen, lines, rival), shares, strict=True):
            values.append(share)
    yield compared("listening live, screen on", "% of a core", screen, RIVAL, rival)
    yield compared("listening live, --json", "% of a core", lines, RIVAL, rival)


def _microphone(
    scale: Scale, path: Path, ordinary: Sequence[str], warm_after_s: float, watched_s: float
) -> Row:
    """Return the row for the same sound through PulseAudio and PortAudio; the rival reads the file."""
    command = (*GENRE_LIVE, "--model", str(scale.model), "--device", DEVICE, "--json")
    lines: list[float] = []
    rival: list[float] = []
    for _ in range(scale.rounds(3)):
        with (
            VirtualMicrophone(sample_rate=44_100) as microphone,
            unseen(command, microphone.environment) as first,
            unseen(ordinary) as second,
        ):
            microphone.wait_for_listener()
            microphone.start_playing(path)
            shares = _shares((first, second), warm_after_s, watched_s)
        for values, share in zip((lines, rival), shares, strict=True):
            values.append(share)
    return compared("listening to a microphone, --json, capture included", "% of a core", lines, RIVAL, rival)
