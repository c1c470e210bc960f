"""``live.listen``, ``live.classify_file``, ``live.Session``: the same machine, from Python."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import live
from live.errors import InputError, RunningError
from live.events import WindowEvent
from tests.live.stubs import LABELS, ScriptedSource, StubClassifier, noise
from tests.sounds import write_tune

RATE = 8_000


@pytest.fixture(autouse=True)
def stub_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.api_checks.open_model", lambda _model: StubClassifier())


def told(windows: list[WindowEvent]) -> list[tuple[float, dict[str, float]]]:
    return [(window.time_s, dict(window.vote.distribution)) for window in windows]


def feed_all(session: live.Session, samples: np.ndarray[Any, Any], block: int) -> list[WindowEvent]:
    windows = [
        window
        for begin in range(0, len(samples), block)
        for window in session.feed(samples[begin : begin + block])
    ]
    return windows + session.finish()


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys; from live import __version__; import live.cli; "
        "print({'numpy', 'scipy', 'rich', 'soundfile', 'plotly', 'paho', 'pythonosc', 'shtab', 'tomli_w'}"
        " & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_the_package_offers_what_it_says() -> None:
    assert live.Session.__module__ == "live.api"
    assert all(hasattr(live, name) for name in live.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lisen'"):
        live.lisen  # type: ignore[attr-defined]  # noqa: B018 (a type checker finds it, too)
    assert {"listen", "scan", "errors"} <= set(dir(live))


def test_fed_samples_and_a_file_are_heard_alike(tmp_path: Path) -> None:
    samples = noise(6.0, seed=3)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    result = live.classify_file(path, hop_s=0.2, smooth_s=2.0)
    windows = feed_all(live.Session(RATE, hop_s=0.2, smooth_s=2.0), samples, 700)
    assert result.windows == len(windows) > 20
    assert result.verdict == windows[-1].vote
    assert result.duration_s == 6.0
    assert set(result.distribution) == set(LABELS)
    assert sum(result.distribution.values()) == pytest.approx(1.0)
    assert result.timeline[-1].end_s == windows[-1].time_s
    assert result.genre == next(iter(result.share), None)
    assert result.warnings == ()


def test_blocks_may_have_any_size_form_and_type() -> None:
    samples = noise(3.0)
    expected = told(feed_all(live.Session(RATE), samples, len(samples)))
    assert expected
    assert told(feed_all(live.Session(RATE), samples, 333)) == expected
    assert told(feed_all(live.Session(RATE), samples[:, 0], 1_000)) == expected
    assert told(feed_all(live.Session(RATE), samples.astype(np.float64), 1_000)) == expected
    assert told(feed_all(live.Session(RATE), np.repeat(samples, 2, axis=1), 1_000)) == expected
    session = live.Session(RATE)
    assert session.feed([]) == []
    assert session.feed([0.0, 0.5, -0.5]) == []
    assert session.time_s == 3 / RATE


@pytest.mark.parametrize(
    ("dtype", "low", "middle"),
    [("int16", -32_768, 0), ("int32", -(2**31), 0), ("uint8", 0, 128), ("int8", -128, 0)],
)
def test_integers_swing_from_limit_to_limit(dtype: str, low: int, middle: int) -> None:
    from live.sources.files.given_sound import as_samples

    scaled = as_samples(np.array([low, middle], dtype=dtype))
    assert scaled.dtype == np.float32
    assert scaled[:, 0].tolist() == [-1.0, 0.0]


def test_a_gap_is_told_and_no_window_spans_it() -> None:
    session = live.Session(RATE, hop_s=0.1)
    before = session.feed(noise(1.0))
    session.gap(2.5)
    assert session.time_s == 3.5
    after = session.feed(noise(1.0, seed=1))
    assert before[-1].time_s <= 1.0
    assert after[0].time_s > 3.5
    session.reset()
    assert session.time_s == 0.0
    assert session.verdict.state == "waiting"
    assert told(session.feed(noise(1.0))) == told(before)


@pytest.mark.parametrize("block", [np.zeros((2, 2, 2)), np.zeros((3, 0)), 0.5])
def test_a_block_of_another_shape_is_refused(block: Any) -> None:
    with pytest.raises(ValueError, match="a block has the shape"):
        live.Session(RATE).feed(block)


def test_a_block_of_no_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="a block holds numbers"):
        live.Session(RATE).feed(["a"])


@pytest.mark.parametrize(
    "options", [{"hop_s": 0}, {"hop_s": -1}, {"hop_s": float("nan")}, {"smooth_s": 0}, {"smooth_s": 1e9}]
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        live.Session(RATE, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=next(iter(options))):
        live.classify_file("song.wav", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=next(iter(options))):
        next(iter(live.listen(**options)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sample_rate"):
        live.Session(0)
    for lost_s in (-1, float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match="lost_s"):
            live.Session(RATE).gap(lost_s)


@pytest.mark.parametrize("duration_s", [float("nan"), float("inf"), -1, 0])
def test_a_length_that_makes_no_sense_is_refused_before_anything_is_opened(
    duration_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = microphone(monkeypatch, ScriptedSource())
    with pytest.raises(ValueError, match="duration_s must be from"):
        live.classify_file("missing.wav", duration_s=duration_s)
    with pytest.raises(ValueError, match="duration_s must be from"):
        next(iter(live.listen(duration_s=duration_s)))
    with pytest.raises(ValueError, match="gain_db must be from -60 to 60"):
        next(iter(live.listen(gain_db=float("nan"))))
    assert asked == []


@pytest.mark.parametrize("rate", [RATE, 44_100])  # resampled or not
def test_a_stream_that_is_finished_hears_nothing_more_until_it_begins_anew(rate: int) -> None:
    sound = noise(3.0, sample_rate=rate)
    session = live.Session(rate)
    first = feed_all(session, sound, len(sound))
    assert session.finish() == []
    with pytest.raises(ValueError, match="finished"):
        session.feed(sound)
    with pytest.raises(ValueError, match="finished"):
        session.gap(1.0)
    session.reset()
    assert told(feed_all(session, sound, len(sound))) == told(first)


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        live.classify_file(tmp_path / "missing.wav")


# --- listening


def microphone(monkeypatch: pytest.MonkeyPatch, source: ScriptedSource) -> list[dict[str, Any]]:
    """Replace the microphone by a scripted source, and return the list of its arguments."""
    asked: list[dict[str, Any]] = []

    def open_microphone(device: str | None = None, *, on_wait: object, **options: Any) -> ScriptedSource:
        asked.append({"device": device, **options})
        return source

    monkeypatch.setattr("live.sources.microphones.microphone.Microphone", open_microphone)
    return asked


def test_listening_yields_every_window_and_ends_with_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(4.0, seed=5)
    source = ScriptedSource([samples], kind="microphone")
    asked = microphone(monkeypatch, source)
    windows = list(live.listen(3, hop_s=0.2, channel=1, gain_db=-6.0))
    assert asked == [{"device": "3", "channel": 1, "gain_db": -6.0, "wait": False, "block_s": 0.2}]
    assert told(windows) == told(feed_all(live.Session(RATE, hop_s=0.2), samples, 1_000))
    assert source.stopped.is_set()


def test_several_sources_are_listened_to_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = {"bar": noise(3.0, seed=5), "hall": noise(2.0, seed=6)}
    places = dict(zip(("1", "USB"), sounds.values(), strict=True))
    monkeypatch.setattr(
        "live.sources.microphones.microphone.Microphone",
        lambda place, **_options: ScriptedSource([places[place]], kind="microphone"),
    )
    rooms: list[dict[str, Any]] = [{"name": "bar", "device": 1}, {"name": "hall", "device": "USB"}]
    windows = list(live.listen(sources=rooms, hop_s=0.2))
    for name, sound in sounds.items():
        alone = feed_all(live.Session(RATE, hop_s=0.2), sound, 1_000)
        assert told([window for window in windows if window.source == name]) == told(alone)


@pytest.mark.parametrize(
    ("sources", "reason"),
    [([], "none"), ([{"name": "bar"}], "wants one of"), ([{"device": "a", "volume": 1}], "'volume'")],
)
def test_sources_that_say_what_nobody_understands_are_refused(
    sources: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        next(live.listen(sources=sources))


def test_leaving_the_loop_ends_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ScriptedSource([noise(4.0)], kind="microphone", endless=True)
    microphone(monkeypatch, source)
    before = threading.active_count()
    for window in live.listen(hop_s=0.2):
        assert window.vote.state in {"genre", "unsure"}
        break
    assert source.stopped.wait(30)
    assert threading.active_count() <= before + 2, "no more than a thread that is just ending"


@pytest.mark.parametrize("sources", [None, [{"name": "bar", "device": 1}]], ids=["one", "several"])
def test_any_thread_can_end_a_loop_that_waits_for_a_window(
    sources: list[dict[str, Any]] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = noise(4.0)
    source = ScriptedSource([samples], kind="microphone", endless=True)
    microphone(monkeypatch, source)
    windows = live.listen(sources=sources, hop_s=0.2)
    for _ in live.Session(RATE, hop_s=0.2).feed(samples):
        next(windows)
    waits = threading.Thread(target=next, args=(windows, None), daemon=True)
    waits.start()
    windows.close()
    waits.join(30)
    assert not waits.is_alive()
    assert source.stopped.is_set()
    assert list(windows) == []
    windows.close()


@pytest.mark.parametrize("sources", [None, [{"name": "bar", "device": 1}]], ids=["one", "several"])
def test_any_thread_can_end_a_loop_that_waits_for_a_microphone(
    sources: list[dict[str, Any]] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, has_ended = threading.Event(), threading.Event()

    def wait_for_ever(_device: str | None, *, on_wait: Callable[[str], None], **_options: Any) -> None:
        try:
            while True:
                on_wait("Waiting for a microphone, which is not there yet.")
                waiting.set()
        finally:
            has_ended.set()

    monkeypatch.setattr("live.sources.microphones.microphone.Microphone", wait_for_ever)
    windows = live.listen(wait=True, sources=sources)
    heard: list[WindowEvent | None] = []
    waits = threading.Thread(target=lambda: heard.append(next(windows, None)), daemon=True)
    waits.start()
    assert waiting.wait(30)
    windows.close()
    waits.join(30)
    assert heard == [None]
    assert has_ended.wait(30), "or its thread and its process would last as long as the program"


def test_what_fails_while_listening_is_raised_after_the_last_window(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ScriptedSource([noise(2.0)], kind="microphone", failure=RunningError("The cable is out."))
    microphone(monkeypatch, source)
    heard: list[WindowEvent] = []
    with pytest.raises(RunningError, match="The cable is out"):
        heard.extend(live.listen(hop_s=0.2))
    assert heard


def test_nothing_is_opened_before_the_first_window_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = microphone(monkeypatch, ScriptedSource())
    live.listen()
    assert asked == []


def test_a_block_whose_channels_stand_first_is_refused_or_taken_as_what_it_is() -> None:
    samples = np.column_stack([noise(3.0, seed=1)[:, 0], noise(3.0, seed=2)[:, 0]])
    session = live.Session(sample_rate=RATE)
    with pytest.raises(ValueError, match="channels_first=True"):
        session.feed(samples.T)
    expected = told(live.Session(sample_rate=RATE).feed(samples))
    assert told(session.feed(samples.T, channels_first=True)) == expected
    assert expected


def test_a_file_is_the_same_as_path_bytes_file_object_and_array(tmp_path: Path) -> None:
    samples = noise(6.0, seed=3)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    expected = live.classify_file(path)
    before = set(Path(tempfile.gettempdir()).glob("genre-live-*"))
    results = [
        live.classify_file(path.read_bytes()),
        live.classify_file(samples, sample_rate=RATE),
        live.classify_file(samples.T, sample_rate=RATE, channels_first=True),
    ]
    with path.open("rb") as file:
        results.append(live.classify_file(file))
    for result in results:
        assert (result.duration_s, result.distribution) == (expected.duration_s, expected.distribution)
    assert set(Path(tempfile.gettempdir()).glob("genre-live-*")) == before


def test_what_is_given_and_is_no_sound_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="the bytes"):
        live.classify_file(b"no sound at all")
    with pytest.raises(ValueError, match="sample_rate"):
        live.classify_file(noise(6.0))
    with pytest.raises(ValueError, match="sample_rate"):
        live.classify_file(b"RIFF", sample_rate=RATE)
    with pytest.raises(InputError, match=r"http://example\.org/song\.mp3 is an address"):
        live.classify_file("http://example.org/song.mp3")
    with pytest.raises(InputError, match="too short"):
        live.classify_file(noise(0.1), sample_rate=RATE)


def test_a_file_that_is_cut_short_says_so_in_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(6.0, seed=3), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (warning,) = live.classify_file(path).warnings
    assert "3.0 s could not be decoded" in warning


def test_memory_that_the_caller_uses_again_changes_nothing() -> None:
    samples = noise(3.0).astype(np.float32)
    session, memory, windows = live.Session(RATE, hop_s=0.1), np.empty(1_000, np.float32), []
    for begin in range(0, len(samples), len(memory)):
        memory[:] = samples[begin : begin + len(memory)].ravel()
        windows += session.feed(memory)
    assert told(windows + session.finish()) == told(feed_all(live.Session(RATE, hop_s=0.1), samples, 1_000))


def test_samples_that_are_far_too_large_are_heard_as_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        live.Session(RATE).feed(np.full(RATE, 1e300))


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="channels are counted from 1"):
        next(iter(live.listen(channel=0)))
    with pytest.raises(ValueError, match="device and sources exclude each other"):
        next(iter(live.listen(1, sources=[{"file": "a.wav"}])))
    with pytest.raises(ValueError, match="reason is 'bogus'"):
        live.Session(RATE).gap(1.0, "bogus")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sample_s"):
        live.scan("a.wav", sample_s=0.1)


@pytest.mark.parametrize(
    "name",
    [
        "a~b.wav",
        pytest.param(
            "~nobody.wav",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows knows any such user's home."),
        ),
    ],
)
def test_a_tilde_in_a_name_is_one(
    name: str, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tune(tmp_path / name, 4.0)
    monkeypatch.chdir(tmp_path)
    assert [result.error for result in live.scan(name, model=bundle, workers=1)] == [None]
    pytest.importorskip("fsspec")
    assert [result.error for result in live.scan(f"file://{path}", model=bundle, workers=1)] == [None]


LEFT = """
import live
heard = {heard}
for one in heard:
    break
{then}
"""


@pytest.mark.parametrize("heard", ["live.listen(sources=[{source!r}], model={model!r})",
                                   "live.scan([{path!r}] * 3, model={model!r}, workers=2)"],
                         ids=["listen", "scan"])  # fmt: skip
@pytest.mark.parametrize(("then", "status"), [("", 0), ("del heard", 0), ("raise SystemExit(3)", 3)])
def test_a_program_that_leaves_a_loop_ends(
    heard: str, then: str, status: int, tmp_path: Path, bundle: Path
) -> None:
    path = str(write_tune(tmp_path / "tune.wav", 8.0))
    heard = heard.format(source={"file": path}, path=path, model=str(bundle))
    ended = subprocess.run(
        [sys.executable, "-c", LEFT.format(heard=heard, then=then)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")


def test_one_path_can_be_scanned_and_no_workers_are_refused(tmp_path: Path, bundle: Path) -> None:
    path = write_tune(tmp_path / "tune.wav", 4.0)
    for one in (path, str(path)):
        assert [result.path for result in live.scan(one, model=bundle, workers=1)] == [str(path)]
    with pytest.raises(ValueError, match="give 1 or more"):
        next(live.scan([path], workers=0))
