from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from live.front_end import FrontEndSpec, mfcc
from tests.shared_data import gtzan_recording
from tests.training.conftest import RATE, hiss, tone
from training.dataset.extraction import ReadInPart, extract, extract_or_explain, read_samples

SPEC = FrontEndSpec()


def librosa_mfcc(samples: np.ndarray, spec: FrontEndSpec) -> np.ndarray:
    coefficients: np.ndarray = librosa.feature.mfcc(
        y=samples, sr=spec.sample_rate, n_mfcc=spec.n_mfcc, n_fft=spec.n_fft, hop_length=spec.hop_length,
        n_mels=spec.n_mels, center=False,
    )  # fmt: skip
    return coefficients.T


@pytest.mark.parametrize("spec", [SPEC, FrontEndSpec(hop_length=512, n_mels=128, n_mfcc=13)])
def test_what_is_trained_on_is_librosas_mfcc(tmp_path: Path, spec: FrontEndSpec) -> None:
    samples = tone(1, 5) + hiss(1, 5)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    expected = librosa_mfcc(samples, spec)
    found = mfcc(extract(tmp_path / "a.wav", spec).astype(np.float64), spec)
    assert found.shape == expected.shape
    # A store keeps levels in half precision, to 0.03 dB; a coefficient sums over the bands.
    assert np.abs(found - expected).max() < 0.15


def test_real_music_is_librosas_mfcc_too() -> None:
    path = gtzan_recording("rock")
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == SPEC.sample_rate
    found = mfcc(extract(path, SPEC).astype(np.float64), SPEC)
    assert np.abs(found - librosa_mfcc(samples, SPEC)).max() < 0.15


def test_rate_and_channels_do_not_matter(tmp_path: Path) -> None:
    samples = tone(2, 3, 44_100)
    soundfile.write(tmp_path / "mono.wav", tone(2, 3), RATE)
    soundfile.write(tmp_path / "stereo.flac", np.stack([samples, samples], axis=1), 44_100)
    mono, stereo = extract(tmp_path / "mono.wav", SPEC), extract(tmp_path / "stereo.flac", SPEC)
    assert mono.shape == stereo.shape
    loud = mono > mono.max() - 40
    assert np.abs(mono[loud].astype(float) - stereo[loud]).mean() < 0.5


def test_what_of_a_file_could_not_be_decoded_is_noted_by_its_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.wav", tone(1, 4), RATE)
    content = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    found = extract_or_explain(tmp_path / "cut.wav", SPEC)
    assert isinstance(found, ReadInPart)
    assert "cut.wav is damaged or cut short: 2.0 s of it could not be decoded" in found.sentence
    np.testing.assert_array_equal(found.frames, extract(tmp_path / "whole.wav", SPEC)[: len(found.frames)])
    assert isinstance(extract_or_explain(tmp_path / "whole.wav", SPEC), np.ndarray)


def test_samples_are_read_up_to_a_length(tmp_path: Path) -> None:
    samples = tone(1, 4)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_samples(tmp_path / "a.wav", RATE, 1.5), samples[: round(1.5 * RATE)])
    assert len(read_samples(tmp_path / "a.wav", RATE)) == len(samples)
