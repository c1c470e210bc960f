"""A real Icecast on the loopback with ffmpeg as its source, and a simple file server."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PASSWORD = "hackme"
READY_WITHIN_S = 60.0

CONFIGURATION = """<icecast>
  <limits><clients>200</clients><sources>100</sources><source-timeout>10</source-timeout>
    <burst-size>{burst}</burst-size></limits>
  <authentication><source-password>{password}</source-password><relay-password>x</relay-password>
    <admin-user>admin</admin-user><admin-password>{password}</admin-password></authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <mount type="normal"><mount-name>/locked.mp3</mount-name>
    <authentication type="htpasswd"><option name="filename" value="{folder}/users"/></authentication></mount>
  <paths><basedir>{folder}</basedir><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>3</loglevel></logging>
  {security}
</icecast>
"""


def free_port() -> int:
    """Return a free port of the loopback."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def program(name: str) -> str:
    """Return the path of a program; if it is missing, skip the test, or fail it on a build machine."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed.")
        pytest.skip(f"{name} is not installed.")
    return found


class Icecast:
    """A server that can be killed and started again on the same port."""

    def __init__(self, *, burst: int = 16_384) -> None:
        self.program = program("icecast2")
        self.port = free_port()
        # Not below pytest's folder, which the user to whom Icecast switches from root may not read.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="icecast"))
        self._sources: list[subprocess.Popen[bytes]] = []
        security = ""
        if os.geteuid() == 0:  # it refuses to run as root
            security = (
                "<security><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>"
            )
            folder.chmod(0o777)
        (folder / "icecast.xml").write_text(
            CONFIGURATION.format(
                port=self.port, folder=folder, password=PASSWORD, burst=burst, security=security
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._spawn()
        until(self._is_ready, "Icecast does not answer", within_s=60.0)

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            self._spawn()  # its port was not free yet
        return self._answers("/status-json.xsl")

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            [self.program, "-c", str(self._folder / "icecast.xml")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def url(self, mount: str, *, user: str = "") -> str:
        """Return the address of a mount."""
        return f"http://{user}127.0.0.1:{self.port}/{mount}"

    def feed(self, mount: str, *arguments: str | Path, wait: bool = True) -> subprocess.Popen[bytes]:
        """Send sound to a mount with ffmpeg, in real time, and return its process."""
        self._spawn_source(mount, arguments)

        def has_come() -> bool:
            if self._sources[-1].poll() is not None:  # a busy server may have refused it
                self._spawn_source(mount, arguments)
            return mount in self.mounts()

        if wait:
            until(has_come, f"no source came to {mount}")
        return self._sources[-1]

    def _spawn_source(self, mount: str, arguments: Iterable[str | Path]) -> None:
        source = subprocess.Popen(
            [
                program("ffmpeg"), "-nostdin", "-loglevel", "error", "-re", *map(str, arguments),
                f"icecast://source:{PASSWORD}@127.0.0.1:{self.port}/{mount}",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._sources.append(source)

    def mounts(self) -> str:
        """Return the server's status of its mounts."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status-json.xsl", timeout=2) as answer:
                content: bytes = answer.read()
                return content.decode()
        except OSError:
            return ""

    def set_title(self, mount: str, title: str) -> None:
        """Set the title of a mount."""
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        address = f"http://127.0.0.1:{self.port}/admin/metadata"
        passwords.add_password(None, address, "admin", PASSWORD)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        query = urllib.parse.urlencode(
            {"mount": f"/{mount}", "mode": "updinfo", "song": title, "charset": "UTF-8"}
        )
        opener.open(f"{address}?{query}", timeout=5).close()

    def kill(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the server and its sources."""
        for source in self._sources:
            with contextlib.suppress(OSError):
                source.send_signal(signal.SIGCONT)
                source.kill()
            source.wait()
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def until(happened: object, complaint: str, within_s: float = READY_WITHIN_S) -> None:
    """Wait until a condition holds, for servers that do not report when they are ready."""
    deadline = time.monotonic() + within_s
    while not happened():  # type: ignore[operator]
        if time.monotonic() > deadline:
            pytest.fail(complaint)
        threading.Event().wait(0.05)


@contextlib.contextmanager
def file_server(folder: Path, *, knows_ranges: bool = False) -> Iterator[str]:
    """Serve the files of a folder over HTTP; gives the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked is None or not knows_ranges:
                super().do_GET()
                return
            first, last = int(asked[1]), int(asked[2])
            content = Path(self.translate_path(self.path)).read_bytes()[first : last + 1]
            self.send_response(http.HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
