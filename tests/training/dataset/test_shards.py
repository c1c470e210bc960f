from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

import training.dataset.shards as shards_module
from live.errors import InputError, RunningError
from live.front_end import FrontEndSpec
from live.spreading.cluster import DaskCluster
from live.spreading.processes import LocalProcesses
from live.spreading.work import Done, Engine, Lost, Work
from tests.live.spreading.dask_cluster import DaskProcesses
from tests.live.spreading.in_process import InThisProcess
from tests.training.conftest import RATE, hiss, write_dataset
from training.dataset.clips import Clip, read_dataset
from training.dataset.features import build_store, load_features
from training.dataset.shards import MOST_CLIPS, WriteShards, open_shards, orders
from training.dataset.store import join_stores

SPEC = FrontEndSpec()


class Counting(InThisProcess):
    """Counts the shards that it was asked for; some clips bring it to grief."""

    def __init__(self, guilty: str = "") -> None:
        super().__init__()
        self.asked = 0
        self._guilty = guilty

    def spread(
        self,
        work: Work[Any, Any],
        items: Iterable[Any],
        *,
        ahead: int | None = None,  # noqa: ARG002
    ) -> Generator[Done[Any, Any], None, None]:
        do = work.open()
        for number, item in enumerate(items):
            self.asked += 1
            if self._guilty and any(self._guilty in clip.path.name for clip in item.clips):
                yield Done(number, item, Lost("its decoder crashed"))
            else:
                yield Done(number, item, do(item))


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "SHARD_BYTES", 60_000)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    write_dataset(folder, 4, 1.0)
    return folder


def load(dataset: Path, cache: Path, engine: Engine) -> Any:
    return load_features(dataset, SPEC, cache=cache, workers=1, engine=engine)


def test_a_sharded_store_holds_what_one_in_one_file_holds(dataset: Path, tmp_path: Path) -> None:
    sharded = load(dataset, tmp_path / "cache", Counting()).store
    whole = build_store(read_dataset(dataset), SPEC, tmp_path / "whole.npz", workers=1).store
    assert len(sharded.pieces) > 1
    for name in ("clip", "label", "group", "front_end"):
        assert getattr(sharded, name) == getattr(whole, name)
    np.testing.assert_array_equal(sharded.offset, whole.offset)
    for row in range(len(whole)):
        np.testing.assert_array_equal(sharded.clip_frames(row), whole.clip_frames(row))


def test_its_folder_is_a_dataset_and_can_be_joined(dataset: Path, tmp_path: Path) -> None:
    made = load(dataset, tmp_path / "cache", Counting()).store
    opened = load_features(made.path, SPEC, cache=tmp_path / "none", workers=1).store
    assert opened.clip == made.clip
    other = tmp_path / "other"
    write_dataset(other, 2, 1.0)
    second = build_store(read_dataset(other), SPEC, tmp_path / "other.npz", workers=1).store
    joined = join_stores([opened, second], ["music", "other"])
    last = len(joined) - 1
    np.testing.assert_array_equal(joined.clip_frames(last), second.clip_frames(len(second) - 1))
    np.testing.assert_array_equal(joined.clip_frames(0), made.clip_frames(0))


def test_only_what_changed_is_extracted_again(dataset: Path, tmp_path: Path) -> None:
    first, again, changed = Counting(), Counting(), Counting()
    load(dataset, tmp_path / "cache", first)
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")}
    load(dataset, tmp_path / "cache", again)
    clip = read_dataset(dataset)[0]
    soundfile.write(clip.path, hiss(99, 1), RATE, subtype="PCM_16")  # as large: the division stays
    store = load(dataset, tmp_path / "cache", changed).store
    now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")}
    kept = {name for name, date in now.items() if made.get(name) == date}
    assert len(kept) >= len(now) - 2 - 1  # the index, and the shard of the clip
    assert len(now) == len(made)
    assert store.clip == tuple(one.id for one in read_dataset(dataset))


def test_broken_clips_are_named_each_time(dataset: Path, tmp_path: Path) -> None:
    clip = read_dataset(dataset)[1]
    clip.path.write_text("no sound")
    for _ in range(2):
        features = load(dataset, tmp_path / "cache", Counting())
        (sentence,) = features.skipped
        assert clip.path.name in sentence
        assert clip.id not in features.store.clip
        assert len(features.store) == len(read_dataset(dataset)) - 1


def test_a_clip_that_brings_its_decoder_down_costs_itself_alone(dataset: Path, tmp_path: Path) -> None:
    guilty = read_dataset(dataset)[2]
    features = load(dataset, tmp_path / "cache", Counting(guilty.path.name))
    assert features.skipped == (f"{guilty.path.absolute()} cannot be read: its decoder crashed.",)
    assert len(features.store) == len(read_dataset(dataset)) - 1


def test_broken_clips_are_read_once(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_dataset(dataset)[1].path.write_text("no sound")
    load(dataset, tmp_path / "cache", Counting())
    monkeypatch.setattr(shards_module, "extract_or_explain", lambda *_: pytest.fail("It was read again."))
    assert len(load(dataset, tmp_path / "cache", Counting()).skipped) == 1


class Unmounted(InThisProcess):
    """Tries each item first where the audio is not mounted, and then at another worker, if there is one."""

    def __init__(self, mounted: Path, *, has_another: bool) -> None:
        super().__init__()
        self._mounted, self._has_another = mounted, has_another

    def spread(
        self,
        work: Work[Any, Any],
        items: Iterable[Any],
        *,
        ahead: int | None = None,  # noqa: ARG002
    ) -> Generator[Done[Any, Any], None, None]:
        do = work.open()
        away = self._mounted.with_name("away")
        for number, item in enumerate(items):
            self._mounted.rename(away)
            try:
                result = do(item)
            except InputError as error:
                result = Lost(str(error))
            away.rename(self._mounted)
            yield Done(number, item, do(item) if self._has_another and isinstance(result, Lost) else result)


def test_a_worker_without_the_audio_costs_no_clip(dataset: Path, tmp_path: Path) -> None:
    features = load(dataset, tmp_path / "cache", Unmounted(dataset, has_another=True))
    assert features.skipped == ()
    assert features.store.clip == tuple(clip.id for clip in read_dataset(dataset))


def test_what_no_worker_saw_is_read_by_the_next_run(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the worker has no access to it"):
        load(dataset, tmp_path / "cache", Unmounted(dataset, has_another=False))
    assert load(dataset, tmp_path / "cache", Counting()).skipped == ()


def test_clips_that_an_earlier_version_did_not_see_are_read_again(dataset: Path, tmp_path: Path) -> None:
    clips = read_dataset(dataset)
    content = clips[1].path.read_bytes()
    date_ns = clips[1].path.stat().st_mtime_ns
    clips[1].path.write_bytes(b"x" * len(content))
    os.utime(clips[1].path, ns=(date_ns, date_ns))
    cache = tmp_path / "cache"
    assert len(load(dataset, cache, Counting()).skipped) == 1
    clips[1].path.write_bytes(content)
    os.utime(clips[1].path, ns=(date_ns, date_ns))
    assert len(load(dataset, cache, Counting()).skipped) == 1  # was not changed, as far as anybody can tell
    for path in cache.rglob("*.json"):
        told = json.loads(path.read_text())
        del told["all_seen"]
        path.write_text(json.dumps(told))
    assert load(dataset, cache, Counting()).skipped == ()


def test_nothing_but_broken_clips_is_told(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "music" / label).mkdir(parents=True)
        (tmp_path / "music" / label / f"{label}.wav").write_text("no sound")
    with pytest.raises(InputError, match="None of the 2 clips can be read"):
        load(tmp_path / "music", tmp_path / "cache", Counting())


def test_a_shard_is_whole_or_not_at_all(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PulledPlugError(BaseException):
        """Nothing handles it."""

    def pulled(*_: object) -> None:
        raise PulledPlugError

    with monkeypatch.context() as patched:
        patched.setattr(shards_module, "_write_whole", pulled)
        with pytest.raises(PulledPlugError):
            load(dataset, tmp_path / "cache", Counting())
    assert not list((tmp_path / "cache").rglob("index.npz"))
    whole = build_store(read_dataset(dataset), SPEC, tmp_path / "whole.npz", workers=1).store
    assert load(dataset, tmp_path / "cache", Counting()).store.clip == whole.clip
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.endswith(".part")]


def test_a_shard_that_is_missing_or_another_is_told(dataset: Path, tmp_path: Path) -> None:
    store = load(dataset, tmp_path / "cache", Counting()).store
    shard = min(path for path in store.path.glob("*.npz") if path.name != "index.npz")
    with np.load(shard) as held:
        columns = dict(held)
    columns["clip"] = columns["clip"][::-1] if len(columns["clip"]) > 1 else np.array(["another"])
    np.savez(shard, **columns)  # as many clips and frames as the index tells, and yet others
    opened = load_features(store.path, SPEC, cache=tmp_path, workers=1).store
    with pytest.raises(InputError, match="extract it again"):
        list(map(opened.clip_frames, range(len(opened))))
    shard.unlink()
    with pytest.raises(InputError, match="is missing"):
        load_features(store.path, SPEC, cache=tmp_path, workers=1)


def shards_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.npz") if path.name != "index.npz")


def test_a_damaged_shard_is_extracted_again(dataset: Path, tmp_path: Path) -> None:
    store = load(dataset, tmp_path / "cache", Counting()).store
    cut, emptied, exchanged = shards_of(store.path)[:3]
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    emptied.write_bytes(b"")
    whole = build_store(read_dataset(dataset), SPEC, tmp_path / "whole.npz", workers=1).store
    exchanged.write_bytes(whole.path.read_bytes())  # which has more clips
    again = load(dataset, tmp_path / "cache", Counting()).store
    assert again.clip == whole.clip
    for row in range(len(whole)):
        np.testing.assert_array_equal(again.clip_frames(row), whole.clip_frames(row))


def test_a_damaged_shard_of_a_folder_without_its_audio_is_told(dataset: Path, tmp_path: Path) -> None:
    store = load(dataset, tmp_path / "cache", Counting()).store
    shard = shards_of(store.path)[1]
    shard.write_bytes(shard.read_bytes()[:-100])
    opened = load_features(store.path, SPEC, cache=tmp_path, workers=1).store
    with pytest.raises(InputError, match=f"The shard {re.escape(str(shard))} is damaged: extract it again"):
        list(map(opened.clip_frames, range(len(opened))))


@pytest.mark.parametrize("content", [b"", b"no index", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_an_index_that_cannot_be_read_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "index.npz").write_bytes(content)
    with pytest.raises(InputError, match="is not a readable sharded store"):
        open_shards(tmp_path)


def test_an_index_that_cuts_a_clip_in_two_is_told(dataset: Path, tmp_path: Path) -> None:
    store = load(dataset, tmp_path / "cache", Counting()).store
    with np.load(store.path / "index.npz") as held:
        columns = dict(held)
    columns["shard_frames"][:2] += [1, -1]
    np.savez(store.path / "index.npz", **columns)
    with pytest.raises(InputError, match="a clip lies in two shards"):
        load_features(store.path, SPEC, cache=tmp_path, workers=1)


@pytest.mark.skipif(sys.platform == "win32", reason="open files are limited on POSIX systems")
def test_many_shards_hold_few_files_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards_module, "CUT_ONE_IN", 1)
    for label in ("a", "b"):
        (tmp_path / "music" / label).mkdir(parents=True)
        for number in range(75):
            soundfile.write(tmp_path / "music" / label / f"{label}{number}.wav", hiss(number, 1), RATE)
    store = load(tmp_path / "music", tmp_path / "cache", Counting()).store
    assert len(store.pieces) == 150
    import resource

    open_files = psutil.Process().num_fds()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files + 100, hard))
    gc.disable()  # they must be closed when they are no longer used, not when Python looks for garbage
    try:
        assert sum(len(store.clip_frames(row)) for row in range(len(store))) == store.offset[-1]
    finally:
        gc.enable()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_dataset_is_divided_alike_when_clips_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "SHARD_BYTES", 1_000)

    def divided(names: list[str]) -> set[tuple[str, ...]]:
        clips = [Clip(name, Path(name), "a", name) for name in names]
        parts = list(orders(clips, [f"1:{name}:0:100" for name in names]))
        assert [clip for part in parts for clip in part.clips] == clips
        assert all(len(part.clips) <= MOST_CLIPS for part in parts)
        return {tuple(clip.id for clip in part.clips) for part in parts}

    names = [f"clip{number:04}" for number in range(1_000)]
    before, after = divided(names), divided([*names[:500], "new", *names[500:]])
    assert len(before) > 30
    assert len(before & after) >= 0.8 * len(before)


def test_processes_write_shards_side_by_side(dataset: Path, tmp_path: Path) -> None:
    engine = LocalProcesses(2)
    store = load(dataset, tmp_path / "cache", engine).store
    assert store.clip == tuple(clip.id for clip in read_dataset(dataset))


def test_a_worker_without_the_folder_or_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunningError, match="give a --cache that all machines share"):
        WriteShards(SPEC, tmp_path / "gone").open()
    with pytest.raises(RunningError, match=r"but 9\.9 is needed"):
        WriteShards(SPEC, tmp_path, version="9.9").open()


def test_a_worker_without_the_audio_is_refused(dataset: Path, tmp_path: Path) -> None:
    class Without(InThisProcess):
        def spread(self, work: Work[Any, Any], items: Iterable[Any], **how: Any) -> Any:
            dataset.rename(tmp_path / "away")
            return super().spread(work, items, **how)

    with pytest.raises(RunningError, match=f"no access to {re.escape(str(dataset))}.*: share the audio"):
        load(dataset, tmp_path / "cache", Without())


def test_a_worker_that_may_not_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RunningError, match=f"may not write to {re.escape(str(tmp_path))}"):
        WriteShards(SPEC, tmp_path).open()


@pytest.mark.timeout(600)
def test_a_cluster_writes_shards_and_a_worker_that_is_killed_costs_none(
    dataset: Path, tmp_path: Path
) -> None:
    with DaskProcesses(tmp_path) as cluster:
        first = cluster.start_worker()
        engine = DaskCluster(cluster.address, print)

        def progress(done: int, _total: int) -> None:
            if done and first.poll() is None:
                first.kill()
                first.wait()
                cluster.start_worker()

        store = load_features(
            dataset, SPEC, cache=tmp_path / "cache", workers=1, engine=engine, progress=progress
        ).store
        engine.close()
    whole = build_store(read_dataset(dataset), SPEC, tmp_path / "whole.npz", workers=1).store
    assert store.clip == whole.clip
    for row in range(len(whole)):
        np.testing.assert_array_equal(store.clip_frames(row), whole.clip_frames(row))
