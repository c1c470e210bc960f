"""The front end is librosa's, frame by frame, however the samples arrive."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from live.front_end import FrontEndSpec, MelFrames, dct_matrix, mel_filter_bank, mfcc, power_to_db
from live.samples import Samples
from tests.live.stubs import SMALL_SPEC, noise
from tests.shared_data import gtzan_recording

SPECS = {
    "shipped": FrontEndSpec(),
    "13 of 128": FrontEndSpec(n_mels=128, n_mfcc=13, hop_length=512),
    "40 of 128": FrontEndSpec(n_mels=128, n_mfcc=40, hop_length=512),
    "40 of 96, narrow": FrontEndSpec(n_mfcc=40, fmin=40.0, fmax=8_000.0),
    "16 kHz": FrontEndSpec(
        sample_rate=16_000, n_fft=1_024, hop_length=160, n_mels=64, n_mfcc=20, fmax=8_000.0, top_db=60.0
    ),
}


def _chirp(rate: int, seconds: float = 3.0) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    sweep = np.sin(2 * np.pi * (50 * time + (rate / 2 - 50) / (2 * seconds) * time**2))
    samples: Samples = (0.5 * sweep * np.sin(2 * np.pi * time) ** 2).astype(np.float32)
    return samples


def _synthetic(name: str, rate: int) -> Samples:
    if name == "chirp":
        return _chirp(rate)
    if name == "noise":
        return noise(3, sample_rate=rate)[:, 0]
    if name == "silence":
        return np.zeros(3 * rate, dtype=np.float32)
    quiet = noise(3, sample_rate=rate, level=1e-5)[:, 0]
    quiet[rate] = 1.0  # a click in near silence: top_db cuts, and the floor shows
    return quiet


def _ours(signal: Samples, spec: FrontEndSpec) -> np.ndarray:
    return mfcc(MelFrames(spec).feed(signal), spec)


def _librosas(signal: Samples, spec: FrontEndSpec) -> np.ndarray:
    librosa = pytest.importorskip("librosa", reason="librosa comes with the [train] extra")
    mel = librosa.feature.melspectrogram(
        y=signal,
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        center=False,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
    )
    coefficients: np.ndarray = librosa.feature.mfcc(
        S=librosa.power_to_db(mel, top_db=spec.top_db), n_mfcc=spec.n_mfcc
    )
    return coefficients.T


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("signal", ["chirp", "noise", "click", "silence"])
def test_mfccs_of_a_synthetic_signal_are_librosas(signal: str, spec: FrontEndSpec) -> None:
    samples = _synthetic(signal, spec.sample_rate)
    ours, librosas = _ours(samples, spec), _librosas(samples.astype(np.float64), spec)
    assert ours.shape == librosas.shape
    np.testing.assert_allclose(ours, librosas, rtol=0, atol=1e-3)


def test_mfccs_are_those_of_librosas_own_function_with_its_defaults() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa comes with the [train] extra")
    spec = SPECS["13 of 128"]
    samples = _chirp(spec.sample_rate)
    librosas = librosa.feature.mfcc(
        y=samples, sr=spec.sample_rate, n_mfcc=13, n_fft=2_048, hop_length=512, center=False
    ).T
    np.testing.assert_allclose(_ours(samples, spec), librosas, rtol=0, atol=1e-3)


@pytest.mark.parametrize("spec", list(SPECS.values())[:4], ids=list(SPECS)[:4])
@pytest.mark.parametrize("genre", ["classical", "metal"])
def test_mfccs_of_real_music_are_librosas(genre: str, spec: FrontEndSpec) -> None:
    samples, rate = soundfile.read(gtzan_recording(genre), dtype="float32", frames=10 * 22_050)
    assert rate == spec.sample_rate
    np.testing.assert_allclose(_ours(samples, spec), _librosas(samples, spec), rtol=0, atol=1e-3)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_the_mel_filters_are_librosas(spec: FrontEndSpec) -> None:
    librosa = pytest.importorskip("librosa", reason="librosa comes with the [train] extra")
    librosas = librosa.filters.mel(
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
        dtype=np.float64,
    )
    np.testing.assert_allclose(mel_filter_bank(spec), librosas, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_mfcc", "n_mels"), [(13, 128), (40, 96), (96, 96), (1, 4)])
def test_the_cosine_transform_is_scipys(n_mfcc: int, n_mels: int) -> None:
    fft = pytest.importorskip("scipy.fft", reason="scipy comes with the [train] extra")
    levels = np.random.default_rng(0).normal(size=(5, n_mels))
    scipys = fft.dct(levels, type=2, norm="ortho", axis=1)[:, :n_mfcc]
    np.testing.assert_allclose(levels @ dct_matrix(n_mfcc, n_mels), scipys, rtol=0, atol=1e-12)


def test_a_full_cosine_transform_can_be_undone() -> None:
    matrix = dct_matrix(96, 96)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(96), atol=1e-12)


@settings(max_examples=150)
@given(data=st.data())
def test_frames_do_not_depend_on_how_the_samples_were_cut(data: st.DataObject) -> None:
    n_fft = data.draw(st.sampled_from([64, 100, 256]), "n_fft")
    hop_length = data.draw(st.integers(16, 400), "hop_length")
    spec = dataclasses.replace(SMALL_SPEC, n_fft=n_fft, hop_length=hop_length)
    signal = noise(0.5, seed=data.draw(st.integers(0, 9)))[: data.draw(st.integers(0, 4_000), "length"), 0]
    cuts = data.draw(st.lists(st.integers(0, len(signal)), max_size=20).map(sorted), "cuts")
    whole = MelFrames(spec).feed(signal)
    streaming = MelFrames(spec)
    pieces = [streaming.feed(block) for block in np.split(signal, cuts)]
    count = 0 if len(signal) < n_fft else 1 + (len(signal) - n_fft) // hop_length
    assert whole.shape == (count, spec.n_mels)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-9)


def test_a_frame_comes_with_the_very_sample_that_completes_it() -> None:
    frames = MelFrames(SMALL_SPEC)
    signal = noise(1)[:, 0]
    counts = [len(frames.feed(signal[k : k + 1])) for k in range(1_000)]
    n_fft, hop_length = SMALL_SPEC.n_fft, SMALL_SPEC.hop_length
    assert [k + 1 for k, count in enumerate(counts) if count] == list(range(n_fft, 1_001, hop_length))


def test_a_long_block_gives_the_frames_of_short_ones() -> None:
    signal = noise(30)[:, 0]
    streaming = MelFrames(SMALL_SPEC)
    pieces = [streaming.feed(signal[start : start + 999]) for start in range(0, len(signal), 999)]
    np.testing.assert_allclose(MelFrames(SMALL_SPEC).feed(signal), np.concatenate(pieces), atol=1e-9)


def test_a_reset_forgets_what_was_waiting() -> None:
    frames, signal = MelFrames(SMALL_SPEC), noise(1)[:, 0]
    frames.feed(noise(0.1, seed=7)[:, 0])
    frames.reset()
    np.testing.assert_array_equal(frames.feed(signal), MelFrames(SMALL_SPEC).feed(signal))


def test_the_samples_given_are_neither_kept_nor_changed() -> None:
    frames, signal = MelFrames(SMALL_SPEC), noise(1)[:, 0]
    whole = MelFrames(SMALL_SPEC).feed(signal)
    block = signal[:700].copy()
    first = frames.feed(block)
    np.testing.assert_array_equal(block, signal[:700])
    block[:] = 9  # a callback's buffer is used again
    np.testing.assert_allclose(np.concatenate((first, frames.feed(signal[700:]))), whole, atol=1e-9)


def test_silence_lies_on_the_floor() -> None:
    assert (MelFrames(SMALL_SPEC).feed(np.zeros(2_000, dtype=np.float32)) == -100.0).all()
    assert power_to_db(np.array([0.0, 1.0, 100.0])).tolist() == [-100.0, 0.0, 20.0]


def test_levels_far_below_the_loudest_of_the_window_are_raised_to_top_db() -> None:
    spec = dataclasses.replace(SMALL_SPEC, n_mfcc=16, top_db=30.0)
    levels = np.full((3, 16), -90.0)
    levels[1, 4] = -10.0
    cut = np.full((3, 16), -40.0)
    cut[1, 4] = -10.0
    np.testing.assert_allclose(mfcc(levels, spec), cut @ dct_matrix(16, 16), atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate": 1}, {"sample_rate": 22_050.5}, {"sample_rate": "22050"}, {"sample_rate": True},
        {"n_fft": 8}, {"n_fft": 10**9}, {"hop_length": 0}, {"hop_length": -512}, {"n_mels": 0},
        {"n_mels": 10**6}, {"n_mfcc": 0}, {"n_mfcc": 97}, {"fmin": -1.0}, {"fmin": 11_025.0},
        {"fmax": 12_000.0}, {"fmax": math.nan}, {"top_db": math.inf}, {"top_db": 0.0}, {"top_db": None},
        {"fmax": 10**400}, {"unknown": 1},
    ],
    ids=lambda change: "{}={!s:.12}".format(*next(iter(change.items()))),
)  # fmt: skip
def test_a_spec_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="front_end"):
        FrontEndSpec.from_dict(FrontEndSpec().to_dict() | change)


@pytest.mark.parametrize("name", list(FrontEndSpec().to_dict()))
def test_a_spec_lacking_a_field_is_refused(name: str) -> None:
    values = FrontEndSpec().to_dict()
    del values[name]
    with pytest.raises(ValueError, match=name):
        FrontEndSpec.from_dict(values)


def test_a_spec_survives_its_json_object() -> None:
    for spec in SPECS.values():
        assert FrontEndSpec.from_dict(spec.to_dict()) == spec


def test_a_window_covers_its_frames_and_no_more() -> None:
    spec = FrontEndSpec()
    samples = np.zeros(spec.window_samples(34), dtype=np.float32)
    assert len(MelFrames(spec).feed(samples)) == 34
    assert len(MelFrames(spec).feed(samples[:-1])) == 33


def test_the_floor_is_each_windows_own() -> None:
    spec = FrontEndSpec(n_mels=16, n_mfcc=16)
    windows = np.random.default_rng(0).uniform(-100, 0, size=(2, 5, 16))
    windows[1] -= 60
    np.testing.assert_allclose(mfcc(windows, spec), [mfcc(window, spec) for window in windows], atol=1e-9)
