"""Opening of audio files, WAV streams and raw samples, to be read block by block in bounded memory.

WAV is decoded by this package, and FLAC, OGG, Opus, MP3 and similar by libsndfile (through soundfile). If
ffmpeg is installed, it decodes all other formats, and what libsndfile cannot.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from live.errors import InputError
from live.sources.decoders.decoder import (
    HIGHEST_SAMPLE_RATE,
    LOWEST_SAMPLE_RATE,
    MOST_CHANNELS,
    Decoder,
    PartDecoder,
)
from live.sources.decoders.pcm import parse_raw
from live.sources.decoders.wav_stream import RawStream, WavStream
from live.sources.shown_address import shown_address

__all__ = ["HIGHEST_SAMPLE_RATE", "LOWEST_SAMPLE_RATE", "MOST_CHANNELS", "Decoder", "open_decoder"]


SAID_AFTER_S = 1.0


def _is_pipe(path: Path) -> bool:
    """Return whether ``path`` is a named pipe, or a shell's ``<(command)``."""
    try:
        return path.is_fifo()
    except (OSError, ValueError):
        return False


def _check_path(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give the path of one audio file.")
        if not path.exists():
            raise InputError(f"There is no file {path}: check the path.")
        if not path.is_file():
            raise InputError(
                f"{path} is not a regular file: give an audio file, or - for a WAV stream on stdin."
            )
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty: give an audio file that holds sound.")
    except PermissionError:
        use = " and whether another program has it open" if sys.platform == "win32" else ""
        raise InputError(f"{path} cannot be read: check its permissions{use}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be opened: {error}.") from None


def _open_file(path: Path, track: int | None) -> Decoder:
    """Open a file as WAV, with libsndfile, or with ffmpeg."""
    with path.open("rb") as file:
        start = file.read(12)
    if start[:4] in (b"RIFF", b"RF64") and start[8:] == b"WAVE" and track in (None, 1):
        stream = path.open("rb")
        try:
            return WavStream(stream, path.name)
        except InputError:  # other decoders may know the encoding or cope with the header
            stream.close()
    from live.sources.decoders.ffmpeg import FfmpegDecoder, find_ffmpeg  # not needed for WAV
    from live.sources.decoders.whole_file import WholeFile

    if track in (None, 1) and (first := _open_sound_file(path)) is not None:
        return WholeFile(path, first)
    program = find_ffmpeg()
    if program is None:
        raise InputError(
            f"{path} is not a readable WAV, FLAC, OGG, Opus or MP3 file: install ffmpeg for other formats."
        )
    track = track or 1
    return WholeFile(path, FfmpegDecoder(path.absolute(), program, track=track), track=track)


def _open_sound_file(path: Path) -> PartDecoder | None:
    import soundfile

    from live.sources.decoders.sound_file import SoundFileDecoder

    try:
        return SoundFileDecoder(path)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError, OSError):
        return None  # TypeError: soundfile treats names ending in .raw differently


def _open_standard_input() -> BinaryIO:
    # Not sys.stdin.buffer: a thread that still waits for it when the program ends would hold its lock, and
    # Python then aborts instead of exiting.
    if sys.stdin is None:
        raise InputError("Standard input is closed: pipe a WAV stream into it, or give the path of a file.")
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except OSError as error:
        raise InputError(f"Standard input cannot be read: {error.strerror}.") from None


@contextlib.contextmanager
def _reporting_a_wait(name: str, on_wait: Callable[[str], None] | None) -> Iterator[None]:
    """Report it if a stream does not begin soon, because its writer may not have started."""
    if on_wait is None:
        yield
        return
    timer = threading.Timer(SAID_AFTER_S, on_wait, [f"Waiting for {name}, to which nobody writes yet."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _open_stream(stream: BinaryIO, name: str, raw: str | None) -> Decoder:
    if raw is not None:
        return RawStream(stream, *parse_raw(raw))
    try:
        return WavStream(stream, name)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.") from None


def open_decoder(
    path: str,
    *,
    track: int | None = None,
    raw: str | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Decoder:
    """Open an audio file, or a stream: a named pipe, or with ``-`` standard input.

    Parameters
    ----------
    path : str
    track : int, optional
        Number of the audio track, from 1. Default: the first.
    raw : str, optional
        Format of samples without a header, such as ``s16le:44100:2``.
    on_wait : callable, optional
        Called from another thread with a sentence that says what the program is waiting for.

    Raises
    ------
    InputError
        When it is missing, empty, not audio, or has an unsupported sample rate or number of channels.
    """
    decoder: Decoder
    if re.match("[A-Za-z][A-Za-z0-9+.-]*:/", path) and not os.path.exists(path):  # noqa: PTH110 (not a path)
        raise InputError(f"{shown_address(path)} is an address, not a file: give it with --url.")
    if raw is not None:
        parse_raw(raw)  # check it before anything is opened
    if path == "-":
        with _reporting_a_wait("standard input", on_wait):
            decoder = _open_stream(_open_standard_input(), "standard input", raw)
    elif _is_pipe(Path(path)):
        with _reporting_a_wait(path, on_wait):
            decoder = _open_stream(Path(path).open("rb", buffering=0), path, raw)  # noqa: SIM115
    else:
        _check_path(Path(path))
        if raw is not None:
            decoder = _open_stream(Path(path).open("rb"), path, raw)  # noqa: SIM115
        else:
            decoder = _open_file(Path(path), track)
    problem = ""
    if not LOWEST_SAMPLE_RATE <= decoder.sample_rate <= HIGHEST_SAMPLE_RATE:
        problem = f"a sample rate of {decoder.sample_rate} Hz: convert it, for example with ffmpeg -ar 44100"
    elif not 1 <= decoder.channels <= MOST_CHANNELS:
        problem = f"{decoder.channels} channels: convert it, for example with ffmpeg -ac 2"
    if problem:
        decoder.close()
        raise InputError(f"{'standard input' if path == '-' else path} has {problem}.")
    return decoder
