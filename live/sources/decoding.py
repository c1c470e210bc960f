"""Audio files, WAV streams and raw samples, opened to be read block by block in bounded memory.

WAV is read here; libsndfile (through soundfile) reads FLAC, OGG, Opus, MP3 and their kin; ffmpeg, where it
is installed, every other format, and what libsndfile leaves.
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
from live.sources.decoder import HIGHEST_SAMPLE_RATE, LOWEST_SAMPLE_RATE, MOST_CHANNELS, Decoder, PartDecoder
from live.sources.pcm import parse_raw
from live.sources.wav_stream import RawStream, WavStream

__all__ = ["HIGHEST_SAMPLE_RATE", "LOWEST_SAMPLE_RATE", "MOST_CHANNELS", "Decoder", "open_decoder"]


SAID_AFTER_S = 1.0


def _is_pipe(path: Path) -> bool:
    """Whether ``path`` is a named pipe, or a shell's ``<(command)``."""
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
                f"{path} is no ordinary file: give an audio file, or - for a WAV stream on stdin."
            )
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty: there is nothing to listen to.")
    except PermissionError:
        raise InputError(f"{path} may not be read: check its permissions.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be opened: {error}.") from None


def _open_file(path: Path, track: int | None) -> Decoder:
    """Open as WAV, with libsndfile, or else with ffmpeg."""
    with path.open("rb") as file:
        start = file.read(12)
    if start[:4] in (b"RIFF", b"RF64") and start[8:] == b"WAVE" and track in (None, 1):
        stream = path.open("rb")
        try:
            return WavStream(stream, path.name)
        except InputError:  # an encoding that others know, or a header that others see through
            stream.close()
    from live.sources.ffmpeg import FfmpegDecoder, find_ffmpeg  # which no WAV needs
    from live.sources.whole_file import WholeFile

    if track in (None, 1) and (first := _open_sound_file(path)) is not None:
        return WholeFile(path, first)
    program = find_ffmpeg()
    if program is None:
        raise InputError(
            f"{path} is no WAV, FLAC, OGG, Opus or MP3 that can be read: install ffmpeg for other formats."
        )
    track = track or 1
    return WholeFile(path, FfmpegDecoder(path.absolute(), program, track=track), track=track)


def _open_sound_file(path: Path) -> PartDecoder | None:
    import soundfile

    from live.sources.sound_file import SoundFileDecoder

    try:
        return SoundFileDecoder(path)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError, OSError):
        return None  # TypeError: a name ending in .raw


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
def _saying_what_is_waited_for(name: str, on_wait: Callable[[str], None] | None) -> Iterator[None]:
    """Say it where a stream does not begin soon: its writer may not be there yet."""
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
        Which of a file's sound tracks to hear, counted from 1; the first by default.
    raw : str, optional
        What the samples are that come without a header, as ``s16le:44100:2``.
    on_wait : callable, optional
        Takes a sentence that says what is waited for, from another thread.

    Raises
    ------
    InputError
        When it is missing, empty, no audio, or of a rate or channel count that cannot be.
    """
    decoder: Decoder
    if re.match("[A-Za-z][A-Za-z0-9+.-]*:/", path) and not os.path.exists(path):  # noqa: PTH110 (not a path)
        from live.sources.addresses import shown_address  # with all of the network, which no file needs

        raise InputError(f"{shown_address(path)} is an address and no file: give it with --url.")
    if raw is not None:
        parse_raw(raw)  # before anything is opened
    if path == "-":
        with _saying_what_is_waited_for("standard input", on_wait):
            decoder = _open_stream(_open_standard_input(), "standard input", raw)
    elif _is_pipe(Path(path)):
        with _saying_what_is_waited_for(path, on_wait):
            decoder = _open_stream(Path(path).open("rb", buffering=0), path, raw)  # noqa: SIM115
    else:
        _check_path(Path(path))
        if raw is not None:
            decoder = _open_stream(Path(path).open("rb"), path, raw)  # noqa: SIM115
        else:
            decoder = _open_file(Path(path), track)
    problem = ""
    if not LOWEST_SAMPLE_RATE <= decoder.sample_rate <= HIGHEST_SAMPLE_RATE:
        problem = f"a sample rate of {decoder.sample_rate} Hz, which cannot be listened to"
    elif not 1 <= decoder.channels <= MOST_CHANNELS:
        problem = f"{decoder.channels} channels, and 1 to {MOST_CHANNELS} can be mixed down"
    if problem:
        decoder.close()
        raise InputError(f"{'standard input' if path == '-' else path} has {problem}.")
    return decoder
