"""What several sources in one process cost: microphones and stations, beside a process for each."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from benchmarks.listening import _unseen, _used_s
from benchmarks.measuring import GENRE_LIVE, Figure, Row, Scale, compared
from benchmarks.sound import write_wav
from tests.end_to_end.virtual_microphone import SINK, SOURCE, VirtualMicrophone, missing_parts

MICROPHONES, STATIONS, MOUNTS = 4, 50, 10
APART = "a process for each"


def measure(scale: Scale) -> Iterator[Row]:
    """Hear microphones and stations side by side."""
    if missing := missing_parts():
        yield Row(f"{MICROPHONES} microphones", "% of a core", None, note=f"needs {missing[0]}")
    else:
        yield _microphones(scale)
    if lacking := [name for name in ("icecast2", "ffmpeg") if shutil.which(name) is None]:
        yield Row(f"{STATIONS} stations", "% of a core", None, note=f"needs {lacking[0]}")
    else:
        yield from _stations(scale)


def _processes(process: subprocess.Popen[bytes]) -> list[int]:
    """Return a process and what captures for it."""
    return [process.pid, *(child.pid for child in psutil.Process(process.pid).children())]


def _share(groups: Sequence[Sequence[int]], watched_s: float) -> list[float]:
    """Per cent of a core that groups of processes use over the same stretch of time."""
    before = [sum(map(_used_s, group)) for group in groups]
    began_s = time.monotonic()
    time.sleep(watched_s)
    elapsed_s = time.monotonic() - began_s
    return [
        100 * (sum(map(_used_s, group)) - earlier) / elapsed_s
        for group, earlier in zip(groups, before, strict=True)
    ]


def _microphones(scale: Scale) -> Row:
    """Hear four microphones of software, capture processes counted, in one process and in four."""
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
                    running.enter_context(_unseen((*command, *words), microphone.environment))
                    for words in (every, *devices)
                ]
                microphone.wait_for_listener(count=2 * MICROPHONES)
                for sink in sinks:
                    words = ["paplay", f"--device={sink}", str(path)]
                    player = subprocess.Popen(words, env=microphone.environment)
                    running.callback(player.wait)
                    running.callback(player.kill)
                time.sleep(warm_s)
                first, *rest = map(_processes, both)
                shares = _share([first, [pid for group in rest for pid in group]], watched_s)
            together.append(shares[0])
            apart.append(shares[1])
    return compared(f"{MICROPHONES} microphones in one process", "% of a core", together, APART, apart)


def _stations(scale: Scale) -> Iterator[Row]:
    """Hear stations of a real Icecast; the ffmpeg that decodes each is not counted."""
    from tests.icecast import Icecast

    count, mounts = (4, 2) if scale.quick else (STATIONS, MOUNTS)
    warm_s, watched_s = (8.0, 2.0) if scale.quick else (30.0, 30.0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        sound = write_wav(Path(folder) / "live.wav", 60.0, sample_rate=44_100)
        song = Path(folder) / "live.mp3"
        words = ["ffmpeg", "-v", "error", "-i", str(sound), "-b:a", "128k", str(song)]
        subprocess.run(words, check=True)
        server = Icecast()
        running.callback(server.close)
        for number in range(mounts):
            copied = ("-stream_loop", "-1", "-i", song, "-c", "copy", "-f", "mp3")
            server.feed(f"{number}.mp3", *copied)
        urls = [word for k in range(count) for word in ("--url", server.url(f"{k % mounts}.mp3?{k}"))]
        log = Path(folder) / "log.jsonl"
        command = (*GENRE_LIVE, "--model", str(scale.model), "--json", "--log", str(log), *urls)
        process = running.enter_context(_unseen(command))
        time.sleep(warm_s)
        (share,) = _share([[process.pid]], watched_s)
        memory = psutil.Process(process.pid).memory_info().rss / 1e6
        lines = log.read_text().splitlines()
        lost = sum('"event": "gap"' in line for line in lines)
        heard = len(
            {line.partition('"source": "')[2].partition('"')[0] for line in lines if '"window"' in line}
        )
    what = f"{heard} stations in one process"
    yield Row(what, "% of a core", Figure.of([share]))
    yield Row(what, "MB", Figure.of([memory]))
    yield Row(f"{what}: sound lost", "gaps", Figure.of([float(lost)]))
