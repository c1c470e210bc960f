"""``--log``: whole lines, whatever happens to the file meanwhile."""

from __future__ import annotations

import csv
import errno
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from live.errors import InputError, RunningError
from live.events import Event, GapEvent, stamped, to_json_line
from live.outputs.session_log import CSV_COLUMNS, CsvLog, JsonLog, open_log
from tests.live.example_events import AT, LABELS, start, summary, window


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jsonl", JsonLog), ("a.csv", CsvLog), ("a.CSV", CsvLog), ("a", JsonLog)]
)
def test_the_name_decides_the_form(tmp_path: Path, name: str, kind: type) -> None:
    log = open_log(tmp_path / name, LABELS)
    log.close()
    assert isinstance(log, kind)


def test_every_event_is_a_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = JsonLog(path)
    events: list[Event] = [start(), window(3.0, "rock"), GapEvent(4.0, 1.0, "stall"), summary()]
    for number, event in enumerate(events, start=1):
        log(event)
        assert len(lines(path)) == number, "a line is written when the event comes"
    log.close()
    assert [json.loads(line) for line in lines(path)] == [event.to_dict() for event in events]


def test_every_window_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CsvLog(path, LABELS)
    log(start())
    log(window(3.0, "rock", 0.7))
    log(GapEvent(4.5, 1.0, "stall"))
    log(GapEvent(5.0, 0.25, "overflow"))
    log(window(8.0, state="silence", confidence=0.25))
    log(window(8.5, state="silence", confidence=0.25, partial=True))
    log(summary())
    log.close()
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        assert reader.fieldnames == [*CSV_COLUMNS, *LABELS]
    assert [row["time_s"] for row in rows] == ["3.0", "8.0", "8.5"]
    assert [row["state"] for row in rows] == ["genre", "silence", "silence"]
    assert [row["genre"] for row in rows] == ["rock", "", ""]
    assert [row["lost_s"] for row in rows] == ["0.0", "1.25", "0.0"]
    assert [row["partial"] for row in rows] == ["", "", "yes"]
    assert [float(rows[0][label]) for label in LABELS] == [0.1, 0.1, 0.7, 0.1]
    assert [datetime.fromisoformat(row["at"]) for row in rows] == [AT] * 3
    assert [(row["source"], row["title"]) for row in rows] == [("", "")] * 3


def test_a_row_tells_which_source_and_what_the_station_plays(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CsvLog(path, LABELS)
    log(stamped(window(3.0, "rock"), at=AT, source="bar", title="Somebody, and a song"))
    log.close()
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["source"], row["title"]) == ("bar", "Somebody, and a song")


def test_a_table_is_continued_under_its_one_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.touch()
    for _ in range(2):
        log = CsvLog(path, LABELS)
        log(window(3.0, "rock"))
        log.close()
    assert [line.split(",")[3] for line in lines(path)] == ["time_s", "3.0", "3.0"]


@pytest.mark.parametrize("content", ["a,b,c\n1,2,3\n", "x", "at"])
def test_a_table_with_other_columns_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content)
    with pytest.raises(InputError, match="other columns"):
        CsvLog(path, LABELS)
    assert path.read_text() == content


def test_a_source_with_another_model_leaves_columns_empty(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = CsvLog(path, LABELS)
    log(window(3.0, "rock", 0.9, labels=("tango", "rock")))
    log.close()
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["rock"], row["metal"]) == ("0.9", "")


NOT_LOGS = {
    "song.mp3": b"ID3\x04\x00" + bytes(range(256)) * 400,
    "song.wav": b"RIFF\x24\x80\x00\x00WAVEfmt " + bytes(50_000),
    "notes.txt": b"Buy milk\n",
    "other.jsonl": b'{"event": "started", "level": "info"}\n' * 3,
    "data.json": b'{"a": 1}\n',
    "unfinished": b"x",
    "long.txt": b"words " * 100_000,
}


@pytest.mark.parametrize("name", NOT_LOGS)
def test_what_is_no_log_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(NOT_LOGS[name])
    with pytest.raises(
        InputError, match=r"is not a session log, and is left as it is: choose another --log\."
    ):
        open_log(path, LABELS)
    assert path.read_bytes() == NOT_LOGS[name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\0" * 4_096,  # what a power cut can leave of a file
        b'{"event": "window", "time_s": 3.0, "probab',
        b'lities": 1}\n{"event": "gap", "time_s": 3.0}\n',
    ],
)
def test_what_may_be_a_log_is_gone_on_with(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    log = open_log(path, LABELS)
    log(start())
    log.close()
    assert path.read_bytes().startswith(content)
    assert json.loads(lines(path)[-1])["event"] == "start"


@pytest.mark.parametrize("name", ["song.mp3", "song.csv"])
def test_what_is_listened_to_is_no_log(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / name)
    with pytest.raises(InputError, match="is listened to"):
        open_log(tmp_path / "link", LABELS, [str(tmp_path / name)])
    open_log(tmp_path / "log.jsonl", LABELS, [str(tmp_path / name), "missing"]).close()


def test_labels_with_commas_and_quotes_keep_their_column(tmp_path: Path) -> None:
    labels = ('drum, "bass"', "rock")
    path = tmp_path / "log.csv"
    log = CsvLog(path, labels)
    log(window(3.0, labels[0], 0.9, labels=labels))
    log.close()
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["genre"] == labels[0]
    assert row[labels[0]] == "0.9"


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be moved.")
def test_it_goes_on_after_rotation(tmp_path: Path, name: str, replaced: bool) -> None:
    path, moved = tmp_path / name, tmp_path / f"{name}.1"
    log = open_log(path, LABELS)
    log(window(3.0, "rock"))
    path.rename(moved)
    if replaced:
        path.touch()
    log(window(3.5, "metal"))
    log(window(4.0, "metal"))
    log.close()
    header = 1 if name.endswith("csv") else 0
    assert len(lines(moved)) == header + 1
    assert len(lines(path)) == header + 2
    if header:
        assert lines(path)[0] == lines(moved)[0]


def rotate(path: Path) -> list[str]:
    """Move a log away, and return its lines."""
    content = lines(path)
    path.rename(path.with_suffix(".1"))
    return content


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be moved.")
def test_a_new_file_repeats_the_start_of_what_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = JsonLog(path)
    begun = [stamped(start(name=name), at=AT, source=name) for name in ("bar", "hall")]
    log(begun[0])
    log(begun[1])
    log(stamped(window(3.0, "rock"), at=AT, source="bar"))
    starts = rotate(path)[:2]
    ended = [stamped(summary(), at=AT, source=name) for name in ("bar", "hall")]
    log(ended[0])
    assert rotate(path) == [*starts, to_json_line(ended[0])]
    log(ended[1])
    assert rotate(path) == [starts[1], to_json_line(ended[1])]
    log(begun[0])
    assert rotate(path) == [starts[0]]
    log(begun[0])
    assert rotate(path) == [starts[0]], "what starts again is told once"
    log.close()


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_a_log_that_is_emptied_begins_anew(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    log = open_log(path, LABELS)
    log(start())
    log(window(3.0, "rock"))
    before = lines(path)
    os.truncate(path, 0)  # as logrotate does with copytruncate
    log(window(3.0, "rock"))
    log.close()
    assert lines(path) == before
    open_log(path, LABELS).close()


def test_the_null_device_takes_a_log() -> None:
    for log in (JsonLog(Path(os.devnull)), CsvLog(Path(os.devnull), LABELS)):
        log(start())
        log(window(3.0, "rock"))
        log.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no named pipes.")
@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_a_pipe_gets_the_first_line_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = open_log(path, LABELS)
    log(start())
    for time_s in (3.0, 3.5):
        log(window(time_s, "rock"))
    log.close()
    told = os.read(reader, 65_536).decode().splitlines()
    os.close(reader)
    assert len(told) == 3, "a header or a start, and two windows"
    assert len(set(told)) == 3


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_a_torn_last_line_costs_the_next_one_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    def one_session() -> None:
        log = open_log(path, LABELS)
        log(window(3.0, "rock"))
        log(window(3.5, "rock"))
        log.close()

    one_session()
    whole = lines(path)
    torn = path.read_bytes()[:-20]
    path.write_bytes(torn)
    one_session()
    one_session()
    assert path.read_bytes().startswith(torn + b"\n")
    header = 1 if name.endswith("csv") else 0
    assert len(lines(path)) == header + 3 * 2
    assert [len(line.split(",")) for line in lines(path)[header + 2 :]] == [
        len(line.split(",")) for line in [*whole[header:], *whole[header:]]
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file's folder be deleted.")
def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    log = JsonLog(folder / "log.jsonl")
    (folder / "log.jsonl").unlink()
    folder.rmdir()
    with pytest.raises(RunningError, match=r"cannot be written further .*: make room or"):
        log(start())
    log.close()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    log = JsonLog(path)
    log(start())
    whole = lines(path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[: len(content) // 2]))
    with pytest.raises(RunningError, match=os.strerror(errno.ENOSPC)):
        log(window(3.0, "rock"))
    monkeypatch.undo()
    log.close()
    assert lines(path) == whole


@pytest.mark.parametrize("name", ["missing/log.jsonl", "missing/log.csv", ".", "bad\0name.csv", "a" * 300])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="choose another --log"):
        open_log(tmp_path / name, LABELS)


def test_lines_at_the_pace_of_listening_reach_the_disk_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, synced = [100.0], []
    monkeypatch.setattr("live.outputs.session_log.time.monotonic", lambda: now_s[0])
    monkeypatch.setattr(
        "live.outputs.session_log.os.fsync", lambda file: synced.append(os.fstat(file).st_size)
    )
    path = tmp_path / "log.jsonl"
    log = JsonLog(path)
    for _ in range(4):
        log(window(3.0, "rock"))
        assert synced[-1] == path.stat().st_size
        now_s[0] += 0.5
    count = len(synced)
    for _ in range(100):  # as fast as can be: the disk is not asked each time
        log(window(3.0, "rock"))
        now_s[0] += 0.001
    assert len(synced) - count <= 2


def test_a_log_is_written_as_it_is_on_windows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary, opened = 1 << 28, []
    open_ = os.open

    def watched(path: Path, flags: int, mode: int) -> int:
        opened.append(flags & binary)
        return open_(path, flags & ~binary, mode)

    monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
    monkeypatch.setattr(os, "open", watched)
    open_log(tmp_path / "log.csv", LABELS).close()
    assert opened == [binary]
