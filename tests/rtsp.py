"""A real RTSP server on the loopback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.icecast import free_port

USER, PASSWORD = "someone", "very-secret"
SYSTEM_PYTHON = "/usr/bin/python3"
_LIBRARIES = 'import gi; gi.require_version("GstRtspServer", "1.0"); gi.require_version("Gst", "1.0")'


class RtspServer:
    """A server that can be killed and started again on the same port."""

    def __init__(self) -> None:
        try:
            is_there = subprocess.run([SYSTEM_PYTHON, "-c", _LIBRARIES], capture_output=True).returncode == 0
        except OSError:
            is_there = False
        if not is_there and os.environ.get("CI"):
            pytest.fail("gir1.2-gst-rtsp-server-1.0 is not installed.")
        if not is_there:
            pytest.skip("gir1.2-gst-rtsp-server-1.0 is not installed.")
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        script = Path(__file__).with_name("rtsp_server.py")
        self.process = subprocess.Popen(
            [SYSTEM_PYTHON, str(script), str(self.port), USER, PASSWORD],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        with self.process.stdout as said:
            assert said.readline() == b"ready\n"

    def url(self, mount: str, *, user: str = "") -> str:
        """Return the address of a mount."""
        return f"rtsp://{user}127.0.0.1:{self.port}/{mount}"

    def kill(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()
