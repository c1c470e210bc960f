"""The command genre-scan, its processes included."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

import live
from live.archive.cli import main
from live.archive.progress import ScanProgress
from live.archive.row_files import RowFile
from live.archive.rows import STRETCH_COLUMNS, file_row
from live.archive.scanning import model_named
from live.archive.tagging import spelled
from live.cli import main as genre_live
from tests.bundles import copy_bundle
from tests.live.spreading.in_process import InThisProcess
from tests.sounds import tune, write_tune

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tunes")
    for number, name in enumerate(("a.wav", "b.flac", "c.ogg", "d.wav")):
        write_tune(
            folder / name, 4.0 + 3 * number, rate=44_100 if number % 2 else 22_050, channels=1 + number % 2
        )
    return folder


@pytest.fixture
def music(tunes: Path, tmp_path: Path) -> Path:
    """A folder of a test's own, for it may change the files."""
    return Path(shutil.copytree(tunes, tmp_path / "music"))


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hear in this process, unless a test is about others."""
    if "processes" not in request.fixturenames:
        monkeypatch.setattr("live.spreading.engines.open_engine", InThisProcess)


@pytest.fixture
def processes() -> None:
    """Ask for processes to hear in."""


def scan(*arguments: str | Path, bundle: Path) -> int:
    return main([*map(str, arguments), "--model", str(bundle), "--workers", "2"])


def rows_of(path: Path, bundle: Path) -> dict[str, dict[str, Any]]:
    """Rows by the names of their files; each file has one."""
    columns = STRETCH_COLUMNS if "stretches" in path.name else model_named(str(bundle)).columns
    rows = list(RowFile(path, columns).rows())
    by_name = {Path(row["path"]).name: row for row in rows}
    assert len(by_name) == len(rows)
    return by_name


def events_of(path: Path, bundle: Path, capture: Capture) -> list[dict[str, Any]]:
    """Return the events of ``genre-live --file X --speed max --json``."""
    capture.readouterr()
    assert genre_live(["--model", str(bundle), "--file", str(path), "--speed", "max", "--json"]) == 0
    return [json.loads(line) for line in capture.readouterr().out.splitlines()]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_the_verdicts_are_those_of_genre_live(
    music: Path, tmp_path: Path, bundle: Path, ending: str, capfd: Capture
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    out, stretches = tmp_path / f"genres{ending}", tmp_path / f"stretches{ending}"
    assert scan(music, "--out", out, "--stretches", stretches, bundle=bundle) == 0
    rows = rows_of(out, bundle)
    assert set(rows) == {"a.wav", "b.flac", "c.ogg", "d.wav"}
    told = list(RowFile(stretches, STRETCH_COLUMNS).rows())
    for name, row in rows.items():
        *_, summary = events_of(music / name, bundle, capfd)
        assert row["genre"] == summary["genre"]
        assert row["heard_s"] == row["seconds"] == summary["duration_s"]
        shares = {label: row[f"share_{label}"] for label in summary["share"]}
        assert shares == summary["share"]
        assert row["error"] is None
        result = live.classify_file(music / name, model=bundle)
        assert [
            (stretch["start_s"], stretch["end_s"], stretch["state"], stretch["genre"])
            for stretch in told
            if Path(stretch["path"]).name == name
        ] == [(round(one.start_s, 3), round(one.end_s, 3), one.state, one.genre) for one in result.timeline]


def test_a_summary_shows_the_genres_as_bars(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    (music / "cover.jpg").write_bytes(b"\xff\xd8")
    (music / "broken.mp3").write_text("no sound")
    assert scan(music, "--out", tmp_path / "genres.jsonl", bundle=bundle) == 0
    said = capfd.readouterr()
    assert "█" in said.out
    assert "100%" in said.out or "%" in said.out
    assert "broken" in said.out
    assert "Heard 5 files, 1 of them broken" in said.err
    assert "No audio, and passed over: 1 file." in said.err


def test_samples_that_are_no_numbers_are_told(tmp_path: Path, bundle: Path) -> None:
    sound = tune(6.0)
    sound[2 * 22_050 : 2 * 22_050 + 30] = np.nan
    soundfile.write(tmp_path / "broken.wav", sound, 22_050, subtype="FLOAT")
    assert scan(tmp_path / "broken.wav", "--out", tmp_path / "genres.jsonl", bundle=bundle) == 0
    row = rows_of(tmp_path / "genres.jsonl", bundle)["broken.wav"]
    assert row["error"] == "broken.wav held 30 samples that are no numbers: heard as silence."
    assert row["heard_s"] == 6.0


@pytest.mark.parametrize("name", ["cut.wav", "cut.flac", "damaged.mp3", "cut.mp3"])
def test_what_is_damaged_is_heard_as_far_as_genre_live_hears_it_and_says_so(
    tmp_path: Path, bundle: Path, name: str, capfd: Capture
) -> None:
    path = write_tune(tmp_path / name, 20.0, rate=44_100, channels=2)
    content = path.read_bytes()
    if name.startswith("cut"):
        path.write_bytes(content[: len(content) * 3 // 5])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes(60_000) + content[middle + 60_000 :])
    assert scan(path, "--out", tmp_path / "genres.jsonl", bundle=bundle) == 0
    (row,) = rows_of(tmp_path / "genres.jsonl", bundle).values()
    events = events_of(path, bundle, capfd)
    summary = events[-1]
    assert row["genre"] == summary["genre"]
    assert row["seconds"] == summary["duration_s"]
    assert abs(row["heard_s"] - (summary["duration_s"] - summary["lost_s"])) < 0.002
    assert {label: row[f"share_{label}"] for label in summary["share"]} == summary["share"]
    assert (row["error"] is not None) == any(event["event"] == "gap" for event in events)


def test_what_is_broken_is_a_row_with_its_reason(music: Path, tmp_path: Path, bundle: Path) -> None:
    (music / "empty.mp3").touch()
    (music / "text.flac").write_text("no sound")
    write_tune(music / "short.wav", 0.1)
    assert scan(music, "--out", tmp_path / "genres.csv", bundle=bundle) == 0
    rows = rows_of(tmp_path / "genres.csv", bundle)
    assert len(rows) == 7
    assert "empty" in rows["empty.mp3"]["error"]
    assert "text.flac" in rows["text.flac"]["error"]
    assert "too short" in rows["short.wav"]["error"]
    for name in ("empty.mp3", "text.flac", "short.wav"):
        assert rows[name]["genre"] is None
        assert rows[name]["state"] is None


@pytest.mark.usefixtures("as_on_windows")
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_the_same_command_goes_on_where_it_stood(
    music: Path, tmp_path: Path, bundle: Path, ending: str, capfd: Capture
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"genres{ending}"
    assert scan(music / "[ab].*", "--out", out, bundle=bundle) == 0
    first = rows_of(out, bundle)
    capfd.readouterr()
    assert scan(music, "--out", out, bundle=bundle) == 0
    assert "Already among the rows: 2 files." in capfd.readouterr().err
    rows = rows_of(out, bundle)
    assert len(rows) == 4
    assert first.items() <= rows.items()
    write_tune(music / "a.wav", 9.0)  # another file now
    assert scan(music, "--out", out, bundle=bundle) == 0
    assert "Already among the rows: 3 files." in capfd.readouterr().err
    rows = rows_of(out, bundle)
    assert len(rows) == 4
    assert rows["a.wav"]["seconds"] == 9.0
    assert scan(music, "--out", out, "--again", bundle=bundle) == 0
    said = capfd.readouterr().err
    assert "already" not in said
    assert "Heard 4 files" in said
    assert rows_of(out, bundle) == rows


def test_another_model_begins_anew(music: Path, tmp_path: Path, bundle: Path, capfd: Capture) -> None:
    out = tmp_path / "genres.jsonl"
    assert scan(music, "--out", out, bundle=bundle) == 0
    other = copy_bundle(bundle, tmp_path / "other")
    description = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps(description | {"name": "other"}))
    capfd.readouterr()
    assert scan(music, "--out", out, bundle=other) == 0
    said = capfd.readouterr().err
    assert "made by another model" in said
    assert "Heard 4 files" in said
    assert {row["model"] for row in rows_of(out, other).values()} == {"other"}


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_rows_of_other_options_are_set_aside(
    music: Path, tmp_path: Path, bundle: Path, ending: str, capfd: Capture
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"genres{ending}"
    assert scan(music, "--out", out, bundle=bundle) == 0
    before = out.read_bytes()
    assert scan(music / "a.wav", "--out", out, "--sample", "2", bundle=bundle) == 0
    assert f"the rows so far are in genres.before{ending}." in capfd.readouterr().err
    assert (tmp_path / f"genres.before{ending}").read_bytes() == before
    assert set(rows_of(out, bundle)) == {"a.wav"}
    assert scan(music / "b.flac", "--out", out, bundle=bundle) == 0  # the first mistake must not cost them
    assert f"the rows so far are in genres.before2{ending}." in capfd.readouterr().err
    assert (tmp_path / f"genres.before{ending}").read_bytes() == before


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
@pytest.mark.parametrize("what", ["a row fewer", "other line ends", "another word"])
def test_rows_that_another_program_changed_are_not_touched(
    music: Path, tmp_path: Path, bundle: Path, ending: str, what: str, capfd: Capture
) -> None:
    out = tmp_path / f"genres{ending}"
    assert scan(music, "--out", out, bundle=bundle) == 0
    lines = out.read_bytes().splitlines(keepends=True)
    if what == "a row fewer":
        del lines[1]
    elif what == "other line ends":
        lines = [line.replace(b"\n", b"\r\n") for line in lines]
    else:
        lines[1] = lines[1].swapcase()
    out.write_bytes(b"".join(lines))
    capfd.readouterr()
    assert scan(music, "--out", out, bundle=bundle) == 2
    assert f"{out} was changed after genre-scan wrote it: choose another name" in capfd.readouterr().err
    assert out.read_bytes() == b"".join(lines)
    assert scan(music, "--out", out, "--again", bundle=bundle) == 0
    assert len(rows_of(out, bundle)) == 4


def test_broken_files_are_heard_again_when_asked_for(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    out = tmp_path / "genres.csv"
    (music / "text.flac").write_text("no sound")
    for options, heard in (((), 5), ((), 0), (("--retry",), 1)):
        capfd.readouterr()
        assert scan(music, "--out", out, *options, bundle=bundle) == 0
        said = capfd.readouterr().err
        assert f"Heard {heard} file" in said if heard else "Heard" not in said
        assert len(rows_of(out, bundle)) == 5


def test_rows_of_somebody_else_are_not_touched(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    out = tmp_path / "genres.csv"
    out.write_text("title,year\nSo What,1959\n")
    assert scan(music, "--out", out, bundle=bundle) == 2
    assert "--again" in capfd.readouterr().err
    assert out.read_text() == "title,year\nSo What,1959\n"
    assert scan(music, "--out", out, "--again", bundle=bundle) == 0
    assert len(rows_of(out, bundle)) == 4


def test_relative_paths_belong_to_the_folder_in_which_the_rows_were_begun(
    music: Path, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    others = shutil.copytree(music, tmp_path / "others")
    out = tmp_path / "genres.jsonl"
    monkeypatch.chdir(music)
    assert scan(".", "--out", out, bundle=bundle) == 0
    before = out.read_bytes()
    monkeypatch.chdir(others)
    assert scan(".", "--out", out, bundle=bundle) == 2
    said = capfd.readouterr().err
    assert f"may be relative to {music}, where it was begun: run the command there" in said
    assert out.read_bytes() == before
    assert scan(others / "a.wav", "--out", out, bundle=bundle) == 0  # is another path
    assert len(out.read_text().splitlines()) == 5
    monkeypatch.chdir(music)
    assert scan(".", "--out", out, bundle=bundle) == 0
    assert "Already among the rows: 4 files" in capfd.readouterr().err
    monkeypatch.chdir(others)
    assert scan(".", "--out", out, "--again", bundle=bundle) == 0


def test_rows_that_were_taken_away_are_made_again(music: Path, tmp_path: Path, bundle: Path) -> None:
    for ending in (".jsonl", ".parquet"):
        if ending == ".parquet":
            pytest.importorskip("pyarrow")
        out = tmp_path / f"genres{ending}"
        assert scan(music, "--out", out, bundle=bundle) == 0
        out.unlink()
        assert scan(music, "--out", out, bundle=bundle) == 0
        assert len(rows_of(out, bundle)) == 4


def test_a_file_named_twice_has_one_row(music: Path, tmp_path: Path, bundle: Path) -> None:
    out = tmp_path / "genres.jsonl"
    assert scan(music, music / "a.wav", music / "*.wav", "--out", out, bundle=bundle) == 0
    assert len(rows_of(out, bundle)) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_at_once(tmp_path: Path, bundle: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    assert scan(tmp_path / "pipe.mp3", "--out", tmp_path / "genres.csv", bundle=bundle) == 0
    assert "is a pipe" in rows_of(tmp_path / "genres.csv", bundle)["pipe.mp3"]["error"]


def test_a_sample_is_the_middle(tmp_path: Path, bundle: Path) -> None:
    whole = tune(20.0)
    soundfile.write(tmp_path / "whole.wav", whole, 22_050, subtype="FLOAT")
    middle = whole[7 * 22_050 : 13 * 22_050]
    soundfile.write(tmp_path / "middle.wav", middle, 22_050, subtype="FLOAT")
    for name, options in (("whole", ["--sample", "6"]), ("middle", [])):
        out = tmp_path / f"{name}.jsonl"
        assert scan(tmp_path / f"{name}.wav", "--out", out, *options, bundle=bundle) == 0
    (of_whole,) = rows_of(tmp_path / "whole.jsonl", bundle).values()
    (of_middle,) = rows_of(tmp_path / "middle.jsonl", bundle).values()
    assert of_whole["seconds"] == 20.0
    assert of_whole["heard_s"] == of_middle["heard_s"] == 6.0
    for column in of_middle:
        if column not in {"path", "seconds"}:
            assert of_whole[column] == of_middle[column], column


def test_addresses_are_heard(music: Path, tmp_path: Path, bundle: Path) -> None:
    pytest.importorskip("fsspec")
    shutil.make_archive(str(tmp_path / "all"), "zip", music)
    out = tmp_path / "genres.jsonl"
    assert scan(music, f"zip://*.flac::file://{tmp_path}/all.zip", f"file://{music}/a.wav", "--out", out,
                bundle=bundle) == 0  # fmt: skip
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 6
    heard: dict[str, set[str]] = {}
    for row in rows:
        path = row.pop("path")
        heard.setdefault(path.partition("::")[0].rpartition("/")[2], set()).add(json.dumps(row))
    assert {name: len(different) for name, different in heard.items()} == dict.fromkeys(heard, 1)


def test_rows_go_to_standard_output_where_asked_for(music: Path, bundle: Path, capfd: Capture) -> None:
    assert scan(music, "--out", "-", bundle=bundle) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {Path(row["path"]).name for row in rows} == {"a.wav", "b.flac", "c.ogg", "d.wav"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{music}"], "--out FILE"),
        (["{music}", "--out", "genres.txt"], "genres.txt"),
        (["{music}", "--out", "{music}/no/such/folder/g.csv"], "choose another place"),
        (["{music}/gone.mp3", "--out", "{music}/g.csv"], "There is no file"),
        (["{music}/a.txt", "--out", "{music}/g.csv"], "No audio"),
        (["{music}", "--out", "{music}/g.csv", "--dry-run"], "--dry-run is for --tag"),
        (["{music}", "--tag", "--retry"], "--retry is for --out: give a file with it"),
        (["{music}", "--out", "-", "--again"], "--again goes with rows in a file"),
        (["{music}", "--out", "{music}/g.csv", "--model", "nosuch"], "no model"),
        (["{music}", "--out", "{music}/g.csv", "--sample", "-1"], "--sample"),
        (["{music}", "--out", "{music}/g.csv", "--scheduler", "head"], "--scheduler"),
        (["{music}", "--out", "{music}/g.csv", "--stretches", "{music}/g.csv"], "same file"),
        (["{music}", "--out", "{music}/g.csv", "--stretches", "{music}/../music/g.csv"], "same file"),
        ([], "PATH"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_one_sentence(
    music: Path, arguments: list[str], sentence: str, capfd: Capture
) -> None:
    (music / "a.txt").write_text("no sound")
    assert main([argument.format(music=music) for argument in arguments]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("genre-scan: ")
    assert sentence in line


@pytest.mark.skipif(sys.platform == "win32", reason="Links need rights there.")
def test_rows_and_stretches_do_not_share_a_file_by_links(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    (tmp_path / "link").symlink_to(music)
    out = music / "g.csv"
    assert scan(music, "--out", out, "--stretches", tmp_path / "link" / "g.csv", bundle=bundle) == 2
    assert "same file" in capfd.readouterr().err
    out.write_text("path\n")
    (tmp_path / "hard.csv").hardlink_to(out)
    assert scan(music, "--out", out, "--stretches", tmp_path / "hard.csv", bundle=bundle) == 2
    assert "same file" in capfd.readouterr().err


def test_processes_hear_what_one_hears(music: Path, tmp_path: Path, bundle: Path, processes: None) -> None:
    assert scan(music, "--out", tmp_path / "many.jsonl", bundle=bundle) == 0
    in_one = {
        row["path"]: row for row in (file_row(result, model_named(str(bundle))) for result in live.scan(
            [music], model=bundle, workers=1))
    }  # fmt: skip
    assert {row["path"]: row for row in rows_of(tmp_path / "many.jsonl", bundle).values()} == in_one


def test_a_broken_model_is_told_at_once(
    music: Path, tmp_path: Path, bundle: Path, capfd: Capture, processes: None
) -> None:
    broken = copy_bundle(bundle, tmp_path / "broken")
    (broken / "network.tflite").write_bytes(b"no network")
    assert scan(music, "--out", tmp_path / "genres.csv", bundle=broken) == 2
    assert "was changed after it was made" in capfd.readouterr().err


def tags_of(folder: Path) -> dict[str, list[str]]:
    mutagen = pytest.importorskip("mutagen", reason="The extra [scan] is absent.")
    return {path.name: (mutagen.File(path).tags or {}).get("genre", []) for path in folder.glob("*.flac")}


@pytest.fixture
def albums(tmp_path: Path) -> Path:
    """Files whose tags are told alike."""
    pytest.importorskip("mutagen", reason="The extra [scan] is absent.")
    folder = tmp_path / "albums"
    folder.mkdir()
    sound, rate = soundfile.read(Path(__file__).parents[3] / "examples" / "demo.ogg", 12 * 44_100)
    for name in ("a.flac", "b.flac", "c.flac"):
        soundfile.write(folder / name, sound, rate)
    (folder / "c.flac").chmod(0o444)
    return folder


def test_tags_are_shown_and_then_written_and_need_no_second_hearing(
    albums: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    out = tmp_path / "genres.csv"
    sure = ("--out", str(out), "--tag", "--at-least", "0")
    assert scan(albums / "a.flac", *sure, "--dry-run", bundle=bundle) == 0
    said = capfd.readouterr().err
    genre = spelled(rows_of(out, bundle)["a.flac"]["genre"])
    assert f"a.flac: {genre}" in said
    assert tags_of(albums)["a.flac"] == []
    assert scan(albums, *sure, bundle=bundle) == 0  # that of an earlier run, too
    said = capfd.readouterr().err
    assert "Heard 2 files" in said
    assert f"{albums / 'c.flac'} is read-only: its tags stay as they are." in said
    assert tags_of(albums) == {"a.flac": [genre], "b.flac": [genre], "c.flac": []}
    assert scan(albums, *sure, bundle=bundle) == 0
    said = capfd.readouterr().err
    assert "Heard" not in said
    assert "Not tagged, since there is a genre already: 2 files." in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no backslash in a name.")
def test_names_of_bytes_and_those_that_spell_them_have_rows_and_tags_of_their_own(
    albums: Path, tmp_path: Path, bundle: Path, capfd: Capture
) -> None:
    (albums / "c.flac").unlink()
    names = {os.fsdecode(b"a\xff.flac"): r"a\xff.flac", r"a\xff.flac": r"a\x5cxff.flac"}
    for source, name in zip(("a.flac", "b.flac"), names, strict=True):
        try:
            (albums / source).rename(albums / name)
        except OSError:
            pytest.skip("This file system holds no such names.")
    out, stretches = tmp_path / "genres.csv", tmp_path / "stretches.csv"
    arguments = (albums, "--out", out, "--stretches", stretches)
    assert scan(*arguments, bundle=bundle) == 0
    assert set(rows_of(out, bundle)) == set(names.values())
    assert scan(*arguments, "--tag", "--at-least", "0", bundle=bundle) == 0
    said = capfd.readouterr().err
    assert "Tagged with the genre: 2 files." in said
    assert all(tags_of(albums)[name] for name in names)
    assert scan(*arguments, bundle=bundle) == 0
    assert "Already among the rows: 2 files." in capfd.readouterr().err


def test_only_the_files_that_are_named_get_the_tags_of_an_earlier_run(
    albums: Path, tmp_path: Path, bundle: Path
) -> None:
    out = ("--out", tmp_path / "genres.jsonl")
    assert scan(albums, *out, bundle=bundle) == 0
    assert scan(albums / "a.flac", *out, "--tag", "--at-least", "0", bundle=bundle) == 0
    assert {name: bool(tags) for name, tags in tags_of(albums).items()} == {
        "a.flac": True, "b.flac": False, "c.flac": False,
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_tag_is_that_of_the_sound_that_a_file_has_now(
    albums: Path, tmp_path: Path, bundle: Path, ending: str, capfd: Capture
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    out = ("--out", tmp_path / f"genres{ending}")
    assert scan(albums, *out, bundle=bundle) == 0
    soundfile.write(albums / "a.flac", np.zeros((20 * 44_100, 2)), 44_100)  # has no genre
    assert scan(albums, *out, "--tag", "--at-least", "0", bundle=bundle) == 0
    assert tags_of(albums)["a.flac"] == []
    assert tags_of(albums)["b.flac"] != []


def test_tags_alone_are_written_without_rows_and_tagged_files_are_not_heard(
    albums: Path, bundle: Path, capfd: Capture
) -> None:
    assert scan(albums, "--tag", "--at-least", "0", bundle=bundle) == 0
    assert "Heard 3 files" in capfd.readouterr().err
    assert scan(albums, "--tag", "--at-least", "0", bundle=bundle) == 0
    assert "Heard 1 file:" in capfd.readouterr().err
    assert [tags for tags in tags_of(albums).values() if tags] != []


def test_nothing_is_written_below_a_confidence(albums: Path, bundle: Path, capfd: Capture) -> None:
    assert scan(albums, "--tag", "--at-least", "1", bundle=bundle) == 0
    assert "Not tagged, since the confidence is too low: 3 files." in capfd.readouterr().err
    assert tags_of(albums) == {"a.flac": [], "b.flac": [], "c.flac": []}


SLOW = """
import os, soundfile
opened = soundfile.SoundFile
def open_slowly(path, *rest, **more):
    name = os.path.basename(os.fsencode(path))
    if b"hang" in name:
        import threading
        open({told!r}, "w").close()  # a named pipe: waits for a reader, who waits for it
        threading.Event().wait()
    if b"crash" in name: os.abort()
    return opened(path, *rest, **more)
soundfile.SoundFile = open_slowly
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which files of some names bring their decoder to grief."""
    folder = tmp_path / "site"
    folder.mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "hangs")
    (folder / "sitecustomize.py").write_text(SLOW.format(told=str(tmp_path / "hangs")))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


COMMAND = [sys.executable, "-m", "live.archive.cli"]


def test_a_decoder_that_crashes_or_hangs_costs_its_file(
    music: Path, tmp_path: Path, bundle: Path, environment: dict[str, str]
) -> None:
    write_tune(music / "crash.flac")
    write_tune(music / "hang.flac")
    out = tmp_path / "genres.jsonl"
    arguments = [str(music), "--out", str(out), "--model", str(bundle), "--workers", "2", "--patience", "5"]
    finished = subprocess.run([*COMMAND, *arguments], env=environment, check=False, timeout=120)
    assert finished.returncode == 0
    rows = rows_of(out, bundle)
    assert len(rows) == 6
    assert "its decoder crashed" in rows["crash.flac"]["error"]
    assert "it takes longer than 5 s" in rows["hang.flac"]["error"]
    assert all(rows[name]["error"] is None for name in ("a.wav", "b.flac", "c.ogg", "d.wav"))


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a child there")
@pytest.mark.parametrize(
    ("ending", "number"),
    [(".csv", "SIGINT"), (".csv", "SIGKILL"), (".parquet", "SIGTERM"), (".parquet", "SIGKILL")],
)
def test_an_interruption_leaves_whole_rows_and_the_same_command_goes_on(
    music: Path, tmp_path: Path, bundle: Path, environment: dict[str, str], ending: str, number: str
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    write_tune(music / "z hang.flac")
    out = tmp_path / f"genres{ending}"
    arguments = [str(music), "--out", str(out), "--model", str(bundle), "--workers", "1"]
    running = subprocess.Popen([*COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True)
    notes = tmp_path / f".genres{ending}.scan"
    (tmp_path / "hangs").read_text()  # comes when the last file is begun
    while len(notes.read_text().splitlines()) < 5:
        assert running.poll() is None
    running.send_signal(signal.Signals[number])
    _, said = running.communicate(timeout=60)
    if number == "SIGKILL":
        with notes.open("a") as torn:
            torn.write("0123")
        if ending == ".csv":
            with out.open("a") as torn:
                torn.write("half a row,")
    else:
        assert running.returncode == 1
        assert said.splitlines()[-1] == (
            "genre-scan: Interrupted: the same command goes on where this one stood."
        )
        assert len(rows_of(out, bundle)) == 4
    (music / "z hang.flac").rename(music / "z.flac")
    finished = subprocess.run(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert finished.returncode == 0
    assert "Heard 1 file:" in finished.stderr
    assert len(rows_of(out, bundle)) == 5


@pytest.mark.parametrize(
    "name", [name for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
)
def test_each_signal_that_the_system_has_interrupts_it(
    name: str,
    music: Path,
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "live.archive.scanning.Scan.tag_finished", lambda _: signal.raise_signal(getattr(signal, name))
    )
    assert scan(music, "--out", tmp_path / "genres.jsonl", bundle=bundle) == 1
    assert "Interrupted" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGHUP")
def test_a_hang_up_that_is_ignored_as_with_nohup_ends_nothing(
    music: Path, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "live.archive.scanning.Scan.tag_finished", lambda _: os.kill(os.getpid(), signal.SIGHUP)
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert scan(music, "--out", tmp_path / "genres.jsonl", bundle=bundle) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(rows_of(tmp_path / "genres.jsonl", bundle)) == 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files are limited in size on Linux")
def test_a_full_disk_leaves_whole_rows_and_a_sentence(music: Path, tmp_path: Path, bundle: Path) -> None:
    import resource

    out = tmp_path / "genres.jsonl"
    arguments = [str(music), "--out", str(out), "--model", str(bundle), "--workers", "1"]
    finished = subprocess.run(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # bytecode that is cut short breaks later runs
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_200, 1_200)),
    )
    assert finished.returncode == 1, finished.stderr
    assert "the same command goes on" in finished.stderr.splitlines()[-1]
    whole = rows_of(out, bundle)
    assert 0 < len(whole) < 4
    assert scan(music, "--out", out, bundle=bundle) == 0
    rows = rows_of(out, bundle)
    assert len(rows) == 4
    assert whole.items() <= rows.items()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no /dev/full.")
def test_an_output_that_is_full_is_one_sentence(music: Path, bundle: Path) -> None:
    arguments = [str(music / "a.wav"), "--out", "-", "--model", str(bundle), "--workers", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            check=False,
            timeout=60,
        )
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "The output cannot be written (No space left on device)" in line


def test_two_scans_do_not_write_the_same_rows(
    music: Path, tmp_path: Path, bundle: Path, environment: dict[str, str], capfd: Capture
) -> None:
    if sys.platform == "win32":
        pytest.skip("Files are locked on POSIX systems.")
    write_tune(music / "hang.flac")
    out = tmp_path / "genres.jsonl"
    arguments = [str(music), "--out", str(out), "--model", str(bundle), "--workers", "1"]
    with subprocess.Popen([*COMMAND, *arguments], env=environment) as running:
        (tmp_path / "hangs").read_text()
        for _ in range(2):  # and the one that is refused does not unlock what the other has locked
            assert scan(music, "--out", out, bundle=bundle) == 2
            assert "Another genre-scan" in capfd.readouterr().err
        running.terminate()


def test_genre_live_itself_imports_nothing_of_it() -> None:
    program = (
        "import sys, live.cli, live.session, live.api;"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " {'dask', 'distributed', 'fsspec', 'pyarrow', 'mutagen'} or name.startswith(('live.archive',"
        " 'live.spreading'))])"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_the_summary_is_written_in_any_encoding(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tune(tmp_path / "a.flac", 4.0)
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    assert scan(tmp_path, "--out", tmp_path / "g.csv", bundle=bundle) == 0
    assert shown.errors == "backslashreplace"  # for labels
    shown.seek(0)
    assert re.search(r"  #+  100%  1$", shown.read().rstrip())


def test_a_name_with_an_escape_sequence_does_nothing_to_the_terminal() -> None:
    out = io.StringIO()
    ScanProgress(Console(file=out), files=1, size=1).notify("\x1b[31mred.wav: Jazz")
    assert out.getvalue() == "\N{REPLACEMENT CHARACTER}[31mred.wav: Jazz\n"
