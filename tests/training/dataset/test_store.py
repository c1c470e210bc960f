from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import psutil
import pytest

from live.errors import InputError
from live.front_end import FrontEndSpec
from tests.training.conftest import small_store
from training.dataset.store import StoreWriter, join_stores, open_store

SPEC = FrontEndSpec(n_mels=24, n_mfcc=12)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    clips = [generator.normal(-40, 20, (frames, 24)).astype(np.float16) for frames in (1, 7, 300)]
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        for number, frames in enumerate(clips):
            writer.add(clip=f"c{number}", label="é", group="g", mel_db=frames, fingerprint=str(number))
    store = open_store(tmp_path / "s.npz")
    assert (store.clip, store.label, store.group) == (("c0", "c1", "c2"), ("é",) * 3, ("g",) * 3)
    assert store.fingerprint == ("0", "1", "2")
    assert store.front_end == SPEC
    for number, frames in enumerate(clips):
        np.testing.assert_array_equal(store.clip_frames(number), frames)


def test_the_file_is_the_npz_of_the_contract(tmp_path: Path) -> None:
    small_store(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz", allow_pickle=False) as arrays:
        assert arrays["clip"].dtype.kind == arrays["label"].dtype.kind == arrays["group"].dtype.kind == "U"
        assert arrays["offset"].dtype == np.int64
        assert arrays["mel_db"].dtype == np.float16
        assert arrays["mel_db"].shape == (arrays["offset"][-1], 24)
        assert FrontEndSpec.from_dict(json.loads(str(arrays["front_end"]))) == SPEC


def test_frames_stay_on_disk_when_written_and_read(tmp_path: Path) -> None:
    frames = np.zeros((2_000, 24), np.float16)
    total = 200 * frames.nbytes  # 19 MB
    tracemalloc.start()
    try:
        with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
            for number in range(200):
                writer.add(clip=str(number), label="a", group="a", mel_db=frames)
        store = open_store(tmp_path / "s.npz")
        assert store.clip_frames(199).shape == frames.shape
        assert tracemalloc.get_traced_memory()[1] < total / 4
    finally:
        tracemalloc.stop()


def test_stores_that_numpy_wrote_compressed_or_not_can_be_read(tmp_path: Path) -> None:
    store = small_store(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as arrays:
        contents = {name: arrays[name] for name in arrays.files if name != "fingerprint"}
    np.savez(tmp_path / "plain.npz", allow_pickle=False, **contents)
    np.savez_compressed(tmp_path / "packed.npz", allow_pickle=False, **contents)
    for name in ("plain.npz", "packed.npz"):
        other = open_store(tmp_path / name)
        np.testing.assert_array_equal(other.pieces[0], store.pieces[0])
        assert other.clip == store.clip


def test_a_store_left_by_an_error_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mel_db must be"), StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        writer.add(clip="a", label="a", group="a", mel_db=np.zeros((3, 5)))
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_ctrl_c_cut_short_is_left_out_and_harms_no_other(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.npz", SPEC) as writer:
        file = writer._frames

        def cut_short(frames: memoryview) -> int:
            file.write(bytes(frames)[:100])
            raise KeyboardInterrupt

        for number, write in enumerate((file.write, cut_short, file.write, cut_short)):
            writer._frames = Mock(wraps=file, write=write)
            with contextlib.suppress(KeyboardInterrupt):
                writer.add(clip=str(number), label="a", group="a", mel_db=np.full((5, 24), number))
    store = open_store(tmp_path / "s.npz")
    assert store.clip == ("0", "2")
    for row, number in enumerate((0, 2)):
        np.testing.assert_array_equal(store.clip_frames(row), np.full((5, 24), number))


def spoilt(change: dict[str, Any]) -> Any:
    def write(path: Path, contents: dict[str, Any]) -> None:
        kept = {name: value for name, value in (contents | change).items() if value is not None}
        np.savez(path, **kept)

    return write


def _one_array(path: Path, _: Any) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "write",
    [
        spoilt({"clip": None}),
        spoilt({"mel_db": np.zeros((720, 5), np.float16)}),
        spoilt({"mel_db": np.zeros(720, np.float16)}),
        spoilt({"offset": np.array([0, 720])}),
        spoilt({"offset": np.zeros(13, np.int64)}),
        spoilt({"label": np.array(["a"])}),
        spoilt({"fingerprint": np.array(["a"])}),
        spoilt({"clip": np.array(["same"] * 12)}),
        spoilt({"front_end": np.array("{}")}),
        spoilt({"front_end": np.array("no json")}),
        spoilt({"clip": np.array([object()] * 12)}),
        spoilt({"mel_db": np.array([[{}]])}),
        lambda path, _: path.write_bytes(b""),
        lambda path, _: path.write_bytes(b"PK\x03\x04 not a zip"),
        _one_array,
    ],
)
def test_a_broken_store_is_refused_in_one_sentence(tmp_path: Path, write: Any) -> None:
    small_store(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as arrays:
        contents = {name: arrays[name] for name in arrays.files}
    write(tmp_path / "broken.npz", contents)
    with pytest.raises(InputError, match="is not a feature store") as caught:
        open_store(tmp_path / "broken.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_byte_is_never_more_than_one_sentence(tmp_path: Path, save: Callable[..., None]) -> None:
    small_store(tmp_path / "s.npz", 1)
    with np.load(tmp_path / "s.npz") as arrays:
        save(tmp_path / "whole.npz", **arrays)
    content = (tmp_path / "whole.npz").read_bytes()
    headers = content.index(b"mel_db.npy"), content.index(b"PK\x01\x02")
    for at in (*range(headers[0], headers[0] + 200), *range(headers[1], len(content))):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with contextlib.suppress(InputError):
            open_store(tmp_path / "damaged.npz")


def test_a_file_that_is_no_archive_is_closed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(InputError, match="is not a feature store") as caught:
        open_store(path)
    assert str(path) not in {file.path for file in psutil.Process().open_files()}
    del caught  # until here it kept what the failed call had left open


def test_stores_are_joined_without_copying(tmp_path: Path) -> None:
    stores = [small_store(tmp_path / f"{name}.npz", clips) for name, clips in (("one", 3), ("two", 5))]
    joined = join_stores(stores)
    assert len(joined) == 8
    assert joined.clip[:4] == ("clip0", "clip1", "clip2", "two/clip0")
    assert joined.label == stores[0].label + stores[1].label
    expected = [store.clip_frames(k) for store in stores for k in range(len(store))]
    for number, frames in enumerate(expected):
        np.testing.assert_array_equal(joined.clip_frames(number), frames)
        assert np.shares_memory(joined.clip_frames(number), frames)
    other = small_store(tmp_path / "other.npz", spec=FrontEndSpec(n_mels=24, n_mfcc=12, hop_length=512))
    with pytest.raises(InputError, match="made differently"):
        join_stores([stores[0], other])


def test_a_file_that_two_stores_hold_is_refused(tmp_path: Path) -> None:
    for name, clip in (("one", "a"), ("two", "b")):
        with StoreWriter(tmp_path / f"{name}.npz", SPEC) as writer:
            writer.add(clip=clip, label="x", group=clip, mel_db=np.zeros((40, 24)), fingerprint="a.wav:1")
    one, two = open_store(tmp_path / "one.npz"), open_store(tmp_path / "two.npz")
    with pytest.raises(InputError, match=r"recording b is in one.npz and again in two.npz: give it once"):
        join_stores([one, two])
    made_by_others = replace(one, fingerprint=())
    with pytest.raises(InputError, match=r"recording a is in one.npz and again in one.npz"):
        join_stores([made_by_others, made_by_others])


def test_clips_of_stores_of_one_name_keep_ids_that_differ(tmp_path: Path) -> None:
    stores = []
    for folder in "xyz":
        (tmp_path / folder).mkdir()
        stores.append(small_store(tmp_path / folder / "s.npz", clips=2))
    joined = join_stores(stores)
    assert joined.clip == ("clip0", "clip1", "s/clip0", "s/clip1", "s-2/clip0", "s-2/clip1")


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no feature store"):
        open_store(tmp_path / "none.npz")


def test_joined_stores_tell_what_each_file_was(tmp_path: Path) -> None:
    spec = FrontEndSpec(n_mels=24, n_mfcc=12)
    with StoreWriter(tmp_path / "read.npz", spec) as writer:
        writer.add(clip="a", label="x", group="a", mel_db=np.zeros((40, 24)), fingerprint="a.wav:1")
    stores = [small_store(tmp_path / "s.npz", clips=2), open_store(tmp_path / "read.npz")]
    unknown = replace(stores[0], fingerprint=())  # as in stores made by others
    assert join_stores([unknown, stores[1]]).fingerprint == ("", "", "a.wav:1")
