"""Receivers of the outputs: a real OSC server and a real MQTT broker."""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

WAIT_S = 30.0
"""A limit that no working program comes near."""


class OscReceiver:
    """An OSC server that records the messages in order."""

    def __init__(self) -> None:
        dispatcher = pytest.importorskip("pythonosc.dispatcher").Dispatcher()
        server = pytest.importorskip("pythonosc.osc_server")
        self.received: queue.Queue[tuple[str, tuple[object, ...]]] = queue.Queue()
        dispatcher.set_default_handler(lambda address, *values: self.received.put((address, values)))
        self._server = server.BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def until(self, address: str) -> list[tuple[str, tuple[object, ...]]]:
        messages = [self.received.get(timeout=WAIT_S)]
        while messages[-1][0] != address:
            messages.append(self.received.get(timeout=WAIT_S))
        return messages

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


CA_CONFIGURATION = """\
[ca]
default_ca = own
[own]
database = index.txt
unique_subject = no
new_certs_dir = .
rand_serial = yes
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
[any]
commonName = supplied
"""


class Authority:
    """A private certificate authority, and certificates that it signs.

    Parameters
    ----------
    folder : Path
        The folder for the certificates.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("This test needs openssl.")
        folder.mkdir()
        self._folder = folder
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        (folder / "index.txt").touch()
        (folder / "ca.conf").write_text(CA_CONFIGURATION)
        self._run("req", "-x509", *self._new_key(self._key), "-subj", "/CN=Test CA", "-out", self.certificate)

    @staticmethod
    def _new_key(path: Path) -> list[str | Path]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", path]

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)

    def sign(
        self, name: str, address: str = "IP:127.0.0.1", *, until: str = "20991231000000Z"
    ) -> tuple[Path, Path]:
        """Make a certificate for an address, and return its file and that of its key."""
        request, certificate, key = (self._folder / f"{name}.{end}" for end in ("csr", "pem", "key"))
        self._run("req", *self._new_key(key), "-subj", f"/CN={name}", "-out", request)
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={address}\n")
        self._run(
            "ca", "-batch", "-notext", "-config", "ca.conf", "-extfile", extensions,
            "-startdate", "20200101000000Z", "-enddate", until, "-in", request, "-out", certificate,
        )  # fmt: skip
        key.chmod(0o644)
        return certificate, key


class Broker:
    """Mosquitto on a free port of this computer.

    Parameters
    ----------
    folder : Path
        The folder for its configuration.
    password : str, optional
        The password of the user ``me``. Default: no password is needed.
    tls : pair of Path, optional
        Its certificate and key. Default: no encryption.
    clients : Path, optional
        The CA certificate of clients. Default: clients need no certificate.
    """

    def __init__(
        self,
        folder: Path,
        *,
        password: str | None = None,
        tls: tuple[Path, Path] | None = None,
        clients: Path | None = None,
    ) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
        if program is None:
            pytest.skip("This test needs mosquitto.")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(password is None).lower()}"]
        if password is not None:
            secrets = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-c", "-b", str(secrets), "me", password], check=True)
            secrets.chmod(0o644)
            lines.append(f"password_file {secrets}")
            folder.chmod(0o755)
        if tls is not None:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        if clients is not None:
            lines += [f"cafile {clients}", "require_certificate true"]
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, f"user {_user()}"]) + "\n")
        self._command = [program, "-c", str(configuration)]
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        process = self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "running" in line:
                break
        else:
            pytest.fail("Mosquitto did not start:\n" + "".join(said))
        threading.Thread(target=process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


class Subscriber:
    """Records the values of topics, and waits until a condition holds for them."""

    def __init__(self, port: int, *, username: str | None = None, password: str | None = None) -> None:
        library = pytest.importorskip("paho.mqtt.client")
        self.topics: dict[str, str] = {}
        self._messages: queue.Queue[tuple[str, str]] = queue.Queue()
        self._client = library.Client(library.CallbackAPIVersion.VERSION2)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda _client, _data, message: self._messages.put(
            (message.topic, message.payload.decode())
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def until(self, condition: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        while not condition(self.topics):
            topic, text = self._messages.get(timeout=WAIT_S)
            self.topics[topic] = text
        return self.topics

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
