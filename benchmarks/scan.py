"""Scanning an archive: speed on one core and on several, on a cluster, its memory, and going on."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, cast

import numpy as np

from benchmarks.measuring import Row, Scale, compared, missing, on_one_core, run, seconds
from benchmarks.sound import music
from live.archive.finding import Finder
from live.archive.hearing import HearFiles, Hearing
from live.archive.ledger import Ledger
from live.archive.scanning import broken, hear_each, model_named
from live.bundle import SEVERAL_FILE, read_description
from live.front_end import dct_matrix, mel_filter_bank
from live.spreading.cluster import DaskCluster
from live.spreading.processes import LocalProcesses
from live.spreading.work import Engine

GENRE_SCAN = (sys.executable, "-c", "from live.archive.cli import main; raise SystemExit(main())")
SONG_S, SONGS = 240.0, 40
ORDINARY_S = 60.0  # of a song are enough for the rival
MANY = 100_000
HOP_S = 0.5


def write_mp3(path: Path, length_s: float, seed: int) -> Path:
    """Write music as 44.1 kHz stereo MP3."""
    import soundfile

    mono = music(min(length_s, 60.0), 44_100, seed)
    stereo = np.stack([mono, np.roll(mono, 500)], axis=1)
    with soundfile.SoundFile(path, "w", 44_100, 2, format="MP3", subtype="MPEG_LAYER_III") as file:
        left = round(length_s * 44_100)
        while left > 0:
            file.write(stereo[:left])
            left -= len(stereo)
    return path


def link_many(folder: Path, songs: list[Path], count: int) -> Path:
    """Make a folder of many files which are links to few."""
    folder.mkdir()
    for number in range(count):
        name = folder / f"{number // 1_000}"
        if number % 1_000 == 0:
            name.mkdir()
        (name / f"{number}{songs[0].suffix}").symlink_to(songs[number % len(songs)])
    return folder


def _bare_s(path: Path, model: Path) -> float:
    """Time of the bare calls: decoding to mono, resampling, FFTs, products, network."""
    import soundfile
    import soxr
    from ai_edge_litert.interpreter import Interpreter

    description = read_description(model)
    spec = description.front_end
    filters = np.ascontiguousarray(mel_filter_bank(spec).T)
    dct = dct_matrix(spec.n_mfcc, spec.n_mels).astype(np.float32)
    interpreter = Interpreter(str(model / SEVERAL_FILE), num_threads=1)
    interpreter.allocate_tensors()
    windows = np.zeros(interpreter.get_input_details()[0]["shape"], dtype=np.float32)
    window = np.hanning(spec.n_fft).astype(np.float32)
    hops = len(windows)

    def work() -> None:
        with soundfile.SoundFile(str(path)) as file:
            file.seekable = lambda: False  # else each read would seek
            stream = soxr.ResampleStream(file.samplerate, spec.sample_rate, 1, dtype="float32")
            frames = 0.0
            while len(block := file.read(round(hops * HOP_S * file.samplerate), dtype="float32")):
                stream.resample_chunk(block.mean(axis=1))
                frames += hops * HOP_S * spec.sample_rate / spec.hop_length
                count = int(frames)
                frames -= count
                power = np.abs(np.fft.rfft(np.ones((count, spec.n_fft), np.float32) * window)) ** 2
                np.log10(np.maximum(power[:, : len(filters)] @ filters, 1e-10))
                np.matmul(np.zeros((hops, description.window_frames, spec.n_mels), np.float32), dct.T)
                interpreter.set_tensor(interpreter.get_input_details()[0]["index"], windows)
                interpreter.invoke()

    return seconds(work)


@contextlib.contextmanager
def dask_processes(workers: int) -> Iterator[str]:
    """Run a scheduler and workers of one thread each; gives its address."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, until: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        errors = cast("IO[str]", process.stderr)
        for line in errors:
            if until in line:
                threading.Thread(target=errors.read, daemon=True).start()
                return line
        raise RuntimeError(f"dask {arguments[0]} ended as it began.")

    try:
        address = start("scheduler", "--port", "0", until="Scheduler at:").split()[-1]
        for _ in range(workers):
            start("worker", address, "--nthreads", "1", "--no-nanny", until="Registered to:")
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def _heard_s(engine: Engine, model: Path, folder: Path) -> float:
    """Seconds of music heard a second, of a folder."""
    work = HearFiles(Hearing(str(model)), model_named(str(model)).sha256)
    began = time.perf_counter()
    results = [result for _, result in hear_each(engine, work, Finder(print).find([str(folder)]))]
    elapsed_s = time.perf_counter() - began
    engine.close()
    if any(result.error for result in results):
        raise RuntimeError(str([result.error for result in results if result.error][:1]))
    return sum(result.duration_s for result in results) / elapsed_s


def _speed(scale: Scale, folder: Path, song: Path) -> Iterator[Row]:
    """The command on one core beside the ordinary loop and the bare calls; two workers beside one."""
    what, unit = "scanning 44.1 kHz stereo MP3, one core", "× real time"
    ours, rivals, bare = [], [], []
    way = None
    if find_spec("librosa") is not None and find_spec("keras") is not None:
        from benchmarks.ordinary import OrdinaryWay, verdict

        way = OrdinaryWay(scale.model)
        short = write_mp3(folder.parent / "short.mp3", 6.0 if scale.quick else ORDINARY_S, 9)
    for _ in range(scale.rounds(3)):
        with on_one_core():
            ours.append(_heard_s(LocalProcesses(1), scale.model, folder))
            bare.append((6.0 if scale.quick else SONG_S) / _bare_s(song, scale.model))
            if way is not None:
                took_s = seconds(lambda: verdict(way, short, segments=False))
                rivals.append((6.0 if scale.quick else ORDINARY_S) / took_s)
    if rivals:
        yield compared(what, unit, ours, "librosa + Keras predict", rivals, better="more")
    else:
        yield missing(what, "librosa + Keras predict")
    yield compared(what, unit, ours, "the limit: bare calls", bare, better="more")
    one, two = [], []
    for _ in range(scale.rounds(3)):
        two.append(_heard_s(LocalProcesses(2), scale.model, folder))
        one.append(_heard_s(LocalProcesses(1), scale.model, folder))
    yield compared("scanning, two workers", unit, two, "one worker", one, better="more")


def _cluster(scale: Scale, folder: Path) -> Iterator[Row]:
    """Dask beside local processes, for scanning and for extraction."""
    if find_spec("distributed") is None:
        yield missing("scanning, two Dask workers", "local processes")
        return
    from benchmarks.extraction import _clips
    from training.dataset.features import build_shards, build_store

    spec = read_description(scale.model).front_end
    clips = _clips(folder.parent, 8 if scale.quick else 1_000, 2.0 if scale.quick else 30.0)
    with dask_processes(2) as address, tempfile.TemporaryDirectory() as cache:
        dask, local = [], []
        for _ in range(scale.rounds(3)):
            dask.append(_heard_s(DaskCluster(address, print), scale.model, folder))
            local.append(_heard_s(LocalProcesses(2), scale.model, folder))
        what = "scanning, two Dask workers"
        yield compared(what, "× real time", dask, "two local processes", local, better="more")
        sharded, whole = [], []
        store = Path(cache) / "store.npz"
        for turn in range(scale.rounds(3)):
            engine, shards = DaskCluster(address, print), Path(cache) / f"{turn}.shards"
            took_s = seconds(lambda e=engine, s=shards: build_shards(clips, spec, s, engine=e))  # type: ignore[misc]
            sharded.append(len(clips) / took_s)
            engine.close()
            whole.append(len(clips) / seconds(lambda: build_store(clips, spec, store, workers=2)))
        what = "extraction, two Dask workers"
        yield compared(what, "clips/s", sharded, "two local processes", whole, better="more")


def _peak_mb(output: str) -> float:
    """The largest memory that the main process of the command held, as it told."""
    found = re.search(r"peak (\d+)", output)
    return int(found[1]) / 1e6 if found else float("nan")


TELLS_ITS_PEAK = """
import atexit, resource, sys
scale = 1 if sys.platform == "darwin" else 1024
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale))
from live.archive.cli import main
raise SystemExit(main())
"""


def _many(scale: Scale, folder: Path) -> Iterator[Row]:
    """Very many files: the memory of the command, and how long it takes to find that all are finished."""
    import soundfile

    shorts = []
    for number in range(4):
        path = folder.parent / f"short{number}.wav"
        soundfile.write(path, music(0.5, 22_050, number), 22_050)
        shorts.append(path)
    count = 200 if scale.quick else MANY
    many = link_many(folder.parent / "many", shorts, count)
    few = link_many(folder.parent / "few", shorts, count // 10)
    command = [sys.executable, "-c", TELLS_ITS_PEAK, "--model", str(scale.model)]
    peaks = [
        _peak_mb(run([*command, str(place), "--out", str(place.with_suffix(".csv"))]).output)
        for place in (many, few)
    ]
    what = f"memory over {count:,} files"
    yield compared(what, "MB", peaks[:1], f"over {count // 10:,}", peaks[1:])
    out = many.with_suffix(".jsonl")
    model = model_named(str(scale.model))
    hearing = Hearing(str(scale.model))
    with Ledger(out, None, model, hearing) as ledger:
        ledger.resume(print, again=True)
        ledger.begin(set())
        for found in Finder(print).find([str(many)]):
            ledger.add(found, broken(found.path, "not heard"))
    again = run([*GENRE_SCAN, "--model", str(scale.model), str(many), "--out", str(out)]).wall_s
    bare = seconds(lambda: [os.stat(found.path) for found in Finder(print).find([str(many)])])  # noqa: PTH116
    yield compared(f"passing over {count:,} finished files", "s", [again], "finding them alone", [bare])


def measure(scale: Scale) -> Iterator[Row]:
    """Measure a scan on files made here."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        length_s = 6.0 if scale.quick else SONG_S
        songs = [write_mp3(place / f"song{number}.mp3", length_s, number) for number in range(2)]
        folder = link_many(place / "songs", songs, 2 if scale.quick else SONGS)
        yield from _speed(scale, folder, songs[0])
        yield from _cluster(scale, folder)
        yield from _many(scale, folder)
