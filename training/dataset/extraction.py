"""An audio file to mel frames: decoded, mixed down, resampled and framed exactly as when listening."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from live.errors import GenreLiveError, InputError, one_line
from live.front_end import FrontEndSpec, MelFrames
from live.resampling import Resampler, to_mono
from live.sources.decoding import open_decoder

if TYPE_CHECKING:  # what each process imports, it waits for
    from .store import MelLevels

BLOCK_FRAMES = 1 << 16
SHORTEST_CLIP_S = 0.5


def extract(path: Path, spec: FrontEndSpec) -> MelLevels:
    """Mel frames of one audio file.

    Parameters
    ----------
    path : Path
    spec : FrontEndSpec

    Returns
    -------
    ndarray [shape=(frames, n_mels)]
        In dB, unclipped.

    Raises
    ------
    GenreLiveError
        When the file cannot be read or holds less than half a second.
    """
    if path.is_fifo():
        raise InputError(f"{path} is a pipe, and whoever writes to it may not come: give files.")
    decoder = open_decoder(os.fspath(path.absolute()))
    try:
        resampler = Resampler(decoder.sample_rate, spec.sample_rate)
        mel_frames = MelFrames(spec)
        parts: list[MelLevels] = []
        heard = 0
        while len(block := decoder.read(BLOCK_FRAMES)):
            heard += len(block)
            parts.append(mel_frames.feed(resampler.feed(to_mono(block))).astype(np.float16))
        rest = resampler.feed(np.empty(0, dtype=np.float32), last=True)
        parts.append(mel_frames.feed(rest).astype(np.float16))
        if heard < SHORTEST_CLIP_S * decoder.sample_rate:
            raise InputError(f"{path} is shorter than {SHORTEST_CLIP_S} s.")
    finally:
        decoder.close()
    frames = np.concatenate(parts)
    if len(frames) == 0:
        raise InputError(f"{path} is shorter than one frame of {spec.n_fft} samples.")
    return frames


def extract_or_explain(path: Path, spec: FrontEndSpec) -> MelLevels | str:
    """Mel frames, or the sentence that says why there are none (errors cross processes as text)."""
    try:
        return extract(path, spec)
    except GenreLiveError as error:
        return one_line(str(error) if path.name in str(error) else f"{path}: {error}")
    except Exception as error:  # a broken file must not end the run, whatever its decoder makes of it
        return one_line(f"{path} cannot be read: {type(error).__name__}: {error}")
