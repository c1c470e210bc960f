"""Scanning an archive: speed on one core, several cores and a cluster, memory, and continuing."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.measuring import Figure, Row, Scale, compared, missing, on_one_core, run, seconds
from benchmarks.sound import music
from benchmarks.spreading import dask_processes, heard_s, link_many, write_mp3
from benchmarks.stages import stages
from live.archive.classification import TOGETHER
from live.archive.finding import Finder
from live.bundle import SEVERAL_FILE, read_description
from live.front_end import dct_matrix, mel_filter_bank
from live.spreading.cluster import DaskCluster
from live.spreading.processes import LocalProcesses

GENRE_SCAN = (sys.executable, "-c", "from live.archive.cli import main; raise SystemExit(main())")
SONG_S, SONGS = 240.0, 8
CLIP_S, CLIPS = 10.0, 240  # several of which share a task of a cluster
ORDINARY_S = 20.0  # of a song are enough for the rival
EXTRACTED = 700  # clips of half a minute: eight shards
MANY, ONE_HEARD_IN = 100_000, 50  # the others are too short to be heard: what counts is their number
HOP_S = 0.5
BARE_BLOCK_S = 4.0


def _bare_s(path: Path, model: Path) -> float:
    """Return the time of the bare calls: decoding to mono, resampling, FFTs, products, network."""
    import soundfile
    import soxr
    from ai_edge_litert.interpreter import Interpreter

    description = read_description(model)
    spec = description.front_end
    filters = np.ascontiguousarray(mel_filter_bank(spec).T, dtype=np.float32)
    dct = dct_matrix(spec.n_mfcc, spec.n_mels).astype(np.float32)
    window = np.hanning(spec.n_fft).astype(np.float32)
    interpreter = Interpreter(str(model / SEVERAL_FILE), num_threads=1)
    interpreter.allocate_tensors()
    described = interpreter.get_input_details()[0]
    together = int(described["shape"][0])

    def work() -> None:
        waiting = 0.0  # windows
        rest = np.empty(0, np.float32)
        with soundfile.SoundFile(str(path)) as file:
            file.seekable = lambda: False  # else each read would seek
            stream = soxr.ResampleStream(file.samplerate, spec.sample_rate, 1, dtype="float32")
            while len(block := file.read(round(BARE_BLOCK_S * file.samplerate), dtype="float32")):
                mono = (block[:, 0] + block[:, 1]) * np.float32(0.5)
                signal = np.concatenate((rest, stream.resample_chunk(mono)))
                frames = np.lib.stride_tricks.sliding_window_view(signal, spec.n_fft)[:: spec.hop_length]
                rest = signal[len(frames) * spec.hop_length :]
                spectrum = np.fft.rfft(frames * window)
                power = spectrum.real**2 + spectrum.imag**2
                np.log10(np.maximum(power @ filters, 1e-10))
                waiting += len(block) / file.samplerate / HOP_S
                while waiting >= TOGETHER:
                    waiting -= TOGETHER
                    for _ in range(TOGETHER // together):
                        mel_db = np.zeros((together, description.window_frames, spec.n_mels), np.float32)
                        interpreter.set_tensor(described["index"], mel_db @ dct)
                        interpreter.invoke()

    return seconds(work)


def _speed(scale: Scale, folder: Path, song: Path, length_s: float) -> Iterator[Row]:
    """Compare one core with the usual loop and the bare calls, and two workers with one."""
    what, unit = "scanning 44.1 kHz stereo MP3, one core", "× real time"
    one, two, rivals, bare = [], [], [], []
    files = len(list(folder.rglob("*.mp3")))
    way = None
    short_s = 6.0 if scale.quick else ORDINARY_S
    if find_spec("librosa") is not None and find_spec("keras") is not None:
        from benchmarks.ordinary import OrdinaryWay, verdict

        way = OrdinaryWay(scale.model)
        short = write_mp3(folder.parent / "short.mp3", short_s, 9)
        way.hear(np.zeros(way.window, np.float32))  # the first call compiles
    for _ in range(scale.rounds(3)):
        with on_one_core():
            one.append(heard_s(LocalProcesses(1), scale.model, folder, files, 1))
            bare.append(length_s / _bare_s(song, scale.model))
            if way is not None:
                rivals.append(short_s / seconds(lambda: verdict(way, short, segments=False)))
        two.append(heard_s(LocalProcesses(2), scale.model, folder, files, 2))
    if rivals:
        yield compared(what, unit, one, "librosa + Keras predict", rivals, better="more")
    else:
        yield missing(what, "librosa + Keras predict")
    yield compared(what, unit, one, "the limit: bare calls", bare, better="more")
    yield from stages(scale.model, song, scale.rounds(5))
    yield compared("scanning, two workers", unit, two, "one worker on one core", one, better="more")


def _cluster(scale: Scale, folder: Path, clips_folder: Path) -> Iterator[Row]:
    """Compare Dask with local processes, for scanning and for extraction."""
    if find_spec("distributed") is None:
        yield missing("scanning, two Dask workers", "two local processes")
        return
    with dask_processes(2) as address:
        for what, place, rounds in (
            ("scanning, two Dask workers", folder, 3),
            (f"scanning clips of {CLIP_S:.0f} s, two Dask workers", clips_folder, 2),
        ):
            files = len(list(place.rglob("*.mp3")))
            dask, local = [], []
            for _ in range(scale.rounds(rounds)):
                dask.append(heard_s(DaskCluster(address, print), scale.model, place, files, 2))
                local.append(heard_s(LocalProcesses(2), scale.model, place, files, 2))
            yield compared(what, "× real time", dask, "two local processes", local, better="more")
        yield _extraction(scale, folder.parent, address)


def _extraction(scale: Scale, place: Path, address: str) -> Row:
    """Compare extraction to shards on Dask with the local pool."""
    from benchmarks.extraction import _clips
    from training.dataset.features import build_shards, build_store

    spec = read_description(scale.model).front_end
    clips = _clips(place, 8 if scale.quick else EXTRACTED, 2.0 if scale.quick else 30.0)
    sharded, whole = [], []
    for turn in range(scale.rounds(7)):
        engine, shards = DaskCluster(address, print), place / f"{turn}.shards"
        took_s = seconds(lambda e=engine, s=shards: build_shards(clips, spec, s, engine=e))  # type: ignore[misc]
        sharded.append(len(clips) / took_s)
        engine.close()
        store = place / "store.npz"
        whole.append(len(clips) / seconds(lambda to=store: build_store(clips, spec, to, workers=2)))  # type: ignore[misc]
    what = "extraction, two Dask workers"
    return compared(what, "clips/s", sharded, "two local processes", whole, better="more")


def _peak_mb(output: str) -> float:
    """Return the peak memory of the command's main process, in MB, from its output."""
    found = re.search(r"peak (\d+)", output)
    return int(found[1]) / 1e6 if found else float("nan")


TELLS_ITS_PEAK = """
import atexit, resource, sys
scale = 1 if sys.platform == "darwin" else 1024
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale))
from live.archive.cli import main
raise SystemExit(main())
"""


def _many(scale: Scale, place: Path) -> Iterator[Row]:
    """Scan very many files: the memory of the command, and the time to skip finished files."""
    import soundfile

    links = []
    for number in range(ONE_HEARD_IN):
        links.append(place / f"brief{number}.wav")
        soundfile.write(links[-1], music(0.1 if number else 0.5, 22_050, number), 22_050)
    count = 200 if scale.quick else MANY
    command = [sys.executable, "-c", TELLS_ITS_PEAK, "--model", str(scale.model)]
    peaks = []
    for number in (count, count // 10):
        many = link_many(place / str(number), links, number)
        peaks.append(_peak_mb(run([*command, str(many), "--out", str(many.with_suffix(".jsonl"))]).output))
    what = f"memory over {count:,} files"
    yield compared(what, "MB", peaks[:1], f"over {count // 10:,}", peaks[1:])
    many = place / str(count)
    again = [*GENRE_SCAN, "--model", str(scale.model), str(many), "--out", str(many.with_suffix(".jsonl"))]
    times, bare = [], []
    for _ in range(scale.rounds(3)):
        times.append(run(again).cpu_s)
        before = time.process_time()
        for _found in Finder(print).find([str(many)]):
            pass
        bare.append(time.process_time() - before)
    yield compared(f"passing over {count:,} finished files, CPU", "s", times, "finding them alone", bare)


LOADED = """
import sys
import live.cli, live.session, live.api
heavy = {name.partition(".")[0] for name in sys.modules} & {"dask", "distributed", "fsspec", "pyarrow"}
print(len(heavy), *sorted(heavy))
"""


def _cold() -> Row:
    """Count the libraries for clusters that genre-live imports at its start."""
    finished = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    count = float(finished.stdout.split()[0])
    return Row("dask, fsspec and pyarrow imported by genre-live", "libraries", Figure.of([count]))


def measure(scale: Scale) -> Iterator[Row]:
    """Measure a scan on synthetic files, and yield the rows."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        length_s = 6.0 if scale.quick else SONG_S
        song = write_mp3(place / "song.mp3", length_s, 0)
        folder = link_many(place / "songs", [song], 4 if scale.quick else SONGS)
        clip = write_mp3(place / "clip.mp3", 2.0 if scale.quick else CLIP_S, 1)
        clips = link_many(place / "clips", [clip], 8 if scale.quick else CLIPS)
        yield _cold()
        yield from _speed(scale, folder, song, length_s)
        yield from _cluster(scale, folder, clips)
        yield from _many(scale, place)
