"""Audio files and WAV streams, decoded block by block in bounded memory.

libsndfile (through soundfile) reads WAV, FLAC, OGG, Opus, MP3 and their kin; ffmpeg, where it is
installed, every other format, as a WAV stream through a pipe.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import numpy as np

from live.errors import GenreLiveError, InputError, RunningError
from live.samples import Samples
from live.sources.wav_stream import UNKNOWN_SIZE_FROM, WavStream

LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 4_000, 768_000  # Hz
MOST_CHANNELS = 64
SKIPPED_AT_ONCE = 65_536  # frames
CUT_SHORT_TOLERANCE_S = 0.1
SHORTEST_HEARD_S = 0.5

# Containers that hold sound themselves. Playlists and scripts (hls, concat, ...) stay out: a stranger's
# file must not make ffmpeg open others.
FFMPEG_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,loas,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegtsraw,nut,ogg,rm,shn,"
    "spdif,swf,tak,tta,truehd,voc,w64,wav,wv,wtv"
)


class Decoder(Protocol):
    """Sound in some encoding, read forwards as float32 frames.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    length_s : float or None
        Length in seconds, where the container says it.
    is_length_exact : bool
        Whether that is a promise: a file that ends before is cut short.
    """

    sample_rate: int
    channels: int
    length_s: float | None
    is_length_exact: bool

    def read(self, frames: int) -> Samples:
        """Read up to ``frames`` frames [shape=(n, channels)]; none are left when n is 0.

        Raises
        ------
        RunningError
            When the sound cannot be decoded further.
        """

    def close(self) -> None:
        """Let go of the file."""


class _SoundFileDecoder:
    """What libsndfile can read."""

    def __init__(self, path: Path) -> None:
        import soundfile

        self._error = soundfile.LibsndfileError
        self._name = path.name
        # As bytes where names are bytes: not every name is text.
        self._file = soundfile.SoundFile(str(path) if sys.platform == "win32" else os.fsencode(path))
        # Else soundfile seeks after each read to where it is already, and an MP3 decoder that is told to
        # seek starts afresh: every block would begin with a few garbled hundredths of a second.
        self._file.seekable = lambda: False
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        frames: int = self._file.frames
        self.is_length_exact: bool = self._file.format in {"WAV", "WAVEX", "FLAC", "AIFF", "W64", "RF64"}
        self.is_opus: bool = self._file.subtype == "OPUS"
        self._is_16_bit: bool = self._file.subtype == "PCM_16"
        self._read = 0
        self.length_s: float | None = frames / self.sample_rate if 0 < frames < 2**40 else None
        if self.length_s is not None and self._file.format in {"WAV", "WAVEX"}:
            self.length_s += _missing_s(path)  # libsndfile itself says the length of what is there

    def read(self, frames: int) -> Samples:
        try:
            block: Samples
            if self._is_16_bit:  # the same numbers as libsndfile makes of them, in a third of the time
                block = self._file.read(frames, dtype="int16", always_2d=True) * np.float32(2**-15)
            else:
                block = self._file.read(frames, dtype="float32", always_2d=True)
        except (self._error, RuntimeError) as error:
            raise _damaged(self._name, self._read / self.sample_rate) from error
        self._read += len(block)
        return block

    def close(self) -> None:
        self._file.close()


def _damaged(name: str, decoded_s: float) -> GenreLiveError:
    """Make the error of a sound that cannot be decoded further; one without sound to speak of is no input."""
    if decoded_s < SHORTEST_HEARD_S:
        return InputError(f"{name} cannot be read as audio: it is damaged from the start.")
    return RunningError(f"{name} is damaged: it cannot be decoded past {decoded_s:.1f} s.")


def _missing_s(path: Path) -> float:
    """Seconds of sound that a WAV file's header promises and the file lacks."""
    with path.open("rb") as file:
        header = file.read(36)
    if len(header) < 36 or header[:4] != b"RIFF" or header[12:16] != b"fmt ":
        return 0.0
    promised = int.from_bytes(header[4:8], "little")
    bytes_per_s = int.from_bytes(header[28:32], "little")
    if promised >= UNKNOWN_SIZE_FROM or bytes_per_s == 0:
        return 0.0
    return max(0, promised + 8 - path.stat().st_size) / bytes_per_s


class _FfmpegDecoder:
    """What ffmpeg can read: a child process whose WAV output is read through a pipe."""

    length_s: float | None = None
    is_length_exact = False

    def __init__(self, path: Path, program: str) -> None:
        self._name = path.name
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error"]
        command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", FFMPEG_FORMATS]
        command += ["-i", f"file:{path}", "-map", "0:a:0", "-vn", "-sn", "-dn"]
        command += ["-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
        self._process = subprocess.Popen(  # noqa: S603 (no shell; the path is one argument)
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            self._stream = WavStream(cast(BinaryIO, self._process.stdout), self._name)
        except BaseException:
            self.close()
            raise
        self.sample_rate, self.channels = self._stream.sample_rate, self._stream.channels
        self._read = 0

    def read(self, frames: int) -> Samples:
        block = self._stream.read(frames)
        self._read += len(block)
        if len(block) == 0 and self._process.wait() != 0:
            raise _damaged(self._name, self._read / self.sample_rate)
        return block

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()
        cast(BinaryIO, self._process.stdout).close()
        self._process.wait()


class _OpusDecoder:
    """Opus by libsndfile, and where that gives up, by ffmpeg from the same place on.

    libsndfile 1.2 takes some sound Opus files for malformed in the middle, which ffmpeg does not.
    """

    is_length_exact = False

    def __init__(self, path: Path, first: _SoundFileDecoder) -> None:
        self._path, self._decoder = path, cast(Decoder, first)
        self.sample_rate, self.channels, self.length_s = first.sample_rate, first.channels, first.length_s
        self._read = 0
        self._has_given_up = False

    def read(self, frames: int) -> Samples:
        try:
            block = self._decoder.read(frames)
        except GenreLiveError:
            if self._has_given_up or not self._turn_to_ffmpeg():
                raise
            block = self._decoder.read(frames)
        self._read += len(block)
        return block

    def _turn_to_ffmpeg(self) -> bool:
        """Have ffmpeg go on where libsndfile gave up; False when it cannot either."""
        self._has_given_up = True
        program = shutil.which("ffmpeg")
        if program is None:
            return False
        try:
            second = _FfmpegDecoder(self._path.absolute(), program)
        except InputError:
            return False
        if (second.sample_rate, second.channels) == (self.sample_rate, self.channels):
            behind = self._read
            while behind > 0 and (passed := len(second.read(min(behind, SKIPPED_AT_ONCE)))) > 0:
                behind -= passed
            if behind == 0:
                self._decoder.close()
                self._decoder = second
                return True
        second.close()
        return False

    def close(self) -> None:
        self._decoder.close()


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


def _open_file(path: Path) -> Decoder:
    """Open with libsndfile, else with ffmpeg."""
    import soundfile

    try:
        decoder = _SoundFileDecoder(path)
        return _OpusDecoder(path, decoder) if decoder.is_opus else decoder
    except (
        soundfile.LibsndfileError,
        RuntimeError,
        ValueError,
        TypeError,
    ):  # the last of a name ending in .raw
        program = shutil.which("ffmpeg")
    if program is None:
        raise InputError(
            f"{path} is no WAV, FLAC, OGG, Opus or MP3 that can be read: install ffmpeg for other formats."
        )
    try:
        return _FfmpegDecoder(path.absolute(), program)
    except InputError:
        raise InputError(f"{path} cannot be read as audio: the file is damaged or holds no sound.") from None


def _open_standard_input() -> WavStream:
    # Not sys.stdin.buffer: a thread that still waits for it when the program ends would hold its lock, and
    # Python then aborts instead of exiting.
    if sys.stdin is None:
        raise InputError("Standard input is closed: pipe a WAV stream into it, or give the path of a file.")
    try:
        stream = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        return WavStream(stream, "standard input")
    except OSError as error:
        raise InputError(f"Standard input cannot be read: {error.strerror}.") from None


def open_decoder(path: str) -> Decoder:
    """Open an audio file, or a WAV stream: a named pipe, or with ``-`` standard input.

    Raises
    ------
    InputError
        When it is missing, empty, no audio, or of a rate or channel count that cannot be.
    """
    decoder: Decoder
    if re.match("[a-z]+://", path):
        raise InputError(
            f"{path} is an address: let ffmpeg open it: ffmpeg -i ADDRESS -f wav - | genre-live --file -."
        )
    if path == "-":
        decoder = _open_standard_input()
    elif _is_pipe(Path(path)):
        decoder = WavStream(Path(path).open("rb", buffering=0), path)  # noqa: SIM115 (the decoder closes it)
    else:
        _check_path(Path(path))
        decoder = _open_file(Path(path))
    problem = ""
    if not LOWEST_SAMPLE_RATE <= decoder.sample_rate <= HIGHEST_SAMPLE_RATE:
        problem = f"a sample rate of {decoder.sample_rate} Hz, which cannot be listened to"
    elif not 1 <= decoder.channels <= MOST_CHANNELS:
        problem = f"{decoder.channels} channels, and 1 to {MOST_CHANNELS} can be mixed down"
    if problem:
        decoder.close()
        raise InputError(f"{'standard input' if path == '-' else path} has {problem}.")
    return decoder
