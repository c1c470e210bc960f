"""What the documents show is so: every example is run or read back, every option and name is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from live.arguments import build_parser
from live.bundle import DESCRIPTION_FILE, find_bundle, read_description, shipped_models
from live.events import GapReason, SourceStatus, VoteState, stamped
from live.outputs.change_command import verdict_variables
from live.outputs.home_assistant import discovery_messages
from live.outputs.log_reading import event_from_dict
from live.outputs.mqtt import Publications
from live.outputs.open_sound_control import MessageWriter
from live.outputs.session_log import CSV_COLUMNS
from live.sources.files.audio_file import AudioFile
from live.sources.source_requests import read_sources
from live.vote import VoteParameters
from tests.event_contract import parse_line
from tests.live.example_events import AT, start, summary, verdict, window

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)


def test_every_event_has_an_example_that_holds_to_the_contract() -> None:
    examples = [json.loads(text) for text in blocks("docs/outputs.md", "json")]
    events = [example for example in examples if "event" in example]
    for values in events:
        parse_line(json.dumps(values))
        assert event_from_dict(values).to_dict() == values
    assert {values["event"] for values in events} == {
        "start", "window", "gap", "source", "correction", "summary"
    }  # fmt: skip
    page = read("docs/outputs.md")
    for word in (*get_args(VoteState), *get_args(GapReason), *get_args(SourceStatus)):
        assert f"`{word}`" in page


def test_every_column_variable_and_topic_is_told() -> None:
    page = read("docs/outputs.md")
    names = {*CSV_COLUMNS, *verdict_variables(window(3.0, "rock"), verdict())}
    publications = Publications()
    for event in (start(), stamped(window(3.0, "rock"), at=AT, title="a song")):
        names |= set(publications(event))
    for name in names:
        assert f"`{name}`" in page


def test_every_osc_address_is_told() -> None:
    from live.events import CorrectionEvent, GapEvent, SourceEvent

    write, sent = MessageWriter(), set()
    for event in (
        start(),
        stamped(window(3.0, "rock"), at=AT, title="a song"),
        GapEvent(4.0, 1.0, "stall"),
        SourceEvent(4.0, "back"),
        CorrectionEvent(4.0, "rock", "metal"),
        summary(),
    ):
        sent |= {re.sub(r"(?<=/probability/).*", "<label>", address) for address, _ in write(event)}
    assert set(re.findall(r"^\| `(/genre_live/[^`]*)`", read("docs/outputs.md"), re.MULTILINE)) == sent


def test_the_announcement_for_home_assistant_is_what_is_sent() -> None:
    (example,) = (
        values for text in blocks("docs/outputs.md", "json") if "event" not in (values := json.loads(text))
    )
    sent = discovery_messages("homeassistant", "genre_live")["homeassistant/sensor/genre_live/verdict/config"]
    assert example == sent


def test_the_bundle_of_the_page_is_one(tmp_path: Path) -> None:
    (text,) = blocks("docs/models.md", "json")
    (tmp_path / DESCRIPTION_FILE).write_text(text)
    assert read_description(tmp_path).name == "my-model"
    page = read("docs/models.md")
    for threshold, value in vars(VoteParameters()).items():
        assert f"| `{threshold}` | {value:g} |".replace("-", "−") in page


def test_the_file_of_sources_of_the_page_is_one(tmp_path: Path) -> None:
    path = tmp_path / "rooms.toml"
    path.write_text(blocks("docs/listening.md", "toml")[0])
    assert [(request.name, request.kind) for request in read_sources(path)] == [
        ("bar", "microphone"),
        ("hall", "microphone"),
        ("radio", "stream"),
    ]


def test_the_settings_of_the_page_are_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from live.settings import read_defaults

    _, text = blocks("docs/listening.md", "toml")
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert read_defaults(path)["device"] == ("USB Audio",)


def test_every_option_is_told() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    shown = re.findall(r"^  (?:-\w(?: \S+)?, )?(--[\w-]+)", build_parser().format_help(), re.MULTILINE)
    assert len(shown) > 20
    for option in shown:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", pages), option


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_options_and_links_are_such_as_there_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parser = build_parser()
    commands = [
        line.partition("#")[0]
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    for line in commands:
        for call in re.findall(r"(?:^|\| |[\w]+=\w+ )genre-live( [^|>]*)?", line):
            for option in re.findall(
                r"(?<=\s)--?[\w-]*[a-z][\w-]*", re.sub(r"'[^']*'|\"[^\"]*\"", "x", call)
            ):
                assert option in parser._option_string_actions, line
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("page", ["README.md", "docs/outputs.md"])
def test_the_python_of_the_page_runs(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not shipped_models():
        pytest.skip("No model ships.")
    examples = blocks(page, "python")
    assert len(examples) >= 2
    monkeypatch.chdir(ROOT)

    def open_demo(_device: str | None = None, **_options: Any) -> AudioFile:
        return AudioFile("examples/demo.ogg", speed=None)

    monkeypatch.setattr("live.sources.microphones.microphone.Microphone", open_demo)
    for example in examples:
        exec(compile(example, page, "exec"), {})
        assert capsys.readouterr().out


def test_the_model_that_is_used_by_default_ships() -> None:
    if not shipped_models():
        pytest.skip("No model ships.")
    assert (find_bundle(build_parser().parse_args([]).model) / DESCRIPTION_FILE).is_file()
