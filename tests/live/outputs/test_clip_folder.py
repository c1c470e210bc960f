"""Clips on the disk: whole, in their places, and no more than there may be."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from live.errors import InputError
from live.outputs.clip_folder import Clip, ClipFolder, FolderFullError, folder_name

RATE = 22_050
AT = datetime(2026, 3, 1, 21, 30, 5, tzinfo=UTC)
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def clip(label: str = "tango", **changes: Any) -> Clip:
    return Clip(**{"label": label, "at": AT, "samples": TONE, "sample_rate": RATE, **changes})


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_clip_is_flac_in_the_folder_of_its_label_under_its_time(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "new" / "clips")
    path = folder.write(clip())
    assert files(folder.path) == ["tango/2026-03-01_21-30-05.flac"]
    heard, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(heard, TONE, atol=1 / 32_000)
    assert folder.kept == 1


@pytest.mark.parametrize("format", ["ogg", "mp3"])
def test_other_formats_are_written_with_the_genre_in_their_tags(tmp_path: Path, format: str) -> None:  # noqa: A002
    pytest.importorskip("pydub")
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = ClipFolder(tmp_path, format=format).write(clip())
    assert path.suffix == f".{format}"
    with soundfile.SoundFile(path) as file:
        assert file.frames == pytest.approx(len(TONE), abs=RATE // 5)
        assert file.copy_metadata()["genre"] == "tango"
        heard = file.read(dtype="float32")
    spectrum = np.abs(np.fft.rfft(heard[: 2 * RATE] * np.hanning(2 * RATE)))
    assert spectrum.argmax() / 2 == pytest.approx(440, abs=1)


def test_a_format_whose_encoder_is_missing_is_refused_before_anything_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pydub")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="needs ffmpeg: install it, or keep flac"):
        ClipFolder(tmp_path, format="mp3")
    monkeypatch.setitem(sys.modules, "pydub", None)
    with pytest.raises(InputError, match=r"--keep-format ogg needs the extra \[keep\]"):
        ClipFolder(tmp_path, format="ogg")
    assert ClipFolder(tmp_path).write(clip()).exists()  # as FLAC, which needs neither


def test_clips_of_one_second_do_not_take_each_others_place(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    for source in (None, None, "bar: left"):
        folder.write(clip(source=source))
    assert files(tmp_path) == [
        "tango/2026-03-01_21-30-05-2.flac",
        "tango/2026-03-01_21-30-05.flac",
        "tango/2026-03-01_21-30-05_bar_ left.flac",
    ]


def test_there_are_no_more_than_may_be_and_room_that_is_made_is_used(tmp_path: Path) -> None:
    first = ClipFolder(tmp_path).write(clip())
    first.with_name(".begun.flac").touch()  # what a power cut leaves of a clip counts for none
    folder = ClipFolder(tmp_path, most_clips=2)
    second = folder.write(clip())
    with pytest.raises(FolderFullError):
        folder.write(clip())
    folder.write(clip("waltz"), beyond_bounds=True)
    second.unlink()
    with pytest.raises(FolderFullError):
        folder.write(clip())
    first.unlink()
    folder.write(clip("polka"))
    assert [name.split("/")[0] for name in files(tmp_path)] == ["polka", "tango", "waltz"]


def test_their_size_has_a_bound_too(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path, most_bytes=1_000)
    folder.write(clip())
    with pytest.raises(FolderFullError):
        folder.write(clip())


def test_a_clip_is_moved_to_the_right_label_and_one_that_is_gone_is_not_missed(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    first = folder.write(clip("waltz"))
    folder.write(clip("tango"))
    moved = folder.relabel(first, "tango")
    assert files(tmp_path) == ["tango/2026-03-01_21-30-05-2.flac", "tango/2026-03-01_21-30-05.flac"]
    moved.unlink()
    assert folder.relabel(moved, "polka") == moved


def test_a_disk_that_fills_up_leaves_no_torn_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ClipFolder(tmp_path)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        folder.write(clip())
    assert files(tmp_path) == []
    assert folder.kept == 0


def test_a_folder_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Clips cannot be kept in .*file.*: choose another --keep\."):
        ClipFolder(tmp_path / "file")
    with pytest.raises(InputError, match="choose another --keep"):
        ClipFolder(Path("/proc/nowhere"))


@given(st.text(max_size=30))
def test_any_label_is_one_folder_inside(label: str) -> None:
    name = folder_name(label)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0')
    if label.isalnum():
        assert name == label


def test_what_is_no_number_becomes_silence_and_what_is_too_loud_full_scale(tmp_path: Path) -> None:
    sound = np.array([np.nan, np.inf, -5.0, 0.25] * 8_000, dtype=np.float32)
    heard, _ = soundfile.read(ClipFolder(tmp_path).write(clip(samples=sound)), dtype="float32")
    np.testing.assert_allclose(heard[:4], [0.0, 1.0, -1.0, 0.25], atol=1e-3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_clips_are_as_private_as_the_user_has_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = ClipFolder(tmp_path).write(clip())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_a_file_can_have_one_name_alone_none_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, __: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    folder = ClipFolder(tmp_path)
    folder.write(clip())
    folder.write(clip())
    assert files(tmp_path) == ["tango/2026-03-01_21-30-05-2.flac", "tango/2026-03-01_21-30-05.flac"]
