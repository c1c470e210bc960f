"""Stations' addresses, playlists and titles: what is followed, what is refused, what is shown."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.errors import InputError, RunningError
from live.sources.formats.mp3_frames import FrameStart
from live.sources.stations.addresses import Opener, StationError
from live.sources.stations.feeds import connect
from live.sources.stations.hls import HlsFeed, Resource, parse_playlist
from live.sources.stations.network_stream import NetworkStream
from live.sources.stations.rtsp import RtspStation
from live.sources.stations.station_link import StationLink
from live.sources.stations.titles import IcyMetadata, OggTitles
from tests.icecast import program
from tests.station_listener import PATIENCE_S, Listener

Respond = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def server(respond: Respond) -> Iterator[str]:
    """Answer every request in one way."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *arguments: object) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


def answering(status: int, body: bytes = b"", **headers: str) -> Respond:
    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return respond


def test_an_address_may_have_letters_of_any_language() -> None:
    asked: list[str] = []

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if len(asked) == 1:
            answering(302, Location="/\xc3\xb6.mp3")(request)  # http.server sends it as Latin-1
        else:
            answering(200, b"x")(request)

    with server(respond) as url:
        Opener(f"{url}/österreich 1.mp3?a=ä&b=%20").open().close()
    assert asked == ["/%C3%B6sterreich%201.mp3?a=%C3%A4&b=%20", "/%C3%B6.mp3"]


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let every question for a name hang; the event is set by the first."""
    asked, is_over = threading.Event(), threading.Event()

    def hang(*_arguments: object, **_more: object) -> None:
        asked.set()
        is_over.wait(PATIENCE_S)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    is_over.set()


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp"])
def test_a_name_server_that_does_not_answer_does_not_hold_up_the_end(
    scheme: str, silent_name_server: threading.Event
) -> None:
    reasons: list[str] = []
    is_rtsp = scheme == "rtsp"
    station = RtspStation("rtsp://station/", "ffmpeg") if is_rtsp else Opener(f"{scheme}://station/")

    def ask() -> None:
        try:
            if isinstance(station, RtspStation):
                station.connect(threading.Event())
            else:
                station.open()
        except StationError as error:
            reasons.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert silent_name_server.wait(PATIENCE_S)
    station.close()
    asking.join(PATIENCE_S / 2)
    assert reasons == ["it does not answer"]


@pytest.mark.usefixtures("silent_name_server")
@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_name_server_that_does_not_answer_is_given_up(scheme: str) -> None:
    with pytest.raises(RunningError, match="it does not answer"):
        NetworkStream(f"{scheme}://station/", wait=True, give_up_s=0.1)


def test_no_password_is_part_of_what_is_told() -> None:
    assert "secret" not in str(StationError("cannot open http://user:secret@host/x"))


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "/etc/passwd", "concat:a|b", "http://", "http://h:notaport/"],
)
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="--url"):
        NetworkStream(url)


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_leads_to_nothing_but_http(target: str) -> None:
    with server(answering(302, Location=target)) as url, pytest.raises(StationError, match="neither http"):
        Opener(url).open()


@pytest.mark.parametrize("name", ["a.m3u", "a.pls", "a.m3u8"])
@pytest.mark.parametrize("target", ["file:///etc/hostname", "/etc/hostname"])
def test_a_playlist_leads_to_no_local_file(name: str, target: str) -> None:
    asked: list[str] = []
    bodies = {
        "a.m3u": f"#EXTM3U\n{target}\n",
        "a.pls": f"[playlist]\nNumberOfEntries=1\nFile1={target}\n",
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
    }

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        is_list = request.path.endswith(name)
        answering(200 if is_list else 404, bodies[name].encode() if is_list else b"")(request)

    def follow(url: str) -> None:
        feed = connect(Opener(f"{url}/{name}"), threading.Event(), lambda _: None)
        list(feed.chunks())

    with server(respond) as url, pytest.raises(StationError):
        follow(url)
    assert set(asked) <= {f"/{name}", "/etc/hostname"}  # the server's own, not this computer's


def test_nothing_leads_from_the_internet_into_this_network(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opener("http://radio.example/")
    opened._may_be_private = False  # as a station elsewhere has it
    with server(answering(200, b"x")) as url, pytest.raises(StationError, match="private network"):
        opened.open(url)


def test_a_station_on_the_internet_never_becomes_one_in_this_network() -> None:
    with server(answering(200, b"x")) as url:
        opened = Opener(url)
        opened.open().close()
        opened._may_be_private = False  # as if its name had meant another address at first
        for _ in range(2):
            with pytest.raises(StationError, match="private network"):
                opened.open()


def test_a_segment_that_claims_to_last_for_years_does_not() -> None:
    playlist = parse_playlist("#EXTM3U\n#EXTINF:9e15,\na.ts\n", "http://h/x.m3u8")
    assert playlist.segments[0].duration_s == 60.0


def test_a_password_goes_to_its_own_host_alone() -> None:
    seen: list[str | None] = []

    def note(request: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        answering(200, b"x")(request)

    with server(note) as other:

        def lead(request: http.server.BaseHTTPRequestHandler) -> None:
            seen.append(request.headers.get("Authorization"))
            answering(302, Location=other)(request)

        with server(lead) as url:
            Opener(url.replace("://", "://user:secret@")).open().close()
    assert seen[0] is not None
    assert seen[1] is None


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (answering(404), "404"),
        (answering(401), "401"),
        (answering(200, b"<html>", Content_Type="text/html"), "web page"),
        (answering(200, b"#EXTM3U\n", Content_Type="audio/x-mpegurl"), "names no stream"),
        (answering(302, Location="/again"), "without end"),
        (answering(302, Location="http://[maintenance"), "malformed address"),
        (answering(200, b"http://[x/a.mp3\n", Content_Type="audio/x-mpegurl"), "malformed address"),
        (
            answering(200, b"x" * 3_000, Content_Type="audio/mpeg", icy_metaint="\xb2"),
            "makes nothing",
        ),
        (
            answering(200, b"x" * 3_000, Content_Type="audio/mpeg", Content_Length="9" * 99),
            "makes nothing",
        ),
        (answering(200, b"x" * 3_000, Content_Type="audio/mpeg", Content_Length="3000"), "makes nothing"),
    ],
)
def test_what_is_no_station_is_refused_in_one_sentence(respond: Respond, reason: str) -> None:
    with server(respond) as url, pytest.raises(InputError, match=reason) as caught:
        NetworkStream(url)
    assert str(caught.value).endswith(".")


def test_a_station_that_sends_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "audio/mpeg")
        request.end_headers()
        done.wait(60)

    with server(respond) as url:
        try:
            with pytest.raises(InputError, match="sends nothing"):
                NetworkStream(url)
        finally:
            done.set()


@settings(max_examples=100)
@given(
    interval=st.integers(1, 300),
    sound=st.binary(max_size=2_000),
    titles=st.lists(st.sampled_from(["", "A - B", "Björk – Jóga", "it's; here"]), max_size=8),
    sizes=st.lists(st.integers(1, 97), min_size=1, max_size=20),
)
def test_metadata_is_told_and_taken_out_of_the_sound(
    interval: int, sound: bytes, titles: list[str], sizes: list[int]
) -> None:
    stream, told = bytearray(), list[str | None]()
    waiting = list(titles)
    for at in range(0, len(sound), interval):
        part = sound[at : at + interval]
        stream += part
        if len(part) == interval:
            block = f"StreamTitle='{waiting.pop(0)}';".encode() if waiting else b""
            block = block.ljust(-(-len(block) // 16) * 16, b"\0")
            stream += bytes([len(block) // 16]) + block
    metadata, heard = IcyMetadata(interval, told.append), bytearray()
    at = index = 0
    while at < len(stream):
        size = sizes[index % len(sizes)]
        heard += metadata.feed(bytes(stream[at : at + size]))
        at, index = at + size, index + 1
    assert bytes(heard) == sound
    assert told == [title or None for title in titles[: len(sound) // interval]]


@pytest.mark.parametrize("title", ["Don't; 'stop'; now", "It's'", ";", "a = 'b'"])
@pytest.mark.parametrize(
    "rest",
    [
        "",
        "StreamUrl='http://a/b';",
        "StreamUrl=;",
        'StreamUrl="";',
        "length=123;",
        ";",
        "stream-url='x';",
        "?",
    ],
)
def test_a_title_may_hold_quotes(title: str, rest: str) -> None:
    told: list[str | None] = []
    if rest == "?":  # nobody knows what it is: the title ends at the first chance
        title = title.replace("';", "")
    block = f"StreamTitle='{title}';{rest}".encode()
    block = block.ljust(-(-len(block) // 16) * 16, b"\0")
    IcyMetadata(4, told.append).feed(b"1234" + bytes([len(block) // 16]) + block)
    assert told == [title]


FRAME = b"\xff\xfb\x90\x00" + (b"\xff\x00" * 207)[:413]  # of 128 kbit/s; its sound looks like headers


@settings(max_examples=30)
@given(cut=st.integers(0, 834), sizes=st.lists(st.integers(400, 3_000), min_size=1, max_size=9))
def test_a_stream_is_joined_at_the_first_whole_frame(cut: int, sizes: list[int]) -> None:
    stream, start, passed = (FRAME * 30)[cut:], FrameStart(), b""
    at = index = 0
    while at < len(stream):
        passed += start.feed(stream[at : at + sizes[index % len(sizes)]])
        at, index = at + sizes[index % len(sizes)], index + 1
    assert passed == (FRAME * 30)[-(-cut // len(FRAME)) * len(FRAME) :]
    assert start.rest() == b""


@given(stream=st.binary(max_size=200), tag=st.sampled_from([b"", b"ID3"]))
def test_a_stream_of_another_kind_is_left_as_it_is(stream: bytes, tag: bytes) -> None:
    start = FrameStart()
    assert start.feed(tag + stream) + start.rest() == tag + stream
    longer = tag + stream + bytes(16_384) + FRAME * 10
    start = FrameStart()
    assert start.feed(longer[:16_500]) + start.feed(longer[16_500:]) == longer


def falling_silent(body: bytes, done: threading.Event) -> Respond:
    """Send something, and then nothing more, as the stations do whose answer ends with the connection."""

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "audio/mpeg")
        request.end_headers()
        request.wfile.write(body)
        done.wait(60)

    return respond


def test_a_station_that_is_joined_within_a_frame_is_heard_after_seconds_of_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without help ffmpeg waits for 200 frames, more than five seconds, before it calls this MP3."""
    silent_after = "live.sources.stations.feeds.SILENT_AFTER_S"
    monkeypatch.setattr(silent_after, 60.0)  # so that ffmpeg's input does not end
    song = tmp_path / "song.mp3"
    noise = ["-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:d=6", "-b:a", "128k", str(song)]
    subprocess.run([program("ffmpeg"), "-v", "error", *noise], check=True)
    done = threading.Event()
    with server(falling_silent(song.read_bytes()[10_000:50_000], done)) as url:
        try:
            NetworkStream(url).stop()
        finally:
            done.set()


def test_silence_on_the_wire_and_the_end_of_patience_end_the_reading() -> None:
    done = threading.Event()
    with server(falling_silent(b"sound", done)) as url:
        try:
            silent, waited_for = (Opener(url).open(timeout_s=600.0) for _ in range(2))
            assert silent.read_some(600.0) == waited_for.read_some(600.0) == b"sound"
            with pytest.raises(StationError, match="sends nothing"):
                silent.read_some(0.05)
            closing = threading.Timer(0.05, waited_for.close)
            closing.start()
            with contextlib.suppress(StationError):
                assert waited_for.read_some(600.0) == b""
            closing.join()
        finally:
            done.set()


def test_metadata_made_to_be_searched_for_long_is_not() -> None:
    titles: list[str | None] = []
    block = (b"StreamTitle='" * 150 + (b"';" + b" " * 100) * 100)[:4_079] + b"!"
    metadata = IcyMetadata(1, titles.append)
    for _ in range(6_000):  # searched from each beginning of a title, this took minutes
        assert metadata.feed(b"x\xff" + block) == b"x"
    assert len(titles) == 6_000


def test_titles_in_ogg_comments_are_told() -> None:
    def comments(*texts: str) -> bytes:
        vendor = b"some encoder"
        parts = [struct.pack("<I", len(vendor)), vendor, struct.pack("<I", len(texts))]
        parts += [struct.pack("<I", len(text.encode())) + text.encode() for text in texts]
        return b"".join(parts)

    told: list[str | None] = []
    titles = OggTitles(told.append)
    stream = b"x" * 100 + b"\x03vorbis" + comments("TITLE=Jóga", "artist=Björk") + b"y" * 9_000
    stream += b"OpusTags" + comments("title=So What") + b"z" * 9_000
    for at in range(0, len(stream), 33):
        titles.feed(stream[at : at + 33])
    assert told == ["Björk – Jóga", "So What"]


def test_a_playlist_of_segments_is_read() -> None:
    text = (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:17\n"
        '#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4.0,\na.ts\n#EXTINF:3.5,title\nhttp://other/b.ts\n'
    )
    playlist = parse_playlist(text, "http://host/live/list.m3u8")
    assert [(segment.number, segment.resource) for segment in playlist.segments] == [
        (17, Resource("http://host/live/a.ts")), (18, Resource("http://other/b.ts")),
    ]  # fmt: skip
    assert playlist.segments[1].duration_s == 3.5
    assert playlist.segments[0].header == Resource("http://host/live/init.mp4")
    assert not playlist.is_over


def test_segments_that_are_parts_of_a_file_follow_each_other() -> None:
    text = (
        '#EXTM3U\n#EXT-X-MAP:URI="a.mp4",BYTERANGE="700@0"\n#EXT-X-BYTERANGE:50@700\n#EXTINF:1,\na.mp4\n'
        "#EXT-X-BYTERANGE:60\n#EXTINF:1,\na.mp4\n#EXTINF:1,\nb.mp4\n#EXT-X-BYTERANGE:9\n#EXTINF:1,\nc.mp4\n"
    )
    playlist = parse_playlist(text, "http://h/x.m3u8")
    a, b, c = (f"http://h/{name}.mp4" for name in "abc")
    assert [segment.resource for segment in playlist.segments] == [
        Resource(a, 700, 50), Resource(a, 750, 60), Resource(b), Resource(c, 0, 9),
    ]  # fmt: skip
    assert playlist.segments[0].header == Resource(a, 0, 700)
    with pytest.raises(StationError, match="byte range"):
        parse_playlist("#EXTM3U\n#EXT-X-BYTERANGE:-3@x\na.ts\n", "http://h/x.m3u8")


def test_a_part_that_is_shorter_than_named_is_no_sound() -> None:
    text = b"#EXTM3U\n#EXT-X-BYTERANGE:100@0\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        is_playlist = request.path.endswith(".m3u8")
        answering(200 if is_playlist else 206, text if is_playlist else bytes(50))(request)

    with server(respond) as address:
        url = f"{address}/list.m3u8"
        feed = HlsFeed(Opener(url), url, threading.Event())
        with pytest.raises(StationError, match="less than its playlist names"):
            list(feed.chunks())


TAGS = (
    "#EXTINF:", "#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-TARGETDURATION:", "#EXT-X-MAP:URI=", "#EXT-X-BYTERANGE:",
    "#EXT-X-STREAM-INF:BANDWIDTH=", "#EXT-X-MEDIA:TYPE=AUDIO,URI=", "#EXT-X-MEDIA:TYPE=AUDIO,XURI=", "",
)  # fmt: skip
VALUES = ("inf", "nan", "1e999", "-1", "²", "http://[x", '"http://[x"', "a.ts", "5@1", "")


@settings(max_examples=200)
@given(
    st.text(max_size=400)
    | st.lists(st.builds(str.__add__, st.sampled_from(TAGS), st.sampled_from(VALUES))).map("\n".join)
)
def test_no_playlist_raises_anything_else(text: str) -> None:
    with contextlib.suppress(StationError):
        parse_playlist("#EXTM3U\n" + text, "http://host/list.m3u8")


def playlist_of(first: int, names: str) -> bytes:
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    return (text + "".join(f"#EXTINF:4,\n{name}.ts\n" for name in names)).encode()


def test_segments_that_were_missed_are_counted_once() -> None:
    playlists = iter([playlist_of(0, "abc"), *[playlist_of(5, "fgh")] * 3])
    refused = iter([True, True, False])

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path == "/list.m3u8":
            answering(200, next(playlists))(request)
        elif request.path == "/f.ts" and next(refused):
            answering(404)(request)
        else:
            answering(200, request.path.encode())(request)

    with server(respond) as address:
        url = f"{address}/list.m3u8"
        feed = HlsFeed(Opener(url), url, threading.Event())
        heard = list(itertools.islice(feed.chunks(), 6))
    assert heard == [f"/{name}.ts".encode() for name in "abcfgh"]
    assert feed.lost_s == 2 * 4.0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u", "#EXTM3U\n#EXTINF:-1,A station\nmp3?id=3\n"),
        ("a.m3u", "\ufeffmp3?id=3\r\nother.mp3\r\n"),
        ("a.m3u", " my%20song.mp3 \n"),
        ("a.m3u", "my song.mp3\n"),
        ("a.pls", "\ufeff[playlist]\r\nNumberOfEntries=2\r\nTitle1=x\r\nFile1=/mp3?id=3\r\nFile2=/b\r\n"),
        ("a.pls", "[Playlist]\nfile1 = my song.mp3\n"),
        ("a.m3u", "#EXTM3U\n#EXTINF:-1,My [Playlist]\nmp3?id=3\n"),
    ],
)
def test_the_first_entry_of_a_playlist_is_followed(name: str, text: str) -> None:
    asked: list[str] = []

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        answering(200, text.encode() if request.path == f"/{name}" else b"sound")(request)

    with server(respond) as url:
        connect(Opener(f"{url}/{name}"), threading.Event(), lambda _: None).close()
    assert asked in ([f"/{name}", "/mp3?id=3"], [f"/{name}", "/my%20song.mp3"])


def test_an_entry_that_cannot_be_opened_is_followed_by_the_next() -> None:
    asked: list[str] = []
    bodies = {
        "/a.m3u": "gone.mp3\nb.pls\nlate.mp3\n",
        "/b.pls": "[playlist]\nFile1=busy.mp3\nFile2=x.mp3\n",
    }

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        status = {"/gone.mp3": 404, "/busy.mp3": 503}.get(request.path, 200)
        answering(status, bodies.get(request.path, "sound").encode())(request)

    with server(respond) as url:
        connect(Opener(f"{url}/a.m3u"), threading.Event(), lambda _: None).close()
    assert asked == ["/a.m3u", "/gone.mp3", "/b.pls", "/busy.mp3", "/x.mp3"]


def test_a_playlist_none_of_whose_entries_opens_says_what_may_pass() -> None:
    asked: list[str] = []

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        text = "".join(f"{i}.mp3\n" for i in range(100)).encode()
        answering(200 if request.path == "/a.m3u" else 403 if request.path == "/0.mp3" else 503, text)(
            request
        )

    with server(respond) as url, pytest.raises(StationError, match="503") as raised:
        connect(Opener(f"{url}/a.m3u"), threading.Event(), lambda _: None)
    assert not raised.value.is_final
    assert len(asked) == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "#EXTM3U\n",
        "[playlist]\nTitle1=x\n",
        "[Reference]\nRef1=http://a/b\n",
        '<asx version="3">\n',
    ],
)
def test_a_playlist_without_an_entry_is_no_station(text: str) -> None:
    with server(answering(200, text.encode())) as url, pytest.raises(StationError, match="names no stream"):
        connect(Opener(f"{url}/a.pls"), threading.Event(), lambda _: None)


@pytest.mark.parametrize("start", ["", "[playlist]\nFile1="])
def test_a_line_of_a_million_characters_takes_no_hours(start: str) -> None:
    text = f"{start}a{' ' * 900_000}b"

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        answering(200 if request.path == "/a.pls" else 404, text.encode())(request)

    with server(respond) as url, pytest.raises(StationError):
        connect(Opener(f"{url}/a.pls"), threading.Event(), lambda _: None)


def test_an_attribute_of_a_million_characters_takes_no_hours() -> None:
    text = f"#EXT-X-STREAM-INF:{'A' * 900_000},BANDWIDTH=1\na.m3u8\n"
    assert parse_playlist(text, "http://host/").variants == [(1, "http://host/a.m3u8")]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_segment_that_is_refused_is_lost_and_no_other(status: int) -> None:
    ended = playlist_of(0, "abcd") + b"#EXT-X-ENDLIST\n"

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path == "/list.m3u8":
            answering(200, ended)(request)
        elif request.path in ("/b.ts", "/d.ts"):
            answering(status)(request)
        else:
            answering(200, request.path.encode())(request)

    heard: list[bytes] = []
    with server(respond) as address:
        url = f"{address}/list.m3u8"
        feed = HlsFeed(Opener(url), url, threading.Event())
        for _ in range(10):  # an answer that says that it is final ends the connection, and it is made again
            with contextlib.suppress(StationError):
                heard += feed.chunks()
                break
    assert heard == [b"/a.ts", b"/c.ts"]
    assert feed.lost_s == 2 * 4.0


class LiveList:
    """A server of a stream in pieces of a second of MP3, the newest of which are listed."""

    def __init__(self, sound: bytes) -> None:
        self.sound = sound
        self.began_s = time.monotonic()
        self.first = 1_000
        self.refuses_lists = self.refuses_pieces = False

    def begin_anew(self) -> None:
        """Count from 0 again, as after a restart."""
        self.began_s, self.first, self.refuses_lists = time.monotonic(), 0, False

    def respond(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        is_list = request.path == "/list.m3u8"
        if self.refuses_lists if is_list else self.refuses_pieces:
            answering(404)(request)
        elif is_list:
            newest = self.first + int(time.monotonic() - self.began_s) + 4
            pieces = "".join(f"#EXTINF:1,\n{number}.mp3\n" for number in range(newest - 4, newest))
            words = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{newest - 4}\n{pieces}"
            answering(200, words.encode())(request)
        else:
            answering(200, self.sound)(request)


@pytest.fixture
def live_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveList:
    """Return a stream in pieces, whose silence is noticed sooner than usual."""
    monkeypatch.setattr("live.sources.stations.hls.SILENT_AFTER_S", 1.0)
    song = tmp_path / "song.mp3"
    noise = ["-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:d=1", "-b:a", "128k", str(song)]
    subprocess.run([program("ffmpeg"), "-v", "error", *noise], check=True)
    return LiveList(song.read_bytes())


def test_a_stream_whose_segments_are_all_refused_is_lost_and_given_up(live_list: LiveList) -> None:
    with server(live_list.respond) as url:
        listener = Listener(NetworkStream(f"{url}/list.m3u8", give_up_s=4.0))
        listener.hear_more()
        live_list.refuses_pieces = True
        listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
        listener.wait_until(lambda: listener.ended, "it goes on")
    assert "not back after 4 s" in str(listener.source.failure)


def test_the_time_until_a_stream_counts_anew_is_lost(live_list: LiveList) -> None:
    with server(live_list.respond) as url:
        listener = Listener(NetworkStream(f"{url}/list.m3u8"))
        listener.hear_more()
        live_list.refuses_lists = True
        listener.wait_until(lambda: listener.statuses == ["lost"], "the loss is not told")
        live_list.begin_anew()
        # A computer that is busy may have lost it before the list was refused, and be back without a loss.
        missed = 0.5 * listener.source.sample_rate
        listener.wait_until(lambda: listener.lost > missed, "the time between is not told")
        listener.wait_until(lambda: listener.statuses[-1] == "back", "it is not back")
        listener.source.stop()


@pytest.mark.parametrize("leads", ["by a redirect", "by a list of variants"])
def test_a_stream_that_moves_to_another_place_of_its_station_is_back(live_list: LiveList, leads: str) -> None:
    place = ["/one"]

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path == "/live.m3u8":
            there = f"{place[0]}/list.m3u8"
            variants = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{there}\n".encode()
            redirects = leads == "by a redirect"
            (answering(302, Location=there) if redirects else answering(200, variants))(request)
        elif request.path.startswith(place[0]):
            request.path = request.path.removeprefix(place[0])
            live_list.respond(request)
        else:
            answering(404)(request)

    with server(respond) as url:
        listener = Listener(NetworkStream(f"{url}/live.m3u8"))
        listener.hear_more()
        place[0] = "/two"
        live_list.first += 3_000  # another server has numbers of its own
        listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not looked for")
        assert listener.lost < 1_000 * listener.source.sample_rate
        listener.hear_more()
        listener.source.stop()


def test_a_stream_whose_address_leads_to_a_web_page_by_now_is_back_where_it_was(live_list: LiveList) -> None:
    asked = 0

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        nonlocal asked
        if request.path == "/list.m3u8":
            live_list.respond(request)
        elif request.path == "/once":
            asked += 1
            page = answering(200, b"<html>\n<p>This link has expired.</p>\n</html>\n")
            (answering(302, Location="/list.m3u8") if asked == 1 else page)(request)
            live_list.refuses_lists = False
        elif request.path.endswith(".mp3"):
            live_list.respond(request)
        else:
            answering(404)(request)

    with server(respond) as url:
        listener = Listener(NetworkStream(f"{url}/once"))
        listener.hear_more()
        live_list.refuses_lists = True
        listener.wait_until(lambda: listener.statuses == ["lost", "back"], "it is not looked for")
        listener.hear_more()
        listener.source.stop()


def slowly(request: http.server.BaseHTTPRequestHandler, done: threading.Event) -> None:
    """Send an answer that never comes to its end, but now and then a byte."""
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000:
            request.wfile.write(bytes([byte]))
            if done.wait(0.1):
                return


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for() -> None:
    done = threading.Event()
    with server(lambda request: slowly(request, done)) as url:
        try:
            with pytest.raises(StationError, match="it does not answer"):
                Opener(url).open(timeout_s=0.5)
            opener = Opener(url)
            opener.until_s = time.monotonic() + 0.5
            with pytest.raises(StationError, match="it does not answer"):
                opener.open()
            opener = Opener(url)
            failed = threading.Event()

            def attempt() -> None:
                with pytest.raises(StationError):
                    opener.open(timeout_s=600)
                failed.set()

            threading.Thread(target=attempt, daemon=True).start()
            opener.close()
            assert failed.wait(60)
        finally:
            done.set()


def test_a_playlist_whose_pieces_begin_byte_by_byte_is_not_waited_for() -> None:
    done = threading.Event()

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        answering(200, b"5;", Transfer_Encoding="chunked")(request)  # what follows it is no content yet
        with contextlib.suppress(OSError):
            while not done.wait(0.1):
                request.wfile.write(b"x")

    with server(respond) as url:
        answer = Opener(url).open()
        try:
            with pytest.raises(StationError, match="too slowly"):
                answer.read_all(1.0, 1_000)
        finally:
            done.set()
            answer.close()


def test_a_connection_that_has_ended_leaves_no_pipe_open() -> None:
    class Ended:
        lost_s = 0.0
        keeps_place, began_anew = False, True

        def chunks(self) -> Iterator[bytes]:
            raise StationError("it closed the connection")

        def close(self) -> None:
            pass

    changed = threading.Condition()

    def notify() -> None:
        with changed:
            changed.notify_all()

    link = StationLink(Ended(), program("ffmpeg"), notify, loud=False)
    with changed:
        assert changed.wait_for(lambda: link.is_drained, 60)
    link.close()
    assert link._decoder._input.closed
    assert link._decoder._output.closed


def test_a_station_that_sends_what_is_no_sound_any_more_is_lost_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.sources.stations.network_stream.UNHEARD_AFTER_S", 0.5)
    song = tmp_path / "song.mp3"
    noise = ["-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.3:d=2", "-b:a", "128k", str(song)]
    subprocess.run([program("ffmpeg"), "-v", "error", *noise], check=True)
    done = threading.Event()
    connections = itertools.count()

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "audio/mpeg")
        request.end_headers()
        with contextlib.suppress(OSError):
            if next(connections) < 2:
                request.wfile.write(song.read_bytes())
            while not done.wait(0.1):
                request.wfile.write(b"<p>We are busy.</p>" * 50)

    with server(respond) as url:
        try:
            listener = Listener(NetworkStream(url, give_up_s=3.0))
            listener.wait_until(lambda: listener.statuses == ["lost", "back", "lost"], "the loss is not told")
            listener.wait_until(lambda: listener.ended, "it goes on")
        finally:
            done.set()
    assert "not back after 3 s" in str(listener.source.failure)
    assert listener.heard / listener.source.sample_rate == pytest.approx(4.0, abs=0.2)
    assert listener.lost >= 3 * listener.source.sample_rate


def test_a_stream_that_counts_anew_has_lost_no_years() -> None:
    anew = 1_700_000_000
    lists = [(0, "abc"), (anew, "vwxyz"), (anew + 5, "ab"), (anew + 7, "cd")]
    playlists = iter([playlist_of(first, names) for first, names in lists])
    answers = lambda request: answering(200, next(playlists) if "m3u8" in request.path else b"x")(request)  # noqa: E731
    with server(answers) as address:
        url = f"{address}/list.m3u8"
        feed = HlsFeed(Opener(url), url, threading.Event())
        for pieces, began_anew in ((3, True), (5, True), (2, False)):  # each in a connection of its own
            assert len(list(itertools.islice(feed.chunks(), pieces))) == pieces
            assert feed.began_anew is began_anew
    assert feed.lost_s == 0
