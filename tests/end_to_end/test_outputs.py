"""The installed command and those who listen to it: logs, reports, commands, OSC, MQTT, saved defaults."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.commands import command, genre_live
from tests.event_contract import check
from tests.receivers import Broker, OscReceiver, Subscriber
from tests.sounds import write_tune


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tune(tmp_path_factory.mktemp("tune") / "tune.wav", 8.0)


def windows(text: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in text.splitlines()]
    return [event for event in events if event["event"] == "window"]


def changes(text: str) -> list[tuple[str, str]]:
    """Return each verdict that differs from the one before."""
    said = [("waiting", "")]
    for window in windows(text):
        now = (window["vote"]["state"], window["vote"]["genre"] or "")
        if now != said[-1]:
            said.append(now)
    return said[1:]


def test_a_log_holds_what_was_said_and_becomes_a_report(bundle: Path, tune: Path, tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    outcome = genre_live("--file", tune, "--speed", "max", "--json", "--log", log, model=bundle)
    assert log.read_text() == outcome.out
    check(log.read_text().splitlines())
    pytest.importorskip("plotly")
    report = genre_live("--report", log)
    assert (report.status, report.error) == (0, "")
    assert report.out == f"Wrote {tmp_path / 'session.html'}.\n"
    assert "tune.wav" in (tmp_path / "session.html").read_text(encoding="utf-8")


def test_a_table_has_a_row_a_window(bundle: Path, tune: Path, tmp_path: Path) -> None:
    log = tmp_path / "session.csv"
    outcome = genre_live("--file", tune, "--speed", "max", "--json", "--log", log, model=bundle)
    said = windows(outcome.out)
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time_s"]) for row in rows] == [window["time_s"] for window in said]
    assert [row["genre"] for row in rows] == [window["vote"]["genre"] or "" for window in said]
    for label, share in said[-1]["vote"]["distribution"].items():
        assert float(rows[-1][label]) == share
    other = tmp_path / "other.csv"
    other.write_text("a,b\n")
    refused = genre_live("--file", tune, "--log", other, model=bundle)
    assert refused.status == 2
    assert "other columns" in refused.sentence()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be moved.")
def test_a_log_is_rotated_while_it_is_written(bundle: Path, tune: Path, tmp_path: Path) -> None:
    log, rotated = tmp_path / "session.jsonl", tmp_path / "session.jsonl.1"
    arguments = ["--file", str(tune), "--speed", "8", "--json", "--log", str(log), "--model", str(bundle)]
    with subprocess.Popen([*command(), *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        log.rename(rotated)
        said += process.stdout.readlines()
    assert process.returncode == 0
    repeated, *new = log.read_text().splitlines(keepends=True)
    assert rotated.read_text() + "".join(new) == "".join(said)
    assert repeated == said[0], "a new file begins with the start of the session"
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "summary"


@pytest.mark.skipif(os.name == "nt", reason="The command is for a POSIX shell.")
def test_a_command_runs_on_change(bundle: Path, tune: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    line = f'echo "$GENRE_LIVE_STATE,$GENRE_LIVE_GENRE" >> "{told}"; echo noise; echo noise >&2'
    outcome = genre_live("--file", tune, "--speed", "2", "--json", "--on-change", line, model=bundle)
    assert outcome.status == 0
    assert outcome.error == "", "what the command writes is kept away"
    expected = changes(outcome.out)
    assert expected
    found = [tuple(entry.split(",")) for entry in told.read_text().splitlines()]
    assert found[-1] == expected[-1], "whatever was passed over, the newest is told"
    assert set(found) <= set(expected)


@pytest.mark.skipif(os.name == "nt", reason="The command is for a POSIX shell.")
def test_a_command_runs_for_the_genres_that_were_asked_for(bundle: Path, tune: Path, tmp_path: Path) -> None:
    listen = ("--file", tune, "--speed", "max", "--json")
    said = changes(genre_live(*listen, model=bundle).out)
    wanted = said[-1][1] or said[-1][0]
    told = tmp_path / "told"
    line = f'echo "$GENRE_LIVE_STATE,$GENRE_LIVE_GENRE" >> "{told}"'
    genre_live(*listen, "--on-change", line, "--only", wanted, model=bundle)
    assert set(told.read_text().splitlines()) == {",".join(said[-1])}
    told.unlink()
    genre_live(*listen, "--on-change", line, "--min-confidence", "1", model=bundle)
    assert not told.exists()


@pytest.mark.parametrize("name", ["song.wav", "song.csv"])
def test_the_music_is_no_log(bundle: Path, tune: Path, tmp_path: Path, name: str) -> None:
    music = tmp_path / name
    music.write_bytes(tune.read_bytes())
    for log in (music, tmp_path / "link"):
        if log != music:
            log.symlink_to(music)
        outcome = genre_live("--file", music, "--speed", "max", "--log", log, model=bundle)
        assert outcome.status == 2
        assert "choose another --log" in outcome.sentence()
    assert music.read_bytes() == tune.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="The command is for a POSIX shell.")
@pytest.mark.parametrize("line", ["trap '' TERM; sleep 3600 & wait", "exec cat /dev/zero"])
def test_a_command_that_hangs_stops_nothing(bundle: Path, tune: Path, line: str) -> None:
    outcome = genre_live("--file", tune, "--speed", "max", "--json", "--on-change", line, model=bundle)
    outcome.session()


@pytest.mark.skipif(os.name == "nt", reason="The command is for a POSIX shell.")
def test_a_command_that_fails_is_told_once(bundle: Path, tune: Path) -> None:
    outcome = genre_live("--file", tune, "--speed", "max", "--on-change", "no-such-program", model=bundle)
    assert outcome.status == 0
    assert "The --on-change command failed (exit status 127)" in outcome.sentence()


def test_an_osc_server_is_told(bundle: Path, tune: Path) -> None:
    receiver = OscReceiver()
    try:
        outcome = genre_live(
            "--file", tune, "--speed", "8", "--json", "--osc", receiver.address, model=bundle
        )
        messages = receiver.until("/genre_live/end")
    finally:
        receiver.close()
    assert outcome.error == ""
    said = [values for address, values in messages if address == "/genre_live/verdict"]
    assert [values[:2] for values in said] == [
        (window["vote"]["state"], window["vote"]["genre"] or "") for window in windows(outcome.out)
    ]
    told = [values[:2] for address, values in messages if address == "/genre_live/change"]
    assert told == changes(outcome.out)


def test_a_broker_is_told(bundle: Path, tune: Path, tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    try:
        subscriber = Subscriber(broker.port)
        url = f"mqtt://127.0.0.1:{broker.port}/test"
        outcome = genre_live("--file", tune, "--speed", "4", "--json", "--mqtt", url, model=bundle)
        topics = subscriber.until(lambda topics: topics.get("test/status") == "offline")
        subscriber.close()
    finally:
        broker.stop()
    assert outcome.status == 0
    last = windows(outcome.out)[-1]["vote"]
    assert topics["test/verdict"] == last["genre"] or topics["test/verdict"] == last["state"]
    assert topics["test/state"] == last["state"]


def test_a_broker_that_is_not_there_stops_nothing(bundle: Path, tune: Path) -> None:
    pytest.importorskip("paho.mqtt.client")
    url = "mqtt://me:secret@127.0.0.1:1"
    outcome = genre_live("--file", tune, "--speed", "max", "--json", "--mqtt", url, model=bundle)
    outcome.session()
    assert "secret" not in outcome.error
    assert outcome.error.count("\n") <= 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux lets a process do so.")
def test_the_brokers_password_is_not_left_in_the_list_of_processes(bundle: Path, tune: Path) -> None:
    pytest.importorskip("paho.mqtt.client")
    url = "mqtt://me:s3cr3t@s3cret@127.0.0.1:1/bar"
    arguments = ["--file", str(tune), "--json", "--mqtt", url, "--model", str(bundle)]
    with subprocess.Popen(
        [*command(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()
    assert b"--mqtt" in shown
    assert b"s3cr" not in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cooldown", "3"], "--cooldown is for --on-change"),
        (["--only", "rock"], "--only is for --on-change, --osc and --mqtt"),
        (["--min-confidence", "0.7"], "--min-confidence is for --on-change, --osc and --mqtt"),
        (["--on-change", "true", "--min-confidence", "70"], "'70' is not a number from 0 to 1"),
        (["--on-change", "true", "--only", "jaz"], "has no genre 'jaz'"),
        (["--on-change", ""], "--on-change takes a command"),
        (["--on-change", "true", "--cooldown", "-1"], "'-1' is not a number of seconds"),
        (["--osc", "9000"], "--osc takes HOST:PORT"),
        (["--osc", "no..such:9000"], "The host of --osc no..such:9000 is not known"),
        (["--mqtt", "broker"], "--mqtt takes a URL"),
        (["--log", "missing/folder/log.csv"], "cannot be written"),
        (["--output", "page.html"], "--output is for --report"),
        (["--print-completion", "cmd"], "invalid choice: 'cmd'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    arguments: list[str], sentence: str, bundle: Path, tune: Path
) -> None:
    for module in ("paho", "pythonosc"):
        pytest.importorskip(module)
    outcome = genre_live("--file", tune, *arguments, model=bundle)
    assert outcome.status == 2
    assert sentence in outcome.sentence()
    assert outcome.out == ""


def test_saved_defaults_are_what_later_runs_start_from(bundle: Path, tune: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "GENRE_LIVE_CONFIG": str(tmp_path / "config.toml")}
    options = ["--hop", "1", "--json", "--model", str(bundle), "--gain", "6"]
    saved = genre_live("--save-defaults", *options, environment=environment)
    assert (saved.status, saved.error) == (0, "")
    shown = genre_live("--show-defaults", environment=environment)
    assert "hop = 1.0\n" in shown.out
    heard = genre_live("--file", tune, "--speed", "max", environment=environment)
    assert heard.session().start["hop_s"] == 1.0
    once = genre_live("--file", tune, "--speed", "max", "--hop", "2", environment=environment)
    assert once.session().start["hop_s"] == 2.0
    (tmp_path / "config.toml").write_text("hop = 'often'\n")
    broken = genre_live("--file", tune, environment=environment)
    assert broken.status == 2
    assert "config.toml is broken" in broken.sentence()
