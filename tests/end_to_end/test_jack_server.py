"""A JACK server that dies or hangs: PortAudio aborts its process over it, and it must not be ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.listener import Listener, is_source, is_window
from tests.end_to_end.test_faults import check_losses

pytestmark = pytest.mark.skipif(shutil.which("jackd") is None, reason="The JACK server needs jackd2.")

LONGER_S = 3.0  # what a busy computer may add


class JackServer:
    """A server of our own without hardware, under a name that no other has."""

    def __init__(self) -> None:
        self.environment = {
            **os.environ,
            # JACK counts at most eight servers of a computer, killed ones among them, and frees the place of
            # a dead one only for another of its name: so the name is always the same.
            "JACK_DEFAULT_SERVER": "genre-live-tests",
            "JACK_NO_START_SERVER": "1",
            "JACK_NO_AUDIO_RESERVATION": "1",
        }
        self.start()

    def start(self) -> None:
        """Start it; returns when it says that it runs."""
        self.process = subprocess.Popen(
            ["jackd", "-r", "-d", "dummy", "-r", "48000", "-p", "1024"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if "self-connect-mode" in line:  # the last that it says
                return
        pytest.fail(f"jackd did not start: {said}")

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.send_signal(signal.SIGCONT)
        self.process.communicate()


@pytest.fixture
def jack() -> Iterator[JackServer]:
    server = JackServer()
    yield server
    server.end()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize(("words", "status"), [(["--duration", "15"], 0), (["--give-up", "3"], 1)])
def test_it_ends_on_time_and_with_the_documented_status(
    how: signal.Signals, words: list[str], status: int, jack: JackServer, bundle: Path
) -> None:
    with Listener(["--device", "system", "--model", str(bundle), *words], jack.environment) as listener:
        # A busy computer lets JACK lose sound, and no window comes of that: a gap will do.
        _, event = listener.wait_for(lambda event: event["event"] in ("window", "gap"))
        began_s = time.monotonic()
        jack.process.send_signal(how)
        summary, complaints = listener.result()
        took_s = time.monotonic() - began_s
    assert listener.process.returncode == status
    left_s = 3.0 if status else 15.0 - event["time_s"]
    assert took_s < left_s + 2 * LONGER_S  # less than the ten seconds that a driver has for its answer
    assert summary["lost_s"] > left_s - LONGER_S
    assert complaints.count("\n") == status
    check_losses(listener.events)


def test_a_server_that_is_started_again_is_heard_again(jack: JackServer, bundle: Path) -> None:
    with Listener(["--device", "system", "--model", str(bundle)], jack.environment) as listener:
        listener.wait_for(is_window)
        jack.end()
        position, _ = listener.wait_for(is_source("lost"))
        jack.start()
        position, _ = listener.wait_for(is_source("back"), after=position)
        listener.wait_for(is_window, after=position)
        _, complaints = listener.end()
    assert listener.process.returncode == 0
    assert complaints == ""
    check_losses(listener.events)
