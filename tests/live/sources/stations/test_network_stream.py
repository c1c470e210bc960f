"""Real stations on the loopback: heard, lost, back, and told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.errors import RunningError
from live.sources.stations.network_stream import NetworkStream
from tests.icecast import Icecast, file_server, program, until
from tests.station_listener import PATIENCE_S, Listener

TONE = ("-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:c=pink:d=600")
MP3 = ("-c:a", "libmp3lame", "-content_type", "audio/mpeg", "-f", "mp3")


@pytest.fixture
def icecast() -> Iterator[Icecast]:
    server = Icecast()
    yield server
    server.close()


def test_a_station_is_heard_and_its_titles_are_told(icecast: Icecast, listen: type[Listener]) -> None:
    icecast.feed("a.mp3", *TONE, *MP3)
    icecast.set_title("a.mp3", "Björk - Jóga")
    listener = listen(NetworkStream(icecast.url("a.mp3")))
    listener.hear_more()
    until(lambda: listener.source.title == "Björk - Jóga", "the title is not told", PATIENCE_S)
    icecast.set_title("a.mp3", "Miles Davis - So What")
    until(lambda: listener.source.title == "Miles Davis - So What", "the new title is not told", PATIENCE_S)
    assert (listener.statuses, listener.lost) == ([], 0)


def test_a_source_that_is_dropped_and_comes_back_changed_is_heard_on(
    icecast: Icecast, listen: type[Listener]
) -> None:
    source = icecast.feed("a.mp3", *TONE, *MP3)
    listener = listen(NetworkStream(icecast.url("a.mp3")))
    listener.hear_more()
    source.kill()
    listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
    icecast.feed("a.mp3", *TONE, "-ac", "2", "-ar", "22050", "-b:a", "48k", *MP3)
    listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not back")
    listener.hear_more()
    assert listener.lost > 0


def test_a_server_that_is_killed_and_comes_back_is_heard_on(icecast: Icecast, listen: type[Listener]) -> None:
    icecast.feed("a.mp3", *TONE, *MP3)
    listener = listen(NetworkStream(icecast.url("a.mp3")))
    listener.hear_more()
    icecast.kill()
    listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
    icecast.start()
    icecast.feed("a.mp3", *TONE, *MP3)
    listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not back")
    listener.hear_more()


def test_a_source_that_falls_silent_without_a_word_is_lost(icecast: Icecast, listen: type[Listener]) -> None:
    import signal

    source = icecast.feed("a.mp3", *TONE, *MP3)
    listener = listen(NetworkStream(icecast.url("a.mp3")))
    listener.hear_more()
    source.send_signal(signal.SIGSTOP)
    listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
    source.send_signal(signal.SIGCONT)
    listener.wait_until(lambda: listener.statuses[:2] == ["lost", "back"], "it is not back")


def test_a_chained_ogg_stream_goes_on_through_a_song_change(
    icecast: Icecast, listen: type[Listener], tmp_path: Path
) -> None:
    from tests.sounds import ffmpeg

    songs = []
    for number, (rate, codec) in enumerate([("44100", "libvorbis"), ("48000", "libvorbis")] * 2):
        song = tmp_path / f"{number}.ogg"
        ffmpeg(
            "-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:c=pink:d=6", "-ar", rate, "-c:a", codec,
            "-metadata", f"title=Song {number}", song,
        )  # fmt: skip
        songs.append(song.read_bytes())
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join(songs))
    with file_server(tmp_path) as address:
        listener = listen(NetworkStream(f"{address}/chain.ogg"))
        listener.wait_until(lambda: listener.ended, "it does not end")
    assert listener.source.failure is None
    assert listener.heard / listener.source.sample_rate == pytest.approx(24, abs=0.3)
    assert listener.source.title == "Song 3"


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_live_streaming_in_pieces_is_heard_lost_and_back(
    kind: str, listen: type[Listener], tmp_path: Path
) -> None:
    import subprocess

    def muxer() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                program("ffmpeg"), "-nostdin", "-loglevel", "error", "-re", *TONE, "-c:a", "aac", "-f", "hls",
                "-hls_time", "1", "-hls_list_size", "6", "-hls_segment_type", kind,
                "-hls_flags", "delete_segments+append_list+omit_endlist", "list.m3u8",
            ],
            cwd=tmp_path,
        )  # fmt: skip

    source = muxer()
    try:
        until(lambda: (tmp_path / "list.m3u8").exists(), "nothing is made")
        with file_server(tmp_path) as address:
            listener = listen(NetworkStream(f"{address}/list.m3u8"))
            listener.hear_more(3)
            assert listener.statuses == []
            source.kill()
            source.wait()
            listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
            source = muxer()
            listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not back")
            listener.hear_more(2)
    finally:
        source.kill()
        source.wait()


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_a_stream_whose_pieces_are_parts_of_one_file_is_heard_whole(
    kind: str, knows_ranges: bool, listen: type[Listener], tmp_path: Path
) -> None:
    from tests.sounds import ffmpeg

    ffmpeg(
        "-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:c=pink:d=7", "-c:a", "aac", "-f", "hls",
        "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_flags", "single_file",
        "-hls_segment_type", kind, tmp_path / "list.m3u8",
    )  # fmt: skip
    assert "#EXT-X-BYTERANGE" in (tmp_path / "list.m3u8").read_text()
    with file_server(tmp_path, knows_ranges=knows_ranges) as address:
        listener = listen(NetworkStream(f"{address}/list.m3u8"))
        listener.wait_until(lambda: listener.ended, "it does not end")
    assert listener.source.failure is None
    assert listener.lost == 0
    assert listener.heard / listener.source.sample_rate == pytest.approx(7, abs=0.2)


def test_a_station_that_does_not_come_back_is_given_up(icecast: Icecast, listen: type[Listener]) -> None:
    icecast.feed("a.mp3", *TONE, *MP3)
    listener = listen(NetworkStream(icecast.url("a.mp3"), give_up_s=2.0))
    listener.hear_more()
    icecast.kill()
    listener.wait_until(lambda: listener.ended, "it goes on")
    assert isinstance(listener.source.failure, RunningError)
    assert "not back after 2 s" in str(listener.source.failure)
    assert listener.lost >= 2 * listener.source.sample_rate


def test_a_station_is_waited_for(icecast: Icecast, listen: type[Listener]) -> None:
    said: list[str] = []

    def begin(sentence: str) -> None:
        if not said:
            icecast.feed("late.mp3", *TONE, *MP3, wait=False)
        said.append(sentence)

    source = NetworkStream(icecast.url("late.mp3", user="me:secret@"), wait=True, on_wait=begin)
    listen(source).hear_more()
    assert "late.mp3" in said[0]
    assert "secret" not in said[0] + source.name


def test_what_is_left_when_it_stops_is_nothing(icecast: Icecast) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with the [dev] extra")
    icecast.feed("a.mp3", *TONE, *MP3)
    before = len(psutil.Process().children())
    source = NetworkStream(icecast.url("a.mp3"))
    listener = Listener(source)
    listener.hear_more()
    source.stop()
    listener.wait_until(lambda: listener.ended, "it does not end")
    assert len(psutil.Process().children()) == before
    assert shutil.which("ffmpeg")
