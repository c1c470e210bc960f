"""The installed command's page: seen in a browser, followed by a crowd, and refused to strangers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.end_to_end.commands import command, genre_live
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone
from tests.sounds import write_tune
from tests.web_crowd import gather_crowd, port_of

for module in ("starlette", "uvicorn", "prometheus_client"):
    pytest.importorskip(module)

WITHOUT_PAGE = {"starlette", "uvicorn", "prometheus_client", "asyncio", "h11", "live.outputs.web.server"}


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tune(tmp_path_factory.mktemp("tune") / "tune.wav", 16.0)


@contextmanager
def listening(
    bundle: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the command with a page; gives the process and the page's port."""
    with subprocess.Popen(
        [*command(), "--no-defaults", "--model", str(bundle), "--json", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            yield process, port_of(process.stderr.readline())
        finally:
            process.kill()


def test_a_crowd_of_whom_some_never_read_gets_every_event(bundle: Path, tune: Path) -> None:
    with listening(bundle, "--file", tune, "--speed", "2", "--web", "0") as (process, port):

        async def follow() -> tuple[bool, list[str]]:
            crowd, tasks, stuck = await gather_crowd(port, 180, 20)
            lines = await asyncio.to_thread(process.communicate)
            await asyncio.gather(*tasks)
            for connection in stuck:
                connection.close()
            assert crowd[0].ended_well
            told = [line.decode() for line in crowd[0].lines]
            assert told[0] == lines[0].splitlines()[0], "who comes is told the start"
            assert told[1:] == lines[0].splitlines()[-len(told) + 1 :], "and then what --json says"
            assert len(told) > 10
            return all(
                reader.has_all and reader.numbers[-1] == crowd[0].numbers[-1] for reader in crowd
            ), told

        has_all, _ = asyncio.run(follow())
    assert has_all
    assert process.returncode == 0


def test_the_page_shows_what_json_says_and_survives_a_restart(bundle: Path, tune: Path) -> None:
    browser = Browser()
    port = 0
    try:
        for run in range(2):
            arguments = ("--file", tune, "--web", str(port))
            with listening(bundle, *arguments) as (process, port):
                if run == 0:
                    browser.open(f"http://127.0.0.1:{port}/")
                assert process.stdout is not None
                for line in process.stdout:
                    event = json.loads(line)
                    if event["event"] == "window" and event["time_s"] > 4:
                        break
                vote = event["vote"]
                words = {"no_music": "no music", "other": "other music"}
                expected = vote["genre"] or words.get(vote["state"], vote["state"])
                browser.until(lambda expected=expected: browser.text("h1.verdict") == expected)  # type: ignore[misc]
                assert "listening" in browser.text(".source")
            browser.until(lambda: "no connection" in browser.text("#connection"))
    finally:
        browser.close()


def test_the_page_shows_that_a_microphone_is_waited_for_lost_and_back(
    bundle: Path, tune: Path, virtual_microphone: VirtualMicrophone
) -> None:
    browser = Browser()
    virtual_microphone.remove_source()
    arguments = ("--device", DEVICE, "--wait", "--web", "0")
    try:
        with listening(bundle, *arguments, environment=virtual_microphone.environment) as (_, port):
            browser.open(f"http://127.0.0.1:{port}/")
            browser.until(lambda: "Nothing is listened to yet" in browser.text("main"))
            virtual_microphone.add_source()
            virtual_microphone.wait_for_listener(timeout_s=120)  # it looks again every ten seconds
            virtual_microphone.start_playing(tune)
            browser.until(lambda: "listening" in browser.text(".source"))
            browser.until(lambda: browser.text("h1.verdict") not in ("", "listening…"))
            virtual_microphone.remove_source()
            browser.until(lambda: browser.text("h1.verdict") == "no source")
            assert "source lost" in browser.text(".source")
            virtual_microphone.add_source()
            browser.until(lambda: "listening" in browser.text(".source"))
            assert "s of sound lost" in browser.text(".facts")
    finally:
        browser.close()


def test_several_sources_are_cards(bundle: Path, tune: Path) -> None:
    browser = Browser()
    try:
        with listening(bundle, "--file", tune, "--file", tune, "--web", "0") as (_, port):
            browser.open(f"http://127.0.0.1:{port}/")
            browser.until(lambda: browser.ask("return document.querySelectorAll('.card').length") == 2)
            names = browser.ask(
                "return [...document.querySelectorAll('.card .source b')].map((node) => node.textContent)"
            )
            assert names[:1] == ["tune.wav"]
            assert len(set(names)) == 2
    finally:
        browser.close()


def test_a_port_in_use_is_one_sentence(bundle: Path, tune: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = genre_live("--file", tune, "--json", "--web", str(port), model=bundle)
    assert outcome.status == 2
    assert f"cannot be served at 127.0.0.1:{port}" in outcome.sentence()
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--web", "x"], "--web takes [HOST:]PORT"),
        (["--web", "0.0.0.0:0"], "Others can reach 0.0.0.0: give --web-token TOKEN"),
        (["--web", "0.0.0.0:0", "--web-token", "short"], "at least 8 characters"),
        (["--web-open"], "--web-open is for --web"),
        (["--web", "0", "--web-open", "--web-token", "long enough"], "not allowed with"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    arguments: list[str], sentence: str, bundle: Path, tune: Path
) -> None:
    outcome = genre_live("--file", tune, *arguments, model=bundle)
    assert outcome.status == 2
    assert sentence in outcome.sentence()


def test_a_page_for_others_says_so_and_the_token_may_come_from_the_environment(
    bundle: Path, tune: Path
) -> None:
    environment = {**os.environ, "GENRE_LIVE_WEB_TOKEN": "known to some"}
    outcome = genre_live(
        "--file",
        tune,
        "--speed",
        "max",
        "--json",
        "--web",
        "0.0.0.0:0",
        model=bundle,
        environment=environment,
    )
    assert "for everybody who knows its token" in outcome.sentence()
    assert "known to some" not in outcome.error
    outcome.session()


def test_nothing_of_the_page_is_imported_where_none_is_asked_for(bundle: Path, tune: Path) -> None:
    code = (
        "import sys\n"
        "from live.cli import main\n"
        f"main(['--no-defaults', '--model', {str(bundle)!r}, '--file', {str(tune)!r}, '--speed', 'max'])\n"
        "print(*sys.modules)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not WITHOUT_PAGE & set(finished.stdout.splitlines()[-1].split())
