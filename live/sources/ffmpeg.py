"""What ffmpeg can read: a child process, which no stranger's file can bring down this one with.

It is the program and not a library because a decoder that crashes, hangs or eats memory is then another
process, and because it is what live streams need too. What it says is heeded: at the end, how many bytes
and packets it used and which it could not decode.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from live.errors import GenreLiveError, InputError, one_line
from live.samples import Samples
from live.sources.containers import extent
from live.sources.decoder import Ending, damaged
from live.sources.mp3_frames import tag_bytes_at_end, tag_bytes_at_start
from live.sources.ogg_pages import harmed_bytes
from live.sources.wav_stream import WavStream

# What holds sound or pictures itself. Playlists and scripts (hls, dash, concat, imf, sdp, avisynth ...) and
# devices stay out: a stranger's file must not make ffmpeg open others.
FILE_FORMATS = (
    "3dostr,4xm,aa,aac,aax,ac3,ace,acm,act,adf,adp,ads,adx,aea,afc,aiff,aix,alp,amr,amrnb,amrwb,anm,apac,"
    "apc,ape,apm,aptx,aptx_hd,argo_asf,argo_brp,asf,asf_o,ast,au,av1,avi,avr,avs,bethsoftvid,bfi,bfstm,bink,"
    "binka,bit,bmv,boa,bonk,brstm,c93,caf,cdxl,cine,codec2,codec2raw,daud,dcstr,derf,dfa,dfpwm,dhav,dsf,"
    "dsicin,dss,dts,dtshd,dv,dxa,ea,ea_cdata,eac3,epaf,film_cpk,flac,flic,flv,frm,fsb,fwse,g722,g723_1,g726,"
    "g726le,g728,g729,gdv,genh,gsm,gxf,hca,hcom,hnm,iamf,idcin,iff,ifv,ilbc,ingenient,ipmovie,ircam,iss,iv8,"
    "ivf,ivr,jv,kux,kvag,lafg,laf,lc3,libgme,libopenmpt,lmlm4,loas,lvf,lxf,matroska,webm,mca,mgsts,mlp,mm,"
    "mmf,mods,moflex,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegtsraw,mpegvideo,msf,msnwctcp,msp,"
    "mtaf,mtv,musx,mv,mvi,mxf,mxg,nc,nistsphere,nsp,nsv,nut,nuv,ogg,oma,osq,paf,pmp,pp_bnk,psxstr,pva,pvf,"
    "qcp,qoa,redspark,rka,rl2,rm,roq,rpl,rsd,rso,s337m,sbc,sdns,sdr2,sds,sdx,ser,sga,shn,siff,sln,smk,smush,"
    "sol,sox,spdif,svag,svs,swf,tak,thp,tiertexseq,tmv,truehd,tta,txd,ty,vag,vividas,vivo,vmd,voc,vpk,vqf,"
    "w64,wady,wav,wavarc,wc3movie,wsaud,wsd,wsvqa,wtv,wv,wve,xa,xmd,xmv,xvag,xwma,yop"
)
_RAW_FORMATS = frozenset(
    {
        "aac", "ac3", "adx", "amr", "amrnb", "amrwb", "aptx", "aptx_hd", "dts", "eac3", "g722", "gsm",
        "loas", "mlp", "mp3", "mpc8", "sbc", "shn", "tak", "truehd",
    }
)  # fmt: skip
"""Formats that are frames alone, so that what ffmpeg did not take for frames is damage."""

_CONSTANT_FORMATS = frozenset({"ac3", "dts"})
"""Formats of one bit rate, so that a length estimated from that and the bytes holds."""

_PREFIX = re.compile(r"\[(\w+)\] ")
_LEVELS = frozenset({"panic", "fatal", "error", "warning", "info", "verbose"})
_INPUT = re.compile(r"Input #0, ([\w,]+), from")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
_STREAM = re.compile(r"Stream #0:(\d+)(?:\[\w+\])?(?:\((\w+)\))?: (\w+): (.*)")
_STREAM_DURATION = re.compile(r"DURATION\s*: (\d+):(\d\d):(\d\d\.\d+)")
_PACKETS = re.compile(
    r"Input stream #0:\d+ \(audio\): (\d+) packets read \((\d+) bytes\); (\d+) frames decoded"
)
_TAKEN = re.compile(r"Statistics: (\d+) bytes read")
_FAILED = re.compile(
    r"error while decoding|error submitting packet|error processing packet|decoding error", re.IGNORECASE
)
_MOST_LINES = 50
_LONGEST_LINE = 4_096
_DESCRIBED_WITHIN_S = 20.0
_PROBED_WITHIN_S = 20.0
_ROUNDING_S = 0.2  # of the durations that containers give


def find_ffmpeg() -> str | None:
    """Return the path of the program, where it is installed."""
    return shutil.which("ffmpeg")


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, seconds = match.groups()
    return int(hours) * 3_600 + int(minutes) * 60 + float(seconds)


@dataclass
class Track:
    """One sound track of a file: ``language`` and ``what`` it is in ffmpeg's words."""

    number: int
    language: str | None
    what: str
    duration_s: float | None = None


@dataclass
class Report:
    """What ffmpeg said of a file."""

    form: str = ""
    duration_s: float | None = None
    is_estimated: bool = False
    tracks: list[Track] = field(default_factory=list)
    has_pictures: bool = False  # moving ones, whose length is the container's too
    packets: int = 0
    packet_bytes: int = 0
    decoded: int = 0
    failed_packets: int = 0
    taken_bytes: int = 0
    complaint: str = ""  # the last line that told of an error
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    _current: Track | None = None

    def heed(self, line: str) -> bool:
        """Take in one line; True when the description of the input is over."""
        level, text = "error", line.strip()  # what has no level is a wrapper's or the system's own word
        for match in _PREFIX.finditer(line):
            if match.group(1) in _LEVELS:
                level, text = match.group(1), line[match.end() :].strip()
                break
        if level in {"panic", "fatal", "error", "warning"} and text:
            self.lines.append(text)
            self.is_estimated = self.is_estimated or "Estimating duration from bitrate" in text
            if level != "warning":
                self.complaint = text
                self.failed_packets += bool(_FAILED.search(text))
            return False
        if text.startswith(("Output #", "Stream mapping")):
            return True
        self._describe(text)
        return False

    def _describe(self, text: str) -> None:
        if match := _INPUT.search(text):
            self.form = match.group(1).split(",")[0]
        elif match := _PACKETS.search(text):
            self.packets, self.packet_bytes, self.decoded = map(int, match.groups())
        elif match := _TAKEN.search(text):
            self.taken_bytes = max(self.taken_bytes, int(match.group(1)))
        elif match := _STREAM_DURATION.search(text):
            if self._current is not None:
                self._current.duration_s = _seconds(match)
        elif match := _DURATION.search(text):
            self.duration_s = _seconds(match)
        elif match := _STREAM.search(text):
            _, language, kind, what = match.groups()
            self._current = Track(len(self.tracks) + 1, language, what) if kind == "Audio" else None
            if self._current is not None:
                self.tracks.append(self._current)
            elif "attached pic" not in what:
                self.has_pictures = True


class _Listener:
    """Reads what a process says on its standard error, to the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self.report = Report()
        self.described = threading.Event()
        self._stream = stream
        self._thread = threading.Thread(target=self._listen, name="ffmpeg's words", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            is_described = False
            while line := self._stream.readline(_LONGEST_LINE):
                text = one_line(line.decode(errors="replace").rstrip("\r\n"))
                if is_described and " bytes" not in text and "rror" not in text and "orrupt" not in text:
                    continue  # what it says of its output
                if self.report.heed(text):
                    is_described = True
                    self.described.set()
        self.described.set()

    def finish(self) -> Report:
        """Wait for the end of what it says."""
        self._thread.join(_DESCRIBED_WITHIN_S)
        return self.report


class FfmpegDecoder:
    """One sound track of a file, or of the part of it from a byte on, as ffmpeg decodes it.

    Parameters
    ----------
    path : Path
        Absolute.
    program : str
        ffmpeg.
    track : int
        Counted from 1.
    start : int
        Byte at which the part begins.
    shape : tuple of int, optional
        Sample rate and channels to convert to; the track's own otherwise.

    Raises
    ------
    InputError
        When ffmpeg makes nothing of it.
    """

    def __init__(
        self,
        path: Path,
        program: str,
        *,
        track: int = 1,
        start: int = 0,
        shape: tuple[int, int] | None = None,
    ) -> None:
        self._path, self._program, self._track, self.start = path, program, track, start
        self.next_start = extent(path, start).next_start
        self._end = path.stat().st_size if self.next_start is None else self.next_start
        self._input = f"file:{path}"
        if start > 0 or self.next_start is not None:
            self._input = f"subfile,,start,{start},end,{self.next_start or 0},,:{self._input}"
        command = [
            program,
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "level+verbose",
            *self._guards(),
        ]
        command += ["-i", self._input, "-map", f"0:a:{track - 1}", "-vn", "-sn", "-dn"]
        if shape is not None:
            command += ["-ar", str(shape[0]), "-ac", str(shape[1])]
        command += ["-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
        self._process = subprocess.Popen(  # noqa: S603 (no shell; the path is one argument)
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._listener = _Listener(cast(BinaryIO, self._process.stderr))
        try:
            self._stream = WavStream(cast(BinaryIO, self._process.stdout), path.name)
        except InputError as error:
            report = self._listener.finish()
            self.close()
            raise self._refusal(report) from error
        except BaseException:
            self.close()
            raise
        self._listener.described.wait(_DESCRIBED_WITHIN_S)
        self.sample_rate, self.channels = self._stream.sample_rate, self._stream.channels
        self.tracks = tuple(self._listener.report.tracks)
        self.length_s = self._promised_s(self._listener.report)
        self._heard = 0

    @staticmethod
    def _guards() -> list[str]:
        return ["-protocol_whitelist", "file,pipe,subfile", "-format_whitelist", FILE_FORMATS]

    def _refusal(self, report: Report) -> GenreLiveError:
        """Return the error of a file of which ffmpeg makes nothing, with what it said for --debug."""
        count = len(report.tracks)
        if 0 < count < self._track:
            has = "1 audio track" if count == 1 else f"{count} audio tracks"
            error = InputError(f"{self._path} has {has}, and no track {self._track}: choose another.")
        elif report.form and count == 0:
            error = InputError(f"{self._path} cannot be read as audio: the file holds no sound.")
        else:
            said = report.complaint.removeprefix(f"{self._input}: ").rstrip(".")
            reason = f"ffmpeg says: {said}" if said else "ffmpeg makes nothing of it"
            error = InputError(f"{self._path} cannot be read as audio: {reason}.")
        for line in report.lines:
            error.add_note(f"ffmpeg: {line}")
        return error

    def read(self, samples: int) -> Samples:
        """Read up to ``samples`` samples [shape=(n, channels)]."""
        block = self._stream.read(samples)
        self._heard += len(block)
        if len(block) == 0 and self._process.wait() != 0:
            error = damaged(self._path.name, self._heard / self.sample_rate)
            for line in self._listener.finish().lines:
                error.add_note(f"ffmpeg: {line}")
            raise error
        return block

    def _promised_s(self, report: Report) -> float | None:
        """Return the length that the container gives the track; None where it gives none."""
        if self._track <= len(report.tracks) and report.tracks[self._track - 1].duration_s is not None:
            return report.tracks[self._track - 1].duration_s
        if report.is_estimated and report.form not in _CONSTANT_FORMATS:
            return None
        return report.duration_s

    def ending(self, heard_s: float) -> Ending:
        """Tell what the file holds or promises beyond what was decoded; ffmpeg's is the last word."""
        report = self._listener.finish()
        return Ending(True, max(0.0, self._missing_s(report, heard_s)))

    def _missing_s(self, report: Report, heard_s: float) -> float:
        missing_s = 0.0
        promised_s = self._promised_s(report)
        if promised_s is not None and promised_s - heard_s > _ROUNDING_S:
            missing_s = self._checked_promise_s(report, promised_s) - heard_s
        if heard_s <= 0:
            return missing_s
        if report.decoded:
            missing_s = max(missing_s, report.failed_packets * heard_s / report.decoded)
        if report.packet_bytes:
            missing_s = max(missing_s, self._unused_bytes(report) * heard_s / report.packet_bytes)
        return missing_s

    def _checked_promise_s(self, report: Report, promised_s: float) -> float:
        """Ask for the track's own length: the container's may be that of its pictures or of another track."""
        if report.tracks[self._track - 1].duration_s is not None:
            return promised_s
        if self._is_alone(report):
            return promised_s
        own_s = self._probed_s()
        if own_s is not None:
            return own_s
        is_cut = any("prematurely" in line or "partial file" in line for line in report.lines)
        return promised_s if is_cut else 0.0

    @staticmethod
    def _is_alone(report: Report) -> bool:
        return len(report.tracks) == 1 and not report.has_pictures

    def _probed_s(self) -> float | None:
        """Return the track's own length as ffprobe tells it."""
        program = shutil.which("ffprobe", path=str(Path(self._program).parent)) or shutil.which("ffprobe")
        if program is None:
            return None
        command = [program, "-v", "quiet", *self._guards(), "-select_streams", f"a:{self._track - 1}"]
        command += ["-show_entries", "stream=duration", "-of", "csv=p=0", "-i", self._input]
        try:
            told = subprocess.run(  # noqa: S603 (no shell; the path is one argument)
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBED_WITHIN_S, check=False
            ).stdout.decode()
            return float(told.split()[0].strip(","))
        except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
            return None

    def _unused_bytes(self, report: Report) -> int:
        """Return how many bytes of a file that is frames alone ffmpeg took for none."""
        if report.form in _RAW_FORMATS:
            content = self._path.read_bytes() if self._end < 1 << 16 else None
            at_start, at_end = _tag_bytes(self._path, content)
            return max(0, self._end - self.start - at_start - at_end - report.packet_bytes)
        if report.form == "ogg":
            return harmed_bytes(self._path, self.start, self._end)
        unread = self._end - self.start - report.taken_bytes
        if self._is_alone(report) and report.taken_bytes and unread > max(1 << 16, report.taken_bytes // 10):
            return unread
        return 0

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._process.kill()
        cast(BinaryIO, self._process.stdout).close()
        self._process.wait()
        self._listener.finish()
        cast(BinaryIO, self._process.stderr).close()


def _tag_bytes(path: Path, content: bytes | None) -> tuple[int, int]:
    import mmap

    if content is not None:
        return tag_bytes_at_start(content), tag_bytes_at_end(content)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tag_bytes_at_start(data), tag_bytes_at_end(data)
