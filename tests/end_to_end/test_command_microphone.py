"""The installed command on a microphone: nothing is lost, and a song is judged as from its file."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.resampling import Resampler, to_mono
from tests.end_to_end.commands import TIMEOUT_S, Outcome, command, genre_live
from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone, missing_parts
from tests.event_contract import Values
from tests.shared_data import GTZAN_AUDIO, ROOT, gtzan_recording
from tests.sounds import write_tune

HEARD_S = 21.0


def a_song(folder: Path) -> Path:
    """Return a song: a real one where the collection is at hand, the demo, or the tests' own tune."""
    if GTZAN_AUDIO.is_dir():
        return gtzan_recording("metal")
    demos = sorted((ROOT / "examples").glob("*.ogg"))
    return demos[0] if demos else write_tune(folder / "tune.wav", 30)


@pytest.mark.parametrize("device", [[], ["--device", DEVICE], ["--device", "Monitor"]], ids="".join)
def test_one_channel_is_heard_alone(
    device: list[str], virtual_microphone: VirtualMicrophone, bundle: Path, tmp_path: Path
) -> None:
    """Asked for one channel, PulseAudio would mix all of them."""
    rate = virtual_microphone.sample_rate
    right = np.sin(2 * np.pi * 440 * np.arange(60 * rate) / rate)
    soundfile.write(tmp_path / "right.wav", np.column_stack((0 * right, right)), rate)
    virtual_microphone.start_playing(tmp_path / "right.wav")
    levels = []
    for channel in ("1", "2"):
        outcome = genre_live(
            *device, "--channel", channel, "--duration", "2", "--json", "--model", bundle,
            environment=virtual_microphone.environment,
        )  # fmt: skip
        levels.append(outcome.session().windows[-1]["level_dbfs"])
    assert levels[0] < -90
    assert levels[1] == pytest.approx(-3, abs=1)


def excerpt(song: Path, path: Path, sample_rate: int) -> Path:
    """Write the first half minute as WAV of the microphone's own rate, so that PulseAudio changes nothing."""
    samples, rate = soundfile.read(song, dtype="float32", always_2d=True)
    resampler = Resampler(rate, sample_rate)
    mono = 0.9 * resampler.feed(to_mono(samples[: 30 * rate]), last=True)
    soundfile.write(path, np.column_stack((mono, mono)), sample_rate, subtype="PCM_16")
    return path


def mean_distribution(windows: list[Values]) -> dict[str, float]:
    labels = list(windows[0]["probabilities"])
    rows = [[window["probabilities"][label] for label in labels] for window in windows]
    return dict(zip(labels, np.mean(rows, axis=0).tolist(), strict=True))


def same_music(heard: list[Values], read: list[Values]) -> list[Values]:
    """Return the windows of the file whose levels are nearest to those heard: its beginning is not known."""
    levels, every = (np.array([window["level_dbfs"] for window in windows]) for windows in (heard, read))
    apart = [np.abs(every[k : k + len(levels)] - levels).sum() for k in range(len(every) - len(levels) + 1)]
    start = int(np.argmin(apart))
    return read[start : start + len(levels)]


def test_a_song_is_heard_for_20_seconds_with_nothing_lost_and_judged_as_its_file_is(
    virtual_microphone: VirtualMicrophone, bundle: Path, tmp_path: Path
) -> None:
    path = excerpt(a_song(tmp_path), tmp_path / "song.wav", virtual_microphone.sample_rate)
    with subprocess.Popen(
        [*command(), "--model", str(bundle), "--json", "--device", DEVICE, "--duration", str(HEARD_S)],
        env=virtual_microphone.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            virtual_microphone.wait_for_listener()
            virtual_microphone.start_playing(path)
            out, error = process.communicate(timeout=HEARD_S + TIMEOUT_S)
        finally:
            process.kill()
    heard = Outcome(process.returncode, out, error).session()
    assert error == ""
    assert heard.start["source"]["kind"] == "microphone"
    assert heard.start["source"]["sample_rate"] == virtual_microphone.sample_rate
    assert (heard.gaps, heard.statuses) == ([], [])
    assert heard.summary["lost_s"] == 0
    assert heard.summary["duration_s"] == HEARD_S
    windows_due = (HEARD_S - heard.start["window_s"]) / heard.start["hop_s"]
    assert len(heard.windows) + heard.summary["skipped_windows"] == pytest.approx(windows_due, abs=1)

    from_file = genre_live("--file", path, "--speed", "max", "--json", model=bundle).session()
    # Past the silence before the player began, and past the windows that hold its end.
    sounding = [window for window in heard.windows if window["vote"]["state"] not in {"silence", "waiting"}]
    sounding = sounding[int(heard.start["window_s"] / heard.start["hop_s"]) :]
    assert len(sounding) > 15
    as_heard, as_read = (
        mean_distribution(sounding),
        mean_distribution(same_music(sounding, from_file.windows)),
    )
    assert max(as_heard, key=as_heard.__getitem__) == max(as_read, key=as_read.__getitem__)
    apart = sum(abs(as_heard[label] - as_read[label]) for label in as_read)
    assert apart < 0.1
    said = Counter(window["vote"]["genre"] for window in sounding)
    assert said.most_common(1)[0][0] == from_file.genre


def test_the_devices_are_listed_in_a_table_that_marks_the_default(
    virtual_microphone: VirtualMicrophone,
) -> None:
    outcome = genre_live("--list-devices", environment={**virtual_microphone.environment, "COLUMNS": "120"})
    assert (outcome.status, outcome.error) == (0, "")
    lines = outcome.out.splitlines()
    assert any(all(word in line for word in ("ID", "Name", "Host API", "Channels", "Rate")) for line in lines)
    (row,) = [line for line in lines if f" {DEVICE} " in line]
    assert "ALSA" in row
    assert "44100" in row
    assert outcome.out.count("default") >= 1


def test_the_sources_of_the_sound_server_have_their_own_names(
    virtual_microphone: VirtualMicrophone, bundle: Path, tmp_path: Path
) -> None:
    """Two outputs: ``monitor`` is what the default one plays, and each can be named."""
    virtual_microphone.control(
        "load-module", "module-null-sink", "sink_name=other", "sink_properties=device.description=Other"
    )
    listing = genre_live("--list-devices", environment={**virtual_microphone.environment, "COLUMNS": "120"})
    assert "Monitor of Virtual" in listing.out
    assert "Monitor of Other" in listing.out
    for selector, name in [("monitor", "Monitor of Virtual"), ("other.monitor", "Monitor of Other")]:
        outcome = genre_live(
            *("--device", selector, "--duration", "4", "--json"),
            model=bundle, environment=virtual_microphone.environment,
        )  # fmt: skip
        session = outcome.session()
        assert session.start["source"]["name"] == name
        assert session.summary["duration_s"] == 4.0
        assert session.summary["lost_s"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "no such device"], "--list-devices"),
        (["--device", "999"], "--list-devices"),
        (["--device", DEVICE, "--channel", "999"], "no channel 999"),
    ],
)
def test_a_device_that_is_not_there_is_refused_in_one_sentence(
    arguments: list[str], said: str, virtual_microphone: VirtualMicrophone, bundle: Path
) -> None:
    outcome = genre_live("--json", *arguments, model=bundle, environment=virtual_microphone.environment)
    assert outcome.status == 2
    assert said in outcome.sentence()
    assert outcome.out == ""


@pytest.mark.parametrize("arguments", [[], ["--list-devices"], ["--device", "1"]])
def test_a_machine_without_a_microphone_is_told_so_in_one_sentence(
    arguments: list[str], bundle: Path, tmp_path: Path
) -> None:
    if missing_parts() or any(Path("/proc/asound").glob("card*")):
        pytest.skip("This machine has sound cards, or no PortAudio.")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALSA_")}
    nobody = f"unix:{tmp_path / 'nobody'}"
    outcome = genre_live(
        "--json", *arguments, model=bundle, environment={**environment, "PULSE_SERVER": nobody}
    )
    assert outcome.status == 2
    assert "There is no microphone" in outcome.sentence()
