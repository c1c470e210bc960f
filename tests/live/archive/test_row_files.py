from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from live.archive.row_files import AppendedRows, CsvLines, JsonLines, RowFile
from live.errors import InputError

COLUMNS = ("path", "seconds", "genre", "error")
TEXTS = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ROWS = some.fixed_dictionaries(
    {
        "path": TEXTS,
        "seconds": some.none() | some.floats(0, 1e6),
        "genre": some.none() | some.sampled_from(["jazz", "rock"]),
        "error": some.none() | TEXTS,
    }
)


def row(number: int, genre: str | None = "jazz") -> dict[str, Any]:
    return {"path": f"{number}.mp3", "seconds": 1.5 * number, "genre": genre, "error": None}


@pytest.fixture(params=[".jsonl", ".csv", ".parquet"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == ".parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / f"rows{request.param}"


def test_rows_are_read_back_as_they_were_written(path: Path) -> None:
    rows = [row(1), row(2, None), row(3) | {"error": 'a "reason", of\nmany lines'}]
    with RowFile(path, COLUMNS) as file:
        file.open(0)
        for one in rows:
            file.write(one)
        file.put_in()
    file = RowFile(path, COLUMNS)
    file.appended_path.unlink() if file.waits else None
    assert list(file.rows()) == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(rows=some.lists(ROWS, max_size=5))
def test_any_text_comes_back(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    for ending, kind in ((".jsonl", JsonLines), (".csv", CsvLines)):
        file = AppendedRows(tmp_path / f"any{ending}", kind(COLUMNS))
        file.open(0)
        file.write(*rows)
        file.close()
        assert list(file.rows()) == rows


def test_each_is_what_others_read(tmp_path: Path) -> None:
    for ending in (".jsonl", ".csv"):
        with RowFile(tmp_path / f"rows{ending}", COLUMNS) as file:
            file.open(0)
            file.write(row(1), row(2, None))
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines == [row(1), row(2, None)]
    with (tmp_path / "rows.csv").open(newline="") as opened:
        table = list(csv.DictReader(opened))
    assert table[1] == {"path": "2.mp3", "seconds": "3.0", "genre": "", "error": ""}


def test_parquet_has_columns_of_numbers_and_texts(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with RowFile(tmp_path / "rows.parquet", COLUMNS) as file:
        file.open(0)
        file.write(row(1), row(2, None))
        file.put_in()
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "double", "string", "string"]
    assert table.to_pylist() == [row(1), row(2, None)]


@pytest.mark.parametrize("damage", ["cut", "page", "text"])
def test_damaged_parquet_is_one_sentence(tmp_path: Path, damage: str) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    texts = pyarrow.array([b"\xff" if damage == "text" else b"1.mp3"]).cast(pyarrow.string(), safe=False)
    parquet.write_table(pyarrow.table({"path": texts}), path)
    content = path.read_bytes()
    if damage != "text":
        path.write_bytes(content[:4] + bytes(20) + content[24:] if damage == "page" else content[:-1])
    with RowFile(path, ["path"]) as file:
        file.open(0)
        with pytest.raises(InputError, match=r"not a readable Parquet file \(.*\): choose another name"):
            file.put_in()


def test_a_row_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with RowFile(path, COLUMNS) as file:
        file.open(0)
        file.write(row(1))
        length = file.length
    with path.open("a") as torn:
        torn.write("2.mp3,3.")
    with RowFile(path, COLUMNS) as file:
        file.open(length)
        file.write(row(3))
    assert [one["path"] for one in file.rows()] == ["1.mp3", "3.mp3"]


def test_rows_of_some_paths_are_taken_out_and_replaced(path: Path) -> None:
    with RowFile(path, COLUMNS) as file:
        file.open(0)
        file.write(row(1), row(2), row(3))
        file.put_in()
        length = 0 if file.waits else file.length
    again = RowFile(path, COLUMNS)
    again.open(length)
    again.close()
    length, checksum = again.write_next(lambda name: name == "2.mp3")
    again.take_next()
    assert again.checksum_of(length) == checksum
    again.open(length)
    again.write(row(2, "rock"))
    again.put_in()
    again.close()
    if again.waits:
        again.appended_path.unlink()
    assert {one["path"]: one["genre"] for one in again.rows()} == {
        "1.mp3": "jazz", "2.mp3": "rock", "3.mp3": "jazz",
    }  # fmt: skip


def test_other_endings_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.jsonl, \.csv or \.parquet"):
        RowFile(tmp_path / "rows.txt", COLUMNS)
