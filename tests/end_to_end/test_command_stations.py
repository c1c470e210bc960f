"""The command, listening to real stations."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.commands import TIMEOUT_S, command, genre_live
from tests.event_contract import check
from tests.icecast import Icecast, free_port
from tests.rtsp import RtspServer

NOISE = ("-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:c=pink:d=600")
MP3 = (*NOISE, "-c:a", "libmp3lame", "-content_type", "audio/mpeg", "-f", "mp3")


@pytest.fixture
def icecast() -> Iterator[Icecast]:
    server = Icecast()
    yield server
    server.close()


@pytest.fixture
def rtsp() -> Iterator[RtspServer]:
    server = RtspServer()
    yield server
    server.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="The list of processes is looked at.")
def test_a_station_is_heard_by_the_contract_and_its_password_shows_nowhere(
    icecast: Icecast, bundle: Path, tmp_path: Path
) -> None:
    icecast.feed("a.mp3", *MP3)
    processes = _hear_in_secret(
        icecast.url("a.mp3", user="someone:very-secret@"),
        icecast.url("a.mp3"),
        bundle,
        tmp_path / "log.jsonl",
    )
    assert processes >= 2  # itself and ffmpeg


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="The list of processes is looked at.")
def test_an_rtsp_station_is_heard_by_the_contract_and_its_password_shows_nowhere(
    rtsp: RtspServer, bundle: Path, tmp_path: Path
) -> None:
    secret, shown = rtsp.url("locked", user="someone:very-secret@"), rtsp.url("locked")
    processes = _hear_in_secret(secret, shown, bundle, tmp_path / "log.jsonl")
    assert processes >= 3  # itself, the ffmpeg that fetches and the one that decodes


def _hear_in_secret(url: str, shown_url: str, bundle: Path, log: Path) -> int:
    """Listen to a station, check that its password appears nowhere, and return the number of processes."""
    arguments = ["--url", url, "--json", "--log", str(log), "--model", str(bundle)]
    with subprocess.Popen(
        [*command(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if json.loads(line)["event"] == "window":
                break
        shown = [
            path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_ours(path, process)
        ]
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    lines += rest.splitlines(keepends=True)
    session = check(line.rstrip("\n") for line in lines)
    assert session.start["source"]["kind"] == "stream"
    assert session.start["source"]["name"] == shown_url
    for text in (*shown, said.encode(), "".join(lines).encode(), log.read_bytes()):
        assert b"very-secret" not in text
    return len(shown)


def _is_ours(path: Path, process: subprocess.Popen[str]) -> bool:
    try:
        fields = (path.parent / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return str(process.pid) in (path.parent.name, fields[1])


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtsps"])
def test_a_station_that_is_not_there_is_refused_in_one_sentence(scheme: str, bundle: Path) -> None:
    url = f"{scheme}://me:very-secret@127.0.0.1:{free_port()}/a.mp3"
    outcome = genre_live("--url", url, model=bundle)
    assert outcome.status == 2
    assert "connection refused" in outcome.sentence()
    assert "secret" not in outcome.error
