"""Sound from a Python caller: samples, the bytes of a file, or an open file object."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import threading
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from live.errors import GenreLiveError, InputError
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.samples import SHORTEST_SOUND_S, Samples
from live.sources.decoders.decoder import MOST_CHANNELS
from live.sources.files.audio_file import BUFFERED_BLOCKS, MOST_BLOCK_SAMPLES, UNPACED_BLOCK_S, AudioFile
from live.sources.source import AudioSource, too_short

CLOSE_WITHIN_S = 0.5


def as_samples(block: npt.ArrayLike, *, channels_first: bool = False) -> Samples:
    """Return a block as float32 samples [shape=(n, channels)].

    Parameters
    ----------
    block : array_like [shape=(n,), (n, channels), or (channels, n) with ``channels_first``]
        Floating point with full scale at ±1, or integers with full scale at the limits of their type.
    channels_first : bool
        Whether the first axis is the channels.

    Raises
    ------
    ValueError
        When it has another shape, or more than 64 channels (probably because the channels are the first
        axis).
    TypeError
        When it does not hold numbers.
    """
    samples = np.asarray(block)
    if not np.issubdtype(samples.dtype, np.floating) and not np.issubdtype(samples.dtype, np.integer):
        raise TypeError(f"a block holds numbers, not {samples.dtype}")
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    elif samples.ndim == 2 and channels_first:
        samples = samples.T
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise ValueError(f"a block has the shape (n,) or (n, channels), not {np.shape(block)}")
    if samples.shape[1] > MOST_CHANNELS:
        raise ValueError(
            f"a block of the shape {np.shape(block)} has {samples.shape[1]} channels, and at most "
            f"{MOST_CHANNELS} can be mixed down: "
            + (
                "leave out channels_first"
                if channels_first
                else "say channels_first=True if they stand first"
            )
        )
    if samples.size == 0:
        return np.empty((0, samples.shape[1]), dtype=np.float32)
    if np.issubdtype(samples.dtype, np.floating):
        with np.errstate(over="ignore"):  # what is too large is heard as silence
            return samples.astype(np.float32, copy=False)
    limits = np.iinfo(samples.dtype)
    middle = (limits.max + 1 + limits.min) / 2  # the zero level of unsigned samples
    return ((samples.astype(np.float64) - middle) / (limits.max + 1 - middle)).astype(np.float32)


class ArraySource:
    """Samples in memory as a source.

    Parameters
    ----------
    samples : ndarray [shape=(n, channels)]
    sample_rate : int
        In Hz.

    Raises
    ------
    InputError
        When the sound is shorter than half a second.
    """

    kind: SourceKind = "file"
    is_live = False
    name = "the samples"
    failure: GenreLiveError | None = None
    warning: str | None = None
    title: str | None = None

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        self._samples = samples
        self.sample_rate, self.channels = sample_rate, samples.shape[1]
        self.length_s: float | None = len(samples) / sample_rate
        if self.length_s < SHORTEST_SOUND_S:
            raise InputError(too_short(self.name, self.length_s))
        bearable_s = MOST_BLOCK_SAMPLES / (sample_rate * self.channels)
        self.block_s = min(UNPACED_BLOCK_S, bearable_s)
        self.buffer_s = min(BUFFERED_BLOCKS * self.block_s, 4 * bearable_s)
        self._ring: RingBuffer | None = None

    def start(self, ring: RingBuffer) -> None:
        """Start to push the samples into ``ring``."""
        self._ring = ring
        threading.Thread(target=self._push, args=(ring,), name="samples", daemon=True).start()

    def _push(self, ring: RingBuffer) -> None:
        ring.write_all(self._samples)  # returns False after the session has ended
        ring.close()

    def stop(self) -> None:
        """Stop to push samples."""
        if self._ring is not None:
            self._ring.close()


class CopiedFile(AudioFile):
    """The contents of a file object or bytes, copied to a temporary file, because decoders read files."""

    def __init__(self, content: BinaryIO, name: str) -> None:
        descriptor, path = tempfile.mkstemp(prefix="genre-live-", suffix=Path(name).suffix[:16])
        self._copy = path
        try:
            with os.fdopen(descriptor, "wb") as copy:
                shutil.copyfileobj(content, copy, 1 << 20)
            try:
                super().__init__(path, speed=None)
            except InputError as error:
                raise InputError(str(error).replace(path, name).replace(Path(path).name, name)) from None
        except BaseException:
            self._remove()
            raise
        self.name = name

    def stop(self) -> None:
        """Stop to push samples, and close and remove the copy."""
        super().stop()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            Path(self._copy).unlink()


def open_given(sound: Any, *, sample_rate: int | None = None, channels_first: bool = False) -> AudioSource:
    """Open a path, bytes, a file object, or an array, and return the source.

    Parameters
    ----------
    sound : str, path, bytes, file object or array
    sample_rate : int, optional
        Sample rate of an array, in Hz.
    channels_first : bool
        Whether the first axis of an array is the channels.

    Raises
    ------
    InputError
        When it cannot be read as audio.
    ValueError
        When an array is given without a rate, or anything else with one.
    """
    is_file_like = hasattr(sound, "read")
    is_path = isinstance(sound, str | PathLike)
    if is_path or is_file_like or isinstance(sound, bytes | bytearray | memoryview):
        if sample_rate is not None:
            raise ValueError("sample_rate is for arrays of samples: files tell theirs")
        if is_path:
            return AudioFile(os.fspath(sound), speed=None)
        if not is_file_like:
            return CopiedFile(io.BytesIO(sound), "the bytes")
        name = getattr(sound, "name", None)
        return CopiedFile(sound, Path(name).name if isinstance(name, str) else "the file")
    if sample_rate is None:
        raise ValueError("an array of samples needs its sample_rate, in Hz")
    return ArraySource(as_samples(sound, channels_first=channels_first), sample_rate)
