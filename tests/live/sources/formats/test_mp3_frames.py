"""The frames of an MP3 file are counted as another library reads them, between tags of every kind."""

from __future__ import annotations

import io
import itertools
import struct
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.sources.formats import mp3_frames
from live.sources.formats.file_bytes import FileBytes
from live.sources.formats.mp3_frames import Mp3Frames, harmed_mp3_bytes, tag_bytes

FRAME = b"\xff\xfb\x90\x00" + b"\x55" * 413  # 128 kbit/s at 44.1 kHz
SAMPLES = 1_152  # of one such frame
MOST_PADDING = 16_384


def counted(content: bytes) -> Mp3Frames:
    """Return the frames of a file, after walking over all of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.mp3"
        path.write_bytes(content)
        with closing(Mp3Frames(path)) as frames:
            frames.walk(10**9)
    return frames


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("version", [3, 2, 0], ids=["MPEG 1", "MPEG 2", "MPEG 2.5"])
def test_frames_are_as_long_as_mutagen_reads_them(version: int, layer: int) -> None:
    samples = {1: 384, 2: 1_152, 3: 1_152 if version == 3 else 576}[layer]
    mp3 = pytest.importorskip("mutagen.mp3", reason="mutagen comes with the [scan] extra")
    for bit_rate, rate, padding in itertools.product(range(1, 15), range(3), range(2)):
        header = 0xFFE1_0000 | version << 19 | 4 - layer << 17 | bit_rate << 12 | rate << 10 | padding << 9
        start = header.to_bytes(4, "big")
        file = io.BytesIO(start + bytes(4_000))
        theirs = mp3.MPEGFrame(file)  # and passes the frame
        size = file.tell()
        if layer == 1:  # ISO/IEC 11172-3, 2.4.3.1: mutagen's is about four times too long
            size = (12 * theirs.bitrate // theirs.sample_rate + padding) * 4
        frames = counted(start.ljust(size, b"\x55") * 3)
        assert (frames.sample_rate, frames.samples) == (theirs.sample_rate, 3 * samples)
        assert frames.is_whole


def id3v2(size: int, footer: bool) -> bytes:
    """Return a tag of so many bytes, besides its header and footer."""
    sizes = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\x04\x00" + (b"\x10" if footer else b"\x00") + sizes + b"\x55" * size
    return tag + (b"3DI" + tag[3:10] if footer else b"")


def ape(size: int, header: bool) -> bytes:
    """Return a tag of so many bytes, besides its header and footer."""
    flags = 0x8000_0000 if header else 0
    end = b"APETAGEX" + struct.pack("<IIII", 2_000, size + 32, 1, flags) + bytes(8)
    return (end if header else b"") + b"\x55" * size + end


def lyrics(size: int) -> bytes:
    """Return a tag of so many bytes, besides its beginning and end."""
    return b"LYRICSBEGIN" + b"\x55" * size + b"%06d" % (size + 11) + b"LYRICS200"


sizes = st.integers(0, 20_000)
tags_before = st.builds(id3v2, sizes, st.booleans())
tags_behind = st.one_of(
    st.just(b"TAG" + b"\x55" * 125), st.builds(ape, sizes, st.booleans()), st.builds(lyrics, sizes)
)


@given(
    before=st.lists(tags_before, max_size=2).map(b"".join),
    count=st.integers(1, 20),
    zeros=st.integers(0, MOST_PADDING + 1),
    behind=st.lists(tags_behind, max_size=3).map(b"".join),
)
@example(before=id3v2(2**21, True), count=1, zeros=0, behind=b"")  # a picture that is not small
@example(before=b"", count=1, zeros=MOST_PADDING, behind=b"")
@example(before=b"", count=1, zeros=MOST_PADDING + 1, behind=b"")
def test_tags_and_a_few_zeros_are_no_sound_and_no_damage(
    before: bytes, count: int, zeros: int, behind: bytes
) -> None:
    content = before + FRAME * count + bytes(zeros) + behind
    frames = counted(content)
    padding = zeros if zeros <= MOST_PADDING else 0
    assert frames.is_whole is (padding == zeros)
    assert frames.is_broken is not frames.is_whole
    assert frames.unwalked == pytest.approx(
        zeros / (len(before) + len(FRAME) * count) if frames.is_broken else 0
    )
    assert frames.samples == count * SAMPLES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.mp3"
        path.write_bytes(content)
        assert tag_bytes(path) == (len(before), padding + len(behind))
        harmed = 0 if frames.is_whole else len(FRAME) + zeros  # the frame before may be cut short
        assert harmed_mp3_bytes(path, 0, len(content)) == harmed


@pytest.mark.parametrize("name", [b"Xing", b"Info"])
@pytest.mark.parametrize(("delay", "padding"), [(576, 1_000), (1_105, 529), (0, 0), (4_095, 4_095)])
def test_what_the_encoder_added_is_no_sound(name: bytes, delay: int, padding: int) -> None:
    told = name + struct.pack(">II", 0b1111, 77) + bytes(108) + b"LAME3.100" + bytes(12)
    told += (delay << 12 | padding).to_bytes(3, "big")
    frames = counted((FRAME[:36] + told).ljust(len(FRAME), b"\0") + FRAME * 10)
    assert frames.is_whole
    assert frames.promised == 77 * SAMPLES
    assert frames.samples == 10 * SAMPLES - (delay + 529) - max(0, padding - 529)  # a decoder's own delay


def test_a_last_frame_that_was_cut_does_not_count() -> None:
    frames = counted(FRAME * 3 + FRAME[:-1])
    assert (frames.is_whole, frames.samples) == (True, 3 * SAMPLES)


def test_the_first_frame_of_another_encoder_describes_the_stream_too() -> None:
    assert counted((FRAME[:36] + b"VBRI").ljust(len(FRAME), b"\0") + FRAME * 10).samples == 10 * SAMPLES


def no_frame_and_no_tag(content: bytes) -> bytes:
    for mark in (b"\xff", b"ID3", b"TAG"):
        content = content.replace(mark, b"-" * len(mark))
    return content


@given(
    count=st.integers(1, 9),
    foreign=st.binary(min_size=1, max_size=50).map(no_frame_and_no_tag),
    more=st.integers(1, 9),
)
def test_foreign_bytes_end_the_count_and_are_harm(count: int, foreign: bytes, more: int) -> None:
    content = FRAME * count + foreign + FRAME * more
    frames = counted(content)
    assert (frames.is_whole, frames.is_broken) == (False, True)
    assert (frames.samples, frames.promised) == (count * SAMPLES, 0)
    assert frames.unwalked == pytest.approx((len(foreign) / len(FRAME) + more) / count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.mp3"
        path.write_bytes(content)
        harmed = len(FRAME) + len(foreign)  # the frame before may be cut short
        assert harmed_mp3_bytes(path, 0, len(content)) == harmed
        path.write_bytes(FRAME * count + id3v2(len(foreign), False) + FRAME * more)
        assert harmed_mp3_bytes(path, 0, path.stat().st_size) == 0, "a tag begins the next of joined files"


def test_tags_without_end_are_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.mp3"
    path.write_bytes((b"TAG" + bytes(125)) * 8_000)
    lengths: list[int] = []
    read = FileBytes._read

    def counted(data: FileBytes, start: int, stop: int) -> bytes:
        lengths.append(stop - start)
        return read(data, start, stop)

    monkeypatch.setattr(FileBytes, "_read", counted)
    tag_bytes(path)
    assert sum(lengths) < 100 * path.stat().st_size


def test_erased_memory_is_passed_without_a_look_at_each_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.mp3"
    path.write_bytes(FRAME * 10 + b"\xff" * 1_000_000 + FRAME * 10)
    looks: list[int] = []
    frame = mp3_frames._frame

    def counted(header: int) -> tuple[int, int, int] | None:
        looks.append(header)
        return frame(header)

    monkeypatch.setattr(mp3_frames, "_frame", counted)
    # What no frame follows is no frame.
    assert harmed_mp3_bytes(path, 0, path.stat().st_size) == len(FRAME) + 1_000_000
    assert len(looks) < 1_000
