from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile

from live.errors import InputError
from live.front_end import FrontEndSpec, mfcc
from tests.shared_data import gtzan_recording
from tests.training.conftest import RATE, hiss, tone, write_dataset
from training.clips import read_dataset
from training.extraction import extract
from training.features import build_store, cache_folder, load_features

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


def spoil(folder: Path) -> set[str]:
    (folder / "tone" / "empty.wav").write_bytes(b"")
    (folder / "tone" / "random.mp3").write_bytes(np.random.default_rng(0).bytes(5_000))
    (folder / "hiss" / "text.ogg").write_text("this is no audio\n")
    soundfile.write(folder / "hiss" / "short.wav", hiss(0, 0.3), RATE)
    (folder / "hiss" / "header.wav").write_bytes((folder / "hiss" / "hiss0.wav").read_bytes()[:44])
    return {"empty.wav", "random.mp3", "text.ogg", "short.wav", "header.wav"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_file_is_named_in_one_sentence_and_left_out(tmp_path: Path, workers: int) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    broken = spoil(dataset)
    counted: list[tuple[int, int]] = []
    features = load_features(
        dataset, SPEC, cache=tmp_path / "c", workers=workers, progress=lambda *count: counted.append(count)
    )
    assert features.store.clip == ("hiss0", "hiss1", "tone0", "tone1")
    assert len(features.skipped) == len(broken)
    for name in broken:
        [sentence] = [sentence for sentence in features.skipped if name in sentence]
        assert "\n" not in sentence
    assert counted == [(done, 9) for done in range(1, 10)]


def test_many_workers_give_what_one_does(dataset: Path, tmp_path: Path) -> None:
    clips = read_dataset(dataset)
    one = build_store(clips, SPEC, tmp_path / "one.npz", workers=1).store
    many = build_store(clips, SPEC, tmp_path / "many.npz", workers=3).store
    assert one.clip == many.clip
    np.testing.assert_array_equal(one.pieces[0], many.pieces[0])


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import training.extraction

    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    read: list[str] = []

    def watched(path: Path, spec: FrontEndSpec) -> np.ndarray:
        read.append(path.name)
        return extract(path, spec)

    def load() -> list[str]:
        read.clear()
        store = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1).store
        np.testing.assert_array_equal(store.clip_frames(0), extract(dataset / "hiss" / "hiss0.wav", SPEC))
        return sorted(read)

    monkeypatch.setattr(training.extraction, "extract", watched)
    assert load() == ["hiss0.wav", "hiss1.wav", "tone0.wav", "tone1.wav"]
    assert load() == []
    soundfile.write(dataset / "hiss" / "hiss0.wav", hiss(9, 1.5), RATE)
    assert load() == ["hiss0.wav"]
    soundfile.write(dataset / "hiss" / "new.wav", hiss(8, 1), RATE)
    assert load() == ["new.wav"]
    (dataset / "tone" / "tone1.wav").unlink()
    assert load() == []
    assert len(list((tmp_path / "c").iterdir())) == 1


def test_another_front_end_has_another_cache(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 1, 1.0)
    one = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1).store
    other = load_features(dataset, FrontEndSpec(hop_length=512), cache=tmp_path / "c", workers=1).store
    assert len(other.pieces[0]) > 3 * len(one.pieces[0])
    assert one.path != other.path


def test_an_interruption_keeps_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import training.extraction

    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    read: list[str] = []

    def interrupted(path: Path, spec: FrontEndSpec) -> np.ndarray:
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path.name)
        return extract(path, spec)

    monkeypatch.setattr(training.extraction, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    read.clear()
    assert len(load_features(dataset, SPEC, cache=tmp_path / "c", workers=1).store) == 4
    assert len(read) == 1


def test_a_dataset_that_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "d" / label).mkdir(parents=True)
        (tmp_path / "d" / label / "x.wav").write_bytes(b"nothing")
    with pytest.raises(InputError, match="None of the 2 clips can be read"):
        load_features(tmp_path / "d", SPEC, cache=tmp_path / "c", workers=1)


def test_a_file_of_a_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 1, 1.0)
    manifest = dataset / "clips.csv"
    manifest.write_text("path,label\nhiss/hiss0.wav,a\ntone/tone0.wav,b\ngone.wav,b\n")
    features = load_features(manifest, SPEC, cache=tmp_path / "c", workers=1)
    assert len(features.store) == 2
    assert "gone.wav" in features.skipped[0]


def test_a_decoder_that_crashes_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crashing = tmp_path / "sitecustomize.py"
    crashing.write_text(
        "import os, soundfile\n"
        "opened = soundfile.SoundFile\n"
        "def crash(path, *rest, **more):\n"
        "    if 'hiss1' in str(path): os._exit(11)\n"
        "    return opened(path, *rest, **more)\n"
        "soundfile.SoundFile = crash\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    dataset = write_dataset(tmp_path / "d", 3, 1.0)
    features = load_features(dataset, SPEC, cache=tmp_path / "c", workers=2)
    assert features.store.clip == ("hiss0", "hiss2", "tone0", "tone1", "tone2")
    assert "crashed" in features.skipped[0]


def test_a_pool_that_breaks_while_it_is_given_work_loses_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.extraction

    class Breaking(ProcessPoolExecutor):
        submitted = 0

        def submit(self, *work: Any, **more: Any) -> Any:
            Breaking.submitted += 1
            if Breaking.submitted == 2:
                raise BrokenProcessPool
            return super().submit(*work, **more)

    monkeypatch.setattr(training.extraction, "ProcessPoolExecutor", Breaking)
    dataset = write_dataset(tmp_path / "d", 3, 1.0)
    features = load_features(dataset, SPEC, cache=tmp_path / "c", workers=2)
    assert features.store.clip == ("hiss0", "hiss1", "hiss2", "tone0", "tone1", "tone2")
    assert Breaking.submitted > 2


def test_the_cache_is_where_the_platform_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "genre-live"
