"""Decoding with ffmpeg, in a child process.

The program is used instead of its libraries, so that a damaged file that makes the decoder crash, hang or
use too much memory harms only the child process, and because streams need it as well. Its messages are
read: they say how many bytes and packets it used, and which it could not decode.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import BinaryIO, cast

from live.errors import GenreLiveError, InputError
from live.samples import Samples
from live.sources.decoders.decoder import Completeness, damaged
from live.sources.decoders.ffmpeg_report import DESCRIBED_WITHIN_S, Listener, Report
from live.sources.decoders.programs import find_program, program_in, start_program
from live.sources.decoders.wav_stream import WavStream
from live.sources.formats.containers import extent, next_of_its_kind
from live.sources.formats.mp3_frames import harmed_mp3_bytes, tag_bytes
from live.sources.formats.ogg_pages import harmed_ogg_bytes

# Formats that contain sound or pictures themselves. Playlists and scripts (hls, dash, concat, imf, sdp,
# avisynth ...) and devices are excluded: an untrusted file must not make ffmpeg open others.
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
        "loas", "mlp", "mpc8", "sbc", "shn", "tak", "truehd",
    }
)  # fmt: skip
"""Formats that are frames alone, so that what ffmpeg did not take for frames is damage."""

_CONSTANT_FORMATS = frozenset({"ac3", "dts"})
"""Formats of one bit rate, so that a length estimated from that and the bytes holds."""

_PROBED_WITHIN_S = 20.0
_OVERHEAD = 0.1  # largest overhead of a container per byte of sound
_HEADER_BYTES = 16_384
_ROUNDING_S = 0.2  # rounding of durations in containers


def find_ffmpeg() -> str | None:
    """Return the path of the program; None if it is not installed."""
    return find_program("ffmpeg")


class FfmpegDecoder:
    """Decodes one audio track of a file, or of the part of a file from a given byte on.

    Parameters
    ----------
    path : Path
        An absolute path.
    program : str
        Path of ffmpeg.
    track : int
        Number of the track, from 1.
    start : int
        Byte at which the part begins.
    shape : tuple of int, optional
        Sample rate and number of channels to convert to. Default: those of the track.

    Raises
    ------
    InputError
        When ffmpeg cannot decode it.
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
        told = extent(path, start)
        self.next_start, self._claimed_end = told.next_start, told.end
        self._end = path.stat().st_size if self.next_start is None else self.next_start
        self._input = f"file:{path}"
        if start > 0 or self.next_start is not None:
            self._input = f"subfile,,start,{start},end,{self.next_start or 0},,:{self._input}"
        self._shape = shape
        self._begins_at_s = 0.0
        self._start()
        self.tracks = tuple(self._listener.report.tracks)
        self.length_s = self._promised_s(self._listener.report)

    def _start(self) -> None:
        """Start ffmpeg at the time at which it is to begin."""
        command = [self._program, "-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+verbose"]
        command += self._guards()
        if self._begins_at_s > 0:
            command += ["-ss", f"{self._begins_at_s:.6f}"]
        command += ["-i", self._input, "-map", f"0:a:{self._track - 1}", "-vn", "-sn", "-dn"]
        if self._shape is not None:
            command += ["-ar", str(self._shape[0]), "-ac", str(self._shape[1])]
        command += ["-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
        self._process = start_program(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._listener = Listener(cast(BinaryIO, self._process.stderr))
        try:
            self._stream = WavStream(cast(BinaryIO, self._process.stdout), self._path.name)
        except InputError as error:
            report = self._listener.finish()
            self.close()
            raise self._refusal(report) from error
        except BaseException:
            self.close()
            raise
        self._listener.described.wait(DESCRIBED_WITHIN_S)
        self.sample_rate, self.channels = self._stream.sample_rate, self._stream.channels
        self._heard = 0

    @staticmethod
    def _guards() -> list[str]:
        return ["-protocol_whitelist", "file,pipe,subfile", "-format_whitelist", FILE_FORMATS]

    def _refusal(self, report: Report) -> GenreLiveError:
        """Return the error of a file that ffmpeg cannot decode, with ffmpeg's message for --debug."""
        count = len(report.tracks)
        if 0 < count < self._track:
            has = "1 audio track" if count == 1 else f"{count} audio tracks"
            error = InputError(f"{self._path} has {has}, and no track {self._track}: choose another.")
        elif report.form and count == 0:
            error = InputError(f"{self._path} cannot be read as audio: it has no sound.")
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

    def measured_s(self) -> float | None:
        """Return the length in seconds that the container gives the track; None if others follow it."""
        return self.length_s if self.next_start is None else None

    def seek(self, sample: int) -> bool:
        """Go to a sample by starting ffmpeg there; False if it finds nothing."""
        self._begins_at_s = sample / self.sample_rate
        self.close()
        try:
            self._start()
        except (GenreLiveError, OSError):
            return False
        return True

    def _promised_s(self, report: Report) -> float | None:
        """Return the length of the track according to the container; None if it does not say."""
        if self._track <= len(report.tracks) and report.tracks[self._track - 1].duration_s is not None:
            return report.tracks[self._track - 1].duration_s
        if report.is_estimated and report.form not in _CONSTANT_FORMATS:
            return None
        return report.duration_s

    def completeness(self, heard_s: float) -> Completeness:
        """Return what the file contains or promises beyond what was decoded; no decoder follows ffmpeg."""
        report = self._listener.finish()
        if self._begins_at_s > 0:  # bytes, packets and lengths count from the start of the file
            return Completeness(True)
        missing_s = max(0.0, self._missing_s(report, heard_s))
        if missing_s > 0 and self.next_start is None and self._is_alone(report):
            self.next_start = next_of_its_kind(self._path, self.start)
            if self.next_start is not None:  # the unused bytes are other containers, concatenated to this one
                missing_s = 0.0
        return Completeness(True, missing_s)

    def _missing_s(self, report: Report, heard_s: float) -> float:
        missing_s = 0.0
        promised_s = self._promised_s(report)
        if promised_s is not None and promised_s - heard_s > _ROUNDING_S:
            missing_s = self._checked_promise_s(report, promised_s) - heard_s
        if heard_s <= 0:
            return missing_s
        if report.decoded:
            failed = max(0, report.failed_packets - 1)  # the last packet of a healthy file may be incomplete
            missing_s = max(missing_s, failed * heard_s / report.decoded)
        is_fulfilled = promised_s is not None and abs(promised_s - heard_s) <= _ROUNDING_S
        if report.packet_bytes and not (report.form == "mp3" and is_fulfilled):
            unused = self._unused_bytes(report)
            used = max(1, min(report.packet_bytes, self._end - self.start - unused))
            missing_s = max(missing_s, unused * heard_s / used)
        absent = (self._claimed_end or 0) - self._end
        if absent > 0 and promised_s is None:
            missing_s = max(missing_s, absent * heard_s / (self._end - self.start))
        return missing_s

    def _checked_promise_s(self, report: Report, promised_s: float) -> float:
        """Return the track's own length: the container's may be that of the video or of another track."""
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
        """Return the track's own length according to ffprobe."""
        program = program_in(Path(self._program).parent, "ffprobe") or find_program("ffprobe")
        if program is None:
            return None
        command = [program, "-v", "quiet", *self._guards(), "-select_streams", f"a:{self._track - 1}"]
        command += ["-show_entries", "stream=duration", "-of", "csv=p=0", "-i", self._input]
        try:
            process = start_program(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            return None
        with process:
            try:
                told, _ = process.communicate(timeout=_PROBED_WITHIN_S)
                return float(told.decode().split()[0].strip(","))
            except (subprocess.TimeoutExpired, ValueError, IndexError):
                return None
            finally:
                process.kill()

    def _unused_bytes(self, report: Report) -> int:
        """Return the number of bytes that seem to be sound, but that ffmpeg skipped or did not reach."""
        size = self._end - self.start
        if report.form == "mp3":
            return harmed_mp3_bytes(self._path, self.start, self._end)
        if report.form == "ogg":
            return harmed_ogg_bytes(self._path, self.start, self._end)
        if report.form in _RAW_FORMATS:
            at_start, at_end = tag_bytes(self._path)
            return max(0, size - at_start - at_end - report.packet_bytes)
        if not self._is_alone(report) or report.has_cover:
            return 0
        unread = size - report.taken_bytes if report.taken_bytes else 0
        if report.complaint:  # without an error, the other bytes are not sound
            return max(unread, size - round(report.packet_bytes * (1 + _OVERHEAD)) - _HEADER_BYTES, 0)
        return unread if unread > max(_HEADER_BYTES, size // 20) else 0

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._process.kill()
        cast(BinaryIO, self._process.stdout).close()
        self._process.wait()
        self._listener.finish()
        cast(BinaryIO, self._process.stderr).close()
