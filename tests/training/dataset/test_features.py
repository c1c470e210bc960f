from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

import training.dataset.features
from live.errors import InputError
from live.front_end import FrontEndSpec
from tests.training.conftest import RATE, hiss, write_dataset
from training.dataset.clips import read_dataset
from training.dataset.extraction import ReadInPart, extract
from training.dataset.features import build_store, cache_folder, load_features, silent_clips
from training.dataset.reader_processes import extract_each
from training.dataset.store import MelLevels, StoreWriter, open_store

SPEC = FrontEndSpec()


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


def test_a_file_of_which_a_part_is_lost_is_kept_and_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 2.0)
    cut = dataset / "tone" / "tone1.wav"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    features = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    assert features.store.clip == ("hiss0", "hiss1", "tone0", "tone1")
    assert features.skipped == ()
    [sentence] = features.read_in_part
    assert "tone1.wav is damaged or cut short: 1.0 s of it could not be decoded" in sentence


def test_many_workers_give_what_one_does(dataset: Path, tmp_path: Path) -> None:
    clips = read_dataset(dataset)
    one = build_store(clips, SPEC, tmp_path / "one.npz", workers=1).store
    many = build_store(clips, SPEC, tmp_path / "many.npz", workers=3).store
    assert one.clip == many.clip
    np.testing.assert_array_equal(one.pieces[0], many.pieces[0])


@pytest.mark.usefixtures("as_on_windows")
def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    read: list[str] = []

    def watched(
        paths: Sequence[Path], spec: FrontEndSpec, *, workers: int
    ) -> Generator[MelLevels | ReadInPart | str, None, None]:
        read.extend(path.name for path in paths)
        return extract_each(paths, spec, workers=workers)

    def load() -> list[str]:
        read.clear()
        store = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1).store
        np.testing.assert_array_equal(store.clip_frames(0), extract(dataset / "hiss" / "hiss0.wav", SPEC))
        return sorted(read)

    monkeypatch.setattr(training.dataset.features, "extract_each", watched)
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
    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    read: list[str] = []

    def interrupted(
        paths: Sequence[Path], spec: FrontEndSpec, *, workers: int
    ) -> Generator[MelLevels | ReadInPart | str, None, None]:
        for path, frames in zip(paths, extract_each(paths, spec, workers=workers), strict=True):
            if len(read) == 3:
                raise KeyboardInterrupt
            read.append(path.name)
            yield frames

    monkeypatch.setattr(training.dataset.features, "extract_each", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    read.clear()
    assert len(load_features(dataset, SPEC, cache=tmp_path / "c", workers=1).store) == 4
    assert len(read) == 1


@pytest.mark.parametrize("name", ["a genre that comes first", "z genre that comes last"])
def test_an_interruption_keeps_what_was_known_before_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = write_dataset(tmp_path / "d", 2, 1.0)
    load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    (dataset / name).mkdir()
    soundfile.write(dataset / name / "new.wav", hiss(8, 1), RATE)

    def interrupted(*_: object, **__: object) -> Generator[MelLevels | ReadInPart | str, None, None]:
        raise KeyboardInterrupt
        yield ""

    with monkeypatch.context() as patched:
        patched.setattr(training.dataset.features, "extract_each", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    [cached] = (tmp_path / "c").iterdir()
    assert open_store(cached).clip == ("hiss0", "hiss1", "tone0", "tone1")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode there")
def test_names_that_are_no_text_are_made_one(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 1, 1.0)
    odd = dataset / os.fsdecode(b"d\xe9b")
    odd.mkdir()
    for name in (b"caf\xe9.wav", b"caf\xe8.wav"):
        shutil.copy(dataset / "hiss" / "hiss0.wav", odd / os.fsdecode(name))
    (odd / os.fsdecode(b"br\xe9k.wav")).write_bytes(b"nothing")
    features = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    assert len(set(features.store.clip)) == 4
    for text in (*features.store.clip, *features.store.label, *features.skipped):
        assert text.encode("utf-8")
    assert len(features.skipped) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes there")
def test_a_named_pipe_is_left_out_and_not_waited_for(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 1, 1.0)
    os.mkfifo(dataset / "hiss" / "x.wav")
    features = load_features(dataset, SPEC, cache=tmp_path / "c", workers=1)
    assert features.store.clip == ("hiss0", "tone0")
    assert "x.wav is a pipe" in features.skipped[0]


def test_a_dataset_that_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "d" / label).mkdir(parents=True)
        (tmp_path / "d" / label / "x.wav").write_bytes(b"nothing")
    with pytest.raises(InputError, match="None of the 2 clips can be read"):
        load_features(tmp_path / "d", SPEC, cache=tmp_path / "c", workers=1)


def test_a_file_of_a_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", 1, 1.0)
    manifest = dataset / "clips.csv"
    manifest.write_text("path,label\nhiss/hiss0.wav,a\ntone/tone0.wav,b\ngone.wav,b\nno\0name.wav,b\n")
    features = load_features(manifest, SPEC, cache=tmp_path / "c", workers=1)
    assert len(features.store) == 2
    assert "gone.wav" in features.skipped[0]
    assert "name.wav" in features.skipped[1]


def test_the_cache_is_where_the_platform_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "genre-live"


def test_without_a_home_the_cache_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    with pytest.raises(InputError, match="name a folder with --cache"):
        cache_folder()


def test_silent_clips_of_music_are_named(tmp_path: Path) -> None:
    spec = FrontEndSpec(n_mels=4, n_mfcc=4)
    with StoreWriter(tmp_path / "store.npz", spec) as writer:
        for clip, label, level in (("a", "jazz", -20), ("b", "jazz", -90), ("c", "no_music", -90)):
            writer.add(clip=clip, label=label, group=clip, mel_db=np.full((5, 4), level, np.float16))
    assert silent_clips(open_store(tmp_path / "store.npz")) == ["b"]
