"""``--report``: one page that holds all it needs, says what was heard, and runs nothing that a log says."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from live import cli
from live.errors import InputError
from live.events import CorrectionEvent, Event, GapEvent, SourceEvent, SourceKind, to_json_line
from live.outputs.log_sessions import split_sessions
from live.outputs.report import make_page, write_report
from live.palette import THEMES
from tests.live.example_events import AT, start, summary, window
from tests.live.outputs.timed_events import heard, live_start, timed

HOSTILE = '</script><script>alert("heard")</script><img src=x onerror=alert(1)>'


def session(
    *, genre: str = "rock", labels: tuple[str, ...] = ("blues", "metal", "rock", "no_music")
) -> list[Event]:
    return [
        start(labels),
        *[window(3.0 + number / 2, genre, 0.6, labels=labels) for number in range(40)],
        GapEvent(24.5, 2.0, "stall"),
        SourceEvent(24.5, "back"),
        *[window(27.5 + number / 2, state="silence", confidence=0.4, labels=labels) for number in range(20)],
        *[window(37.5 + number / 2, None, 0.3, labels=labels) for number in range(20)],
        summary(47.0, windows=80),
    ]


def write_log(path: Path, *events: Event) -> Path:
    path.write_text("".join(to_json_line(event) + "\n" for event in events), encoding="utf-8")
    return path


@pytest.fixture
def page(tmp_path: Path) -> str:
    pytest.importorskip("plotly")
    report = write_report(write_log(tmp_path / "evening.jsonl", *session()))
    assert report.path == tmp_path / "evening.html"
    return report.path.read_text(encoding="utf-8")


class Links(HTMLParser):
    """Collects whatever an element could load, and the text that is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.scripts = 0
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.scripts += tag == "script"
        self.links += [str(value) for name, value in attributes if name in {"src", "href", "data", "action"}]
        assert not any(name.startswith("on") for name, _ in attributes)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"}:
            self.texts.append(data.strip())


def parse(page: str) -> Links:
    links = Links()
    links.feed(page)
    links.close()
    return links


def charts(page: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    result: list[dict[str, object]] = json.loads(found[1])
    return result


def test_the_page_holds_all_it_needs(page: str) -> None:
    links = parse(page)
    assert links.links == []
    assert links.scripts == 3
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "http" not in policy[1]
    assert "unsafe-inline" not in policy[1].partition("script-src")[2]


def test_the_page_says_what_was_heard(page: str) -> None:
    texts = parse(page).texts
    for text in (
        "rock",
        "50% of the time",
        "2.0 s lost",
        "80 windows",
        "the source stalled",
        "source back",
    ):
        assert text in texts
    assert "0:22" in texts, "the time of the loss"
    (chart,) = charts(page)
    strip = {part["name"]: part["lengths"] for part in chart["strip"]}  # type: ignore[attr-defined]
    assert strip == {
        "rock": [pytest.approx(22.5)],
        "sound lost": [2.0],
        "silence": [pytest.approx(12.5)],
        "unsure": [pytest.approx(10.0)],
    }
    assert [label["name"] for label in chart["labels"]] == ["blues", "metal", "rock", "no music"]  # type: ignore[attr-defined]
    rows: list[list[float]] = chart["distribution"]  # type: ignore[assignment]
    sums = {round(sum(column), 2) for column in zip(*rows, strict=True)}
    assert sums == {0.0, 1.0}, "nothing is drawn where nothing was heard"


def test_the_shares_add_up_however_much_sound_was_lost() -> None:
    events = [
        *session()[:-1],
        GapEvent(7_247.0, 7_200.0, "stall"),
        window(7_250.0, state="other"),
        summary(7_250.0, windows=81),
    ]
    recordings, count = split_sessions(events, 20)
    page = make_page("log.jsonl", recordings, count, complaint=None, library="")
    shares = re.findall(r"<li>.*?<span>([\w ]+)</span>.*?--part:([\d.]+)%", page)
    assert shares[:1] == [("rock", "49.38")]
    assert shares[-3:] == [("unsure", "24.69"), ("other music", "1.23"), ("silence", "24.69")]
    assert sum(float(part) for _, part in shares) == pytest.approx(100, abs=0.05)
    assert "2:00:02 lost" in parse(page).texts


def test_corrections_are_no_losses_and_are_told_in_words() -> None:
    corrections = [CorrectionEvent(4.0, "other", "no_music"), CorrectionEvent(5.0, "rock", "<i>")]
    recordings, count = split_sessions([start(), window(3.0, "rock"), *corrections, summary(9.0)], 20)
    page = make_page("log.jsonl", recordings, count, complaint=None, library="")
    assert "No sound was lost." in parse(page).texts
    section = page.partition("<h2>Corrections</h2>")[2]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", section)
    assert rows == [("0:04", "no music", "other music"), ("0:05", "&lt;i&gt;", "rock")]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("microphone", "microphone bar"), ("stream", "station bar"), ("file", "bar")],
)
def test_the_source_is_called_what_it_is(kind: SourceKind, words: str) -> None:
    recordings, count = split_sessions(of_several("bar", "rock", kind=kind), 20)
    page = make_page("log.jsonl", recordings, count, complaint=None, library="")
    assert words in parse(page).texts


def test_genres_have_the_colours_of_the_screen(page: str) -> None:
    (chart,) = charts(page)
    for name, theme in THEMES.items():
        colors = chart["themes"][name]["colors"]  # type: ignore[index]
        assert colors[:3] == [theme.known[genre] for genre in ("blues", "metal", "rock")]


def test_nothing_that_a_log_says_becomes_part_of_the_page(tmp_path: Path) -> None:
    labels = (HOSTILE[:60], "$title ${charts}", "<b>rock</b>", "&lt;")
    events = session(genre=labels[0], labels=labels)
    events[0] = start(labels, name=HOSTILE)
    pytest.importorskip("plotly")
    name = "a&b.jsonl" if sys.platform == "win32" else "a&b<i>.jsonl"  # no < in the names of Windows
    log = write_log(tmp_path / name, *events)
    page = write_report(log).path.read_text(encoding="utf-8")
    links = parse(page)
    assert links.links == []
    assert links.scripts == 3
    assert HOSTILE not in page
    assert any(HOSTILE in text for text in links.texts)
    (chart,) = charts(page)
    assert [html.unescape(label["name"]) for label in chart["labels"]] == list(labels)  # type: ignore[attr-defined]
    assert all("<" not in label["name"] for label in chart["labels"])  # type: ignore[attr-defined]


def test_a_name_that_is_no_valid_text_costs_no_report(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    log = tmp_path / "evening.jsonl"
    lines = "".join(to_json_line(event) + "\n" for event in session(genre="caf?", labels=("blues", "caf?")))
    log.write_text(lines.replace("caf?", r"caf\udce9"), encoding="utf-8")  # as of a name in Latin-1
    assert "caf?" in write_report(log).path.read_text(encoding="utf-8")


def test_a_day_stays_small(tmp_path: Path) -> None:
    genres = ("rock", "metal", "blues")
    events = (window(3.0 + 4 * number, genres[number // 3 % 3]) for number in range(21_600))
    recordings, count = split_sessions(events, 20)
    page = make_page("day.jsonl", recordings, count, complaint=None, library="")
    assert len(page) < 500_000
    assert "What was heard in most of every " in page


def test_a_thousand_labels_are_summed_up() -> None:
    labels = tuple(f"genre {number}" for number in range(1_000))
    recordings, count = split_sessions(session(genre="genre 5", labels=labels), 20)
    page = make_page("log.jsonl", recordings, count, complaint=None, library="")
    (chart,) = charts(page)
    names = [label["name"] for label in chart["labels"]]  # type: ignore[attr-defined]
    assert len(names) == 16
    assert names[-1] == "others"
    assert "genre 5" in names


def test_sessions_stand_newest_first_and_the_oldest_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    log = write_log(tmp_path / "log.jsonl", *(event for _ in range(22) for event in session()))
    page = write_report(log).path.read_text(encoding="utf-8")
    assert re.findall(r"Session (\d+) of 22", page) == [str(number) for number in range(22, 2, -1)]
    assert "2 earlier sessions are left out." in page
    assert len(charts(page)) == 20


@pytest.mark.parametrize(
    "events", [[start()], [start(), summary(0.0, windows=0)], [SourceEvent(0.0, "lost")]]
)
def test_a_session_without_a_window_says_so(tmp_path: Path, events: list[Event]) -> None:
    pytest.importorskip("plotly")
    page = write_report(write_log(tmp_path / "log.jsonl", *events)).path.read_text(encoding="utf-8")
    assert "Nothing was heard" in parse(page).texts
    assert charts(page) == []


# --- the command


def test_the_command_writes_the_page_and_names_broken_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    log = write_log(tmp_path / "log.jsonl", *session())
    with log.open("a") as file:
        file.write("{\n")
    output = tmp_path / "page.htm"
    assert cli.main(["--report", str(log), "-o", str(output)]) == 0
    said = capfd.readouterr()
    assert said.out == f"Wrote {output}.\n"
    assert said.err.splitlines() == [f"genre-live: Line 85 of {log} cannot be read: left out."]
    assert "Line 85" in output.read_text(encoding="utf-8")
    assert cli.main(["--report", str(log)]) == 0
    assert cli.main(["--report", str(log)]) == 0, "a report may be written again"


def test_nothing_else_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("plotly")
    log = write_log(tmp_path / "log.jsonl", *session())
    other = tmp_path / "log.html"
    other.write_text("<p>my own page</p>")
    assert cli.main(["--report", str(log)]) == 2
    assert "already exists and is not a report: choose a place with --output" in capsys.readouterr().err
    assert cli.main(["--report", str(log), "-o", str(log)]) == 2
    assert "is the log itself" in capsys.readouterr().err
    assert other.read_text() == "<p>my own page</p>"
    assert log.read_text().startswith("{")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", b"", "is not a session log"),
        ("a.jsonl", b"RIFF....WAVE" * 100, "is not a session log"),
        ("a.csv", b"written_at,time_s\n", "is a table: a report takes a log of JSON lines"),
    ],
)
def test_what_is_no_log_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    path = tmp_path / name
    path.write_bytes(content)
    assert cli.main(["--report", str(path)]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not path.with_suffix(".html").exists()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    log = write_log(tmp_path / "log.jsonl", *session())
    for output in (tmp_path / "missing" / "page.html", tmp_path, Path("a\0b")):
        with pytest.raises(InputError, match=r"cannot be written .*: choose another place"):
            write_report(log, output)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("plotly", "plotly.offline"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install '.\[report\]'"):
        write_report(write_log(tmp_path / "log.jsonl", *session()))


# --- in a browser


def browse(page: Path, *options: str, profile: Path) -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("This test needs Chromium.")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
        "--virtual-time-budget=10000",
    ]
    command += [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND", *options]
    command.append(page.absolute().as_uri())
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_browser_draws_the_chart(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    report = write_report(write_log(tmp_path / "evening.jsonl", *session()))
    document = browse(report.path, "--dump-dom", profile=tmp_path / "profile")
    assert re.search(r'<html[^>]* data-drawn="yes"', document)
    areas = re.findall(r'<path class="js-fill"', document)
    assert len(areas) == 4, "an area for each label"
    assert document.count('<g class="points"') >= 4, "and a bar for each verdict and state"


@pytest.mark.parametrize(("theme", "width"), [("dark", 500), ("light", 1280)])
def test_the_page_follows_the_system_in_dark_and_light(tmp_path: Path, theme: str, width: int) -> None:
    pytest.importorskip("plotly")
    report = write_report(write_log(tmp_path / "evening.jsonl", *session()))
    picture = tmp_path / "page.png"
    scheme = {"dark": 0, "light": 1}[theme]
    options = [f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={width},900"]
    browse(report.path, *options, f"--screenshot={picture}", profile=tmp_path / "profile")
    content = picture.read_bytes()
    assert int.from_bytes(content[16:20], "big") == width
    background = THEMES["dark" if theme == "dark" else "light"].background
    assert first_pixel(content) == background


def first_pixel(png: bytes) -> str:
    """Colour of the pixel at the upper left: no filter of a PNG's first line changes it."""
    place, compressed = 8, b""
    while place < len(png):
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        if kind == b"IDAT":
            compressed += png[place + 8 : place + 8 + length]
        place += 12 + length
    return f"#{zlib.decompress(compressed)[1:4].hex()}"


def of_several(
    name: str, genre: str, *, began: datetime = AT, kind: SourceKind = "microphone"
) -> list[Event]:
    """Return the events of a session of one of several sources."""
    events = [replace(start(name=name), source_kind=kind), *session(genre=genre)[1:]]
    return timed(events, began, source=name)


def test_several_sources_have_a_strip_each_over_the_same_time(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    later = AT + timedelta(seconds=47)
    bar, hall = of_several("bar", "rock"), of_several("hall <1>", "metal", began=later)
    mixed = [event for pair in zip(bar, hall, strict=True) for event in pair]
    report = write_report(write_log(tmp_path / "club.jsonl", *mixed))
    page = report.path.read_text(encoding="utf-8")
    overview = re.findall(r'<section class="session"><h2>All sources</h2>.*?</section>', page, re.DOTALL)[0]
    names = re.findall(r"<li><span>(.*?)</span>", overview)
    assert names == ["bar", "hall &lt;1&gt;"]
    strips = re.findall(r'<div class="strip">.*?</div>', overview)
    starts = [float(re.findall(r"left:([\d.]+)%", strip)[0]) for strip in strips]
    assert starts == pytest.approx([0.0, 50.0]), "the hall was heard from the bar's end on"
    assert re.findall(r"<b>(.*?)</b>", overview) == ["rock 50%", "metal 50%"]
    assert overview.count("2.0 s lost") == 2
    assert re.findall(r"<h2>(bar|hall &lt;1&gt;)</h2>", page) == ["bar", "hall &lt;1&gt;"]
    assert len(charts(page)) == 2


def test_the_strips_are_beside_each_other_though_the_clock_was_wrong_when_one_began(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    wrong = timed([live_start(name="bar"), *heard(3.0, 400.0)], AT - timedelta(days=20_000), source="bar")
    right = timed(heard(400.5, 1_000.0), source="bar")
    later = timed([live_start(name="hall"), *heard(3.0, 500.0)], AT + timedelta(seconds=500), source="hall")
    log = write_log(tmp_path / "club.jsonl", *wrong, *right, *later)
    overview = write_report(log).path.read_text(encoding="utf-8").partition("</section>")[0]
    starts = [float(place) for place in re.findall(r"left:([\d.]+)%", overview)]
    assert starts[0] < 1
    assert starts[-1] == pytest.approx(50.0, abs=1.0)


def test_the_strips_of_a_rotated_log_span_what_it_holds(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    names = ("bar", "hall", "cellar")
    windows = [window(86_400.0 + number / 2, "rock") for number in range(40)]
    told = [event for name in names[:2] for event in timed(windows, source=name)]
    log = write_log(tmp_path / "club.jsonl", *(live_start(name=name) for name in names), *told)
    page = write_report(log).path.read_text(encoding="utf-8")
    assert page.count("<h2>All sources</h2>") == 1
    assert re.findall(r"<li><span>(.*?)</span>", page)[:3] == list(names)
    strips = re.findall(r"left:([\d.]+)%;width:([\d.]+)%", page)
    assert strips == [("0.000", "100.000")] * 2
    assert page.count("from 2026-03-02 21:30:04 +0100") == 2


def test_a_second_run_of_the_same_sources_stands_apart(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    events = [
        *of_several("bar", "rock"), *of_several("hall", "rock"),
        *of_several("bar", "metal"), *of_several("hall", "metal"),
    ]  # fmt: skip
    page = write_report(write_log(tmp_path / "club.jsonl", *events)).path.read_text(encoding="utf-8")
    assert page.count("<h2>All sources</h2>") == 2


def test_more_sources_than_a_page_can_draw_have_tables_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    events = [event for number in range(25) for event in of_several(f"station {number}", "rock")]
    page = write_report(write_log(tmp_path / "club.jsonl", *events)).path.read_text(encoding="utf-8")
    assert page.count('<div class="strip">') == 25
    assert len(charts(page)) == 20
    assert page.count("<h2>Losses</h2>") == 25


def test_the_time_of_day_is_told_of_what_was_heard_as_it_sounded(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    live = [replace(event, source=None) for event in of_several("bar", "rock")]
    page = write_report(write_log(tmp_path / "live.jsonl", *live)).path.read_text(encoding="utf-8")
    assert "from 2026-03-01 21:30:05 +0100" in page
    assert "<td>0:22 <small>21:30:27</small></td>" in page
    file = [replace(event, source=None) for event in of_several("bar", "rock", kind="file")]
    page = write_report(write_log(tmp_path / "file.jsonl", *file)).path.read_text(encoding="utf-8")
    assert "2026-03-01" not in page


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(), "22:10:05"),
        (timedelta(hours=-1), "21:10:05"),
        (timedelta(hours=2), "2026-03-02 00:10:05"),
        (timedelta(days=20_000), "2080-12-02 22:10:05"),
    ],
)
def test_another_day_than_that_of_the_beginning_is_told(passed: timedelta, told: str, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    before = timed([live_start(), window(3.0, "rock"), window(2_300.0, "rock")])
    after = timed([window(2_390.0, "rock"), SourceEvent(2_400.0, "lost")], AT + passed)
    page = write_report(write_log(tmp_path / "live.jsonl", *before, *after)).path.read_text(encoding="utf-8")
    assert f"<td>40:00 <small>{told}</small></td>" in page


def test_another_offset_from_utc_than_that_of_the_beginning_is_told(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    summer = timezone(timedelta(hours=2))
    after = [
        replace(event, at=event.at and event.at.astimezone(summer))
        for event in timed([window(2_390.0, "rock"), SourceEvent(2_400.0, "lost")])
    ]
    events = *timed([live_start(), window(3.0, "rock")]), *after
    page = write_report(write_log(tmp_path / "live.jsonl", *events)).path.read_text(encoding="utf-8")
    assert "<td>40:00 <small>23:10:05 +0200</small></td>" in page
