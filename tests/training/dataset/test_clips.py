from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from live.errors import InputError
from training.dataset.clips import (
    UNLABELLED,
    check_labels,
    read_dataset,
    remarks_on_labels,
    remarks_on_lone_clips,
)
from training.dataset.features import labels_of


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_folder_of_genre_folders_gives_labels_and_gtzan_ids(tmp_path: Path) -> None:
    touch(tmp_path, "blues/blues.00000.wav", "blues/deeper/blues.00001.au", "jazz/jazz.00000.wav")
    clips = read_dataset(tmp_path)
    assert [(clip.id, clip.label, clip.group) for clip in clips] == [
        ("blues.00000", "blues", "blues.00000"),
        ("blues.00001", "blues", "blues.00001"),
        ("jazz.00000", "jazz", "jazz.00000"),
    ]


def test_files_that_are_no_audio_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "a/notes.txt", "a/._1.wav", ".hidden/2.wav", "b/3.MP3", "stray.wav")
    assert [clip.path.name for clip in read_dataset(tmp_path)] == ["1.wav", "3.MP3"]


def test_equal_file_names_in_two_genres_get_ids_that_differ(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "b/1.wav")
    assert [clip.id for clip in read_dataset(tmp_path)] == ["a/1.wav", "b/1.wav"]


def test_a_manifest_is_read_relative_to_itself_with_groups(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text("\ufeffpath,label,group\nx/one.wav,rock,Ann\ntwo.wav,jazz,\n", encoding="utf-8")
    clips = read_dataset(manifest)
    assert [(clip.path, clip.label, clip.group) for clip in clips] == [
        (tmp_path / "x/one.wav", "rock", "Ann"),
        (tmp_path / "two.wav", "jazz", "two"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,genre\na.wav,rock\n", "no column label"),
        ("path,label\na.wav,\n", "Line 2"),
        ("path,label\n", "lists no clips"),
        ("path,label\na.wav,rock\na.wav,jazz\n", r"one file under two labels, as .*a.wav \(rock\) and"),
    ],
)
def test_a_wrong_manifest_is_explained_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        read_dataset(manifest)
    assert "\n" not in str(caught.value)


def test_labels_must_be_two_that_a_bundle_can_hold() -> None:
    check_labels({"rock", "no_music", "unlabelled"})
    with pytest.raises(InputError, match="fewer than two labels"):
        check_labels({"rock", "unlabelled"})
    with pytest.raises(InputError, match="cannot be used"):
        check_labels({"rock", "j\x07zz"})


def test_what_is_no_dataset_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no dataset"):
        read_dataset(tmp_path / "missing")
    touch(tmp_path, "song.wav")
    with pytest.raises(InputError, match="is not a dataset"):
        read_dataset(tmp_path / "song.wav")
    with pytest.raises(InputError, match="no audio in genre folders"):
        read_dataset(tmp_path)


def test_a_file_that_is_listed_by_several_paths_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a" / "1.wav")
    manifest = tmp_path / "clips.csv"
    lines = [
        "a/1.wav,a,",
        "a/../a/1.wav,a,Ann",
        f"{tmp_path / 'a' / '1.wav'},a,",
        "link.wav,a,",
        "b/2.wav,b,",
    ]
    manifest.write_text("\n".join(["path,label,group", *lines]))
    clips = read_dataset(manifest)
    assert [(clip.id, clip.label, clip.group) for clip in clips] == [("1", "a", "Ann"), ("2", "b", "2")]
    manifest.write_text("path,label\na/1.wav,a\nlink.wav,b\n")
    with pytest.raises(InputError, match=r"two labels, as .*1\.wav \(a\) and .*link\.wav \(b\): give it one"):
        read_dataset(manifest)


def test_a_file_and_a_link_to_it_in_genre_folders_are_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "a" / "again.wav").symlink_to(tmp_path / "a" / "1.wav")
    assert [clip.id for clip in read_dataset(tmp_path)] == ["1", "2"]
    (tmp_path / "b" / "again.wav").symlink_to(tmp_path / "a" / "1.wav")
    with pytest.raises(
        InputError, match=r"two labels, as .*1\.wav \(a\) and .*again\.wav \(b\): give it one"
    ):
        read_dataset(tmp_path)


def test_what_a_listener_was_unsure_of_is_unlabelled_music(tmp_path: Path) -> None:
    for label in ("tango", "unsure", "waltz"):
        (tmp_path / label).mkdir()
        (tmp_path / label / f"{label}.flac").write_bytes(b"")
    assert {clip.id: clip.label for clip in read_dataset(tmp_path)} == {
        "tango": "tango",
        "unsure": UNLABELLED,
        "waltz": "waltz",
    }
    (tmp_path / "clips.csv").write_text("path,label\n1.wav,unsure\n2.wav,tango\n")
    assert [clip.label for clip in read_dataset(tmp_path / "clips.csv")] == [UNLABELLED, "tango"]


@pytest.mark.parametrize("label", ["unsure", "silence", "other", "waiting", "genre", "Other"])
def test_a_label_that_is_the_name_of_a_state_is_refused(label: str) -> None:
    with pytest.raises(InputError, match=f"The label '{label}' is the name of a verdict's state: rename it"):
        check_labels({label, "rock", "no_music", "other_music"})


def test_a_lone_clip_that_was_kept_is_no_label_of_its_own(tmp_path: Path) -> None:
    names = {
        "tango": ["2026-03-01_21-30-05", "2026-03-01_21-31-05"],
        "waltz": ["blue danube"],
        "polka": ["2026-03-01_21-32-05"],
        "no_music": ["2026-03-01_21-33-05_bar"],
    }
    for label, stems in names.items():
        (tmp_path / label).mkdir()
        for stem in stems:
            (tmp_path / label / f"{stem}.flac").write_bytes(b"")
    assert {(clip.path.parent.name, clip.label) for clip in read_dataset(tmp_path)} == {
        ("tango", "tango"),
        ("waltz", "waltz"),
        ("polka", UNLABELLED),
    }
    [remark] = remarks_on_lone_clips(tmp_path, labels_of(tmp_path))
    assert "of no_music, polka there is one each" in remark
    (tmp_path / "polka" / "2026-03-01_21-39-05.flac").write_bytes(b"")
    (tmp_path / "no_music" / "2026-03-01_21-39-05.flac").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    assert remarks_on_lone_clips(tmp_path, labels_of(tmp_path)) == []


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/1.wav", "b/2.wav")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "b":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match="b cannot be read: Permission denied; check its permissions"):
        read_dataset(tmp_path)


def test_links_are_followed_and_a_folder_that_holds_itself_is_entered_once(tmp_path: Path) -> None:
    touch(tmp_path, "library/dub/1.wav", "library/dub/2.wav", "music/ska/3.wav")
    (tmp_path / "music" / "dub").mkdir()
    (tmp_path / "music" / "dub" / "album").symlink_to(tmp_path / "library" / "dub")
    (tmp_path / "library" / "dub" / "loop").symlink_to(tmp_path / "library" / "dub")
    (tmp_path / "music" / "ska" / "up").symlink_to(tmp_path / "music" / "ska")
    clips = read_dataset(tmp_path / "music")
    assert [(clip.id, clip.label) for clip in clips] == [("1", "dub"), ("2", "dub"), ("3", "ska")]


def test_genre_folders_one_folder_deeper_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "Data/genres_original/blues/1.wav", "Data/genres_original/jazz/2.wav")
    (tmp_path / "Data" / "images_original").mkdir()
    with pytest.raises(InputError, match="one folder deeper: give"):
        read_dataset(tmp_path / "Data")
    touch(tmp_path, "music/rock/first album/1.wav", "music/rock/second album/2.wav", "music/jazz/3.wav")
    assert len(read_dataset(tmp_path / "music")) == 3


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"Jazz", "jazz"}, "almost the same"),
        ({"hip-hop", "hiphop", "rock"}, "almost the same"),
        ({"forr\u00f3", "forro\u0301"}, "almost the same"),
        ({"\uff24\uff2a", "dj"}, "almost the same"),  # in letters of full width
        ({"No_Music", "rock"}, "'No_Music' is almost 'no_music'"),
        ({"other music", "rock"}, "is almost 'other_music'"),
        ({"Unlabelled", "rock", "jazz"}, "is almost 'unlabelled'"),
    ],
)
def test_labels_that_are_spelled_almost_the_same_are_refused(labels: set[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_labels(labels)


def test_both_forms_of_a_letter_with_an_accent_are_one_label_and_one_group(tmp_path: Path) -> None:
    one, other = "forr\u00f3", "forro\u0301"
    touch(tmp_path, f"music/{one}/1.wav", f"music/{other}/2.wav", "music/samba/3.wav")
    assert {clip.label for clip in read_dataset(tmp_path / "music")} == {one, "samba"}
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"path,label,group\n1.wav,{one},{other}\n2.wav,{other},{one}\n", encoding="utf-8")
    assert {(clip.label, clip.group) for clip in read_dataset(manifest)} == {(one, one)}


def test_an_only_genre_is_remarked_on() -> None:
    [remark] = remarks_on_labels({"tango", "no_music", UNLABELLED})
    assert "'tango' is the only genre" in remark
    assert remarks_on_labels({"tango", "other_music"}) == []


def test_labels_that_are_numbers_are_remarked_on() -> None:
    [remark] = remarks_on_labels({"000", "001", "no_music"})
    assert "numbers" in remark
    assert remarks_on_labels({"80", "rock"}) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_manifests_as_spreadsheets_write_them_are_read(delimiter: str, encoding: str, tmp_path: Path) -> None:
    lines = [["path", "label", "group"], ["a.wav", "schön", "x"], ["b.wav", "jazz", "y"]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    manifest = tmp_path / "music.csv"
    manifest.write_bytes(text.encode(encoding))
    clips = read_dataset(manifest)
    assert [(clip.path.name, clip.label, clip.group) for clip in clips] == [
        ("a.wav", "schön", "x"),
        ("b.wav", "jazz", "y"),
    ]


def test_a_manifest_with_other_columns_or_signs_between_them_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "music.csv"
    manifest.write_text("path:label\na.wav:jazz\n")
    with pytest.raises(InputError, match="with commas, semicolons or tabs between them"):
        read_dataset(manifest)
    manifest.write_bytes("path,label\na.wav,sch\xf6n\n".encode("latin-1"))
    with pytest.raises(InputError, match="save it as UTF-8"):
        read_dataset(manifest)
