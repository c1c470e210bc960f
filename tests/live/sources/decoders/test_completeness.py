"""Every container and codec, whole and harmed in every way: what is heard and told makes up the whole."""

from __future__ import annotations

import functools
import re
import struct
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from live.errors import GenreLiveError, InputError
from live.sources.decoders.decoding import open_decoder
from live.sources.formats.containers import unclaimed_bytes
from tests.sounds import ffmpeg

TOLERANCE_S = 0.2
LENGTH_S = 6.0

KINDS: dict[str, list[str]] = {
    "16.wav": ["-c:a", "pcm_s16le"],
    "24.wav": ["-c:a", "pcm_s24le"],
    "float.wav": ["-c:a", "pcm_f32le"],
    "mulaw.wav": ["-c:a", "pcm_mulaw"],
    "adpcm.wav": ["-c:a", "adpcm_ms"],
    "rf64.wav": ["-rf64", "always"],
    "a.w64": [],
    "a.aiff": [],
    "24.aiff": ["-c:a", "pcm_s24be"],
    "a.au": ["-c:a", "pcm_s16be"],
    "a.caf": ["-c:a", "pcm_s16le"],
    "a.voc": [],
    "a.flac": [],
    "vbr.mp3": ["-c:a", "libmp3lame", "-q:a", "4"],
    "cbr.mp3": ["-c:a", "libmp3lame", "-b:a", "96k"],
    "noxing.mp3": ["-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0", "-id3v2_version", "0"],
    "low.mp3": ["-c:a", "libmp3lame", "-ar", "16000", "-ac", "1", "-b:a", "24k"],
    "a.mp2": ["-c:a", "mp2"],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "a.opus": ["-c:a", "libopus", "-b:a", "64k"],
    "flac.ogg": ["-c:a", "flac"],
    "aac.m4a": ["-c:a", "aac"],
    "fast.m4a": ["-c:a", "aac", "-movflags", "+faststart"],
    "alac.m4a": ["-c:a", "alac"],
    "fragmented.mp4": ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"],
    "aac.mkv": ["-c:a", "aac"],
    "vorbis.webm": ["-c:a", "libvorbis"],
    "opus.webm": ["-c:a", "libopus"],
    "pcm.mkv": ["-c:a", "pcm_s16le"],
    "a.aac": ["-c:a", "aac"],
    "a.ac3": ["-c:a", "ac3"],
    "a.eac3": ["-c:a", "eac3"],
    "a.dts": ["-c:a", "dca", "-strict", "-2"],
    "a.wma": ["-c:a", "wmav2"],
    "a.wv": ["-c:a", "wavpack"],
    "a.tta": ["-c:a", "tta"],
    "aac.ts": ["-c:a", "aac"],
    "mp2.mpg": ["-c:a", "mp2"],
    "mp3.avi": ["-c:a", "libmp3lame"],
    "aac.flv": ["-c:a", "aac"],
    "a.nut": ["-c:a", "flac"],
    "a.amr": ["-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"],
    "a.gsm": ["-c:a", "libgsm", "-ar", "8000", "-ac", "1"],
    "a.spx": ["-c:a", "libspeex", "-ar", "16000", "-ac", "1"],
    "a.rm": ["-c:a", "ac3"],
    "video.mp4": ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:d=8", "-c:a", "aac", "-c:v", "mpeg4"],
    "video.mkv": ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:d=8", "-c:a", "ac3", "-c:v", "mpeg4"],
    "video.mxf": [
        "-f", "lavfi", "-i", "testsrc=s=720x576:r=25:d=6", "-c:v", "mpeg2video", "-c:a", "pcm_s16le",
        "-ar", "48000",
    ],
}  # fmt: skip


@functools.cache
def content(kind: str) -> bytes:
    """Return a healthy file of a kind: pink noise, louder and softer, so that codecs vary their rates."""
    noise = f"anoisesrc=d={LENGTH_S}:r=44100:a=0.4:c=pink:seed=3,volume='0.2+0.8*abs(sin(t))':eval=frame"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind
        ffmpeg("-f", "lavfi", "-i", noise + ",aformat=channel_layouts=stereo", *KINDS[kind], path)
        return path.read_bytes()


def decoded_s(path: Path) -> float:
    """Return the seconds that ffmpeg decodes."""
    try:
        return (
            len(
                ffmpeg(
                    "-v", "quiet", "-i", path, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", "1000", "-"
                )
            )
            / 2_000
        )
    except (AssertionError, pytest.fail.Exception):
        return 0.0


def number(tag: bytes, form: str, offset: int = 0) -> Callable[[bytes, float], bytes]:
    """Return what multiplies the number so many bytes after a tag."""

    def lie(data: bytes, factor: float) -> bytes:
        at = data.index(tag) + len(tag) + offset
        value = struct.unpack_from(form, data, at)[0] * factor
        if not form.endswith("d"):
            value = min(round(value), 2 ** (8 * struct.calcsize(form)) - 1)
        return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]

    return lie


def numbers(*lies: Callable[[bytes, float], bytes]) -> Callable[[bytes, float], bytes]:
    """Return what multiplies several numbers."""
    return lambda data, factor: functools.reduce(lambda told, lie: lie(told, factor), lies, data)


def xing(data: bytes, factor: float) -> bytes:
    """Multiply the number of frames that an MP3's first frame tells."""
    return number(b"Xing" if b"Xing" in data[:2_000] else b"Info", ">I", 4)(data, factor)


def stream_info(data: bytes, factor: float) -> bytes:
    """Multiply the number of samples that FLAC's header tells: the last 36 bits of eight bytes."""
    at = data.index(b"fLaC") + 18
    value = int.from_bytes(data[at : at + 8], "big")
    count = value & 2**36 - 1
    return (
        data[:at]
        + (value - count + min(round(count * factor), 2**36 - 1)).to_bytes(8, "big")
        + data[at + 8 :]
    )


def last_page(data: bytes, factor: float) -> bytes:
    """Multiply the time that passes on the last page of an Ogg file, and give it its checksum anew."""
    pages = [found.start() for found in re.finditer(b"OggS\0", data)]
    before, last = (struct.unpack_from("<q", data, at + 6)[0] for at in pages[-2:])
    page = bytearray(data[pages[-1] :])
    struct.pack_into("<q", page, 6, before + round((last - before) * factor))
    struct.pack_into("<I", page, 22, 0)
    checksum = 0
    for byte in page:  # RFC 3533, section 6
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    struct.pack_into("<I", page, 22, checksum)
    return data[: pages[-1]] + bytes(page)


MOVIE = numbers(number(b"mvhd", ">I", 16), number(b"mdhd", ">I", 16))
LENGTHS: dict[str, Callable[[bytes, float], bytes]] = {
    "16.wav": number(b"data", "<I"),
    "24.wav": number(b"data", "<I"),
    "float.wav": number(b"data", "<I"),
    "adpcm.wav": numbers(number(b"data", "<I"), number(b"fact", "<I", 4)),
    "rf64.wav": number(b"ds64", "<Q", 12),
    "a.w64": number(b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", "<Q"),
    "a.aiff": numbers(number(b"COMM", ">I", 6), number(b"SSND", ">I")),
    "24.aiff": number(b"COMM", ">I", 6),
    "a.au": number(b".snd", ">I", 4),
    "a.caf": number(b"data", ">Q"),
    "a.flac": stream_info,
    "vbr.mp3": xing,
    "cbr.mp3": xing,
    "aac.m4a": MOVIE,
    "fast.m4a": MOVIE,
    "alac.m4a": MOVIE,
    "aac.mkv": number(b"\x44\x89\x88", ">d"),
    "pcm.mkv": number(b"\x44\x89\x88", ">d"),
    "opus.webm": number(b"\x44\x89\x88", ">d"),
    "a.wv": number(b"wvpk", "<I", 8),
    "mp3.avi": number(b"auds", "<I", 28),
    "aac.flv": number(b"duration\x00", ">d"),
    "vorbis.ogg": last_page,
    "a.opus": last_page,
    "flac.ogg": last_page,
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    heard_s: float
    told_s: float
    refusal: str = ""

    @property
    def sum_s(self) -> float:
        return self.heard_s + self.told_s


def hear(path: Path) -> Heard:
    """Read a file as the program does, in seconds heard and told to be lost."""
    try:
        decoder = open_decoder(str(path))
    except InputError as error:
        return Heard(0.0, 0.0, str(error))
    heard = told = 0
    try:
        while True:
            block = decoder.read(20_000)
            told += decoder.undecodable
            heard += len(block)
            if len(block) == 0:
                break
    except GenreLiveError as error:
        return Heard(heard / decoder.sample_rate, 0.0, str(error))
    finally:
        decoder.close()
    return Heard(heard / decoder.sample_rate, told / decoder.sample_rate)


@pytest.mark.parametrize("kind", KINDS)
def test_a_healthy_file_is_heard_to_its_end_and_never_called_damaged(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    path.write_bytes(content(kind))
    heard = hear(path)
    assert heard.refusal == ""
    assert heard.told_s == 0
    # ffmpeg 7 makes twelve seconds of six with Speex.
    assert heard.heard_s == pytest.approx(max(LENGTH_S, decoded_s(path)), abs=TOLERANCE_S)


def cut(data: bytes, where: float, _size: int) -> bytes:
    return data[: max(1, int(len(data) * where))]


def remove(data: bytes, where: float, size: int) -> bytes:
    at = int(len(data) * where)
    return data[:at] + data[at + size :]


def zero(data: bytes, where: float, size: int) -> bytes:
    at = int(len(data) * where)
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


def insert(data: bytes, where: float, size: int) -> bytes:
    at = int(len(data) * where)
    return data[:at] + bytes((7 * index * index + index // 3) % 256 for index in range(size)) + data[at:]


def join(data: bytes, _where: float, size: int) -> bytes:
    return data * (2 + size % 2)


def without_header(data: bytes, _where: float, size: int) -> bytes:
    return data[min(size, len(data) // 2) :]


HARMS: dict[str, Callable[[bytes, float, int], bytes]] = {
    "cut": cut,
    "removed": remove,
    "zeroed": zero,
    "inserted": insert,
    "joined": join,
    "header absent": without_header,
}


@pytest.mark.parametrize("harm", HARMS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    kind=st.sampled_from(list(KINDS)),
    where=st.floats(0.05, 0.98),
    size=st.sampled_from([1, 33, 300, 5_000, 40_000]),
)
def test_what_is_heard_and_what_is_told_are_all_that_ffmpeg_decodes(
    harm: str, kind: str, where: float, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind
        try:
            whole = content(kind)
        except pytest.skip.Exception:  # this ffmpeg cannot make it
            reject()
        path.write_bytes(HARMS[harm](whole, where, size))
        heard = hear(path)
        if heard.refusal:
            assert decoded_s(path) < 0.5 + TOLERANCE_S, heard
        else:
            assert heard.sum_s >= decoded_s(path) - TOLERANCE_S, heard


@pytest.fixture(scope="module")
def quiet_before_loud(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an MP3 of 16 s, nearly all bytes of which are sound of its last quarter."""
    path = tmp_path_factory.mktemp("quiet") / "vbr.mp3"
    sound = "anullsrc=r=44100:cl=mono:d=12[a];anoisesrc=d=4:r=44100:a=0.3[b];[a][b]concat=n=2:v=0:a=1"
    ffmpeg("-f", "lavfi", "-i", sound, "-q:a", "2", str(path))
    return path.read_bytes()


TAG = b"ID3\x04\x00\x00" + bytes([0, 0, 4_000 >> 7, 4_000 & 127]) + bytes(4_000)


@pytest.mark.parametrize(
    "foreign", [TAG, b"TAG" + b" " * 125, b"\xaa" * 3_000], ids=["ID3v2", "ID3v1", "noise"]
)
@pytest.mark.parametrize("where", [0.3, 0.6])
def test_bytes_that_are_no_sound_make_a_varying_rate_no_longer(
    quiet_before_loud: bytes, foreign: bytes, where: float, tmp_path: Path
) -> None:
    at = int(len(quiet_before_loud) * where)
    (tmp_path / "vbr.mp3").write_bytes(quiet_before_loud[:at] + foreign + quiet_before_loud[at:])
    heard = hear(tmp_path / "vbr.mp3")
    assert heard.heard_s == pytest.approx(16.0, abs=TOLERANCE_S)
    assert heard.told_s < 0.5


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("factor", [0.0, 0.3, 10.0])
def test_a_header_that_tells_less_or_more_than_there_is_hides_nothing(
    kind: str, factor: float, tmp_path: Path
) -> None:
    (tmp_path / kind).write_bytes(LENGTHS[kind](content(kind), factor))
    heard = hear(tmp_path / kind)
    if heard.refusal:  # so it may be where ffmpeg hears nothing, either
        assert decoded_s(tmp_path / kind) < TOLERANCE_S, heard
    else:
        assert heard.sum_s >= LENGTH_S - TOLERANCE_S, heard


def test_much_sound_that_a_header_does_not_tell_needs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.aiff"
    header = struct.pack(">4sI4s4sIHIH10s", b"FORM", 0, b"AIFF", b"COMM", 18, 1, 0, 16, b"\x40\x0e\xac\x44")
    told = 8 + 2 * 44_100
    path.write_bytes(header + struct.pack(">4sI", b"SSND", told) + bytes(told))
    untold = 20_000_000
    with path.open("r+b") as file:
        file.seek(0, 2)
        file.write(b"\xff" * 4)
        file.truncate(file.tell() + untold - 4)
    tracemalloc.start()
    try:
        assert unclaimed_bytes(path) == untold
        assert tracemalloc.get_traced_memory()[1] < untold / 4
    finally:
        tracemalloc.stop()
