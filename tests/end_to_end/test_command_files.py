"""The installed command on files of every kind: it hears them, keeps the event contract, and ends well."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from live import __version__
from tests.end_to_end.commands import command, genre_live
from tests.event_contract import check
from tests.shared_data import gtzan_recording
from tests.sounds import ffmpeg, write_tune

SECONDS = 4.0
WRITTEN_BY_SOUNDFILE = {
    "8-bit mono, 8 kHz.wav": {"subtype": "PCM_U8", "rate": 8_000, "channels": 1},
    "16-bit stereo.wav": {"subtype": "PCM_16", "rate": 44_100, "channels": 2},
    "24-bit 5.1, 96 kHz.wav": {"subtype": "PCM_24", "rate": 96_000, "channels": 6},
    "float64 of 8 channels, 192 kHz.wav": {"subtype": "DOUBLE", "rate": 192_000, "channels": 8},
    "stereo.flac": {"rate": 48_000, "channels": 2},
    "vorbis.ogg": {"rate": 44_100, "channels": 2},
    "opus.opus": {"rate": 48_000, "channels": 2, "format": "OGG", "subtype": "OPUS"},
    "mono.mp3": {"rate": 44_100, "channels": 1},
}
WRITTEN_BY_FFMPEG = {
    "song.m4a": ["-c:a", "aac"],
    "song.aac": ["-c:a", "aac"],
    "song.wma": ["-c:a", "wmav2"],
    "video.mp4": ["-f", "lavfi", "-i", "color=black:s=64x64:r=10:d=4", "-c:a", "aac", "-c:v", "mpeg4"],
}


@pytest.mark.parametrize("name", [*WRITTEN_BY_SOUNDFILE, *WRITTEN_BY_FFMPEG])
def test_a_file_of_any_format_is_heard_to_its_end(name: str, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    if name in WRITTEN_BY_SOUNDFILE:
        write_tune(path, SECONDS, **WRITTEN_BY_SOUNDFILE[name])  # type: ignore[arg-type]
    else:
        source = write_tune(tmp_path / "source.wav", SECONDS, rate=44_100, channels=2)
        ffmpeg("-i", source, *WRITTEN_BY_FFMPEG[name], path)
    outcome = genre_live("--file", path, "--speed", "max", "--json", model=bundle)
    session = outcome.session()
    assert outcome.error == ""
    assert session.start["source"]["kind"] == "file"
    assert session.start["source"]["name"] == name
    assert session.summary["duration_s"] == pytest.approx(SECONDS, abs=0.15)
    assert len(session.windows) >= 2
    assert session.gaps == session.statuses == []


def test_the_events_are_the_same_each_time_compute_time_aside(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.flac", 8, rate=44_100, channels=2)
    first, second = (
        genre_live("--file", path, "--speed", "max", "--json", model=bundle).session() for _ in range(2)
    )
    assert first.without_wall_time() == second.without_wall_time()


def test_the_pace_changes_nothing_but_the_time_it_takes(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.mp3", 8, rate=44_100)  # of which blocks are no wholes
    paced, unpaced = (
        genre_live("--file", path, "--speed", speed, "--json", model=bundle).session()
        for speed in ("20", "max")
    )
    assert paced.without_wall_time() == unpaced.without_wall_time()


def test_a_pipe_and_a_file_give_the_same_events(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 5, rate=44_100, channels=2)
    listen = ("--speed", "max", "--json", "--file")
    from_file = genre_live(*listen, path, model=bundle).session()
    piped = genre_live(*listen, "-", given=path.read_bytes(), model=bundle).session()
    assert piped.start["source"]["name"] == "standard input"
    assert piped.windows == _with_times_of(from_file.windows, piped.windows)
    assert piped.sums == from_file.sums


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no named pipes.")
def test_a_named_pipe_and_a_file_give_the_same_events(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 5, rate=44_100, channels=2)
    listen = ("--speed", "max", "--json", "--file")
    from_file = genre_live(*listen, path, model=bundle).session()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["cp", str(path), str(fifo)]) as writer:
        named = genre_live(*listen, fifo, model=bundle).session()
        writer.wait()
    assert named.sums == from_file.sums


def _with_times_of(
    windows: list[dict[str, object]], others: list[dict[str, object]]
) -> list[dict[str, object]]:
    assert len(windows) == len(others)
    return [
        {**window, "at": other["at"], "compute_ms": other["compute_ms"]}
        for window, other in zip(windows, others, strict=True)
    ]


@pytest.mark.parametrize("sample_format", ["pcm_u8", "pcm_s24le", "pcm_f64le"])
def test_a_stream_from_ffmpeg_whose_header_knows_no_length_is_heard_to_its_end(
    sample_format: str, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "tune.mp3", SECONDS, rate=44_100, channels=2)
    stream = ffmpeg("-i", path, "-c:a", sample_format, "-f", "wav", "-")
    session = genre_live("--file", "-", "--speed", "max", "--json", given=stream, model=bundle).session()
    assert session.summary["duration_s"] == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize("seconds", [0.5, 1.2])
def test_a_file_shorter_than_a_window_gets_one_verdict_marked_partial(
    seconds: float, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / "short.wav", seconds)
    session = genre_live("--file", path, "--speed", "max", "--json", model=bundle).session()
    assert seconds < session.start["window_s"]
    (window,) = session.windows
    assert window["partial"] is True
    assert window["time_s"] == pytest.approx(seconds, abs=0.001)


def test_a_duration_ends_it(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 10)
    session = genre_live(
        "--file", path, "--speed", "max", "--json", "--duration", "4.5", model=bundle
    ).session()
    assert session.summary["duration_s"] == 4.5


def test_a_hop_of_ones_own_is_kept(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 6)
    session = genre_live("--file", path, "--speed", "max", "--json", "--hop", "0.1", model=bundle).session()
    assert session.start["hop_s"] == 0.1
    assert len(session.windows) == pytest.approx((6 - session.start["window_s"]) / 0.1, abs=1.5)


def test_plain_lines_replace_the_screen_where_there_is_no_terminal(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 6)
    outcome = genre_live("--file", path, "--speed", "max", model=bundle)
    assert outcome.status == 0
    assert outcome.error == ""
    first, *verdicts, last = outcome.out.splitlines()
    assert first.startswith("Listening to tune.wav with the model ")
    assert verdicts
    assert len(verdicts) == len({line.split(maxsplit=1)[1] for line in verdicts})
    assert last.startswith("Listened for 0:06; ")
    assert "\x1b" not in outcome.out


def test_the_log_holds_the_events_and_is_appended_to(bundle: Path, tmp_path: Path) -> None:
    path, log = write_tune(tmp_path / "tune.wav", 4), tmp_path / "log.jsonl"
    for _ in range(2):
        outcome = genre_live("--file", path, "--speed", "max", "--json", "--log", log, model=bundle)
        outcome.session()
    lines = log.read_text().splitlines()
    assert lines[len(lines) // 2 :] == outcome.out.splitlines()
    check(lines[: len(lines) // 2])


def test_music_is_heard_as_what_it_is(bundle: Path) -> None:
    """A song that the model may have been trained on: the path to the verdict is tested, not the model."""
    if bundle.name == "untrained":
        pytest.skip("No model ships yet.")
    song = gtzan_recording("classical")
    session = genre_live("--file", song, "--speed", "max", "--json", model=bundle).session()
    assert session.genre == "classical"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--version"], f"genre-live {__version__}"), (["--help"], "usage: genre-live")],
)
def test_what_is_asked_of_the_command_itself_is_answered(arguments: list[str], said: str) -> None:
    outcome = genre_live(*arguments)
    assert (outcome.status, outcome.error) == (0, "")
    assert outcome.out.startswith(said)


def test_the_first_line_alone_may_be_taken(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 20)
    with (
        subprocess.Popen(
            [*command(), "--model", str(bundle), "--file", str(path), "--speed", "max", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert json.loads(first)["event"] == "start"
    assert error == b""
