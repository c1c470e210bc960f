"""A WAV stream is read forwards, in any encoding, whatever its header claims of its length."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from live.errors import InputError
from live.samples import Samples
from live.sources.decoders.wav_stream import WavStream
from tests.sounds import ffmpeg, tune, write_tune

LEAST_STEP = {
    "PCM_U8": 2**-7,
    "PCM_16": 2**-15,
    "PCM_24": 2**-23,
    "PCM_32": 2**-23,
    "FLOAT": 0.0,
    "DOUBLE": 0.0,
}


class Dribble(io.BytesIO):
    """A pipe that gives a few bytes at a time, as pipes may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size) if size and size > 0 else 7)


def content_of(samples: Samples, subtype: str = "PCM_16", form: str = "WAV", rate: int = 22_050) -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return bytearray(file.getvalue())


def read_all(stream: WavStream, frames: int = 1_000) -> Samples:
    blocks = []
    while len(block := stream.read(frames)):
        assert block.dtype == np.float32
        assert len(block) <= frames
        blocks.append(block)
    told = stream.undecodable
    assert len(stream.read(frames)) == 0
    stream.undecodable = told
    return np.concatenate(blocks) if blocks else np.empty((0, stream.channels), dtype=np.float32)


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("subtype", LEAST_STEP)
def test_every_encoding_gives_the_samples_that_were_written(subtype: str, channels: int, form: str) -> None:
    samples = tune(0.2, channels=channels)
    stream = WavStream(io.BytesIO(content_of(samples, subtype, form)), "pipe")
    assert (stream.channels, stream.sample_rate) == (channels, 22_050)
    np.testing.assert_allclose(read_all(stream), samples, rtol=0, atol=LEAST_STEP[subtype])


@pytest.mark.parametrize("subtype", LEAST_STEP)
def test_full_scale_is_one_as_libsndfile_has_it(subtype: str) -> None:
    samples = np.array([[-1.0], [-0.5], [0.0], [0.5], [1.0]], dtype=np.float32)
    content = bytes(content_of(samples, subtype))
    libsndfiles, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read_all(WavStream(io.BytesIO(content), "pipe")), libsndfiles)


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=30), channels=st.integers(1, 3))
def test_blocks_of_any_size_give_the_same_samples(sizes: list[int], channels: int) -> None:
    content = bytes(content_of(tune(0.1, channels=channels), "PCM_24"))
    whole = read_all(WavStream(io.BytesIO(content), "pipe"))
    stream = WavStream(Dribble(content), "pipe")
    blocks = [stream.read(size) for size in sizes] + [read_all(stream)]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFB0])
def test_a_header_that_knows_no_length_does_not_end_the_stream(size: int) -> None:
    samples = tune(0.5)
    content = content_of(samples)
    struct.pack_into("<I", content, 40, size)
    assert len(read_all(WavStream(io.BytesIO(content), "pipe"))) == len(samples)


def test_what_follows_the_sound_is_not_heard_as_sound() -> None:
    samples = tune(0.5)
    content = content_of(samples) + b"LIST\x04\x00\x00\x00" + bytes(4)
    assert len(read_all(WavStream(io.BytesIO(content), "pipe"))) == len(samples)


def test_what_stands_before_the_sound_is_passed_over() -> None:
    content = content_of(tune(0.5))
    picture = b"LIST" + struct.pack("<I", 99_999) + bytes(100_000)  # of odd size, and so padded
    for at in (12, 36):
        with_picture = io.BytesIO(bytes(content[:at] + picture + content[at:]))
        np.testing.assert_array_equal(
            read_all(WavStream(with_picture, "pipe")), read_all(WavStream(io.BytesIO(content), "pipe"))
        )


@pytest.mark.parametrize("missing", [1, 2, 3, 1_000])
def test_a_stream_that_breaks_off_ends_with_its_last_whole_frame(missing: int) -> None:
    samples = tune(0.5, channels=2)
    content = content_of(samples)[:-missing]
    assert len(read_all(WavStream(io.BytesIO(content), "pipe"))) == len(samples) - -(-missing // 4)


def test_infinite_and_huge_samples_pass_without_a_word() -> None:
    samples = np.array([[np.nan], [np.inf], [1e300]])
    heard = read_all(WavStream(io.BytesIO(content_of(samples, "DOUBLE")), "pipe"))
    assert np.isnan(heard[0, 0])
    assert np.isinf(heard[1:, 0]).all()


@pytest.mark.parametrize(
    ("at", "value", "complaint"),
    [
        (0, b"OggS", "not a WAV"),
        (8, b"AVI ", "not a WAV"),
        (20, struct.pack("<H", 6), "cannot be streamed"),
        (34, struct.pack("<H", 12), "cannot be streamed"),
        (16, struct.pack("<I", 2**31), "claims"),
        (36, b"xxxx\xff\xff\xff\xff", "claims"),
        (12, b"junk", "format"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(at: int, value: bytes, complaint: str) -> None:
    content = content_of(tune(0.5))
    content[at : at + len(value)] = value
    with pytest.raises(InputError, match=complaint):
        WavStream(io.BytesIO(content), "pipe")


@settings(max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_garbled_header_is_refused_or_read_and_raises_nothing_else(changes: list[tuple[int, int]]) -> None:
    content = content_of(tune(0.05))
    for at, value in changes:
        content[at] = value
    with contextlib.suppress(InputError):
        stream = WavStream(io.BytesIO(content), "pipe")
        if 1 <= stream.channels <= 64:
            for _ in range(5):
                assert len(stream.read(100)) <= 100


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_what_ffmpeg_writes_to_a_pipe_is_read(codec: str, tmp_path: Path) -> None:
    source = write_tune(tmp_path / "tune.wav", 1, rate=44_100, channels=2)
    content = ffmpeg("-i", source, "-c:a", codec, "-f", "wav", "-")
    samples = read_all(WavStream(io.BytesIO(content), "pipe"))
    np.testing.assert_allclose(samples, tune(1, sample_rate=44_100, channels=2), atol=0.02)


def test_a_stream_beyond_four_gigabytes_is_read_on() -> None:
    """A radio station's, whose header claims the largest length there is; its bytes come out of nowhere."""

    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.header = content_of(np.zeros((0, 1), dtype=np.float32))
            struct.pack_into("<I", self.header, 40, 0xFFFF_FFFF)

        def read(self, size: int = -1) -> bytes:
            part, self.header = bytes(self.header[:size]), self.header[size:]
            return part or bytes(size)

    stream = WavStream(Endless(), "pipe")  # type: ignore[arg-type]
    stream._left = None if stream._left is None else stream._left - 2**32  # as if so much had passed
    assert len(stream.read(100_000)) == 100_000


def test_a_length_that_can_be_believed_is_told_and_no_other() -> None:
    content = content_of(tune(2.0, channels=2))
    cut = WavStream(io.BytesIO(content[:40_000]), "pipe")
    assert cut.length_s == 2.0
    heard = len(read_all(cut))
    assert heard < 22_050
    assert heard + cut.undecodable == 2 * 22_050
    at = content.index(b"data") + 4
    for size in (0, 0x7FFF_FFFF, 0xFFFF_FFFF):
        content[at : at + 4] = struct.pack("<I", size)
        stream = WavStream(io.BytesIO(content), "pipe")
        assert stream.length_s is None
        assert len(read_all(stream)) == 2 * 22_050
        assert stream.undecodable == 0


def test_sound_that_looks_like_a_chunk_is_not_copied_at_each_read() -> None:
    content = content_of(np.zeros((0, 1), dtype=np.float32))
    size = 15_000_000  # what a chunk of this name might hold; it took six minutes
    content += b"abcd" + struct.pack("<I", size) + bytes(size + 1_000)
    assert len(read_all(WavStream(io.BytesIO(content), "pipe"), 64)) == (size + 1_008) // 2
