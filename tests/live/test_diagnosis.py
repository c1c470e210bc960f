"""``--diagnose``: it tells what a report needs, on any machine, and nothing that is private."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import re
from pathlib import Path

import pytest

from live import __version__, cli, diagnosis
from live.bundle import DESCRIPTION_FILE, find_bundle
from live.errors import InputError
from live.options import DEFAULTS
from live.sources.devices import InputDevice
from live.sources.microphones import driver


@pytest.fixture(autouse=True)
def devices(monkeypatch: pytest.MonkeyPatch) -> list[InputDevice]:
    found = [InputDevice(3, "Anna’s AirPods", "Core Audio", 1, 24_000, True)]
    monkeypatch.setattr(driver, "list_devices", lambda **_: found)
    return found


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("GENRE_LIVE_CONFIG", str(path))
    return path


def diagnose(capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["--diagnose"]) == 0
    return capsys.readouterr().out


def test_it_tells_what_a_report_needs(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.write_text("hop = 0.25\nwait = true\n")
    said = diagnose(capsys)
    assert f"genre-live {__version__}, Python {platform.python_version()}" in said
    assert "libsndfile" in said
    assert "3: …’s AirPods (Core Audio), 1 channels, 24000 Hz, the default" in said
    assert "--hop 0.25\n  --wait True\n" in said
    hashes = json.loads((find_bundle(DEFAULTS.model) / DESCRIPTION_FILE).read_text())["sha256"]
    for digest in hashes.values():
        assert digest in said


def test_every_dependency_is_told() -> None:
    extras = {"train", "report", "osc", "mqtt", "keep", "scan", "cluster", "web"}
    needed, optional = set(), set()
    for requirement in importlib.metadata.requires("genre-live") or []:
        name = re.split(r"[^\w-]", requirement)[0]
        extra = re.search(r"extra == ['\"](\w+)", requirement)
        if extra is None:
            needed.add(name)
        elif extra[1] in extras:
            optional.add(name)
    assert needed == set(diagnosis.NEEDED)
    assert optional - {"audioop-lts"} == set(diagnosis.OPTIONAL)  # what older Pythons have themselves


def test_nothing_private_is_told(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text(
        'device = "Anna\'s room"\nmqtt = "mqtt://anna:s3cret@10.1.2.3/x"\nlog = "/home/anna/evening.jsonl"\n'
        'on-change = "curl http://anna.example"\n'
    )
    monkeypatch.setenv("USER", "anna")
    said = diagnose(capsys)
    for word in (
        "Anna",
        "anna",
        "s3cret",
        "10.1.2.3",
        "evening",
        "curl",
        str(settings.parent),
        platform.node(),
    ):
        assert word not in said
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in said
    assert "--mqtt …" in said


def test_what_fails_keeps_back_no_other_fact(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> list[InputDevice]:
        raise InputError("Microphones need /usr/lib/anna/libportaudio.so: install it.")

    monkeypatch.setattr(driver, "list_devices", refuse)
    monkeypatch.setattr(diagnosis, "_terminal", lambda: 1 / 0)
    settings.write_text("hop = ")
    said = diagnose(capsys)
    assert "Microphones:\n  cannot be told: Microphones need …: install it." in said
    assert "Saved defaults:\n  cannot be told: The settings file … is broken" in said
    assert "Terminal:\n  cannot be told: ZeroDivisionError" in said
    assert "Versions:\n  genre-live" in said
