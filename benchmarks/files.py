"""A long file at full speed: the whole command, from start to exit, on one core."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.cold import ORDINARY, WITHOUT_GPU
from benchmarks.measuring import GENRE_LIVE, Row, Scale, compared, missing, on_one_core, run, seconds
from benchmarks.ordinary import HOP_S, OrdinaryWay, is_installed, verdict
from benchmarks.sound import write_wav
from live.bundle import SEVERAL_FILE, read_description
from live.front_end import dct_matrix, mel_filter_bank

FILE_S = 1_800.0
ORDINARY_S = 60.0  # of sound for the rival, which is enough


def _limit_s(path: Path, model: Path) -> float:
    """Return the time of the bare calls on several windows at a time, from decoding to the network."""
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
    hops = len(windows)
    frames_at_once = hops * HOP_S * spec.sample_rate / spec.hop_length

    def work() -> None:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            stream = soxr.ResampleStream(rate, spec.sample_rate, 1, dtype="float32", quality=soxr.HQ)
            frames = 0.0
            while len(block := file.read(round(hops * HOP_S * rate), dtype="int16", always_2d=True)):
                mono = block[:, 0].astype(np.float32)
                if rate != spec.sample_rate:
                    stream.resample_chunk(mono)
                frames += frames_at_once
                count = int(frames)
                frames -= count
                framed = np.zeros((count, spec.n_fft))
                np.fft.rfft(framed)
                np.matmul(framed[:, : len(filters)], filters)
                np.matmul(windows, dct)
                interpreter.invoke()

    return seconds(work)


def _rival_s(path: Path, scale: Scale) -> float:
    """Return the time of the usual way, as a command; if only to check that it runs, in this process."""
    if scale.quick:
        with on_one_core():
            return seconds(lambda: verdict(OrdinaryWay(scale.model), path, segments=False))
    command = (*ORDINARY, str(scale.model), str(path))
    return run(command, one_core=True, environment=WITHOUT_GPU).wall_s


def measure(scale: Scale) -> Iterator[Row]:
    """Compare speeds on a long file, as multiples of real time, and yield the rows."""
    if not is_installed():
        yield missing("file at --speed max", "librosa + Keras predict")
        return
    length_s = 20.0 if scale.quick else FILE_S
    with tempfile.TemporaryDirectory() as folder:
        short_s = 6.0 if scale.quick else ORDINARY_S
        short = write_wav(Path(folder) / "short.wav", short_s)
        for sample_rate, channels in ((44_100, 2),) if scale.quick else ((22_050, 1), (44_100, 2)):
            path = write_wav(
                Path(folder) / f"{sample_rate}.wav", length_s, sample_rate=sample_rate, channels=channels
            )
            command = (*GENRE_LIVE, "--model", str(scale.model), "--file", str(path), "--speed", "max")
            speeds, limits, rivals = [], [], []
            for _ in range(scale.rounds(5)):
                finished = run((*command, "--json"), one_core=True)
                windows = json.loads(finished.output.splitlines()[-1])["windows"]
                if windows < length_s / HOP_S - 10:
                    raise RuntimeError(f"Only {windows} windows were heard.")
                speeds.append(length_s / finished.wall_s)
                with on_one_core():
                    limits.append(length_s / _limit_s(path, scale.model))
                rivals.append(short_s / _rival_s(short, scale))
            path.unlink()
            kind = f"{sample_rate / 1000:g} kHz {'mono' if channels == 1 else 'stereo'}"
            what = f"file at --speed max, {kind}"
            yield compared(what, "× real time", speeds, "librosa + Keras predict", rivals, better="more")
            yield compared(what, "× real time", speeds, "the limit: bare calls", limits, better="more")
