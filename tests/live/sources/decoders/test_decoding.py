"""Files of every kind, decoded block by block to the samples that were written."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from live.errors import InputError
from live.samples import Samples
from live.sources.decoders.decoding import Decoder, open_decoder
from tests.shared_data import SHARED
from tests.sounds import ffmpeg, tune, write_tune


def read_all(decoder: Decoder, frames: int = 4_096) -> Samples:
    blocks = []
    while len(block := decoder.read(frames)):
        assert block.dtype == np.float32
        assert block.shape[1] == decoder.channels
        assert len(block) <= frames
        blocks.append(block)
    decoder.close()
    return np.concatenate(blocks) if blocks else np.empty((0, decoder.channels), dtype=np.float32)


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


LOSSLESS: list[tuple[str, dict[str, Any], float]] = [
    ("u8.wav", {"subtype": "PCM_U8"}, 2**-7),
    ("s16.wav", {"subtype": "PCM_16"}, 2**-15),
    ("s24.wav", {"subtype": "PCM_24"}, 2**-23),
    ("s32.wav", {"subtype": "PCM_32"}, 2**-23),
    ("f32.wav", {"subtype": "FLOAT"}, 0),
    ("f64.wav", {"subtype": "DOUBLE"}, 0),
    ("mu law.wav", {"subtype": "ULAW"}, 0.02),
    ("adpcm.wav", {"subtype": "IMA_ADPCM"}, 0.2),
    ("s8.flac", {"subtype": "PCM_S8"}, 2**-7),
    ("s16.flac", {"subtype": "PCM_16"}, 2**-15),
    ("s24.flac", {"subtype": "PCM_24"}, 2**-23),
    ("s16.aiff", {"subtype": "PCM_16"}, 2**-15),
    ("f32.w64", {"subtype": "FLOAT"}, 0),
    ("f32.caf", {"subtype": "FLOAT"}, 0),
    ("s16.au", {"subtype": "PCM_16"}, 2**-15),
    ("f32.mat", {"format": "MAT5", "subtype": "FLOAT"}, 0),  # its bytes do not tell where it ends
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("name", "how", "step"), LOSSLESS, ids=[name for name, _, _ in LOSSLESS])
def test_lossless_files_give_the_samples_that_were_written(
    name: str, how: dict[str, Any], step: float, channels: int, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / name, 0.5, channels=channels, **how)
    decoder = open_decoder(str(path))
    assert (decoder.sample_rate, decoder.channels) == (22_050, channels)
    assert decoder.length_s == pytest.approx(0.5, abs=0.06)  # ADPCM fills its last block
    samples = read_all(decoder)
    expected = tune(0.5, channels=channels)
    np.testing.assert_allclose(samples[: len(expected)], expected, rtol=0, atol=step)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("channels", [6, 8])
@pytest.mark.parametrize("rate", [8_000, 96_000, 192_000])
def test_all_channels_and_rates_are_read(rate: int, channels: int, suffix: str, tmp_path: Path) -> None:
    path = write_tune(tmp_path / f"many.{suffix}", 0.3, rate=rate, channels=channels, subtype="PCM_24")
    decoder = open_decoder(str(path))
    assert (decoder.sample_rate, decoder.channels) == (rate, channels)
    np.testing.assert_allclose(read_all(decoder), tune(0.3, sample_rate=rate, channels=channels), atol=2**-23)


@pytest.mark.parametrize(
    ("name", "rate", "how"),
    [
        ("a.ogg", 44_100, {}),
        ("a.ogg", 8_000, {}),
        ("a.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", 44_100, {}),
        ("a.mp3", 8_000, {}),
        ("a.mp3", 48_000, {}),
    ],
)
def test_lossy_files_of_libsndfile_sound_as_they_should(
    name: str, rate: int, how: dict[str, Any], tmp_path: Path
) -> None:
    path = write_tune(tmp_path / name, 3, rate=rate, channels=2, **how)
    decoder = open_decoder(str(path))
    assert (decoder.sample_rate, decoder.channels) == (rate, 2)
    samples = read_all(decoder)
    assert len(samples) / rate == pytest.approx(3, abs=0.15)
    assert rms(samples) == pytest.approx(rms(tune(3, sample_rate=rate, channels=2)), rel=0.1)


@pytest.mark.parametrize("frames", [333, 1_152, 4_096, 22_050])
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp3", {}),
        ("a.ogg", {}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.flac", {}),
        ("a.wav", {"subtype": "IMA_ADPCM"}),
    ],
)
def test_blocks_of_any_size_give_the_same_samples_as_the_whole(
    name: str, how: dict[str, Any], frames: int, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / name, 3, rate=48_000, channels=2, **how)
    whole, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_allclose(read_all(open_decoder(str(path)), frames), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.m4a", ["-c:a", "aac"]),
        ("alac.m4a", ["-c:a", "alac"]),
        ("a.aac", ["-c:a", "aac"]),
        ("a.wma", ["-c:a", "wmav2"]),
        ("a.ac3", ["-c:a", "ac3"]),
        ("a.mka", ["-c:a", "flac"]),
        ("a.webm", ["-c:a", "libopus"]),
        ("a.wv", ["-c:a", "wavpack"]),
        ("a.tta", ["-c:a", "tta"]),
        (
            "video.mp4",
            ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:d=3", "-c:a", "aac", "-c:v", "mpeg4"],
        ),
        (
            "video.avi",
            ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:d=3", "-c:a", "mp3", "-c:v", "mpeg4"],
        ),
    ],
)
def test_what_only_ffmpeg_can_read_sounds_as_it_should(
    name: str, arguments: list[str], tmp_path: Path
) -> None:
    source = write_tune(tmp_path / "source.wav", 3, rate=44_100, channels=2)
    path = tmp_path / name
    ffmpeg("-i", source, *arguments, path)
    decoder = open_decoder(str(path))
    assert decoder.channels == 2
    samples = read_all(decoder)
    assert len(samples) / decoder.sample_rate == pytest.approx(3, abs=0.15)
    assert rms(samples) == pytest.approx(rms(tune(3, sample_rate=44_100, channels=2)), rel=0.1)


NO_COLON = pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no colon in a name.")


@pytest.mark.parametrize(
    "name",
    ["song.mp3", "song", "song.mpeg.txt", "-song.wav", pytest.param("a:b.wav", marks=NO_COLON), "%d [1].wav"],
)
def test_the_content_counts_and_not_the_name(name: str, tmp_path: Path) -> None:
    source = write_tune(tmp_path / "source.wav", 1)
    m4a = tmp_path / "source.m4a"
    ffmpeg("-i", source, "-c:a", "aac", m4a)
    for content in (source, m4a):
        path = tmp_path / "folder" / name
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(content, path)
        assert len(read_all(open_decoder(str(path)))) == pytest.approx(22_050, abs=3_000)


def test_a_path_relative_to_the_working_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = write_tune(Path("-i.wav"), 1)
    ffmpeg("-i", tmp_path / source, "-c:a", "aac", tmp_path / "-i.m4a")
    for name in ("-i.wav", "-i.m4a"):
        assert len(read_all(open_decoder(name))) > 20_000


def test_without_ffmpeg_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(1_000))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="install ffmpeg"):
        open_decoder(str(path))


def test_what_of_a_file_that_changes_while_it_is_heard_is_lost_is_told(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "song.flac", 20)
    decoder = open_decoder(str(path))
    decoder.read(100)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4)
        file.write(os.urandom(path.stat().st_size // 2))
    heard = len(read_all(decoder)) + 100
    assert heard < 15 * 22_050
    assert heard + decoder.undecodable == 20 * 22_050


def test_a_decoder_that_is_closed_early_leaves_no_ffmpeg_behind(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with the [dev] extra")
    source = write_tune(tmp_path / "source.wav", 30, rate=44_100, channels=2)
    path = tmp_path / "long.m4a"
    ffmpeg("-i", source, "-c:a", "aac", path)
    decoder = open_decoder(str(path))
    decoder.read(1_000)
    assert "ffmpeg" in [Path(child.name()).stem for child in psutil.Process().children()]
    decoder.close()
    assert "ffmpeg" not in [Path(child.name()).stem for child in psutil.Process().children()]


def test_a_wav_file_cut_short_tells_the_length_it_promised(tmp_path: Path) -> None:
    path = write_tune(tmp_path / "song.wav", 4, channels=2)
    path.write_bytes(path.read_bytes()[:-100_000])
    decoder = open_decoder(str(path))
    assert decoder.length_s == pytest.approx(4)
    assert len(read_all(decoder)) == 4 * 22_050 - 25_000
    assert decoder.undecodable == 25_000


def test_a_wav_file_whose_header_knows_no_length_promises_none(tmp_path: Path) -> None:
    source = write_tune(tmp_path / "source.wav", 2)
    path = tmp_path / "piped.wav"
    path.write_bytes(ffmpeg("-i", source, "-f", "wav", "-"))
    decoder = open_decoder(str(path))
    assert decoder.length_s is None or decoder.length_s == pytest.approx(2, abs=0.01)
    assert len(read_all(decoder)) == 2 * 22_050


def test_silence_compressed_to_almost_nothing_is_read_in_blocks(tmp_path: Path) -> None:
    """An hour of zeros is a small FLAC file: what is read of it at once stays small."""
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(8_000 * 60, dtype=np.int16))
    assert path.stat().st_size < 1_000_000
    decoder = open_decoder(str(path))
    assert decoder.length_s == 3_600
    assert sum(len(decoder.read(1_000)) for _ in range(5)) == 5_000
    decoder.close()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_opus_that_libsndfile_gives_up_is_heard_on_through_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tune.opus"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(5 * 48_000) / 48_000)
    soundfile.write(path, tone, 48_000, format="OGG", subtype="OPUS")
    whole = read_all(open_decoder(str(path)))
    real_read = soundfile.SoundFile.read

    def read_until_two_seconds(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.tell() >= 2 * 48_000:
            raise soundfile.LibsndfileError(9)
        return real_read(self, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", read_until_two_seconds)
    continued = read_all(open_decoder(str(path)))
    assert abs(len(continued) - len(whole)) < 1_000
    assert rms(continued[3 * 48_000 :]) == pytest.approx(rms(whole[3 * 48_000 :]), rel=0.02)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    decoder = open_decoder(str(path))
    told = len(read_all(decoder)) + decoder.undecodable
    assert told == pytest.approx(len(whole), abs=1_000)


def test_an_opus_file_that_libsndfile_takes_for_malformed_is_heard_to_its_end() -> None:
    path = SHARED / "data/no_music/noise/seawaves_4-195497-B.opus"
    if not path.is_file() or shutil.which("ffmpeg") is None:
        pytest.skip("The recording is not here (../shared/data/no_music), or no ffmpeg.")
    decoder = open_decoder(str(path))
    assert len(read_all(decoder)) / decoder.sample_rate == pytest.approx(5.0, abs=0.05)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile '{sound}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{sound}\n#EXT-X-ENDLIST\n",
    ],
    ids=["concat", "hls"],
)
def test_a_script_that_names_other_files_opens_none(script: str, tmp_path: Path) -> None:
    sound, path = tmp_path / "sound.wav", tmp_path / "song.mp3"
    soundfile.write(sound, np.zeros(5 * 22_050), 22_050)
    path.write_text(script.format(sound=sound.name))
    with pytest.raises(InputError, match="cannot be read as audio"):
        open_decoder(str(path))
