"""Several sources in one process, as a user starts them: microphones, files, channels; one is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from live.bundle import DESCRIPTION_FILE
from tests.bundles import copy_bundle, describe
from tests.end_to_end.commands import Outcome, genre_live
from tests.end_to_end.listener import Event, Listener, is_window
from tests.end_to_end.virtual_microphone import SOURCE, VirtualMicrophone
from tests.event_contract import Recorded, check
from tests.sounds import write_tune

OTHER = "other.monitor"


def by_source(lines: list[str]) -> dict[str, Recorded]:
    """Return the session of each source, checked against the contract."""
    sessions: dict[str, list[str]] = {}
    for line in lines:
        event = json.loads(line)
        name = event["source"]["name"] if event["event"] == "start" else event["source"]
        sessions.setdefault(name, []).append(line)
    return {name: check(its) for name, its in sessions.items()}


def sessions_of(outcome: Outcome) -> dict[str, Recorded]:
    assert outcome.status == 0, outcome.error
    assert outcome.error == ""
    return by_source(outcome.out.splitlines())


def test_each_of_several_files_is_heard_as_if_alone(bundle: Path, tmp_path: Path) -> None:
    paths = [write_tune(tmp_path / f"{name}.wav", seconds) for name, seconds in (("a", 6), ("b", 9))]
    how = ("--speed", "max", "--json", "--hop", "0.25")
    together = sessions_of(genre_live(*how, *(f"--file={path}" for path in paths), model=bundle))
    assert set(together) == {"a.wav", "b.wav"}
    for path in paths:
        alone = genre_live(*how, f"--file={path}", model=bundle).session()
        for key in ("time_s", "probabilities", "vote", "level_dbfs"):
            heard = [window[key] for window in together[path.name].windows]
            assert heard == [window[key] for window in alone.windows]
        assert all("source" not in window for window in alone.windows)


def test_a_file_of_sources_names_them_and_plain_lines_say_whose_they_are(
    bundle: Path, tmp_path: Path
) -> None:
    write_tune(tmp_path / "song.wav", 5)
    rooms = tmp_path / "rooms.toml"
    rooms.write_text(
        '[[source]]\nname = "bar"\nfile = "song.wav"\n[[source]]\nname = "hall"\nfile = "song.wav"\n'
    )
    log = tmp_path / "log.jsonl"
    outcome = genre_live("--sources", rooms, "--speed", "max", "--log", log, model=bundle)
    assert outcome.status == 0, outcome.error
    assert {line.partition(":")[0] for line in outcome.out.splitlines()[2:]} == {"bar", "hall"}
    assert set(by_source(log.read_text().splitlines())) == {"bar", "hall"}


def test_a_log_and_only_know_the_genres_of_every_sources_model(bundle: Path, tmp_path: Path) -> None:
    other = copy_bundle(bundle, tmp_path / "other")
    described = describe(other)
    described["labels"] = ["salsa" if label == "rock" else label for label in described["labels"]]
    (other / DESCRIPTION_FILE).write_text(json.dumps(described))
    write_tune(tmp_path / "song.wav", 5)
    (tmp_path / "rooms.toml").write_text(
        '[[source]]\nname = "bar"\nfile = "song.wav"\n'
        f'[[source]]\nname = "hall"\nfile = "song.wav"\nmodel = "{other}"\n'
    )
    how = ("--sources", tmp_path / "rooms.toml", "--speed", "max")
    log = tmp_path / "log.csv"
    outcome = genre_live(*how, "--log", log, "--on-change", "true", "--only", "salsa", model=bundle)
    assert outcome.status == 0, outcome.error
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        whole = sum(float(row[label]) for label in (*describe(bundle)["labels"], "salsa") if row[label])
        assert whole == pytest.approx(1, abs=0.01)
        assert bool(row["salsa"]) == (row["source"] == "hall") != bool(row["rock"])
    assert {row["source"] for row in rows} == {"bar", "hall"}
    refused = genre_live(*how, "--on-change", "true", "--only", "polka", model=bundle)
    assert (refused.status, refused.out) == (2, "")
    assert "none of the models has a genre 'polka'" in refused.error


def test_a_command_on_change_is_told_whose_verdict_it_is(bundle: Path, tmp_path: Path) -> None:
    paths = [write_tune(tmp_path / f"{name}.wav", 6) for name in ("a", "b")]
    heard = tmp_path / "heard"
    words = [f"--file={path}" for path in paths]
    outcome = genre_live(
        *words, "--speed", "max", "--on-change", f'echo "$GENRE_LIVE_SOURCE" >> {heard}', model=bundle
    )
    assert outcome.status == 0, outcome.error
    assert set(heard.read_text().split()) == {"a.wav", "b.wav"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--file", "missing.wav"], "missing.wav"),
        (["--device", "no such device"], "no such device"),
        (["--sources", "missing.toml"], "missing.toml"),
    ],
)
def test_one_that_cannot_be_opened_is_one_sentence(
    words: list[str], reason: str, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "a.wav", 2)
    outcome = genre_live("--json", "--file", path, *words, model=bundle)
    assert outcome.status == 2
    assert outcome.out == ""
    if reason != "no such device":  # a machine without any says that
        assert reason in outcome.sentence()


def says(event: Event, name: str, status: str) -> bool:
    return bool(event["event"] == "source" and (event["source"], event["status"]) == (name, status))


def test_a_microphone_that_is_lost_holds_up_no_other(
    virtual_microphone: VirtualMicrophone, bundle: Path
) -> None:
    load = ("load-module", "module-null-sink", "sink_name=other", "sink_properties=device.description=Other")
    module = virtual_microphone.control(*load).strip()
    words = ["--device", SOURCE, "--device", OTHER, "--model", str(bundle)]
    with Listener(words, virtual_microphone.environment) as listener:
        for name in ("Monitor of Virtual", "Monitor of Other"):
            listener.wait_for(lambda event, name=name: is_window(event) and event["source"] == name)  # type: ignore[misc]
        virtual_microphone.control("unload-module", module)
        position, _ = listener.wait_for(lambda event: says(event, "Monitor of Other", "lost"))
        for _ in range(4):
            position, window = listener.wait_for(is_window, after=position)
            assert window["source"] == "Monitor of Virtual"
        virtual_microphone.control(*load)
        position, _ = listener.wait_for(lambda event: says(event, "Monitor of Other", "back"), after=position)
        listener.wait_for(
            lambda event: is_window(event) and event["source"] == "Monitor of Other", after=position
        )
        _, complaints = listener.end()
    assert complaints == ""
    assert listener.process.returncode == 0
    heard = by_source([json.dumps(event) for event in listener.events])
    assert heard["Monitor of Virtual"].summary["lost_s"] == 0
    assert heard["Monitor of Other"].summary["lost_s"] > 0


def test_channels_apart_are_sources_of_one_microphone(
    virtual_microphone: VirtualMicrophone, bundle: Path
) -> None:
    outcome = genre_live(
        *("--device", SOURCE, "--channels-apart", "--duration", "4", "--json"),
        model=bundle, environment=virtual_microphone.environment,
    )  # fmt: skip
    heard = sessions_of(outcome)
    assert set(heard) == {f"Monitor of Virtual, channel {number}" for number in (1, 2)}
    for session in heard.values():
        assert session.summary["duration_s"] == 4.0
        assert session.summary["lost_s"] == 0
