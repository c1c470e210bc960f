"""Extraction of mel frames from an audio file, with the same code as in live listening."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from live.errors import GenreLiveError, InputError, one_line
from live.front_end import FrontEndSpec, MelFrames
from live.resampling import Resampler, to_mono
from live.samples import SHORTEST_SOUND_S
from live.sources.decoders.decoding import open_decoder

if TYPE_CHECKING:  # so that each process starts faster
    from .store import MelLevels

BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True)
class ReadInPart:
    """The mel frames of a file that could be decoded only in part, and the sentence that says so."""

    frames: MelLevels
    sentence: str


def _mono_blocks(
    path: Path, sample_rate: int, notes: list[str] | None = None
) -> Generator[npt.NDArray[np.float32], None, None]:
    """Yield a file's sound in blocks, mixed down and resampled as in live listening.

    A sentence is added to ``notes`` if not all of it could be decoded.

    Raises
    ------
    GenreLiveError
        When the file cannot be read or is shorter than half a second.
    """
    if path.is_fifo():
        raise InputError(f"{path} is a pipe, to which nobody may ever write: give files.")
    decoder = open_decoder(os.fspath(path.absolute()))
    try:
        resampler = Resampler(decoder.sample_rate, sample_rate)
        heard = lost = 0
        while len(block := decoder.read(BLOCK_SAMPLES)):
            heard, lost = heard + len(block), lost + decoder.undecodable
            yield resampler.feed(to_mono(block))
        lost += decoder.undecodable
        if notes is not None:
            if lost:
                lost_s = lost / decoder.sample_rate
                notes.append(f"{path} is damaged or cut short: {lost_s:.1f} s of it could not be decoded.")
            if decoder.note is not None:
                notes.append(f"{path}: {decoder.note}")
        yield resampler.feed(np.empty(0, dtype=np.float32), last=True)
        if heard < SHORTEST_SOUND_S * decoder.sample_rate:
            raise InputError(f"{path} is shorter than {SHORTEST_SOUND_S} s.")
    finally:
        decoder.close()


def extract(path: Path, spec: FrontEndSpec, notes: list[str] | None = None) -> MelLevels:
    """Return the mel frames of one audio file.

    Parameters
    ----------
    path : Path
    spec : FrontEndSpec
    notes : list of str, optional
        A sentence is added if not all of the file could be decoded.

    Returns
    -------
    ndarray [shape=(frames, n_mels)]
        In dB, without the floor of ``top_db``.

    Raises
    ------
    GenreLiveError
        When the file cannot be read or is shorter than half a second.
    """
    mel_frames = MelFrames(spec)
    blocks = _mono_blocks(path, spec.sample_rate, notes)
    with contextlib.closing(blocks):
        frames = np.concatenate([mel_frames.feed(block).astype(np.float16) for block in blocks])
    if len(frames) == 0:
        raise InputError(f"{path} is shorter than one frame of {spec.n_fft} samples.")
    return frames


def read_samples(path: Path, sample_rate: int, longest_s: float = 600.0) -> npt.NDArray[np.float32]:
    """Return the first ``longest_s`` seconds of a file's sound, mixed down and resampled.

    Parameters
    ----------
    path : Path
    sample_rate : int
        In Hz.
    longest_s : float

    Returns
    -------
    ndarray [shape=(samples,)]

    Raises
    ------
    GenreLiveError
        When the file cannot be read or holds less than half a second.
    """
    blocks, count, most = [], 0, round(longest_s * sample_rate)
    with contextlib.closing(_mono_blocks(path, sample_rate)) as found:
        for block in found:
            blocks.append(block)
            count += len(block)
            if count >= most:
                break
    return np.concatenate(blocks)[:most]


def extract_or_explain(path: Path, spec: FrontEndSpec) -> MelLevels | ReadInPart | str:
    """Return mel frames, or a sentence that says why there are none (processes pass errors as text)."""
    notes: list[str] = []
    try:
        frames = extract(path, spec, notes)
        return ReadInPart(frames, one_line(" ".join(notes))) if notes else frames
    except GenreLiveError as error:
        return one_line(str(error) if path.name in str(error) else f"{path}: {error}")
    except Exception as error:  # a broken file must not end the run, whatever the decoder raises
        return one_line(f"{path} cannot be read: {type(error).__name__}: {error}")
