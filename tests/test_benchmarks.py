"""The benchmark runs, each row with its figures; how fast anything is depends on the machine."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import GROUPS
from benchmarks.measuring import Figure, Row, Scale, compared, missing, pairs, percentile, run

ROOT = Path(__file__).parents[1]
# Groups whose rivals take long to import and to compile share a process.
IN_ONE_PROCESS = (
    ("cold", "hop", "front_end", "network", "files", "streams", "extraction", "scan"),
    ("listening", "many", "web"),
    ("fitting",),
    ("training_memory",),
)


@pytest.mark.timeout(600)
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="the rivals need the extra [train]")
@pytest.mark.parametrize("groups", IN_ONE_PROCESS, ids="+".join)
def test_every_row_is_measured_and_beside_its_rival_where_it_has_one(groups: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json"]
    command += [word for group in groups for word in ("--only", group)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=580)
    assert finished.returncode == 0, finished.stderr
    rows = [json.loads(line) for line in finished.stdout.splitlines()]
    assert {row["module"] for row in rows} == set(groups)
    for row in rows:
        if row["note"]:
            assert row["note"] == "not installed" or row["note"].startswith("needs ")
            continue
        for column in ("ours", "theirs", "ratio") if row["rival"] else ("ours",):
            assert row[column]["low"] <= row[column]["median"] <= row[column]["high"]
        assert row["ours"]["median"] >= 0
        assert not row["rival"] or row["theirs"]["median"] > 0
        assert row["unit"]


def test_every_group_is_run() -> None:
    assert sorted(group for groups in IN_ONE_PROCESS for group in groups) == sorted(GROUPS)


def test_ratios_are_taken_pair_by_pair() -> None:
    row = compared("work", "s", [1.0, 10.0, 2.0], "rival", [2.0, 20.0, 4.0])
    assert row.ratio == Figure(2.0, 2.0, 2.0)
    faster = compared("speed", "1/s", [4.0], "rival", [2.0], better="more")
    assert faster.ratio == Figure(2.0, 2.0, 2.0)


def test_pairs_take_turns() -> None:
    turns: list[str] = []

    def ours() -> float:
        turns.append("ours")
        return 1.0

    def theirs() -> float:
        turns.append("theirs")
        return 3.0

    row = pairs("work", "s", ours, "rival", theirs, rounds=2)
    assert turns == ["ours", "theirs"] * 3
    assert row == Row("work", "s", Figure(1, 1, 1), "rival", Figure(3, 3, 3), Figure(3, 3, 3))
    turns.clear()
    assert pairs("work", "s", ours, "rival", theirs, rounds=1) == row
    assert turns == ["ours", "theirs"]  # a single round needs no warm-up


@pytest.mark.parametrize("group", ["cold", "files", "listening"])
def test_commands_whose_rival_is_not_installed_are_named(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"benchmarks.{group}")
    monkeypatch.setitem(sys.modules, "keras", None)
    rows = list(module.measure(Scale(quick=True, model=ROOT / "models" / "genre-lstm")))
    assert [row.note for row in rows] == ["not installed"]


def test_what_is_missing_is_named() -> None:
    assert missing("work", "rival").note == "not installed"


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(100)]
    assert (percentile(values, 50), percentile(values, 99), percentile([1.0], 99)) == (50.0, 99.0, 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="resource usage is told by POSIX systems")
def test_a_command_is_measured_apart_from_who_runs_it() -> None:
    ballast = bytearray(200_000_000)  # what this process holds must not count
    small = run([sys.executable, "-I", "-S", "-c", "print('heard')"])
    large = run([sys.executable, "-I", "-S", "-c", "held = bytearray(50_000_000)"])
    assert small.output == "heard\n"
    assert small.peak_mb < 60
    assert large.peak_mb > small.peak_mb + 40
    assert small.cpu_s > 0
    assert small.wall_s > 0
    del ballast


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="failed"):
        run([sys.executable, "-c", "raise SystemExit(3)"])
