"""The middle of a file, with and without decoding what stands before it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.archive.classification import ScanSettings, classify
from live.archive.middle import decode_to_middle, open_at_middle, sound_of
from live.classifier import Classifier
from live.samples import Samples
from live.sources.decoders.decoder import Decoder
from live.sources.decoders.decoding import open_decoder
from tests.sounds import ffmpeg, tune

RATE, LENGTH_S, MIDDLE_S = 44_100, 40.0, 4.0
TOLERANCE_S = 0.1
AS_SOUNDFILE_WRITES = ("a.wav", "a.flac", "a.ogg", "a.mp3")
AS_FFMPEG_WRITES = {
    "variable.mp3": ("-q:a", "5"),
    "untold.mp3": ("-b:a", "128k", "-write_xing", "0"),
    "untold variable.mp3": ("-q:a", "5", "-write_xing", "0"),
    "a.opus": ("-b:a", "96k"),
    "a.m4a": ("-c:a", "aac", "-b:a", "128k"),
    "a.wma": ("-c:a", "wmav2"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a sound that is loud and quiet by chance, so that each of its moments is like no other."""
    folder = tmp_path_factory.mktemp("middle")
    generator = np.random.default_rng(0)
    count = round(LENGTH_S * RATE)
    sound = np.convolve(generator.normal(size=count), np.ones(20) / 20, mode="same")
    sound *= np.repeat(generator.uniform(0.05, 1, size=count // 2_205), 2_205)
    soundfile.write(folder / "whole.wav", np.stack([sound, 0.8 * sound], axis=1), RATE)
    return folder


@pytest.fixture(scope="module", params=[*AS_SOUNDFILE_WRITES, *AS_FFMPEG_WRITES])
def sound(request: pytest.FixtureRequest, folder: Path) -> Path:
    path: Path = folder / request.param
    if path.name in AS_FFMPEG_WRITES:
        ffmpeg("-i", folder / "whole.wav", *AS_FFMPEG_WRITES[path.name], path)
    else:
        with soundfile.SoundFile(path, "w", RATE, 2) as file:
            for block in soundfile.blocks(folder / "whole.wav", 65_536):  # Vorbis puts each on the stack
                file.write(block)
    return path


def heard(decoder: Decoder, samples: int = sys.maxsize) -> Samples:
    """Read one channel to the end, and close the decoder."""
    with contextlib.closing(decoder):
        return np.concatenate(
            [piece[:, 0] for piece in sound_of(decoder, samples) if not isinstance(piece, int)]
        )


def place_s(whole: Samples, part: Samples, rate: int) -> float:
    """Find where in the whole a part stands."""
    size = 1 << (len(whole) + len(part)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)))
    return int(fit[: len(whole)].argmax()) / rate


def test_the_middle_is_read_without_what_stands_before_it(sound: Path) -> None:
    opened = open_at_middle(str(sound), MIDDLE_S)
    if sound.name == "untold variable.mp3" and opened is None:
        return  # libsndfile guesses a length that ends before the middle; it is decoded up to there
    assert opened is not None
    decoder, part = opened
    rate = decoder.sample_rate
    assert abs(part.of_all / rate - LENGTH_S) < TOLERANCE_S
    assert abs(len(part) / rate - MIDDLE_S) < 1e-3
    assert abs((part.start + part.stop) / 2 / rate - LENGTH_S / 2) < TOLERANCE_S
    middle = heard(decoder, len(part))
    assert len(middle) == len(part)
    whole = heard(open_decoder(str(sound)))
    assert abs(place_s(whole, middle, rate) - part.start / rate) < TOLERANCE_S


def test_the_middle_is_the_same_when_it_is_decoded_up_to(sound: Path) -> None:
    decoder, part = decode_to_middle(str(sound), MIDDLE_S)
    rate = decoder.sample_rate
    assert abs(part.start / rate - (LENGTH_S - MIDDLE_S) / 2) < TOLERANCE_S
    middle = heard(decoder, len(part))
    opened = open_at_middle(str(sound), MIDDLE_S)
    if opened is not None:
        assert abs(opened[1].start - part.start) <= 1
        sought = heard(opened[0], len(part))
        assert abs(place_s(middle, sought[: len(sought) // 2], rate)) < TOLERANCE_S


@pytest.mark.parametrize("name", ["a.mp3", "a.flac"])
def test_a_middle_behind_damage_is_found_all_the_same(folder: Path, bundle: Path, name: str) -> None:
    soundfile.write(folder / name, soundfile.read(folder / "whole.wav")[0], RATE)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 5 : len(content) // 5 + 9_000] = bytes(9_000)
    (folder / f"damaged {name}").write_bytes(content)
    result = classify(
        str(folder / f"damaged {name}"), Classifier(bundle), ScanSettings(str(bundle), sample_s=MIDDLE_S)
    )
    assert result.error is None
    assert result.windows > 0
    assert abs(result.duration_s - MIDDLE_S) < 0.01
    assert result.length_s is not None
    assert abs(result.length_s - LENGTH_S) < 0.5


@pytest.mark.parametrize("name", ["b.flac", "b.wav"])
def test_a_file_that_ends_before_its_middle_says_so(folder: Path, bundle: Path, name: str) -> None:
    soundfile.write(folder / name, soundfile.read(folder / "whole.wav")[0], RATE)
    content = (folder / name).read_bytes()
    (folder / f"cut {name}").write_bytes(content[: len(content) // 5])
    result = classify(
        str(folder / f"cut {name}"), Classifier(bundle), ScanSettings(str(bundle), sample_s=MIDDLE_S)
    )
    assert result.error is not None
    assert "damaged or cut short" in result.error


def test_a_sample_longer_than_the_file_is_all_of_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.flac", tune(3.0), 22_050)
    opened = open_at_middle(str(tmp_path / "short.flac"), 60.0)
    assert opened is not None
    decoder, part = opened
    assert (part.start, part.stop, part.of_all) == (0, 66_150, 66_150)
    assert len(heard(decoder)) == 66_150
