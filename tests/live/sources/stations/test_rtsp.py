"""Stations that speak RTSP, from a real server on the loopback."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.errors import InputError, RunningError
from live.sources.stations.network_stream import NetworkStream
from tests.icecast import free_port, program
from tests.rtsp import PASSWORD, USER, RtspServer
from tests.station_listener import Listener


@pytest.fixture
def server() -> Iterator[RtspServer]:
    made = RtspServer()
    yield made
    made.kill()


def test_a_station_is_heard_lost_when_it_is_killed_and_back(
    server: RtspServer, listen: type[Listener]
) -> None:
    listener = listen(NetworkStream(server.url("noise")))
    listener.hear_more(2)
    assert (listener.statuses, listener.lost) == ([], 0)
    server.kill()
    listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
    server.start()
    listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not back")
    listener.hear_more()
    assert listener.lost > 0


def test_a_station_that_falls_silent_without_a_word_is_lost(
    server: RtspServer, listen: type[Listener]
) -> None:
    listener = listen(NetworkStream(server.url("noise")))
    listener.hear_more()
    server.process.send_signal(signal.SIGSTOP)
    listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
    server.process.send_signal(signal.SIGCONT)
    listener.wait_until(lambda: listener.statuses[:2] == ["lost", "back"], "it is not back")


def test_a_station_that_does_not_come_back_is_given_up(server: RtspServer, listen: type[Listener]) -> None:
    listener = listen(NetworkStream(server.url("noise"), give_up_s=2.0))
    listener.hear_more()
    server.kill()
    listener.wait_until(lambda: listener.ended, "it goes on")
    assert isinstance(listener.source.failure, RunningError)
    assert "not back after 2 s" in str(listener.source.failure)


def test_a_station_is_waited_for(server: RtspServer, listen: type[Listener]) -> None:
    said: list[str] = []
    server.kill()

    def begin(sentence: str) -> None:
        if not said:
            server.start()
        said.append(sentence)

    source = NetworkStream(server.url("noise", user="me:hidden@"), wait=True, on_wait=begin)
    listen(source).hear_more()
    assert "hidden" not in said[0] + source.name


def test_nothing_is_left_when_it_stops(server: RtspServer) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with the [dev] extra")
    before = len(psutil.Process().children())
    listener = Listener(NetworkStream(server.url("noise")))
    listener.hear_more()
    listener.source.stop()
    listener.wait_until(lambda: listener.ended, "it does not end")
    assert len(psutil.Process().children()) == before


@pytest.mark.parametrize(
    ("mount", "user", "told"),
    [
        ("missing", "", "it answers 404 Not Found"),
        ("locked", "", "it answers 401 Unauthorized"),
        ("locked", f"{USER}:wrong@", "it answers 401 Unauthorized"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_one_sentence(
    mount: str, user: str, told: str, server: RtspServer
) -> None:
    with pytest.raises(
        InputError, match=f"{mount} cannot be heard \\({told}\\): check the address"
    ) as caught:
        NetworkStream(server.url(mount, user=user))
    assert "wrong" not in str(caught.value)


def test_who_knows_the_password_hears_the_station(server: RtspServer, listen: type[Listener]) -> None:
    listen(NetworkStream(server.url("locked", user=f"{USER}:{PASSWORD}@"))).hear_more()


def _ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed.")


@pytest.mark.parametrize(
    "address", ["rtsp://", "rtsp://host:x/", "rtsp://host/a b", "rtsp://host/a\nfile '/etc/passwd'"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    _ffmpeg()
    with pytest.raises(InputError, match="malformed"):
        NetworkStream(address)


@contextlib.contextmanager
def _answering(*answers: str) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each request, whatever connection it comes by, with the next; the last ends it."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            left = list(answers)
            with contextlib.suppress(OSError):
                while left:
                    connection, _ = server.accept()
                    with connection:
                        while left and (request := connection.recv(4_096)):
                            requests.append(request)
                            number = request.partition(b"CSeq: ")[2].split()[0].decode()
                            connection.sendall(left.pop(0).format(number).encode())

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], requests


def test_a_station_that_leads_elsewhere_is_refused_and_learns_no_password() -> None:
    _ffmpeg()
    moved = "RTSP/1.0 302 Moved\r\nCSeq: {}\r\nLocation: rtsp://127.0.0.1:1/private\r\n\r\n"
    with _answering(moved) as (port, requests), pytest.raises(InputError, match="leads to another address"):
        NetworkStream(f"rtsp://me:hidden@127.0.0.1:{port}/a")
    assert len(requests) == 1
    assert b"Authorization" not in requests[0]
    assert b"hidden" not in requests[0]


def test_a_station_that_leads_elsewhere_later_is_refused_too() -> None:
    _ffmpeg()
    fine = "RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n"
    moved = f"RTSP/1.0 302 Moved\r\nCSeq: {{}}\r\nLocation: rtsp://127.0.0.1:{free_port()}/private\r\n\r\n"
    with (
        _answering(fine, fine, moved) as (port, requests),
        pytest.raises(InputError, match="leads to another address"),
    ):
        NetworkStream(f"rtsp://127.0.0.1:{port}/a")
    assert len(requests) == 3


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _ffmpeg()
    monkeypatch.setattr("live.sources.stations.rtsp.ANSWERS_WITHIN_S", 0.5)
    done = threading.Event()

    def answer(listener: socket.socket) -> None:
        connection = listener.accept()[0]
        with connection, contextlib.suppress(OSError):
            while not done.wait(0.1):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        try:
            with pytest.raises(InputError, match="it does not answer"):
                NetworkStream(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/a")
        finally:
            done.set()


def test_what_speaks_another_language_is_refused() -> None:
    _ffmpeg()
    with (
        _answering("SSH-2.0-OpenSSH\r\n") as (port, _),
        pytest.raises(InputError, match="does not speak RTSP"),
    ):
        NetworkStream(f"rtsp://127.0.0.1:{port}/a")


def test_a_station_whose_certificate_is_nobodys_is_refused(tmp_path: Path) -> None:
    _ffmpeg()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with contextlib.suppress(OSError), connection:
                context.wrap_socket(connection, server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(InputError, match="its certificate cannot be trusted"):
            NetworkStream(f"rtsps://127.0.0.1:{server.getsockname()[1]}/a")
