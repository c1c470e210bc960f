"""The page and the overlay in a real browser."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from live.events import GapEvent, SourceEvent, WindowEvent, stamped
from tests.browser import Browser
from tests.live.example_events import AT, summary, window
from tests.live.outputs.web.conftest import Served, session_start

SIZES = [(390, 844), (1280, 800), (1920, 1080)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_follows_a_change_of_genre(
    browser: Browser, served: Served, size: tuple[int, int], dark: bool
) -> None:
    browser.complaints()
    served.tell(session_start(), window(3.0, "rock", 0.71))
    browser.open(served.url, *size, dark=dark)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    assert browser.text(".sure") == "71 % sure"
    assert browser.text(".bars li.chosen .label") == "rock"
    served.tell(window(3.5, "metal", 0.6), window(4.0, "metal", 0.62))
    browser.until(lambda: browser.text(".sure") == "62 % sure")
    assert browser.text("h1.verdict") == "metal"
    assert browser.text(".bars li.chosen .label") == "metal"
    assert browser.text(".bars li.chosen .mark") == "▸", "it can be told without colour"
    assert [browser.text(f".changes li:nth-child({place})") for place in (1, 2)] == [
        "0:03 metal",
        "0:00 rock",
    ]
    assert browser.ask("return document.title") == "metal · genre-live"
    assert browser.ask("return document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert browser.complaints() == [], "no script failed, and the policy forbade nothing that is wanted"


def test_the_page_shows_a_lost_source_and_that_it_is_back(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    served.tell(SourceEvent(3.2, "lost"))
    browser.until(lambda: "source lost" in browser.text(".source"))
    assert browser.text("h1.verdict") == "no source"
    served.tell(GapEvent(8.0, 4.8, "stall"), SourceEvent(8.0, "back"), window(11.0, "metal"))
    browser.until(lambda: browser.text("h1.verdict") == "metal")
    assert "listening" in browser.text(".source")
    loss = "4.8 s of sound lost, the last at 0:08: the source stalled"
    assert loss in browser.text(".facts")
    browser.open(served.url)
    browser.until(lambda: loss in browser.text(".facts"))
    served.tell(summary())
    browser.until(lambda: "ended" in browser.text(".source"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unsure", "unsure"),
        ("other", "other music"),
        ("silence", "silence"),
        ("no_music", "no music"),
        ("waiting", "listening…"),
    ],
)
def test_every_state_has_its_words(browser: Browser, served: Served, state: str, words: str) -> None:
    served.tell(session_start(), window(3.0, "rock"), window(3.5, state=state))  # type: ignore[arg-type]
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == words)


@pytest.mark.parametrize("size", [(360, 640), (768, 1024), (1280, 800)], ids=lambda size: f"{size[0]}")
def test_nothing_jumps_when_the_verdict_changes(
    browser: Browser, served: Served, size: tuple[int, int]
) -> None:
    served.tell(session_start(), window(3.0, "rock"), window(3.5, "metal"), window(4.0, "rock"))
    browser.open(served.url, *size, motion=False)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    places = set()
    verdicts = [("metal", "genre"), *((None, state) for state in ("unsure", "other", "silence", "no_music"))]
    for number, (genre, state) in enumerate(verdicts):
        served.tell(window(5.0 + number, genre, 0.5, state=state))  # type: ignore[arg-type]
        browser.until(lambda number=number: browser.is_at(f"0:0{5 + number}"))  # type: ignore[misc]
        browser.ask("draw()")
        found = browser.ask(
            "return ['.verdict', '.bars', '.strip'].map("
            "(part) => document.querySelector(part).getBoundingClientRect().top)"
        )
        places.add(tuple(found))
    assert browser.text("h1.verdict") == "no music"
    assert len(places) == 1


def test_of_many_genres_the_most_likely_have_bars(browser: Browser, served: Served) -> None:
    labels = [f"genre {number}" for number in range(60)]
    served.tell(session_start(), window(3.0, "genre 50", labels=labels))
    served.show("song.wav", genres=tuple(labels))
    browser.open(served.url, 1280, 800)
    browser.until(lambda: browser.text("h1.verdict") == "genre 50")
    assert browser.ask("return document.documentElement.scrollHeight <= innerHeight"), "all can be seen"
    rows = "[...document.querySelectorAll('.bars li')].filter((row) => row.getClientRects().length)"
    shown = browser.ask(f"return {rows}.map((row) => row.querySelector('.label').textContent)")
    assert shown == [*labels[:11], "genre 50"]


def test_the_bars_of_many_genres_do_not_come_and_go_at_each_window(browser: Browser, served: Served) -> None:
    labels = [f"genre {number}" for number in range(60)]

    def with_likeliest(time_s: float, *likely: int) -> WindowEvent:
        event = window(time_s, "genre 50", labels=labels)
        shares = {f"genre {number}": 0.02 - 0.001 * place for place, number in enumerate(likely)}
        distribution = dict.fromkeys(labels, 0.0) | shares | {"genre 50": 0.7}
        return replace(event, vote=replace(event.vote, distribution=distribution))

    rows = "[...document.querySelectorAll('.bars li')].filter((row) => row.getClientRects().length)"
    shown = []
    served.tell(session_start(), with_likeliest(3.0, *range(20)))
    served.show("song.wav", genres=tuple(labels))
    browser.open(served.url, 1280, 800)
    for time_s, first in ((4.0, range(20)), (5.0, [*range(10), 11, 10]), (6.0, [0, 1, 2, 59, *range(3, 11)])):
        served.tell(with_likeliest(time_s, *first))
        browser.until(lambda time_s=time_s: browser.is_at(f"0:0{time_s:.0f}"))  # type: ignore[misc]
        browser.ask("draw()")
        shown.append(browser.ask(f"return {rows}.map((row) => row.querySelector('.label').textContent)"))
    assert shown[0] == shown[1] == [*labels[:11], "genre 50"], "no row moves for one of the least likely"
    assert shown[2] == [*labels[:10], "genre 50", "genre 59"], "one of the most likely has its bar at once"


def test_a_page_that_is_open_for_long_keeps_the_whole_timeline_in_bounds(
    browser: Browser, served: Served
) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    served.tell(*(window(3.0 + number / 2, ("metal", "rock")[number % 2]) for number in range(1, 1_500)))
    browser.until(lambda: browser.is_at("12:32"))
    browser.until(lambda: browser.ask("return sessions.waiting === null"))
    begin_s, length, end_s = browser.ask(
        "const timeline = sessions.sources.get('song.wav').timeline;"
        "return [timeline[0][0], timeline.length, timeline.at(-1)[1]]"
    )
    assert (begin_s, end_s) == (0, 752.5)
    assert length <= 1_200


def test_the_name_of_a_genre_may_be_wider_than_a_phone(browser: Browser, served: Served) -> None:
    name = "progressive psychedelic underground deep house of the nineties"
    served.tell(session_start(), window(3.0, name))
    browser.open(served.url, 390, 844)
    browser.until(lambda: name in browser.text(".changes"))
    edge = browser.ask("return document.querySelector('.changes li').getBoundingClientRect().right")
    assert edge <= 390


def test_a_screen_of_4k_shows_the_page_as_large_as_a_smaller_one(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    parts = []
    for width in (1920, 3840):
        browser.open(served.url, width, width * 9 // 16)
        browser.until(lambda: browser.text("h1.verdict") == "rock")
        parts.append(browser.ask("return document.querySelector('h1').clientHeight / innerHeight"))
    assert parts[1] == pytest.approx(parts[0], rel=0.01)


@pytest.mark.parametrize("width", [1280, 1920, 3840])
def test_no_word_of_the_timeline_is_cut(browser: Browser, served: Served, width: int) -> None:
    served.tell(session_start())
    heard = [genre for halves in range(2, 40) for genre in [("rock", "metal", "blues")[halves % 3]] * halves]
    served.tell(*(window(number / 2, genre) for number, genre in enumerate(heard, 1)))
    browser.open(served.url, width, 800)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    words = browser.ask(
        "return [...document.querySelectorAll('.strip b')].map("
        "(word) => [word.textContent, word.textContent && word.scrollWidth > word.clientWidth])"
    )
    assert any(word for word, _ in words)
    assert not any(is_cut for _, is_cut in words)


def test_a_muted_source_may_be_paused(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"), SourceEvent(3.2, "muted"))
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == "muted")
    assert browser.text(".more") == "Paused, or nothing but digital silence."
    assert browser.text(".level .number") == "no sound", "not what it was before the pause"


def test_the_page_survives_the_programs_restart(browser: Browser) -> None:
    first = Served()
    first.tell(session_start(), window(3.0, "rock"))
    browser.open(first.url)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    first.close()
    browser.until(lambda: "no connection" in browser.text("#connection"))
    second = Served(first.port)
    try:
        second.tell(session_start(), window(3.0, "metal"))
        browser.until(lambda: browser.text("h1.verdict") == "metal")
        assert browser.text("#connection") == ""
        assert browser.text(".changes") == "0:00 metal", "what the run before heard is gone"
    finally:
        second.close()


class Network:
    """A network between the browser and the page, which can go silent without telling either."""

    def __init__(self, port: int) -> None:
        self._page = "127.0.0.1", port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._dead: set[socket.socket] = set()
        self._ends: list[socket.socket] = []
        self.is_up = True
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                browser, page = self._listener.accept()[0], socket.create_connection(self._page)
                self._ends += [browser, page]
                for one, other in ((browser, page), (page, browser)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self.is_up and not {one, other} & self._dead:
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def fail(self) -> None:
        """Carry nothing any more, and never again on the connections that there are."""
        self.is_up = False
        self._dead.update(self._ends)

    def close(self) -> None:
        """End all connections."""
        for end in (self._listener, *self._ends):
            end.close()


def test_a_connection_that_dies_without_a_word_is_noticed(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    network = Network(served.port)
    try:
        browser.open(network.url)
        browser.until(lambda: browser.text("h1.verdict") == "rock")
        network.fail()
        served.tell(window(3.5, "metal"))
        browser.until(lambda: "no connection" in browser.text("#connection"))
        network.is_up = True
        browser.until(lambda: browser.text("h1.verdict") == "metal")
        browser.until(lambda: browser.text("#connection") == "")
    finally:
        network.close()


def test_events_that_do_not_arrive_are_fetched_though_the_page_answers(
    browser: Browser, served: Served
) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    network = Network(served.port)
    try:
        browser.open(network.url)
        browser.until(lambda: browser.text("h1.verdict") == "rock")
        network.fail()
        network.is_up = True  # as a router that has forgotten old connections
        served.tell(window(3.5, "metal"))
        browser.until(lambda: browser.text("h1.verdict") == "metal")
    finally:
        network.close()


def test_a_source_that_delivers_its_first_sound_is_no_lost_connection(
    browser: Browser, served: Served
) -> None:
    served.tell(session_start())
    served.show("song.wav", source_condition="opening")
    browser.open(served.url)
    browser.until(lambda: "opening" in browser.text(".source"))
    browser.ask("window.firstStream = sessions.stream")
    served.show("song.wav", source_condition="listening")  # which no event tells
    browser.until(lambda: "listening" in browser.text(".source"))
    assert browser.ask("return sessions.isConnected && sessions.stream === window.firstStream")


def test_two_questions_at_once_lose_nothing(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    both = "Promise.all([sessions.refresh(), sessions.refresh()])"  # as at a reconnection just after a start
    assert browser.ask(f"return {both}.then(() => 'both', String)") == "both"


def test_what_came_while_nobody_listened_is_shown(browser: Browser, served: Served) -> None:
    served.tell(session_start())
    for number in range(40):
        served.tell(window(3.0 + number, ["rock", "metal"][number // 20]))
    browser.open(served.url)
    browser.until(lambda: browser.text("h1.verdict") == "metal")
    pieces = browser.ask(
        "return [...document.querySelectorAll('.strip > span')].map((piece) => piece.textContent)"
    )
    assert pieces == ["rock", "metal"]


def test_several_sources_are_cards_and_each_can_be_opened(browser: Browser, served: Served) -> None:
    for name, genre in (("bar", "rock"), ("hall & <b>roof</b>", "metal")):
        served.tell(session_start(name), stamped(window(3.0, genre), at=AT, source=name, title="a song"))
    browser.open(served.url)
    browser.until(lambda: browser.ask("return document.querySelectorAll('.card').length") == 2)
    told_ = browser.ask("return [...document.querySelectorAll('.card h1')].map((node) => node.textContent)")
    assert told_ == ["rock", "metal"]
    live = "return document.querySelectorAll('h1[aria-live=polite]').length"
    assert browser.ask(live) == 0, "a verdict is not read aloud without its source"
    served.tell(stamped(window(3.5, "blues"), at=AT, source="bar"))
    browser.until(lambda: browser.text(".card h1") == "blues")
    browser.ask("document.querySelectorAll('.card')[1].click()")
    browser.until(lambda: browser.text(".session h1.verdict") == "metal")
    assert browser.text(".source b") == "hall & <b>roof</b>", "a name is a text, and never more"
    assert browser.text(".title") == "a song"
    assert browser.ask(live) == 1
    assert browser.ask("return document.getElementById('back').hidden") is False


def test_the_title_of_a_hidden_tab_follows(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(served.url)
    browser.until(lambda: browser.ask("return document.title") == "rock · genre-live")
    browser.ask("window.requestAnimationFrame = () => {}")  # as in a hidden tab, which is never drawn
    served.tell(window(3.5, "metal"))
    browser.until(lambda: browser.ask("return document.title") == "metal · genre-live")
    served.close()
    browser.until(lambda: browser.ask("return document.title") == "not connected · genre-live")


def test_the_card_that_has_the_focus_can_be_seen(browser: Browser, served: Served) -> None:
    for name in ("bar", "hall"):
        served.tell(session_start(name), stamped(window(3.0, "rock"), at=AT, source=name))
    served.tell(stamped(SourceEvent(3.2, "lost"), at=AT, source="hall"))
    browser.open(served.url)
    browser.until(lambda: browser.ask("return document.querySelectorAll('.card.trouble').length") == 1)
    for card in ("return document.querySelector('.card')", "return document.querySelector('.card.trouble')"):
        browser.ask(card).send_keys("")  # focuses it as the keyboard does
        assert browser.ask(f"{card} === document.activeElement")
        assert browser.ask("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("motion", [False, True])
def test_who_wants_less_motion_gets_none(browser: Browser, served: Served, motion: bool) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(served.url, motion=motion)
    browser.until(lambda: browser.text("h1.verdict") == "rock")
    seconds = browser.ask("return getComputedStyle(document.querySelector('.track i')).transitionDuration")
    assert (seconds != "0s") == motion


def test_the_overlay_is_the_verdict_on_nothing(browser: Browser, served: Served) -> None:
    served.tell(session_start(), window(3.0, "rock", 0.71))
    browser.open(f"{served.url}overlay?size=60px&confidence=1&align=right&valign=bottom")
    browser.until(lambda: browser.text("#verdict") == "rock71 %")
    for node in ("document.documentElement", "document.body", "document.getElementById('verdict')"):
        assert browser.ask(f"return getComputedStyle({node}).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert browser.ask("return getComputedStyle(document.body).fontSize") == "60px"
    served.tell(SourceEvent(3.2, "lost"))
    browser.until(lambda: browser.ask("return document.getElementById('verdict').className") == "hidden")
    served.tell(SourceEvent(4.0, "back"), window(7.0, "metal"))
    browser.until(lambda: browser.text("#word") == "metal")
    assert browser.ask("return document.getElementById('verdict').className") == ""
    assert browser.complaints() == []


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_the_overlay_makes_words_that_are_too_long_smaller(
    browser: Browser, served: Served, align: str
) -> None:
    served.tell(session_start(), window(3.0, state="other"))
    browser.open(f"{served.url}overlay?size=200px&align={align}", 800, 600)
    browser.until(lambda: browser.text("#word") == "other music")
    edges = "const verdict = document.getElementById('verdict').getBoundingClientRect();"
    assert browser.ask(
        f"{edges} return verdict.left >= 0 && verdict.right <= innerWidth && verdict.width > 600"
    )
    served.tell(window(3.5, "rock"))
    browser.until(lambda: browser.text("#word") == "rock")
    assert browser.ask("return getComputedStyle(document.getElementById('verdict')).fontSize") == "200px"


def test_the_overlay_shows_the_source_that_is_asked_for(browser: Browser, served: Served) -> None:
    for name, genre in (("bar", "rock"), ("hall 1", "metal")):
        served.tell(session_start(name), stamped(window(3.0, genre), at=AT, source=name))
    browser.open(f"{served.url}overlay?source=hall%201&states=0&color=0")
    browser.until(lambda: browser.text("#word") == "metal")
    served.tell(stamped(window(3.5, state="silence"), at=AT, source="hall 1"))
    browser.until(lambda: browser.ask("return document.getElementById('verdict').className") == "hidden")


def test_the_overlays_picture_is_transparent(
    browser: Browser, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> None:
    served.tell(session_start(), window(3.0, "rock"))
    browser.open(f"{served.url}overlay", 400, 200, motion=False)
    browser.until(lambda: browser.text("#word") == "rock")
    path = tmp_path_factory.mktemp("pictures") / "overlay.png"
    browser.picture(path, transparent=True)
    image = pytest.importorskip("PIL.Image").open(path).convert("RGBA")
    assert image.getpixel((395, 5))[3] == 0
    assert image.getextrema()[3] == (0, 255), "the letters are not"


def test_the_token_lets_a_browser_in(browser: Browser) -> None:
    served = Served(token="known to some")
    try:
        served.tell(session_start(), window(3.0, "rock"))
        browser.open(served.url)
        assert "This page wants its token" in browser.text("body")
        browser.open(f"{served.url}?token=known%20to%20some")
        browser.until(lambda: browser.text("h1.verdict") == "rock")
        assert browser.ask("return location.search") == "", "the token is not left in the address"
        browser.complaints()
    finally:
        served.close()
