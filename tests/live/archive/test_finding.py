from __future__ import annotations

import os
import re
import sys
import zipfile
from pathlib import Path
from threading import Thread

import pytest

from live.archive.finding import LONGEST_LINE, Finder, is_address
from live.errors import InputError
from tests.sounds import write_tune


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for name in (
        "b.mp3",
        "a.FLAC",
        "deep/er/c.ogg",
        "cover.jpg",
        ".hidden.mp3",
        ".trash/d.mp3",
        "e [live].wav",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound" if path.suffix != ".jpg" else b"\xff\xd8\xff\xe0")
    return folder


def found(*inputs: str | Path, said: list[str] | None = None) -> tuple[list[str], int]:
    """Names that are found, and how many were passed over."""
    finder = Finder((said if said is not None else []).append)
    paths = [one.path for one in finder.find(map(str, inputs))]
    return paths, finder.passed_over


def names(paths: list[str], folder: Path) -> list[str]:
    return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def test_a_folder_gives_the_audio_below_it_in_order(music: Path) -> None:
    paths, passed_over = found(music)
    assert names(paths, music) == ["a.FLAC", "b.mp3", "e [live].wav", "deep/er/c.ogg"]
    assert passed_over == 1


def test_size_and_date_are_told(music: Path) -> None:
    (one,) = Finder(print).find([str(music / "b.mp3")])
    status = (music / "b.mp3").stat()
    assert (one.size, one.changed) == (status.st_size, str(status.st_mtime_ns))


def test_patterns_may_go_deep(music: Path) -> None:
    assert names(found(music / "*.mp3")[0], music) == ["b.mp3"]
    assert names(found(music / "**" / "*.ogg")[0], music) == ["deep/er/c.ogg"]


def test_a_name_that_looks_like_a_pattern_is_a_name_first(music: Path) -> None:
    assert names(found(music / "e [live].wav")[0], music) == ["e [live].wav"]


def test_a_list_names_one_a_line_and_what_is_missing_gets_its_row(music: Path, tmp_path: Path) -> None:
    listed = tmp_path / "more.txt"
    lines = ["# what we play", str(music / "b.mp3"), "", str(music / "deep"), str(music / "gone.mp3")]
    listed.write_text("\r\n".join(lines))
    assert names(found(f"@{listed}")[0], music) == ["b.mp3", "deep/er/c.ogg", "gone.mp3"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_may_begin_with_a_mark(music: Path, tmp_path: Path, encoding: str) -> None:
    lines = [str(music / "b.mp3"), "# comment", str(music / "e [live].wav")]
    (tmp_path / "list.txt").write_text("\r\n".join(lines), encoding=encoding)
    assert found(f"@{tmp_path / 'list.txt'}")[0] == lines[::2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_list_may_be_a_pipe(music: Path, tmp_path: Path, encoding: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    content = f"{music / 'b.mp3'}\n".encode(encoding)
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert found(f"@{tmp_path / 'pipe'}")[0] == [str(music / "b.mp3")]
    writer.join()


@pytest.mark.parametrize(
    "content",
    [b"RIFF" + bytes(100), "Köln.mp3".encode("utf-16")[:-1], b"a" * (LONGEST_LINE + 1)],
    ids=["sound", "cut", "endless"],
)
def test_a_list_that_is_sound_or_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(InputError, match="no text with a path on each line: save it in UTF-8, or leave out"):
        found(f"@{tmp_path / 'list'}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_links_without_end_and_pipes_in_a_folder_are_passed_over(music: Path) -> None:
    (music / "loop").symlink_to("loop")
    os.mkfifo(music / "pipe.mp3")
    (music / "folder.mp3").symlink_to(music / "deep")
    paths, passed_over = found(music)
    assert names(paths, music) == ["a.FLAC", "b.mp3", "e [live].wav", "deep/er/c.ogg"]
    assert passed_over == 3  # with the cover


def test_mpeg_streams_are_told_from_programs_of_the_same_suffix(tmp_path: Path) -> None:
    packet = b"\x47" + bytes(187)
    (tmp_path / "radio.ts").write_bytes(packet * 9)
    (tmp_path / "disc.m2ts").write_bytes((bytes(4) + packet) * 9)
    (tmp_path / "program.ts").write_text("export const x = 1;\n" * 99)
    (tmp_path / "film").write_bytes(b"\0\0\x01\xba" + bytes(99))
    assert names(found(tmp_path)[0], tmp_path) == ["disc.m2ts", "radio.ts"]
    assert len(found(tmp_path / "radio.ts", tmp_path / "film", tmp_path / "program.ts")[0]) == 2


def test_a_line_that_cannot_be_a_name_costs_no_other(music: Path, tmp_path: Path) -> None:
    names = ["x" * 300, str(music / "one.wav"), f"{music}/one.wav/no.mp3"]
    (tmp_path / "list.txt").write_text("\n".join(names), encoding="utf-8")
    assert [found.path for found in Finder(print).find([f"@{tmp_path / 'list.txt'}"])] == names


def test_audio_is_known_by_its_beginning_where_its_name_says_nothing(tmp_path: Path) -> None:
    sound = write_tune(tmp_path / "sound", format="FLAC")
    text = tmp_path / "text"
    text.write_text("no sound")
    assert found(sound, text) == ([str(sound)], 1)


def test_what_is_not_there_is_told(music: Path) -> None:
    for missing in (music / "nothing.mp3", music / "*.opus", f"@{music / 'list.txt'}"):
        with pytest.raises(InputError, match=r"check"):
            found(missing)


@pytest.mark.skipif(sys.platform == "win32", reason="Links need rights there.")
def test_links_to_files_are_followed_and_links_to_folders_are_not(music: Path) -> None:
    (music / "link.mp3").symlink_to(music / "b.mp3")
    (music / "nowhere.mp3").symlink_to(music / "gone.mp3")
    (music / "around").symlink_to(music)  # would never end
    (music / "folder.mp3").symlink_to(music / "deep")
    paths, passed_over = found(music)
    assert names(paths, music) == [
        "a.FLAC", "b.mp3", "e [live].wav", "link.mp3", "nowhere.mp3", "deep/er/c.ogg",
    ]  # fmt: skip
    assert passed_over == 1
    sizes = {Path(one.path).name: one.size for one in Finder(print).find([str(music)])}
    assert sizes["link.mp3"] == sizes["b.mp3"] > sizes["nowhere.mp3"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Links need rights there.")
def test_links_that_lead_nowhere_cost_a_pattern_no_other(music: Path) -> None:
    for name in ("nowhere.mp3", "nowhere.jpg"):
        (music / name).symlink_to(music / "gone.mp3")
    (music / "itself.mp3").symlink_to(music / "itself.mp3")
    paths, passed_over = found(music / "*")
    assert sorted(names(paths, music)) == [
        "a.FLAC", "b.mp3", "deep/er/c.ogg", "e [live].wav", "itself.mp3", "nowhere.mp3",
    ]  # fmt: skip
    assert passed_over == 2


def test_a_folder_that_cannot_be_read_is_told_and_passed_over(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("er"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    said: list[str] = []
    assert len(found(music, said=said)[0]) == 3
    assert "Permission denied" in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="All names are text there.")
def test_a_name_of_no_text_is_found(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.mp3")).write_bytes(b"sound")
    except OSError:
        pytest.skip("This file system holds no such names.")
    ((path,), _) = found(tmp_path)
    assert os.fsencode(path).endswith(b"caf\xe9.mp3")


def test_addresses_are_told_from_paths() -> None:
    assert is_address("s3://bucket/prefix")
    assert is_address("simplecache::https://host/song.mp3")
    assert not is_address("C:\\music\\song.mp3")
    assert not is_address("music/a:b.mp3")


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no colon in a name.")
def test_a_file_whose_name_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reference::evil.wav").write_bytes(b"RIFF")
    assert not is_address("reference::evil.wav")
    assert is_address("reference::other.wav")


def test_addresses_are_opened_by_fsspec(music: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    paths, passed_over = found(f"file://{music}")
    assert sorted(names([path.removeprefix("file://") for path in paths], music)) == [
        ".hidden.mp3", ".trash/d.mp3", "a.FLAC", "b.mp3", "deep/er/c.ogg", "e [live].wav",
    ]  # fmt: skip
    assert passed_over == 1
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("songs/a.mp3", b"sound")
    assert found(f"zip://songs::file://{tmp_path}/all.zip")[0] == [
        f"zip://songs/a.mp3::file://{tmp_path}/all.zip"
    ]


def test_an_address_without_anything_is_told(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    for address in (f"file://{tmp_path}/gone", "nosuch://place/prefix"):
        with pytest.raises(InputError, match=re.escape(address)):
            found(address)
