"""The cost of several sources in one process: microphones and stations, compared with a process for each."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.listening import cpu_loads, unseen, with_children
from benchmarks.measuring import GENRE_LIVE, Figure, Row, Scale, compared
from benchmarks.sound import write_wav
from tests.end_to_end.virtual_microphone import SINK, SOURCE, VirtualMicrophone, missing_parts

if TYPE_CHECKING:
    from tests.icecast import Icecast

MICROPHONES, STATIONS, MOUNTS = 4, 50, 10
HOP_S = 0.5
HEARD_WITHIN_S = 120.0
APART = "a process for each"


def measure(scale: Scale) -> Iterator[Row]:
    """Measure several microphones and stations, and yield the rows."""
    if missing := missing_parts():
        yield Row(f"{MICROPHONES} microphones", "% of a core", None, note=f"needs {missing[0]}")
    else:
        yield _microphones(scale)
    if lacking := [name for name in ("icecast2", "ffmpeg") if shutil.which(name) is None]:
        yield Row(f"{STATIONS} stations", "% of a core", None, note=f"needs {lacking[0]}")
    else:
        yield from _stations(scale)


def _microphones(scale: Scale) -> Row:
    """Compare four virtual microphones in one process and in four, including the capture processes."""
    warm_s, watched_s = (5.0, 2.0) if scale.quick else (15.0, 15.0)
    command = (*GENRE_LIVE, "--model", str(scale.model), "--json")
    together: list[float] = []
    apart: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = write_wav(Path(folder) / "live.wav", warm_s + watched_s + 10.0, sample_rate=44_100)
        for _ in range(scale.rounds(3)):
            with VirtualMicrophone(sample_rate=44_100) as microphone, contextlib.ExitStack() as running:
                sinks = [SINK, *(f"other{number}" for number in range(MICROPHONES - 1))]
                for sink in sinks[1:]:
                    microphone.control("load-module", "module-null-sink", f"sink_name={sink}", "rate=44100")
                sources = [SOURCE, *(f"{sink}.monitor" for sink in sinks[1:])]
                devices = [("--device", source) for source in sources]
                every = [word for device in devices for word in device]
                both = [
                    running.enter_context(unseen((*command, *words), microphone.environment))
                    for words in (every, *devices)
                ]
                microphone.wait_for_listener(count=2 * MICROPHONES)
                for sink in sinks:
                    words = ["paplay", f"--device={sink}", str(path)]
                    player = subprocess.Popen(words, env=microphone.environment)
                    running.callback(player.wait)
                    running.callback(player.kill)
                time.sleep(warm_s)
                first, *rest = map(with_children, both)
                shares = cpu_loads([first, [pid for group in rest for pid in group]], watched_s)
            together.append(shares[0])
            apart.append(shares[1])
    return compared(f"{MICROPHONES} microphones in one process", "% of a core", together, APART, apart)


class _Told:
    """What a command tells with --json, and when; a thread reads it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self._changed = threading.Condition()
        self.windows_s: defaultdict[str, list[float]] = defaultdict(list)
        self.lost_s = 0.0
        self.skipped = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            now_s, event = time.monotonic(), json.loads(line)
            with self._changed:
                match event["event"]:
                    case "window":
                        self.windows_s[event["source"]].append(now_s)
                        self._changed.notify_all()
                    case "gap":
                        self.lost_s += event["lost_s"]
                    case "summary":
                        self.skipped += event["skipped_windows"]

    def wait_for(self, sources: int, within_s: float) -> None:
        """Wait until so many sources have a window; RuntimeError when they have none in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.windows_s) >= sources, within_s):
                raise RuntimeError(f"only {len(self.windows_s)} of {sources} stations were heard")

    def count(self, since_s: float, until_s: float) -> int:
        """Count the windows that were told in a stretch of time."""
        with self._changed:
            return sum(since_s <= at_s < until_s for times in self.windows_s.values() for at_s in times)

    def wait_for_end(self) -> None:
        """Wait until all is read."""
        self._thread.join()


@contextlib.contextmanager
def _icecast(mounts: int) -> Iterator[Icecast]:
    """Run an Icecast with so many mounts, on which a song is played again and again."""
    from tests.icecast import Icecast

    with tempfile.TemporaryDirectory() as folder:
        sound = write_wav(Path(folder) / "live.wav", 60.0, sample_rate=44_100)
        song = Path(folder) / "live.mp3"
        words = ["ffmpeg", "-v", "error", "-i", str(sound), "-b:a", "128k", str(song)]
        subprocess.run(words, check=True)
        server = Icecast()
        try:
            for number in range(mounts):
                copied = ("-stream_loop", "-1", "-i", song, "-c", "copy", "-f", "mp3")
                server.feed(f"{number}.mp3", *copied)
            yield server
        finally:
            server.close()


def _stations(scale: Scale) -> Iterator[Row]:
    """Measure stations of a real Icecast, without the ffmpeg that decodes each.

    What is watched begins when every station has had its first window and the starting of their programs is
    over; the windows of before count as skipped if they were.
    """
    count, mounts = (4, 2) if scale.quick else (STATIONS, MOUNTS)
    settled_s, watched_s = (2.0, 4.0) if scale.quick else (10.0, 30.0)
    with _icecast(mounts) as server:
        urls = [word for k in range(count) for word in ("--url", server.url(f"{k % mounts}.mp3?{k}"))]
        command = (*GENRE_LIVE, "--model", str(scale.model), "--json", "--hop", str(HOP_S), *urls)
        began_s = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            told = _Told(process)
            told.wait_for(count, HEARD_WITHIN_S)
            heard_s = time.monotonic() - began_s
            time.sleep(settled_s)
            since_s = time.monotonic()
            (share,) = cpu_loads([[process.pid]], watched_s)
            until_s = time.monotonic()
            memory = psutil.Process(process.pid).memory_info().rss / 1e6
            process.terminate()  # in good order, so that it sums up what it skipped
            told.wait_for_end()
        finally:
            process.kill()
            process.wait()
    windows, due = told.count(since_s, until_s), count * (until_s - since_s) / HOP_S
    what = f"{count} stations in one process"
    figures = {
        what: (share, "% of a core"),
        f"{what}: memory": (memory, "MB"),
        f"{what}: windows told of those due": (100 * windows / due, "%"),
        f"{what}: windows skipped, start included": (told.skipped, "windows"),
        f"{what}: sound lost": (told.lost_s, "s"),
        f"{what}: until all are heard": (heard_s, "s"),
    }
    for name, (value, unit) in figures.items():
        yield Row(name, unit, Figure.of([value]))
