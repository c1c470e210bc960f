"""Files that were joined, never finished, still written, or hold several tracks."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from live.errors import InputError
from live.samples import Samples
from live.sources.decoders.decoder import Completeness
from live.sources.decoders.decoding import open_decoder
from live.sources.decoders.sound_file import UNKNOWN_S
from live.sources.decoders.whole_file import WholeFile
from tests.sounds import ffmpeg, tune, write_tune


def hear(path: Path, **how: str | int) -> tuple[float, float, str | None]:
    """Return the seconds heard and told to be lost, and the note."""
    decoder = open_decoder(str(path), **how)  # type: ignore[arg-type]
    heard = lost = 0
    while True:
        block = decoder.read(10_000)
        lost += decoder.undecodable
        heard += len(block)
        if len(block) == 0:
            break
    decoder.close()
    return heard / decoder.sample_rate, lost / decoder.sample_rate, decoder.note


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 1_000])
def test_a_wav_whose_recorder_crashed_is_heard_to_its_end(size: int, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "crashed.wav", 6)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, size)
    path.write_bytes(content)
    assert hear(path) == (6.0, 0.0, None)


def test_chunks_after_the_sound_are_not_heard(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tagged.wav", 2)
    for kind in (b"LIST", b"xyz1", b"id3 ", b"xyz2"):
        chunk = kind + struct.pack("<I", 40_001) + bytes(range(1, 251)) * 160 + b"xx"
        path.write_bytes(path.read_bytes() + chunk)
    assert hear(path) == (2.0, 0.0, None)


def test_joined_wavs_are_all_heard_and_one_of_another_kind_is_told(tmp_path: Path) -> None:
    first, second = write_tune(tmp_path / "a.wav", 2), write_tune(tmp_path / "b.wav", 3)
    other = write_tune(tmp_path / "c.wav", 4, rate=44_100)
    joined = tmp_path / "joined.wav"
    joined.write_bytes(b"".join(path.read_bytes() for path in (first, other, second)))
    assert hear(joined) == (5.0, 4.0, None)


@pytest.mark.parametrize("is_left", [True, False])
@pytest.mark.parametrize("extensible", [True, False])
def test_samples_wider_than_their_bits_are_heard_right(
    extensible: bool, is_left: bool, tmp_path: Path
) -> None:
    expected: Samples = tune(2)
    whole = np.round(expected.astype(np.float64) * 2**23).astype("<i4")
    content = (whole << 8 if is_left else whole).astype("<i4").tobytes()
    code = 0xFFFE if extensible else 1
    form = struct.pack("<HHIIHH", code, 1, 22_050, 4 * 22_050, 4, 24)
    if extensible:
        form += struct.pack("<HHI", 22, 24, 4) + bytes.fromhex("0100000000001000800000aa00389b71")
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content))
    path = tmp_path / "padded.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(content)) + head + content)
    decoder = open_decoder(str(path))
    np.testing.assert_allclose(decoder.read(100_000), expected, atol=2**-22)
    assert len(decoder.read(1)) == 0


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "endless.mp3", "a.flac", "a.ogg"])
def test_a_file_that_grows_while_it_is_heard_is_heard_to_where_it_ends_by_then(
    name: str, tmp_path: Path
) -> None:
    whole = tmp_path / name
    how = ["-write_xing", "0"] if name == "endless.mp3" else []  # so that it never tells its length
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=8:r=44100:a=0.3", *how, whole)
    content = whole.read_bytes()
    path = tmp_path / f"growing.{whole.suffix}"
    path.write_bytes(content[: len(content) // 2])
    decoder = open_decoder(str(path))
    heard = len(decoder.read(22_050))
    with path.open("ab") as file:
        file.write(content[len(content) // 2 :])
    while len(block := decoder.read(22_050)):
        heard += len(block)
    assert heard / decoder.sample_rate == pytest.approx(8, abs=0.2)
    assert decoder.undecodable == 0


def test_a_chain_of_ogg_and_joined_mp3s_are_heard_to_the_end(tmp_path: Path) -> None:
    lengths = {"a.ogg": 2, "a.opus": 3, "a.mp3": 4, "a.flac": 2, "a.m4a": 3, "a.aiff": 2}
    for name, length in lengths.items():
        part = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", f"anoisesrc=d={length}:r=44100:a=0.3", part)
        joined = tmp_path / f"joined-{name}"
        joined.write_bytes(part.read_bytes() * 3)
        heard_s, lost_s, _ = hear(joined)
        assert heard_s >= 3 * length - 0.2, name
        assert lost_s == 0, name


@pytest.mark.parametrize(
    "names", ["a.ogg b.opus", "b.opus a.ogg", "a.ogg c.oga a.ogg", "b.opus b.opus a.ogg"]
)
def test_a_chain_of_ogg_may_change_its_codec(names: str, tmp_path: Path) -> None:
    for name, codec in (("a.ogg", "libvorbis"), ("b.opus", "libopus"), ("c.oga", "flac")):
        ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=3:r=48000:a=0.3", "-c:a", codec, tmp_path / name)
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join((tmp_path / name).read_bytes() for name in names.split()))
    heard_s, lost_s, _ = hear(chain)
    assert heard_s == pytest.approx(3 * len(names.split()), abs=0.1)
    assert lost_s == 0


@pytest.mark.parametrize("name", ["b.wav", "b.mp3"])
def test_what_follows_a_flac_is_told_to_be_lost(name: str, tmp_path: Path) -> None:
    for part, length in (("a.flac", 4), (name, 9)):
        ffmpeg("-f", "lavfi", "-i", f"anoisesrc=d={length}:r=44100:a=0.3", tmp_path / part)
    both = tmp_path / "both.flac"
    both.write_bytes((tmp_path / "a.flac").read_bytes() + (tmp_path / name).read_bytes())
    heard_s, lost_s, _ = hear(both)
    assert heard_s == pytest.approx(4, abs=0.1)
    assert lost_s == pytest.approx(UNKNOWN_S, abs=0.1)


def test_zeros_after_a_flac_are_no_sound(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=4:r=44100:a=0.3", tmp_path / "a.flac")
    with (tmp_path / "a.flac").open("ab") as file:
        file.write(bytes(1_000_000))
    heard_s, lost_s, _ = hear(tmp_path / "a.flac")
    assert heard_s == pytest.approx(4, abs=0.01)
    assert lost_s == 0


def test_the_track_that_is_heard_is_said_and_chosen(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "anoisesrc=d=2:r=44100:a=0.3",
        "-f", "lavfi", "-i", "anoisesrc=d=3:r=44100:a=0.3",
        "-map", "0", "-map", "1", "-metadata:s:a:1", "language=deu", "-c:a", "flac", path,
    )  # fmt: skip
    heard_s, _, note = hear(path)
    assert heard_s == pytest.approx(2, abs=0.1)
    assert note is not None
    assert "2 audio tracks: track 1 is heard" in note
    assert hear(path, track=2)[0] == pytest.approx(3, abs=0.1)
    with pytest.raises(InputError, match="2 audio tracks, and no track 3"):
        open_decoder(str(path), track=3)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [("s16le:22050:2", "<i2"), ("s32be:22050:2", ">i4"), ("f32le:22050:2", "<f4"), ("u8:22050:2", "u1")],
)
def test_raw_samples_are_what_they_are_said_to_be(raw: str, kind: str, tmp_path: Path) -> None:
    samples = tune(1, channels=2)
    if kind == "u1":
        content = np.round(samples * 127 + 128).astype(kind)
    elif "i" in kind:
        content = np.round(samples.astype(np.float64) * np.iinfo(kind).max).astype(kind)
    else:
        content = samples.astype(kind)
    path = tmp_path / "sound.raw"
    path.write_bytes(content.tobytes())
    decoder = open_decoder(str(path), raw=raw)
    assert (decoder.sample_rate, decoder.channels) == (22_050, 2)
    np.testing.assert_allclose(decoder.read(100_000), samples, atol=0.01)


@pytest.mark.parametrize("raw", ["", "s16le", "s16le:44100", "s12le:44100:2", "s16le:1:2", "s16le:44100:99"])
def test_raw_samples_that_make_no_sense_are_refused(raw: str, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "a.wav", 1)
    with pytest.raises(InputError, match=r"raw format|out of bounds"):
        open_decoder(str(path), raw=raw)


class Silent:
    """A decoder that returns nothing of a file."""

    sample_rate = 8_000
    channels = 1
    length_s: float | None = None

    def __init__(self, *, is_proven: bool) -> None:
        self._is_proven = is_proven

    def read(self, samples: int) -> Samples:  # noqa: ARG002 (part of the interface)
        return np.empty((0, 1), dtype=np.float32)

    def completeness(self, heard_s: float) -> Completeness:  # noqa: ARG002
        return Completeness(self._is_proven)

    def measured_s(self) -> float | None:
        return None

    def seek(self, sample: int) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass


def test_a_file_of_which_no_decoder_hears_anything_is_refused_unless_it_is_known_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.sources.decoders.whole_file.find_ffmpeg", lambda: None)
    path = tmp_path / "a.au"
    path.write_bytes(bytes(100_000))
    assert len(WholeFile(path, Silent(is_proven=True)).read(100)) == 0
    with pytest.raises(InputError, match="cannot be read as audio"):
        WholeFile(path, Silent(is_proven=False)).read(100)
