"""What a service manager is told, by a socket that stands in for systemd's."""

from __future__ import annotations

import re
import shlex
import socket
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from live import cli
from live.arguments import build_parser
from live.ending import Ending
from live.events import SourceEvent, SourceStatus, StartEvent, SummaryEvent, Verdict, WindowEvent
from live.outputs.service import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd on Windows")

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(DOCS / "genre-live.service", encoding="utf-8")
    return parser


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        yield listening


def told(manager: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(4_096).decode())
        except BlockingIOError:
            return messages


def window(genre: str | None) -> WindowEvent:
    verdict = Verdict("genre" if genre else "unsure", genre, 0.7, {"rock": 0.7, "jazz": 0.3})
    return WindowEvent(3.0, {"rock": 0.7, "jazz": 0.3}, -20.0, 1.0, verdict)


def test_a_session_is_told_from_ready_to_stopping(manager: socket.socket) -> None:
    service = ServiceManager()
    assert service.is_there
    assert service.interval_s == 15.0
    service(StartEvent("microphone", "pulse", 44_100, "m", ("rock", "jazz"), 3.0, 0.5))
    service(window("rock"))
    service(window("rock"))
    service(SourceEvent(4.0, "lost"))
    service(SourceEvent(4.5, "back"))
    service(window(None))
    service.alive()
    service(SummaryEvent(5.0, 3, 0, 0.0, "rock", {"rock": 0.66}))
    assert told(manager) == [
        "READY=1",
        "STATUS=rock 70%",
        "STATUS=the source is gone; waiting for it",
        "STATUS=the source is back",
        "STATUS=unsure",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_program_that_waits_is_ready_and_well(manager: socket.socket) -> None:
    service = ServiceManager()
    for _ in range(2):
        service.waiting("Waiting for a microphone.")
    waiting = ["READY=1", "STATUS=Waiting for a microphone.", "WATCHDOG=1", "READY=1", "WATCHDOG=1"]
    assert told(manager) == waiting


@pytest.mark.parametrize("status", ["lost", "muted"])
def test_the_status_tells_of_a_source_that_is_not_heard_until_it_is_back(
    status: SourceStatus, manager: socket.socket
) -> None:
    service = ServiceManager()
    service(SourceEvent(3.0, status))
    (trouble,) = told(manager)
    service(window("rock"))  # of the last sound before the loss
    assert told(manager) == []
    service(SourceEvent(4.0, "back"))
    service(window("rock"))
    assert told(manager) == ["STATUS=the source is back", "STATUS=rock 70%"]
    assert trouble.startswith("STATUS=")


def test_the_status_of_several_sources_names_each(manager: socket.socket) -> None:
    service = ServiceManager()
    service.waiting("Waiting for hall.")
    service(StartEvent("microphone", "bar", 44_100, "genre-lstm", ("rock", "jazz"), 3.0, 0.5))
    told(manager)
    for source in ("bar", "hall", "bar"):
        service(replace(window("rock"), source=source))
    service(SourceEvent(4.0, "lost", source="hall"))
    service(replace(window("rock"), source="bar"))
    service(SummaryEvent(5.0, 3, 0, 0.0, "rock", {"rock": 0.66}, source="bar"))  # and hall goes on
    assert told(manager) == [
        "STATUS=bar: rock 70%",
        "STATUS=bar: rock 70% | hall: rock 70%",
        "STATUS=bar: rock 70% | hall: the source is gone; waiting for it",
        "STATUS=bar: ended | hall: the source is gone; waiting for it",
    ]


def test_a_manager_that_went_away_is_no_trouble(manager: socket.socket, tmp_path: Path) -> None:
    service = ServiceManager()
    (tmp_path / "notify").unlink()
    service.alive()
    assert told(manager) == []


def test_nothing_is_sent_without_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    service = ServiceManager()
    assert not service.is_there
    assert service.interval_s is None
    service.alive()


@pytest.mark.parametrize("timeout_us", ["", "500000", "30000000"])
def test_a_signal_that_does_not_wake_the_main_thread_is_seen_soon_all_the_same(
    timeout_us: str, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", timeout_us)
    waits: list[float | None] = []

    def wait(timeout: float | None = None) -> bool:
        waits.append(timeout)
        return len(waits) >= 2

    def do_nothing() -> None:
        pass

    session = SimpleNamespace(
        ended=SimpleNamespace(wait=wait),
        alive_s=float("inf"),
        start=do_nothing,
        stop=do_nothing,
        join=do_nothing,
    )
    connections = SimpleNamespace(close=do_nothing)
    cli._run_to_end(session, connections, ServiceManager(), Ending(), on_screen=False)  # type: ignore[arg-type]
    assert waits[:2] == [0.25 if timeout_us == "500000" else cli.LONGEST_WAIT_S] * 2
    assert told(manager) == ["WATCHDOG=1"]


def test_the_watchdog_is_fed_while_a_source_is_opened(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    fed: list[str] = []

    def answer(*_arguments: object, **_more: object) -> None:
        """Answer a question for a name when the watchdog was fed."""
        manager.settimeout(20.0)
        fed.append(manager.recv(100).decode())
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert cli.main(["--no-defaults", "--url", "http://station/"]) == 2
    assert fed == ["WATCHDOG=1"]


def test_the_log_of_the_unit_is_rotated(unit: ConfigParser) -> None:
    arguments = shlex.split(unit["Service"]["ExecStart"])[1:]
    content = (DOCS / "genre-live.logrotate").read_text(encoding="utf-8")
    found = re.fullmatch(r"([^ {}]+) \{(.*)\}", re.sub(r"(?m)^\s*#.*\n?", "", content).strip(), re.DOTALL)
    assert found is not None
    assert Path(found[1]) == build_parser().parse_args(arguments).log
    directives = [line.strip() for line in found[2].strip().splitlines()]
    assert {"daily", "rotate 14", "compress", "delaycompress", "missingok", "notifempty"} <= set(directives)
    user = unit["Service"]["User"]
    assert f"su {user} {user}" in directives
    assert "cp docs/genre-live.logrotate /etc/logrotate.d/" in (DOCS / "genre-live.service").read_text(
        "utf-8"
    )


def test_the_unit_waits_for_the_clock_where_it_is_waited_for(unit: ConfigParser) -> None:
    for key in ("After", "Wants"):
        assert "time-sync.target" in unit["Unit"][key].split()
