"""A virtual microphone: a private PulseAudio server with a null sink.

Sound that is played to the sink comes out of its monitor, which is the server's default source. A private
ALSA configuration leads PortAudio only there, so a test gives the same results on a laptop with sound cards
and on a computer without any. The user's own sound set-up is neither read nor used nor changed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

DEVICE = "pulse"
"""The name under which PortAudio knows the virtual microphone."""

SINK = "virtual"
SOURCE = f"{SINK}.monitor"

READY_LINE = "Daemon startup complete."
START_TIMEOUT_S = 20.0
CHECK_AGAIN_S = 0.25

ALSA_CONFIGURATION = """\
# Two names for one thing: the private PulseAudio server's default source.
pcm.pulse {
    type pulse
    hint { show on description "Virtual microphone" }
}
ctl.pulse { type pulse }
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


def missing_parts() -> list[str]:
    """Return what this computer lacks for a virtual microphone; empty if nothing is missing."""
    if not sys.platform.startswith("linux"):
        return ["Linux"]
    missing = []
    if shutil.which("pulseaudio") is None:
        missing.append("pulseaudio")
    if shutil.which("pactl") is None or shutil.which("paplay") is None:
        missing.append("pulseaudio-utils (pactl, paplay)")
    if not _alsa_plugin_is_there():
        missing.append("libasound2-plugins (ALSA's pulse plugin)")
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        missing.append("sounddevice with libportaudio2")
    return missing


def _alsa_plugin_is_there() -> bool:
    named = os.environ.get("ALSA_PLUGIN_DIR")
    if named:
        return Path(named, "libasound_module_pcm_pulse.so").is_file()
    roots = [Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")]
    patterns = ["alsa-lib/libasound_module_pcm_pulse.so", "*/alsa-lib/libasound_module_pcm_pulse.so"]
    return any(next(root.glob(pattern), None) for root in roots for pattern in patterns)


class VirtualMicrophone:
    """A private PulseAudio server with one sink for playing, and its monitor for listening.

    Parameters
    ----------
    sample_rate : int
        Sample rate of the microphone, in Hz. Files of this rate reach the listener without resampling.
    channels : int

    Attributes
    ----------
    environment : dict of str to str
        The complete environment (``env``) for a child process that uses this microphone as ``pulse`` or as
        the default device.

    Examples
    --------
    >>> with VirtualMicrophone(sample_rate=48_000) as microphone:  # doctest: +SKIP
    ...     listener = subprocess.Popen(["genre-live", "--device", "pulse"], env=microphone.environment)
    ...     microphone.wait_for_listener()
    ...     microphone.play(Path("song.wav"))
    """

    def __init__(self, *, sample_rate: int = 44_100, channels: int = 2) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        # Not pytest's folder: the path of a Unix socket may have no more than 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="genre-live-mic-"))
        self._socket = self._folder / "native"
        self._server: subprocess.Popen[str] | None = None
        self._server_log: deque[str] = deque(maxlen=200)
        self._log_reader: threading.Thread | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        self._sink_module: str | None = None

        client_configuration = self._folder / "client.conf"
        # Without this a client would start a server of its own once ours is killed.
        client_configuration.write_text("autospawn = no\nenable-shm = no\n", encoding="utf-8")
        alsa_configuration = self._folder / "asound.conf"
        alsa_configuration.write_text(ALSA_CONFIGURATION, encoding="utf-8")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "ALSA_"))},
            "ALSA_CONFIG_PATH": str(alsa_configuration),
            "PULSE_CLIENTCONFIG": str(client_configuration),
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_SERVER": f"unix:{self._socket}",
        }
        if "ALSA_PLUGIN_DIR" in os.environ:
            self.environment["ALSA_PLUGIN_DIR"] = os.environ["ALSA_PLUGIN_DIR"]

    def __enter__(self) -> Self:
        try:
            self.start_server()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the players and the server, and delete all files."""
        self.stop_playing()
        self.stop_server()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- the server

    def start_server(self) -> None:
        """Start the server and its sink, and wait until both can be used."""
        if self._server is not None:
            raise RuntimeError("The server is already running.")
        private = {
            "HOME": str(self._folder),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "XDG_RUNTIME_DIR": str(self._folder),
            "LC_ALL": "C",
        }
        self._server_log.clear()
        self._server = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--use-pid-file=no",
                "--exit-idle-time=-1",
                "--high-priority=no",
                "--realtime=no",
                "--disable-shm=yes",
                "--log-target=stderr",
                "--log-level=info",
                f"--load=module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            ],
            env=self.environment | private,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        ready = threading.Event()
        self._log_reader = threading.Thread(
            target=self._read_log, args=(self._server, ready), name="virtual microphone log", daemon=True
        )
        self._log_reader.start()
        # The reader sets the event on the ready line, and also when the log ends with the server.
        in_time = ready.wait(START_TIMEOUT_S)
        if not in_time or self._server.poll() is not None:
            log = "\n".join(self._server_log)
            self.stop_server()
            raise RuntimeError(f"PulseAudio did not start. Its log:\n{log}")
        self.add_source()

    def _read_log(self, server: subprocess.Popen[str], ready: threading.Event) -> None:
        assert server.stderr is not None
        with server.stderr:
            for line in server.stderr:
                self._server_log.append(line.rstrip())
                if READY_LINE in line:
                    ready.set()
        server.wait()
        ready.set()

    def stop_server(self) -> None:
        """End the server normally; listeners lose their source."""
        self._end_server(signal.SIGTERM)

    def kill_server(self) -> None:
        """Kill the server, like a crash, without a message to its clients."""
        self._end_server(signal.SIGKILL)

    def hang_server(self) -> None:
        """Stop the server, so that it exists but does not answer."""
        if self._server is None:
            raise RuntimeError("The server is not running.")
        self._server.send_signal(signal.SIGSTOP)

    def wake_server(self) -> None:
        """Continue a stopped server."""
        if self._server is None:
            raise RuntimeError("The server is not running.")
        self._server.send_signal(signal.SIGCONT)

    def _end_server(self, with_signal: signal.Signals) -> None:
        server, self._server, self._sink_module = self._server, None, None
        if server is None:
            return
        if server.poll() is None:
            server.send_signal(with_signal)
            server.send_signal(signal.SIGCONT)  # a stopped process receives the first signal only now
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if self._log_reader is not None:
            self._log_reader.join(timeout=5)

    # --- the source

    def add_source(self) -> None:
        """Load the sink, and with it the source."""
        if self._sink_module is not None:
            raise RuntimeError("The source is already there.")
        # Float samples carry 16-bit audio through unchanged, so a test may ask for every bit back.
        self._sink_module = self.control(
            "load-module",
            "module-null-sink",
            f"sink_name={SINK}",
            f"rate={self.sample_rate}",
            f"channels={self.channels}",
            "format=float32le",
            "sink_properties=device.description=Virtual",
        ).strip()
        self.control("set-default-sink", SINK)
        self.control("set-default-source", SOURCE)

    def remove_source(self) -> None:
        """Unload the sink and its source, as when a microphone is unplugged."""
        if self._sink_module is None:
            raise RuntimeError("The source is not there.")
        module, self._sink_module = self._sink_module, None
        self.control("unload-module", module)

    def suspend(self) -> None:
        """Suspend the sink and its monitor: listeners stay connected, but get no sound."""
        self.control("suspend-sink", SINK, "1")

    def resume(self) -> None:
        """Resume the sink and its monitor."""
        self.control("suspend-sink", SINK, "0")

    def mute(self) -> None:
        """Make the source deliver only digital zero."""
        self.control("set-source-mute", SOURCE, "1")

    def unmute(self) -> None:
        """Make the source deliver sound again."""
        self.control("set-source-mute", SOURCE, "0")

    # --- playing

    def play(self, path: Path, *, timeout_s: float = 300.0) -> None:
        """Play a sound file to its end."""
        player = self.start_playing(path)
        try:
            status = player.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            player.kill()
            player.wait()
            raise
        if status != 0:
            raise RuntimeError(f"paplay ended with status {status} while playing {path}.")

    def start_playing(self, path: Path) -> subprocess.Popen[bytes]:
        """Start to play a sound file (WAV, FLAC or OGG), and return the player's process at once."""
        player = subprocess.Popen(
            ["paplay", f"--device={SINK}", str(path)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )
        self._players.append(player)
        return player

    def stop_playing(self) -> None:
        """End all players."""
        players, self._players = self._players, []
        for player in players:
            if player.poll() is None:
                player.kill()
            player.wait()

    # --- asking and waiting

    def control(self, *arguments: str) -> str:
        """Send the server a command with ``pactl``, and return the answer."""
        answer = subprocess.run(
            ["pactl", *arguments],
            env=self.environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        if answer.returncode != 0:
            raise RuntimeError(f"pactl {' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout

    def listeners(self) -> int:
        """Return the number of streams that record from the server."""
        return len(self.control("list", "short", "source-outputs").splitlines())

    def wait_for_listener(self, *, count: int = 1, timeout_s: float = 30.0) -> None:
        """Wait until at least ``count`` streams record."""
        self._wait_until(lambda: self.listeners() >= count, "nobody listens", timeout_s)

    def wait_for_no_listener(self, *, timeout_s: float = 30.0) -> None:
        """Wait until no stream records."""
        self._wait_until(lambda: self.listeners() == 0, "somebody still listens", timeout_s)

    def _wait_until(self, condition: Callable[[], bool], complaint: str, timeout_s: float) -> None:
        """Check ``condition`` for each change of the recording streams until it holds."""
        deadline = time.monotonic() + timeout_s
        with (
            subprocess.Popen(
                ["pactl", "subscribe"],
                env=self.environment | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as subscriber,
            selectors.DefaultSelector() as selector,
        ):
            assert subscriber.stdout is not None
            selector.register(subscriber.stdout, selectors.EVENT_READ)
            try:
                while not condition():
                    heard = b""
                    while b"source-output" not in heard:
                        left = deadline - time.monotonic()
                        if left <= 0:
                            raise TimeoutError(f"After {timeout_s:g} s {complaint}.")
                        # The limit is for what came before the subscription was in force.
                        if not selector.select(min(left, CHECK_AGAIN_S)):
                            break
                        heard = os.read(subscriber.stdout.fileno(), 65_536)
                        if not heard:
                            raise RuntimeError("The server went away while it was being watched.")
            finally:
                subscriber.kill()
