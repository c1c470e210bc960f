"""It learns from its listener: corrected on the screen, fitted, and heard again, through the microphone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.bundle import shipped_models
from tests.end_to_end.commands import command
from tests.end_to_end.listener import Listener
from tests.end_to_end.test_terminal import Terminal
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone

RATE = 44_100
FIT_TIMEOUT_S = 900.0
EACH_S = 18.0
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="The [train] extra is absent."
)


def drone() -> np.ndarray:
    """Make what sounds like nothing but itself: a slow chord."""
    time_s = np.arange(round(EACH_S * RATE)) / RATE
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.3 * time_s)
    return 0.2 * swell * sum(np.sin(2 * np.pi * pitch * time_s) for pitch in (110.0, 164.8, 220.0))


def rattle() -> np.ndarray:
    """Make what sounds like something else: eight bursts of noise a second."""
    time_s = np.arange(round(EACH_S * RATE)) / RATE
    bursts = np.exp(-40 * (time_s % 0.125))
    return 0.4 * bursts * np.random.default_rng(0).normal(size=time_s.size)


def heard_s(log: Path) -> float:
    """Return the stream time that a log has come to."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    times = [json.loads(line).get("time_s", 0.0) for line in lines if line.endswith("\n")]
    return float(times[-1]) if times else 0.0


def correct(terminal: Terminal, log: Path, letter: bytes, name: bytes, *moments_s: float) -> None:
    """Press ``c`` and a letter when each of these moments has been heard."""
    for moment_s in moments_s:
        while heard_s(log) < moment_s:
            terminal.read_more()
        terminal.seen = b""
        terminal.press(b"c")
        terminal.wait_for(b"really?")
        terminal.press(letter)
        terminal.wait_for(b"Corrected: " + name)


def said_of(microphone: VirtualMicrophone, song: Path, model: Path) -> str:
    """Play a song to a model; return the genre that it settles on."""
    with Listener(["--device", DEVICE, "--model", str(model)], microphone.environment) as listener:
        microphone.wait_for_listener()
        microphone.start_playing(song)
        settled = 0
        while True:
            settled, window = listener.wait_for(
                lambda event: event["event"] == "window" and event["vote"]["state"] == "genre", after=settled
            )
            if window["vote"]["confidence"] > 0.6:
                microphone.stop_playing()
                listener.end()
                return str(window["vote"]["genre"])


@pytest.mark.timeout(1_200)  # a fit takes a minute on two idle cores
def test_what_the_listener_corrects_is_heard_right_after_a_fit(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    if "genre-lstm" not in shipped_models():
        pytest.skip("No model ships.")
    songs = {"jazz": tmp_path / "drone.wav", "metal": tmp_path / "rattle.wav"}
    soundfile.write(songs["jazz"], drone(), RATE)
    soundfile.write(songs["metal"], rattle(), RATE)
    both = tmp_path / "both.wav"
    soundfile.write(both, np.concatenate([drone(), rattle()]), RATE)
    clips, log, mine = tmp_path / "clips", tmp_path / "evening.jsonl", tmp_path / "mine"

    words = ["--device", DEVICE, "--keep", str(clips), "--keep-seconds", "4", "--log", str(log)]
    with Terminal(*words, **virtual_microphone.environment) as terminal:
        terminal.wait_for(b"listening")
        virtual_microphone.wait_for_listener()
        virtual_microphone.start_playing(both)
        correct(terminal, log, b"j", b"jazz", 7, 10, 13, 16)
        correct(terminal, log, b"m", b"metal", 25, 28, 31, 34)
        terminal.press(b"q")
        assert terminal.read_to_its_end() == 0
    virtual_microphone.stop_playing()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    corrections = [event["genre"] for event in events if event["event"] == "correction"]
    assert corrections == ["jazz"] * 4 + ["metal"] * 4
    for genre in songs:
        assert len(list((clips / genre).glob("*.flac"))) >= 4

    fitted = subprocess.run(
        # One epoch will do: the two are as different as can be.
        [*command("genre-train"), clips, "--start-from", "genre-lstm", "--out", mine, "--epochs", "1"],
        capture_output=True,
        text=True,
        timeout=FIT_TIMEOUT_S,
        check=False,
    )
    assert fitted.returncode == 0, fitted.stderr
    assert {genre: said_of(virtual_microphone, song, mine) for genre, song in songs.items()} == {
        "jazz": "jazz",
        "metal": "metal",
    }
