"""Blocks in, windows out: the same however the sound was cut, at the right times, never across a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.analyser import Analyser
from live.classifier import Probabilities
from live.events import GapEvent, Verdict, WindowEvent
from live.front_end import Frames, Levels, MelFrames
from live.meter import level_dbfs
from live.samples import Samples
from tests.live.stubs import SMALL_SPEC, StubClassifier, noise

WINDOW_FRAMES = 10
WINDOW = SMALL_SPEC.window_samples(WINDOW_FRAMES)
RATE = SMALL_SPEC.sample_rate


def analyser(*, rate: int = RATE, hop_s: float = 0.05) -> tuple[Analyser, StubClassifier]:
    classifier = StubClassifier(window_frames=WINDOW_FRAMES)
    return Analyser(classifier, rate, hop_s=hop_s), classifier


def hear(subject: Analyser, blocks: Sequence[Samples]) -> list[WindowEvent]:
    """Feed blocks to the end of the stream; compute times are left out, being a matter of luck."""
    events = [event for block in blocks for event in subject.feed(block)]
    events += subject.finish()
    return [replace(event, compute_ms=0.0) for event in events]


def windows_of(run: Samples, hop: int) -> list[Frames]:
    """Return the expected windows of a run: the newest frames that are complete at each window's end."""
    frames = MelFrames(SMALL_SPEC).feed(run[:, 0])
    windows = []
    for end in range(WINDOW, len(run) + 1, hop):
        complete = 1 + (end - SMALL_SPEC.n_fft) // SMALL_SPEC.hop_length
        windows.append(frames[complete - WINDOW_FRAMES : complete])
    return windows


@settings(max_examples=100)
@given(
    shares=st.lists(st.floats(0, 1), max_size=15).map(sorted),
    rate=st.sampled_from([RATE, 11_025, 44_100]),
    channels=st.integers(1, 2),
    hop_s=st.sampled_from([0.05, 0.17, 0.5, 2.0]),
    length=st.integers(0, 20_000),
)
def test_events_do_not_depend_on_how_the_stream_was_cut(
    shares: list[float], rate: int, channels: int, hop_s: float, length: int
) -> None:
    stream = noise(length * channels / rate, sample_rate=rate).reshape(-1, channels)
    whole = hear(analyser(rate=rate, hop_s=hop_s)[0], [stream])
    cut = hear(
        analyser(rate=rate, hop_s=hop_s)[0], np.split(stream, [int(share * len(stream)) for share in shares])
    )
    assert [event.time_s for event in cut] == [event.time_s for event in whole]
    for ours, theirs in zip(cut, whole, strict=True):
        assert (ours.vote.state, ours.vote.genre, ours.partial) == (
            theirs.vote.state,
            theirs.vote.genre,
            theirs.partial,
        )
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
        assert ours.vote.distribution == pytest.approx(theirs.vote.distribution, abs=1e-5)
        assert ours.level_dbfs == pytest.approx(theirs.level_dbfs, abs=1e-3)


def test_at_the_models_own_rate_events_are_the_same_to_the_bit() -> None:
    stream = noise(3)
    whole = hear(analyser()[0], [stream])
    assert hear(analyser()[0], np.split(stream, range(77, len(stream), 77))) == whole
    assert len(whole) > 40


@settings(max_examples=40)
@given(
    together=st.integers(2, 40), blocks=st.lists(st.integers(1, 9_000), max_size=12), lost=st.integers(1, 9)
)
def test_windows_that_wait_for_others_are_the_same(together: int, blocks: list[int], lost: int) -> None:
    alone, _ = analyser()
    classifier = StubClassifier(window_frames=WINDOW_FRAMES)
    patient = Analyser(classifier, RATE, hop_s=0.05, together=together)
    heard: list[list[WindowEvent | GapEvent]] = [[], []]
    for seed, block in enumerate(blocks):
        for events, subject in zip(heard, (alone, patient), strict=True):
            events += subject.feed(noise(2, seed=seed)[:block])
            if seed % 4 == 3:
                events += subject.rest()
                events.append(subject.gap(lost, "undecodable"))
    for events, subject in zip(heard, (alone, patient), strict=True):
        events += subject.finish()
    times, verdicts = (
        [[getattr(event, name, None) for event in events] for events in heard] for name in ("time_s", "vote")
    )
    assert times[0] == times[1]
    assert verdicts[0] == verdicts[1]


def test_fewer_windows_than_are_waited_for_are_classified_at_the_end() -> None:
    classifier = StubClassifier(window_frames=WINDOW_FRAMES)
    subject = Analyser(classifier, RATE, hop_s=0.05, together=1_000)
    assert list(subject.feed(noise(2))) == []
    assert len(list(subject.finish())) == len(classifier.heard) > 10


@pytest.mark.parametrize("hop_s", [0.05, 0.125, 0.5, 1.0])
def test_windows_end_a_hop_apart_from_the_first_full_one_on(hop_s: float) -> None:
    subject, _ = analyser(hop_s=hop_s)
    times = [event.time_s for event in hear(subject, [noise(4)])]
    expected = np.arange(WINDOW / RATE, 4 + 1e-9, hop_s)
    np.testing.assert_allclose(times, expected, atol=1e-9)
    assert subject.windows == len(times)


@settings(max_examples=60)
@given(
    runs=st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 30_000)), min_size=1, max_size=5),
    block=st.integers(1, 3_000),
)
def test_no_window_spans_a_gap_and_stream_time_counts_it(runs: list[tuple[int, int]], block: int) -> None:
    subject, classifier = analyser()
    hop = round(0.05 * RATE)
    expected_windows: list[Frames] = []
    expected_times: list[float] = []
    times: list[float] = []
    position = 0
    for seed, (length, lost) in enumerate(runs):
        run = noise(2, seed=seed)[:length]
        for part in np.split(run, range(block, len(run), block)):
            times += [event.time_s for event in subject.feed(part)]
        windows = windows_of(run, hop)
        expected_windows += windows
        expected_times += [(position + WINDOW + k * hop) / RATE for k in range(len(windows))]
        position += length + lost
        gap = subject.gap(lost, "stall")
        assert gap == GapEvent(position / RATE, lost / RATE, "stall")
        assert subject.time_s == pytest.approx(position / RATE)
    np.testing.assert_allclose(times, expected_times, atol=1e-9)
    assert len(classifier.heard) == len(expected_windows)
    for heard, expected in zip(classifier.heard, expected_windows, strict=True):
        np.testing.assert_allclose(heard, expected, atol=1e-9)


def test_a_gap_as_long_as_the_votes_memory_ends_what_it_said() -> None:
    subject, _ = analyser()
    list(subject.feed(noise(1)))
    before = subject.vote.verdict
    subject.gap(3_600 * RATE, "stall")
    after = subject.vote.verdict
    assert (before.state == "waiting", after.state == "waiting") == (False, True)


def test_sound_held_back_by_the_resampler_does_not_leak_across_a_gap() -> None:
    subject, classifier = analyser(rate=44_100)
    list(subject.feed(np.ones((44_100, 1), dtype=np.float32)))
    subject.gap(44_100, "overflow")
    classifier.heard.clear()
    list(subject.feed(np.zeros((44_100, 1), dtype=np.float32)))
    assert classifier.heard
    assert all((window == -100.0).all() for window in classifier.heard)


@pytest.mark.parametrize("seconds", [0.5, 0.9, 1.9])
def test_a_sound_shorter_than_a_window_gets_one_partial_verdict_at_its_end(seconds: float) -> None:
    classifier = StubClassifier(window_frames=80)  # 2.01 s
    (window,) = hear(Analyser(classifier, RATE), [noise(seconds)])
    assert window.partial
    assert window.time_s == pytest.approx(seconds)
    assert window.vote.state in {"genre", "unsure"}
    # Its frames, over and over.
    (heard,) = classifier.heard
    frames = MelFrames(SMALL_SPEC).feed(noise(seconds)[:, 0])
    np.testing.assert_allclose(heard, np.tile(frames, (80, 1))[:80], atol=1e-9)


def test_a_sound_shorter_than_half_a_second_gets_no_verdict() -> None:
    classifier = StubClassifier(window_frames=80)
    assert hear(Analyser(classifier, RATE), [noise(0.499)]) == []


def test_a_sound_without_one_complete_frame_gets_no_verdict() -> None:
    long_frames = replace(SMALL_SPEC, n_fft=8_192)  # 1.02 s
    classifier = StubClassifier(spec=long_frames)
    assert hear(Analyser(classifier, RATE), [noise(8_191 / RATE)]) == []
    assert len(hear(Analyser(classifier, RATE), [noise(8_192 / RATE)])) == 1


def test_a_moment_of_sound_after_a_gap_gets_no_verdict() -> None:
    subject = Analyser(StubClassifier(window_frames=80), RATE)
    list(subject.feed(noise(1)))
    subject.gap(5 * RATE, "stall")
    assert hear(subject, [noise(0.1)]) == []


def test_it_keeps_no_more_frames_than_a_window_has() -> None:
    subject, _ = analyser()
    for _ in range(5):
        list(subject.feed(noise(4)))
        assert len(subject._frames) == WINDOW_FRAMES


def test_the_time_it_takes_is_shared_out_among_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr("live.analyser.time", SimpleNamespace(perf_counter=lambda: clock.now_s))
    subject, classifier = analyser()
    classify, update = classifier.classify, subject.vote.update
    calls: list[int] = []

    def classify_slowly(mel_db: Levels) -> Probabilities:
        calls.append(len(mel_db))
        clock.now_s += 0.002 * len(mel_db)
        return classify(mel_db)

    def vote_slowly(probabilities: Probabilities, *, level_dbfs: float, elapsed_s: float) -> Verdict:
        clock.now_s += 0.001
        return update(probabilities, level_dbfs=level_dbfs, elapsed_s=elapsed_s)

    monkeypatch.setattr(classifier, "classify", classify_slowly)
    monkeypatch.setattr(subject.vote, "update", vote_slowly)
    times = [event.compute_ms for event in subject.feed(noise(4))]
    assert len(times) == sum(calls) > 16
    assert max(calls) > 1
    assert times == pytest.approx([3.0] * len(times))


def test_a_full_window_is_never_marked_partial() -> None:
    subject, _ = analyser()
    events = hear(subject, [noise(WINDOW / RATE)])
    assert [event.partial for event in events] == [False]


def test_a_window_that_lacks_its_last_sample_is_not_classified() -> None:
    subject, _ = analyser()
    assert hear(subject, [noise((WINDOW - 1) / RATE)]) == []


def test_the_last_moments_of_a_resampled_file_are_heard() -> None:
    """What the resampler holds back completes the last window."""
    subject, _ = analyser(rate=44_100, hop_s=0.25)
    times = [event.time_s for event in hear(subject, [noise(WINDOW / RATE + 1, sample_rate=44_100)])]
    assert times[-1] == pytest.approx(WINDOW / RATE + 1, abs=1e-3)


def test_a_live_source_that_ran_ahead_gets_its_newest_window_and_the_rest_is_counted() -> None:
    subject, classifier = analyser(hop_s=0.1)
    stream = noise(2)
    events = list(subject.feed(stream, newest_only=True))
    all_windows = windows_of(stream, round(0.1 * RATE))
    assert len(events) == 1
    assert subject.skipped_windows == len(all_windows) - 1
    np.testing.assert_allclose(classifier.heard[0], all_windows[-1], atol=1e-9)
    assert events[0].time_s == pytest.approx((WINDOW + (len(all_windows) - 1) * round(0.1 * RATE)) / RATE)
    # It goes on from there, at the pace of before.
    (following,) = subject.feed(noise(0.1, seed=1), newest_only=True)
    assert following.time_s == pytest.approx(events[0].time_s + 0.1)


def test_a_live_source_that_keeps_up_skips_nothing() -> None:
    subject, _ = analyser(hop_s=0.1)
    events = [event for part in np.split(noise(2), 50) for event in subject.feed(part, newest_only=True)]
    assert subject.skipped_windows == 0
    assert len(events) == subject.windows == len(windows_of(noise(2), round(0.1 * RATE)))


def test_every_window_but_the_first_is_weighed_with_the_time_since_the_one_before() -> None:
    subject, _ = analyser(hop_s=0.1)
    elapsed: list[float] = []
    update = subject.vote.update

    def spy(probabilities: np.ndarray, *, level_dbfs: float, elapsed_s: float) -> object:
        elapsed.append(elapsed_s)
        return update(probabilities, level_dbfs=level_dbfs, elapsed_s=elapsed_s)

    subject.vote.update = spy  # type: ignore[assignment, method-assign]
    list(subject.feed(noise(1)))
    list(subject.feed(noise(0.55), newest_only=True))
    assert elapsed[0] == pytest.approx(WINDOW / RATE)
    assert set(np.round(elapsed[1:-1], 9)) == {0.1}
    assert sum(elapsed) == pytest.approx(1.457, abs=1e-9)  # skipped windows count


def test_the_level_is_that_of_the_newest_hop() -> None:
    subject, _ = analyser(hop_s=0.5)
    square = np.tile([1.0, -1.0], 4_000)[:, None]
    stream = np.concatenate((0.5 * square, 0.05 * square)).astype(np.float32)
    levels = [event.level_dbfs for event in hear(subject, [stream])]
    assert levels[0] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert levels[-1] == pytest.approx(20 * np.log10(0.05), abs=0.01)


def test_a_reset_begins_a_new_stream() -> None:
    subject, _ = analyser()
    subject.gap(99, "stall")
    list(subject.feed(noise(1, seed=9)))
    subject.reset()
    assert (subject.time_s, subject.windows) == (0.0, 0)
    assert hear(subject, [noise(1)]) == hear(analyser()[0], [noise(1)])


def test_samples_that_are_no_numbers_are_heard_as_silence() -> None:
    broken = noise(1)
    broken[2_000:4_000] = np.nan
    mended = np.nan_to_num(broken, nan=0.0)
    assert hear(analyser()[0], [broken]) == hear(analyser()[0], [mended])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.tile([1, -1], 4), 0.0),
        (np.tile([-0.5, 0.5], 4), -6.02),
        (np.zeros(8), -120.0),
        (np.tile([1e-30, -1e-30], 4), -120.0),
        (np.empty(0), -120.0),
        (np.tile([1e6, -1e6], 4), 120.0),
        (np.full(8, 0.5), -120.0),  # only the constant part that some sound cards add
        (0.5 + np.tile([1e-4, -1e-4], 4), -80.0),
    ],
)
def test_levels_are_decibels_below_full_scale(samples: np.ndarray, expected: float) -> None:
    assert level_dbfs(samples.astype(np.float32)) == pytest.approx(expected, abs=0.01)
