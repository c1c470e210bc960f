"""Whatever a user, a stranger or a broken disk hands over: one sentence, the right exit status, no hang."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.bundle import DESCRIPTION_FILE, NETWORK_FILE
from tests.bundles import copy_bundle, describe
from tests.end_to_end.commands import Outcome, command, genre_live, in_this_process
from tests.sounds import ffmpeg, tune, write_tune


def listen(path: Path | str, bundle: Path, *arguments: str) -> Outcome:
    return genre_live("--file", path, "--speed", "max", "--json", *arguments, model=bundle)


def wav(seconds: float = 4.0) -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, tune(seconds), 22_050, format="WAV", subtype="PCM_16")
    return bytearray(file.getvalue())


def changed(at: int, layout: str, value: int) -> bytes:
    """Return a WAV file with one field of its header changed."""
    content = wav()
    struct.pack_into(layout, content, at, value)
    return bytes(content)


def random_bytes(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(100_000)


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "empty.wav": lambda: b"",
    "empty.mp3": lambda: b"",
    "header alone.wav": lambda: bytes(wav()[:44]),
    "half a header.wav": lambda: bytes(wav()[:20]),
    "random.wav": lambda: random_bytes(0),
    "random.raw": lambda: random_bytes(0),
    "random.mp3": lambda: random_bytes(0),
    "random, of which a frame decodes.mp3": lambda: random_bytes(1),
    "random.m4a": lambda: random_bytes(2),
    "random without a suffix": lambda: random_bytes(3),
    "text.txt": lambda: b"These are the words of a song.\n" * 100,
    "text.mp3": lambda: b"These are the words of a song.\n" * 100,
    "playlist.m3u8": lambda: b"#EXTM3U\n#EXTINF:10,\nsong.wav\n",
    "list.ffconcat": lambda: b"ffconcat version 1.0\nfile song.wav\n",
    "no rate.wav": lambda: changed(24, "<I", 0),
    "an absurd rate.wav": lambda: changed(24, "<I", 2**31 - 1),
    "no channels.wav": lambda: changed(22, "<H", 0),
    "65535 channels.wav": lambda: changed(22, "<H", 65_535),
    "a tag without an end.mp3": lambda: b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f" + bytes(1_000),
    "too short.wav": lambda: bytes(wav(0.3)),
}
if sys.platform != "win32":  # whose names have no such characters
    UNREADABLE["line\nend \x1b[31mred.wav"] = lambda: b"text"


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_sound_is_refused_in_one_sentence(
    name: str, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "song.wav").write_bytes(wav())  # what a playlist must not lead to
    path = tmp_path / name
    path.write_bytes(UNREADABLE[name]())
    if name in {"empty.wav", "header alone.wav", "random.mp3", "text.txt"}:
        outcome = listen(path, bundle)
    else:
        outcome = in_this_process(capfd, "--file", path, "--speed", "max", "--json", "--model", bundle)
    assert outcome.status == 2
    assert path.name.split("\n")[0] in outcome.sentence()
    assert "\x1b" not in outcome.error


def test_paths_that_lead_to_no_file_are_refused_in_one_sentence(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loop = tmp_path / "loop.wav"
    loop.symlink_to(loop)
    for path in (
        tmp_path / "missing.wav",
        tmp_path,
        loop,
        "/dev/null",
        "/dev/zero",
        "x" * 5_000,
        "",
        "~",
        "\0",
    ):
        outcome = in_this_process(capfd, "--file", path, "--json", "--model", bundle)
        assert outcome.status == 2, path
        assert outcome.sentence()
        assert outcome.out == ""


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["song.mp3"], "give a file as --file PATH"),
        (["--file", "https://example.org/song.mp3"], "give it with --url"),
        (["--file", "http://[example.org/song.mp3"], "give it with --url"),
        (["--no-such-option"], "see genre-live --help"),
    ],
)
def test_a_likely_first_try_is_helped(
    words: list[str], advice: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = in_this_process(capfd, *words, "--model", bundle)
    assert outcome.status == 2
    assert advice in outcome.sentence()


@pytest.mark.parametrize("name", ["missing.wav", "."])
def test_a_missing_file_and_a_folder_are_refused_by_the_installed_command(
    name: str, bundle: Path, tmp_path: Path
) -> None:
    outcome = listen(tmp_path / name, bundle)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.sentence()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_in_one_sentence(bundle: Path, tmp_path: Path) -> None:
    path = write_tune(tmp_path / "secret.wav")
    path.chmod(0)
    outcome = listen(path, bundle)
    assert (outcome.status, "permissions" in outcome.sentence()) == (2, True)


@pytest.mark.parametrize("name", ["cut.wav", "cut.flac"])
def test_a_file_cut_short_is_heard_as_far_as_it_goes_and_named(
    name: str, bundle: Path, tmp_path: Path
) -> None:
    path = write_tune(tmp_path / name, 8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    outcome = listen(path, bundle)
    assert f"{name} is damaged or cut short" in outcome.sentence()
    session = outcome.session()
    assert [gap["reason"] for gap in session.gaps] == ["undecodable"]
    assert 2 <= session.summary["lost_s"] < 6
    assert session.summary["duration_s"] == pytest.approx(8, abs=0.01)


def test_a_compressed_file_cut_short_ends_without_a_hang(bundle: Path, tmp_path: Path) -> None:
    for name in ("cut.mp3", "cut.ogg"):
        path = write_tune(tmp_path / name, 20, rate=44_100)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        outcome = listen(path, bundle)
        assert outcome.status in {0, 1}
        assert "Traceback" not in outcome.error
        assert json.loads(outcome.out.splitlines()[-1])["duration_s"] > 5


def test_a_header_that_claims_four_gigabytes_changes_nothing(bundle: Path, tmp_path: Path) -> None:
    content = wav()
    struct.pack_into("<I", content, 4, 0xFFFF_FFF0)
    struct.pack_into("<I", content, 40, 0xFFFF_FFCC)
    path = tmp_path / "claims.wav"
    path.write_bytes(content)
    for outcome in (listen(path, bundle), genre_live(
        "--file", "-", "--speed", "max", "--json", given=bytes(content), model=bundle
    )):  # fmt: skip
        assert outcome.session().summary["duration_s"] == pytest.approx(4.0)


def test_samples_that_are_no_numbers_are_silence_and_are_named(bundle: Path, tmp_path: Path) -> None:
    sound = tune(4, channels=2)
    sound[1_000:2_000, 0] = np.nan
    sound[3_000] = [np.inf, -np.inf]
    sound[4_000:5_000] = 3e38
    path = tmp_path / "broken.wav"
    soundfile.write(path, sound, 22_050, subtype="FLOAT")
    outcome = listen(path, bundle)
    assert "1001 samples that are no numbers" in outcome.sentence()
    assert len(outcome.session().windows) == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 3e38, 0.0])
def test_a_file_of_one_odd_value_throughout_is_heard_as_silence(
    value: float, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.full((4 * 22_050, 2), value), 22_050, subtype="DOUBLE")
    outcome = in_this_process(capfd, "--file", path, "--speed", "max", "--json", "--model", bundle)
    session = outcome.session()
    assert session.windows[-1]["vote"]["state"] == "silence"
    assert session.genre is None
    if outcome.error:
        assert "no numbers" in outcome.sentence()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC" + bytes(100), bytes(100_000), random_bytes(1),
        b"RIFF\xff\xff\xff\xffWAVE" + bytes(2_000_000), b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
        bytes(wav()[:44]), changed(34, "<H", 12), changed(20, "<H", 85), changed(22, "<H", 0),
    ],
    ids=[
        "nothing", "four bytes", "no chunk", "another format", "zeros", "random", "empty chunks without end",
        "a huge chunk", "a header alone", "12 bits", "an MP3 in WAV", "no channels",
    ],
)  # fmt: skip
def test_a_pipe_that_carries_no_sound_is_refused_in_one_sentence(content: bytes, bundle: Path) -> None:
    outcome = genre_live("--file", "-", "--speed", "max", "--json", given=content, model=bundle)
    assert outcome.status == 2
    assert "standard input" in outcome.sentence()


def test_a_pipe_that_was_closed_is_refused_in_one_sentence(bundle: Path) -> None:
    finished = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *command(), "--model", str(bundle), "--file", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert Outcome(finished.returncode, finished.stdout, finished.stderr).sentence()
    assert finished.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"], ["song.wav"], ["--file"], ["--file", "a", "--device", "b"], ["--speed", "fast"],
        ["--file", "a", "--speed", "0"], ["--file", "a", "--speed", "nan"], ["--file", "a", "--speed", "-1"],
        ["--hop", "0"], ["--hop", "1e999"], ["--smooth", "-5"], ["--duration", "0"], ["--duration", "x"],
        ["--channel", "one"], ["--file", "a", "--channel", "1"], ["--file", "a", "--wait"],
        ["--gain", "1000"],
        ["--speed", "2"], ["--speed", "max"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_arguments_are_refused_in_one_sentence(
    arguments: list[str], bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = in_this_process(capfd, *arguments, "--model", bundle)
    assert outcome.status == 2
    assert outcome.sentence()
    assert outcome.out == ""


def _foreign(folder: Path) -> None:
    (folder / DESCRIPTION_FILE).write_text('{"model": "of another program"}')


def _no_json(folder: Path) -> None:
    (folder / DESCRIPTION_FILE).write_text("labels: [blues]")


def _tampered(folder: Path) -> None:
    content = bytearray((folder / NETWORK_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / NETWORK_FILE).write_bytes(content)


def _no_network(folder: Path) -> None:
    (folder / NETWORK_FILE).unlink()


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _other_labels(folder: Path) -> None:
    values = describe(folder)
    values["labels"] = values["labels"][:-2]
    (folder / DESCRIPTION_FILE).write_text(json.dumps(values))


@pytest.mark.parametrize("harm", [_foreign, _no_json, _tampered, _no_network, _emptied, _other_labels])
def test_a_bundle_that_is_none_is_refused_in_one_sentence(
    harm: Callable[[Path], None], bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copy_bundle(bundle, tmp_path / "bundle")
    harm(folder)
    path = write_tune(tmp_path / "tune.wav")
    if harm is _tampered:
        outcome = listen(path, folder)
    else:
        outcome = in_this_process(capfd, "--file", path, "--json", "--model", folder)
    assert outcome.status == 2
    assert str(folder) in outcome.sentence()
    assert outcome.out == ""


def test_a_model_that_is_not_there_is_refused_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for model in (tmp_path / "missing", Path("no-such-model"), write_tune(tmp_path / "tune.wav")):
        outcome = in_this_process(capfd, "--file", tmp_path / "tune.wav", "--model", model)
        assert outcome.status == 2
        assert "no model" in outcome.sentence()


def test_a_log_that_cannot_be_written_is_named_before_anything_is_heard(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_tune(tmp_path / "tune.wav")
    for log in (tmp_path, tmp_path / "missing" / "log.jsonl", path / "log.jsonl"):
        outcome = in_this_process(capfd, "--file", path, "--json", "--log", log, "--model", bundle)
        assert outcome.status == 2
        assert "log" in outcome.sentence()
        assert outcome.out == ""


def test_names_of_any_characters_are_heard_and_shown(bundle: Path, tmp_path: Path) -> None:
    content = bytes(wav())
    not_on_windows = [] if sys.platform == "win32" else [b"caf\xe9.wav", b"line\nend \x1b[31mred.wav"]
    for name in (*not_on_windows, "Привет 音楽 🎵.wav".encode(), b"-dash.wav"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(content)
        for encoding in ("utf-8:strict", "ascii:strict")[name[0] > 127 :]:
            outcome = genre_live(
                "--file", path, "--speed", "max",
                model=bundle, environment={**os.environ, "PYTHONIOENCODING": encoding},
            )  # fmt: skip
            assert (outcome.status, outcome.error) == (0, "")
            assert "\x1b" not in outcome.out
            assert outcome.out.count("\n") >= 3
    listen(path, bundle).session()


def test_a_protocol_in_a_file_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    """A Matroska or MP4 file cannot name another, but formats that ffmpeg knows can; none is opened."""
    write_tune(tmp_path / "song.wav")
    sdp = tmp_path / "stream.sdp"
    sdp.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n")
    dash = tmp_path / "manifest.mpd"
    dash.write_text("<MPD><Period><BaseURL>song.wav</BaseURL></Period></MPD>")
    ffmpeg("-version")
    for path in (sdp, dash):
        outcome = listen(path, bundle)
        assert outcome.status == 2
        assert outcome.sentence()
