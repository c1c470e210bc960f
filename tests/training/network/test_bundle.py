from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from live.bundle import BundleDescription, read_description, write_description
from live.errors import InputError
from live.front_end import FrontEndSpec
from training.network.bundle import (
    check_destination,
    package_versions,
    replacing,
)


def write(folder: Path, name: str = "one", temperature: float = 1.5) -> None:
    for file in ("network.tflite", "network.keras"):
        (folder / file).write_bytes(name.encode())
    content = BundleDescription(
        name,
        ("jazz", "no_music"),
        FrontEndSpec(),
        34,
        temperature,
        vote={"unsure_below": 0.4},
        training={"seed": 3},
    )
    write_description(folder, content)


def test_what_is_written_is_what_genre_live_reads(tmp_path: Path) -> None:
    write(tmp_path)
    description = read_description(tmp_path)
    assert (description.name, description.labels) == ("one", ("jazz", "no_music"))
    assert (description.front_end, description.window_frames) == (FrontEndSpec(), 34)
    assert (description.temperature, description.vote) == (1.5, {"unsure_below": 0.4})
    assert description.training == {"seed": 3}
    assert set(description.sha256) == {"network.tflite", "network.keras"}


def test_a_bundle_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "model"
    for name in ("one", "two"):
        with replacing(out) as folder:
            assert folder.parent == tmp_path / ".model.training"
            write(folder, name)
            if name == "two":
                assert read_description(out).name == "one"
        if name == "one":
            (out / "stray").write_text("x")
    assert read_description(out).name == "two"
    assert not (out / "stray").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_a_bundle_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "model"
    with replacing(out) as folder:
        write(folder, "one")

    def fail() -> None:
        with replacing(out) as folder:
            (folder / "bundle.json").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert read_description(out).name == "one"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_told_with_the_name_of_the_bundle(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="model") as told, replacing(tmp_path / "model"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told.value.filename == str(tmp_path / "model")


def test_what_killed_runs_have_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    work = tmp_path / ".model.training"
    for left in ("bundle.abcdefgh", "bundle.ijklmnop", "bundle.ijklmnop.former"):
        (work / left).mkdir(parents=True)
        write(work / left)
    (work / "checkpoint.npz").write_text("of this run")
    others = {tmp_path / name for name in (".model.abcdefgh", "model.bundle.1", ".model2.training")}
    for other in others:
        other.mkdir()
    with replacing(tmp_path / "model") as folder:
        write(folder)
    assert set(tmp_path.iterdir()) == {tmp_path / "model", work, *others}
    assert [path.name for path in work.iterdir()] == ["checkpoint.npz"]


def test_a_destination_is_checked_before_hours_of_work(tmp_path: Path) -> None:
    check_destination(tmp_path / "new" / "model")
    model = tmp_path / "model"
    model.mkdir()
    write(model)
    check_destination(model)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        check_destination(tmp_path / "file")
    (model / "notes.txt").write_text("the user's own")
    with pytest.raises(InputError, match="holds other files"):
        check_destination(model)
    (model / "notes.txt").unlink()
    (model / "bundle.json").unlink()
    with pytest.raises(InputError, match="holds other files"):
        check_destination(model)
    with pytest.raises(InputError, match="cannot be written"):
        check_destination(Path("/proc/nowhere/model"))


def test_a_mount_point_is_refused_before_hours_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, bound, link = tmp_path / "disk", tmp_path / "a \\ folder", tmp_path / "link"
    for folder in (disk, bound):
        folder.mkdir()
    link.symlink_to(disk)
    mounts = tmp_path / "mountinfo"
    escaped = str(bound).replace("\\", "\\134").replace(" ", "\\040")
    mounts.write_text(f"36 35 98:0 /folder {escaped} rw,noatime shared:1 - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr("training.network.bundle.MOUNTS", mounts)
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == disk)
    for folder in (disk, bound, link):
        with pytest.raises(InputError, match="is a mount point, which cannot be replaced: give a folder"):
            check_destination(folder)
    check_destination(disk / "model")
    monkeypatch.setattr("training.network.bundle.MOUNTS", tmp_path / "none")
    check_destination(bound)


def test_a_link_stays_a_link_to_the_new_bundle(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()
    link.symlink_to(target)
    with replacing(link) as folder:
        (folder / "bundle.json").write_text("{}")
    assert link.is_symlink()
    assert (target / "bundle.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


def test_versions_of_what_a_model_depends_on() -> None:
    assert {"python", "numpy", "tensorflow", "keras"} <= set(package_versions())
