"""A sound server that hangs: it is there, and answers nobody. Nothing waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.commands import genre_live
from tests.end_to_end.listener import Listener, is_gap, is_source, is_window
from tests.end_to_end.test_faults import check_losses
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone
from tests.sounds import write_tune

NAMES = [DEVICE, "monitor"]  # through PortAudio, and at the sound server itself
LONGER_S = 6.0  # what a busy computer may add; whoever waits for a driver's answer waits ten seconds


@pytest.fixture
def hanging(virtual_microphone: VirtualMicrophone) -> Iterator[VirtualMicrophone]:
    """Return the microphone; whatever hangs at the test's end is woken."""
    yield virtual_microphone
    virtual_microphone.wake_server()


@pytest.mark.parametrize("name", NAMES)
def test_the_duration_ends_on_time_and_what_was_lost_is_told(
    name: str, hanging: VirtualMicrophone, bundle: Path
) -> None:
    words = ["--device", name, "--duration", "9", "--model", str(bundle)]
    with Listener(words, hanging.environment) as listener:
        listener.wait_for(is_window)  # three seconds of sound: the first eight are no excuse
        began_s = time.monotonic()
        hanging.hang_server()
        _, lost = listener.wait_for(is_source("lost"))
        told_s = time.monotonic() - began_s
        summary, complaints = listener.result()
        ended_s = time.monotonic() - began_s
    assert told_s < 2.0 + LONGER_S
    assert ended_s < 9.0 - lost["time_s"] + LONGER_S
    assert summary["duration_s"] == 9.0
    assert summary["lost_s"] == pytest.approx(9.0 - lost["time_s"], abs=0.01)
    assert listener.process.returncode == 0
    assert complaints == ""
    check_losses(listener.events)


@pytest.mark.parametrize("name", NAMES)
def test_giving_up_ends_on_time(name: str, hanging: VirtualMicrophone, bundle: Path) -> None:
    words = ["--device", name, "--give-up", "4", "--model", str(bundle)]
    with Listener(words, hanging.environment) as listener:
        listener.wait_for(is_window)
        began_s = time.monotonic()
        hanging.hang_server()
        summary, complaints = listener.result()
        ended_s = time.monotonic() - began_s
    assert ended_s < 4.0 + LONGER_S
    assert 3.9 < summary["lost_s"] < 4.0 + LONGER_S
    assert listener.process.returncode == 1
    assert complaints.count("\n") == 1
    assert "not back after 4 s" in complaints
    check_losses(listener.events)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_goes_on_is_heard_again(name: str, hanging: VirtualMicrophone, bundle: Path) -> None:
    with Listener(["--device", name, "--model", str(bundle)], hanging.environment) as listener:
        listener.wait_for(is_window)
        hanging.hang_server()
        position, _ = listener.wait_for(is_source("lost"))
        hanging.wake_server()
        position, _ = listener.wait_for(is_source("back"), after=position)
        listener.wait_for(is_window, after=position)
        summary, complaints = listener.end()
    assert listener.process.returncode == 0
    assert complaints == ""
    gaps = [event for event in listener.events if is_gap(event)]
    assert gaps[0]["reason"] == "stall"
    assert summary["lost_s"] > 1.0
    check_losses(listener.events)


def test_ctrl_c_ends_it_while_its_server_hangs(hanging: VirtualMicrophone, bundle: Path) -> None:
    with Listener(["--device", DEVICE, "--model", str(bundle)], hanging.environment) as listener:
        listener.wait_for(is_window)
        hanging.hang_server()
        _, lost = listener.wait_for(is_source("lost"))
        began_s = time.monotonic()
        summary, complaints = listener.end()
    assert time.monotonic() - began_s < LONGER_S
    assert summary["duration_s"] > lost["time_s"]
    assert listener.process.returncode == 0
    assert complaints == ""


@pytest.mark.parametrize("words", [["--list-devices"], ["--device", DEVICE]])
def test_a_server_that_hangs_from_the_start_is_one_sentence(
    words: list[str], hanging: VirtualMicrophone, bundle: Path
) -> None:
    hanging.hang_server()
    outcome = genre_live(*words, model=bundle, environment=hanging.environment)
    assert outcome.status == 2
    assert "does not answer" in outcome.sentence()


def test_no_capture_process_outlives_it(hanging: VirtualMicrophone, bundle: Path) -> None:
    """Even one whose driver hangs, and even where nobody was left to end it."""
    with Listener(["--device", DEVICE, "--model", str(bundle)], hanging.environment) as listener:
        listener.wait_for(is_window)
        hanging.hang_server()
        listener.process.kill()
        listener.process.wait()
    hanging.wake_server()
    hanging.wait_for_no_listener()


def test_speakers_that_hang_before_they_play_are_one_sentence(
    hanging: VirtualMicrophone, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.wav", 2)
    hanging.hang_server()
    outcome = genre_live("--file", path, "--play", model=bundle, environment=hanging.environment)
    assert outcome.status == 2
    assert "does not answer" in outcome.sentence()


def test_a_file_is_heard_to_its_end_without_the_speakers_that_hang(
    hanging: VirtualMicrophone, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.wav", 8)
    words = ["--file", str(path), "--play", "--model", str(bundle)]
    with Listener(words, hanging.environment) as listener:
        listener.wait_for(is_window)
        hanging.hang_server()
        summary, complaints = listener.result()
    assert listener.process.returncode == 0
    assert summary["duration_s"] == pytest.approx(8.0, abs=0.1)
    assert summary["lost_s"] == 0
    assert "without them" in complaints
