"""What befalls microphones, done to a virtual one: each loss is seen, told, and mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.listener import Event, Listener, is_gap, is_source, is_window
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Two minutes of pink-like noise with a beat: longer than any of these tests."""
    random = np.random.default_rng(0)
    noise = np.cumsum(random.normal(size=120 * 44_100)) % 1.0 - 0.5
    path = tmp_path / "sound.wav"
    soundfile.write(path, 0.3 * noise, 44_100, subtype="PCM_16")
    return path


@pytest.fixture
def listening(virtual_microphone: VirtualMicrophone, sound: Path) -> Iterator[Listener]:
    """Return a listener that has heard its first window of the sound."""
    with Listener(["--device", DEVICE], virtual_microphone.environment) as listener:
        virtual_microphone.wait_for_listener()
        virtual_microphone.start_playing(sound)
        listener.wait_for(lambda event: is_window(event) and event["level_dbfs"] > -40)
        yield listener


def check_losses(events: list[Event]) -> None:
    """Check that stream time has no hole but the gaps told, and that no window spans one."""
    window_s = events[0]["window_s"]
    last_gap_s = 0.0
    for event in events:
        if event["event"] == "gap":
            last_gap_s = event["time_s"]
        elif event["event"] == "window":
            assert event["time_s"] - window_s >= last_gap_s - 0.002
    assert events[-1]["lost_s"] == pytest.approx(
        sum(event["lost_s"] for event in events if event["event"] == "gap"), abs=1e-4
    )


def test_a_server_that_crashes_and_returns(
    virtual_microphone: VirtualMicrophone, listening: Listener, sound: Path
) -> None:
    virtual_microphone.kill_server()
    position, lost = listening.wait_for(is_source("lost"))
    virtual_microphone.start_server()
    position, gap = listening.wait_for(is_gap, after=position)
    position, back = listening.wait_for(is_source("back"), after=position)
    virtual_microphone.start_playing(sound)
    listening.wait_for(lambda event: is_window(event) and event["level_dbfs"] > -40, after=position)
    summary, complaints = listening.end()
    assert gap["reason"] == "stall"
    assert gap["time_s"] == pytest.approx(lost["time_s"] + gap["lost_s"], abs=0.01)
    assert back["time_s"] == gap["time_s"]
    assert summary["lost_s"] == gap["lost_s"]
    check_losses(listening.events)
    assert complaints == ""
    assert listening.process.returncode == 0


def test_a_source_that_is_unplugged_and_plugged_in_again(
    virtual_microphone: VirtualMicrophone, listening: Listener, sound: Path
) -> None:
    virtual_microphone.remove_source()
    position, _ = listening.wait_for(is_source("lost"))
    virtual_microphone.add_source()
    position, _ = listening.wait_for(is_source("back"), after=position)
    virtual_microphone.start_playing(sound)
    listening.wait_for(lambda event: is_window(event) and event["level_dbfs"] > -40, after=position)
    listening.end()
    check_losses(listening.events)


def test_a_source_that_falls_silent_without_a_word(
    virtual_microphone: VirtualMicrophone, listening: Listener
) -> None:
    virtual_microphone.suspend()
    position, _ = listening.wait_for(is_source("lost"))
    virtual_microphone.resume()
    position, _ = listening.wait_for(is_source("back"), after=position)
    listening.wait_for(is_window, after=position)
    listening.end()
    check_losses(listening.events)


def test_giving_up_is_a_failure(virtual_microphone: VirtualMicrophone, sound: Path) -> None:
    with Listener(["--device", DEVICE, "--give-up", "1"], virtual_microphone.environment) as listener:
        virtual_microphone.wait_for_listener()
        virtual_microphone.start_playing(sound)
        listener.wait_for(is_window)
        virtual_microphone.kill_server()
        summary, complaints = listener.result()
    assert summary["event"] == "summary"
    assert listener.process.returncode == 1
    assert complaints.startswith(f"genre-live: {DEVICE} was lost")
    assert complaints.count("\n") == 1


def test_a_process_that_was_stopped_goes_on(
    virtual_microphone: VirtualMicrophone, listening: Listener, tmp_path: Path
) -> None:
    five_seconds = tmp_path / "five-seconds.wav"
    soundfile.write(five_seconds, np.zeros(5 * 44_100), 44_100)
    before = len(listening.events)
    stopped_at_s = listening.events[before - 1]["time_s"]
    listening.process.send_signal(signal.SIGSTOP)
    virtual_microphone.play(five_seconds)
    listening.process.send_signal(signal.SIGCONT)
    position, _ = listening.wait_for(is_window, after=before)
    listening.wait_for(is_window, after=position + 4)
    summary, _ = listening.end()
    assert summary["duration_s"] > stopped_at_s + 5.0  # stream time has not lost the five seconds
    check_losses(listening.events)


def test_a_microphone_that_is_muted(virtual_microphone: VirtualMicrophone, listening: Listener) -> None:
    virtual_microphone.mute()
    position, _ = listening.wait_for(is_source("muted"))
    silent, _ = listening.wait_for(
        lambda event: is_window(event) and event["vote"]["state"] == "silence", after=position
    )
    virtual_microphone.unmute()
    listening.wait_for(is_source("back"), after=silent)
    listening.wait_for(lambda event: is_window(event) and event["level_dbfs"] > -40, after=silent)
    summary, _ = listening.end()
    assert summary["lost_s"] == 0
    muted = [event for event in listening.events if is_window(event) and event["level_dbfs"] == -120]
    assert all(event["vote"]["genre"] is None for event in muted if event["vote"]["state"] == "silence")


def test_a_microphone_that_is_missing_at_the_start_is_waited_for(sound: Path) -> None:
    with VirtualMicrophone() as microphone:
        microphone.remove_source()
        with Listener(["--device", DEVICE, "--wait"], microphone.environment) as listener:
            microphone.add_source()
            microphone.wait_for_listener()
            microphone.start_playing(sound)
            listener.wait_for(lambda event: is_window(event) and event["level_dbfs"] > -40)
            listener.end()
        assert listener.process.returncode == 0


def test_what_was_lost_until_the_end_is_counted(
    virtual_microphone: VirtualMicrophone, listening: Listener
) -> None:
    virtual_microphone.kill_server()
    position, lost = listening.wait_for(is_source("lost"))
    summary, _ = listening.end()
    _, gap = listening.wait_for(is_gap, after=position)
    assert gap["lost_s"] > 0
    assert summary["lost_s"] == pytest.approx(gap["lost_s"], abs=1e-4)
    assert summary["duration_s"] == pytest.approx(lost["time_s"] + gap["lost_s"], abs=0.01)


def test_a_computer_that_is_busy_loses_nothing_unseen(
    virtual_microphone: VirtualMicrophone, listening: Listener
) -> None:
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))
    ]
    try:
        position = len(listening.events)
        began_s = listening.events[position - 1]["time_s"]
        listening.wait_for(lambda event: is_window(event) and event["time_s"] > began_s + 8, after=position)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    summary, complaints = listening.end()
    check_losses(listening.events)
    assert complaints == ""
    assert not any(event["event"] == "source" for event in listening.events)
    window_s, hop_s = listening.events[0]["window_s"], listening.events[0]["hop_s"]
    if summary["lost_s"] == 0:  # then every window that was due was heard, or counted as skipped
        due = 1 + int((summary["duration_s"] - window_s) / hop_s)
        assert summary["windows"] + summary["skipped_windows"] == pytest.approx(due, abs=1)
