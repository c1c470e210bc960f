"""The whole machine without device, bundle or screen: events in order, and an end in every case."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from live.errors import InputError, RunningError
from live.events import (
    CorrectionEvent,
    Event,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    WindowEvent,
    to_json_line,
)
from live.ring_buffer import Item, RingBuffer
from live.session import Sink, SourceSession
from live.snapshot import Snapshot
from tests.event_contract import ContractError, Recorded, check, check_several
from tests.live.stubs import Deed, ScriptedSource, StubClassifier, noise

RATE = 8_000
PATIENCE_S = 60.0  # for a hang to be called one; nothing here takes a second


def listen(
    source: ScriptedSource, *, sinks: Sequence[Sink] = (), **options: Any
) -> tuple[SourceSession, list[Event]]:
    """Run a session to its end."""
    events: list[Event] = []
    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[events.append, *sinks], **options)
    session.start()
    assert session.ended.wait(PATIENCE_S), "the session hangs"
    return session, events


def recorded(events: Sequence[Event]) -> Recorded:
    return check([to_json_line(event) for event in events])


class KeptSound:
    """A sound sink that holds what it has heard since its last reset."""

    def __init__(self) -> None:
        self.samples: list[Any] = []

    def feed(self, samples: Any) -> None:
        self.samples.append(samples)

    def reset(self) -> None:
        self.samples.clear()


def toggle_pause(session: SourceSession) -> bool:
    """Pause or resume, and return whether the session is now paused."""
    session.pause(session._going.is_set())
    return not session._going.is_set()


def test_a_session_keeps_the_event_contract() -> None:
    session, events = listen(ScriptedSource([noise(2), noise(1, seed=1)]))
    told = recorded(events)
    assert session.failure is None
    assert told.summary["duration_s"] == 3.0
    assert len(told.windows) == 1 + int((3.0 - 0.257) / 0.1)
    assert session.summary == events[-1]


def test_a_window_that_the_end_of_the_stream_completes_is_told() -> None:
    rate = 16_000  # the resampler holds the last samples back
    _, events = listen(ScriptedSource([noise(0.557, sample_rate=rate)], sample_rate=rate))
    assert [window["time_s"] for window in recorded(events).windows] == [0.257, 0.357, 0.457, 0.557]


def test_every_event_tells_the_time_of_day_its_source_and_the_stations_title() -> None:
    source = ScriptedSource([noise(1), (800, "overflow"), noise(1)], kind="microphone")
    source.title = "Somebody, and a song"
    moment = datetime(2026, 3, 1, 21, 30, tzinfo=timezone(timedelta(hours=1)))
    moments = (moment + timedelta(seconds=second) for second in itertools.count())
    _, events = listen(source, name="bar", wall_clock=lambda: next(moments))
    assert [event.at for event in events] == [moment + timedelta(seconds=k) for k in range(len(events))]
    assert {event.source for event in events} == {"bar"}
    assert {event.title for event in events} == {source.title}
    lines = [to_json_line(event) for event in events]
    assert list(check_several(lines)) == ["bar"]
    assert json.loads(lines[0])["source"]["name"] == "bar"


def test_the_one_source_of_a_session_names_itself_in_its_start_alone() -> None:
    _, events = listen(ScriptedSource([noise(1)]))
    assert {event.source for event in events} == {None}
    assert recorded(events).start["source"]["name"] == "script"


def test_gaps_and_changes_of_the_source_stand_where_they_happened() -> None:
    deeds: list[Deed] = [noise(1), (4_000, "overflow"), noise(1), "lost", (80_000, "stall"), "back", noise(1)]
    session, events = listen(ScriptedSource(deeds, kind="microphone"))
    told = recorded(events)
    assert [(gap["time_s"], gap["lost_s"], gap["reason"]) for gap in told.gaps] == [
        (1.5, 0.5, "overflow"),
        (12.5, 10.0, "stall"),
    ]
    assert [(event["time_s"], event["status"]) for event in told.statuses] == [(2.5, "lost"), (12.5, "back")]
    assert told.summary["duration_s"] == 13.5
    assert told.summary["lost_s"] == 10.5
    assert session.snapshot.source_condition == "ended"
    assert session.snapshot.lost_s == 10.5


@pytest.mark.parametrize("duration_s", [0.5, 1.03, 2.0])
def test_a_duration_is_kept_to_the_sample(duration_s: float) -> None:
    source = ScriptedSource([noise(3)], endless=True)
    _, events = listen(source, duration_s=duration_s)
    assert recorded(events).summary["duration_s"] == pytest.approx(duration_s)
    assert source.stopped.is_set()


def test_a_stop_ends_a_source_that_never_would() -> None:
    first_window = threading.Event()
    source = ScriptedSource([noise(1)], endless=True)
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, WindowEvent):
            first_window.set()

    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[sink])
    session.start()
    assert first_window.wait(PATIENCE_S)
    session.stop()
    assert session.ended.wait(PATIENCE_S)
    assert session.failure is None
    assert source.stopped.is_set()
    recorded(events)


def test_a_stop_before_any_sound_ends_it_too() -> None:
    session = SourceSession(ScriptedSource(endless=True, kind="microphone", is_live=True), StubClassifier())
    session.start()
    session.stop()
    assert session.ended.wait(PATIENCE_S)
    assert session.failure is None
    assert session.summary is not None
    assert session.summary.windows == 0


@pytest.mark.parametrize("fails_at", [StartEvent, WindowEvent, SummaryEvent])
def test_a_sink_that_fails_ends_the_session_with_its_error(fails_at: type[Event]) -> None:
    source = ScriptedSource([noise(2)], endless=fails_at is not SummaryEvent)
    error = RunningError("The disk is full.")

    def fail(event: Event) -> None:
        if isinstance(event, fails_at):
            raise error

    session, events = listen(source, sinks=[fail])
    assert session.failure is error
    assert source.stopped.is_set()
    assert isinstance(events[-1], SummaryEvent)


def test_a_sink_that_always_fails_hides_neither_its_first_error_nor_the_end() -> None:
    errors: list[Exception] = []

    def fail(event: Event) -> None:
        errors.append(BrokenPipeError() if not errors else RunningError("Once more."))
        raise errors[-1]

    session, _ = listen(ScriptedSource([noise(2)], endless=True), sinks=[fail])
    assert len(errors) == 2
    assert session.failure is errors[0]


def test_a_sink_that_fails_keeps_nothing_from_the_others() -> None:
    error = RunningError("The disk is full.")

    def fail(event: Event) -> None:
        raise error

    def fail_too(event: Event) -> None:
        raise RunningError("It is full, and broken.")

    before: list[Event] = []
    after: list[Event] = []
    sinks = [before.append, fail, after.append, fail_too]
    session = SourceSession(ScriptedSource([noise(2)], endless=True), StubClassifier(), sinks=sinks)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert session.failure is error
    assert [type(event) for event in after] == [StartEvent, SummaryEvent]
    assert after == before


def test_a_source_that_does_not_start_ends_the_session_with_its_error() -> None:
    error = RunningError("It does not start.")
    session, events = listen(ScriptedSource(error_at_start=error))
    assert session.failure is error
    assert [type(event) for event in events] == [StartEvent, SummaryEvent]


def test_a_source_that_fails_midway_ends_the_session_after_what_it_delivered() -> None:
    error = RunningError("It is damaged.")
    session, events = listen(ScriptedSource([noise(1)], failure=error))
    assert session.failure is error
    assert recorded(events).summary["duration_s"] == 1.0


class _Broken(StubClassifier):
    def classify(self, mel_db: np.ndarray) -> np.ndarray:
        del mel_db
        raise RuntimeError("The network's output is not a probability.")


def test_a_network_that_fails_ends_the_session_with_its_error() -> None:
    source = ScriptedSource([noise(1)], endless=True)
    session = SourceSession(source, _Broken(), hop_s=0.1)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert isinstance(session.failure, RuntimeError)
    assert source.stopped.is_set()


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.499])
def test_a_file_of_less_than_half_a_second_is_an_error(seconds: float) -> None:
    session, _ = listen(ScriptedSource([noise(seconds)]))
    assert isinstance(session.failure, InputError)
    assert "too short" in str(session.failure)


def test_a_microphone_that_was_stopped_at_once_is_no_error() -> None:
    session, events = listen(ScriptedSource([noise(0.1)], kind="microphone", is_live=True))
    assert session.failure is None
    assert recorded(events).windows == []


def _later_states(events: Sequence[Event]) -> set[str]:
    """Return the states of the vote after the first second and a hop, of which it may not say a thing yet."""
    return {event.vote.state for event in events if isinstance(event, WindowEvent) and event.time_s > 1.15}


def test_digital_zero_from_a_microphone_is_muted_after_five_seconds_until_it_sounds() -> None:
    deeds = [noise(1), np.zeros((8 * RATE, 1), dtype=np.float32), noise(1)]
    source = ScriptedSource(deeds, kind="microphone", is_live=True)
    _, events = listen(source)
    statuses = [event for event in events if isinstance(event, SourceEvent)]
    assert [event.status for event in statuses] == ["muted", "back"]
    assert [event.time_s for event in statuses] == pytest.approx([6.0, 9.0], abs=0.11)
    silent = [event for event in events if isinstance(event, WindowEvent) and 4 < event.time_s < 8.9]
    assert {event.vote.state for event in silent} == {"silence"}


def test_very_quiet_sound_is_silence_and_not_muted() -> None:
    source = ScriptedSource([noise(8, level=1e-5)], kind="microphone", is_live=True)
    _, events = listen(source)
    assert not [event for event in events if isinstance(event, SourceEvent)]
    assert _later_states(events) == {"silence"}


def test_a_silent_file_is_silence_and_never_muted() -> None:
    _, events = listen(ScriptedSource([np.zeros((8 * RATE, 1), dtype=np.float32)]))
    assert not [event for event in events if isinstance(event, SourceEvent)]
    assert _later_states(events) == {"silence"}
    assert recorded(events).genre is None


def test_samples_that_are_no_numbers_are_counted_in_a_warning() -> None:
    block = noise(1)
    block[100:107] = np.nan
    session, _ = listen(ScriptedSource([block]))
    (warning,) = session.warnings()
    assert "7 samples" in warning


@pytest.mark.parametrize("sign", [1, -1])
def test_the_peak_is_of_either_sign(sign: int) -> None:
    block = noise(1)
    block[:] = np.clip(block, -0.1, 0.1)
    block[::10] = sign * 0.5
    session, _ = listen(ScriptedSource([block]))
    assert session.snapshot.peak_dbfs == pytest.approx(-6.02, abs=0.01)


def test_a_microphones_peak_is_of_all_that_came_and_a_files_of_the_newest_sound() -> None:
    """A file at full speed comes in seconds at a time, of which the meter shows the end."""
    block = np.full((RATE, 1), 0.1, dtype=np.float32)
    block[10] = 1.0
    microphone = ScriptedSource([block], kind="microphone", is_live=True)
    file = ScriptedSource([block])
    microphone.buffer_s = microphone.block_s = file.buffer_s = file.block_s = 1.0  # all of it at once
    assert listen(microphone)[0].snapshot.clipped
    heard = listen(file)[0].snapshot
    assert not heard.clipped
    assert heard.peak_dbfs == pytest.approx(-20.0, abs=0.01)


def test_who_is_not_watched_wakes_for_windows_and_not_for_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty blocks make half a second, and the first window is complete after more than a quarter."""
    blocks = list(np.split(noise(0.5), 20))
    read = RingBuffer.read
    waited_for: dict[bool, list[int]] = {True: [], False: []}
    for is_watched, minima in waited_for.items():

        def note_and_read(
            ring: RingBuffer, minimum: int, timeout: float, minima: list[int] = minima
        ) -> Item | None:
            minima.append(minimum)
            return read(ring, minimum, timeout)

        monkeypatch.setattr(RingBuffer, "read", note_and_read)
        source = ScriptedSource(blocks, kind="microphone", is_live=True)
        source.buffer_s, source.block_s = 10.0, 0.01
        kept = KeptSound()
        session, _ = listen(source, sound_sinks=[kept], is_watched=is_watched)
        assert sum(map(len, kept.samples)) == 4_000
        assert (session.snapshot.level_dbfs > -120) is is_watched
    assert set(waited_for[True]) == {80}
    assert waited_for[False][0] == round((0.257 + 0.04) * RATE)
    assert min(waited_for[False]) > 80


def test_who_is_not_watched_tells_all_the_same_of_silence_and_of_what_is_no_number() -> None:
    block = noise(1)
    block[100:103] = np.nan
    source = ScriptedSource(
        [block, *[np.zeros((RATE, 1), dtype=np.float32)] * 8], kind="microphone", is_live=True
    )
    session, told = listen(source, is_watched=False)
    assert "muted" in [event.status for event in told if isinstance(event, SourceEvent)]
    assert any("3 samples" in sentence for sentence in session.warnings())


@pytest.mark.parametrize(
    ("sample", "peak_dbfs"), [(np.inf, 0.0), (-np.inf, 0.0), (np.nan, -120.0), (3e38, 770)]
)
def test_the_peak_of_what_is_no_number_is_one_all_the_same(sample: float, peak_dbfs: float) -> None:
    block = noise(1)
    block[-5] = sample
    session, _ = listen(ScriptedSource([block]))
    assert session.snapshot.peak_dbfs == pytest.approx(peak_dbfs, abs=1)


def test_clipping_shows_in_the_snapshot() -> None:
    session, _ = listen(ScriptedSource([np.ones((RATE, 1), dtype=np.float32)]))
    assert session.snapshot.clipped
    assert session.snapshot.peak_dbfs == pytest.approx(0.0)
    quiet, _ = listen(ScriptedSource([np.full((RATE, 1), 0.9, dtype=np.float32)]))
    assert not quiet.snapshot.clipped


def test_the_snapshot_at_the_end_agrees_with_the_summary() -> None:
    session, events = listen(ScriptedSource([noise(2), (800, "behind"), noise(2)]))
    summary, snapshot = session.summary, session.snapshot
    assert snapshot.last_gap is not None
    assert snapshot.last_gap.to_dict() == recorded(events).gaps[-1]
    assert summary is not None
    assert (snapshot.windows, snapshot.lost_s) == (summary.windows, summary.lost_s)
    assert (snapshot.time_s, dict(snapshot.share)) == (summary.duration_s, dict(summary.share))
    assert snapshot.genres == ("blues", "rock", "techno")
    ends = [(stretch.start_s, stretch.end_s) for stretch in snapshot.timeline]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ends))


def test_a_vote_that_is_reset_forgets() -> None:
    windows: list[WindowEvent] = []

    def sink(event: Event) -> None:
        if isinstance(event, WindowEvent):
            windows.append(event)
            if event.time_s == pytest.approx(2.057):
                session.reset_vote()

    source = ScriptedSource([noise(1.2), np.sin(np.arange(2 * RATE, dtype=np.float32))[:, None]])
    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[sink])
    session.start()
    assert session.ended.wait(PATIENCE_S)
    (reset,) = (k for k, event in enumerate(windows) if event.time_s == pytest.approx(2.157))
    assert windows[reset].vote.distribution == pytest.approx(windows[reset].probabilities, abs=1e-3)
    assert windows[reset - 1].vote.distribution != pytest.approx(windows[reset - 1].probabilities, abs=1e-3)


def test_a_paused_microphone_passes_by_unheard_and_its_time_goes_on() -> None:
    source = ScriptedSource([noise(4)], kind="microphone", is_live=True)
    events: list[Event] = []
    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[events.append])

    def pause(event: Event) -> None:
        if isinstance(event, WindowEvent) and event.time_s == pytest.approx(1.057):
            assert toggle_pause(session)

    session._sinks = (*session._sinks, pause)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    told = [event.time_s for event in events if isinstance(event, WindowEvent)]
    assert told[-1] == pytest.approx(1.057)
    assert session.summary is not None
    assert session.summary.duration_s == 4.0
    assert session.summary.lost_s == 0


def test_programs_are_told_that_a_paused_microphone_is_muted_and_back() -> None:
    source = ScriptedSource([noise(4)], kind="microphone", is_live=True)
    events: list[Event] = []
    conditions: list[str] = []
    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[events.append])
    take_snapshot = session._take_snapshot

    def pause_from_1_to_2_s() -> Snapshot:
        snapshot = take_snapshot()
        if 1.2 < snapshot.time_s < 2:
            conditions.append(snapshot.source_condition)
        session.pause(1 <= snapshot.time_s < 2)
        return snapshot

    session._take_snapshot = pause_from_1_to_2_s  # type: ignore[method-assign]
    session.start()
    assert session.ended.wait(PATIENCE_S)
    told = [event for event in events if isinstance(event, SourceEvent)]
    assert [event.status for event in told] == ["muted", "back"]
    assert [event.time_s for event in told] == pytest.approx([1.05, 2.0])
    assert set(conditions) == {"muted"}


def test_a_paused_file_waits_and_goes_on_where_it_was() -> None:
    events: list[Event] = []
    paused = threading.Event()
    session = SourceSession(ScriptedSource([noise(4)]), StubClassifier(), hop_s=0.1, sinks=[events.append])

    def pause(event: Event) -> None:
        if isinstance(event, WindowEvent) and event.time_s == pytest.approx(1.057):
            toggle_pause(session)
            paused.set()

    session._sinks = (*session._sinks, pause)
    session.start()
    assert paused.wait(PATIENCE_S)
    assert not session.ended.is_set()
    assert not toggle_pause(session)
    assert session.ended.wait(PATIENCE_S)
    told = recorded(events)
    assert len(told.windows) == len(recorded(listen(ScriptedSource([noise(4)]))[1]).windows)


def test_what_a_file_gives_while_it_is_being_paused_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    session = SourceSession(ScriptedSource([noise(4)]), StubClassifier(), hop_s=0.1, sinks=[events.append])
    read, take_snapshot = session._ring.read, session._take_snapshot
    taken = 0

    def read_and_be_paused(*arguments: Any) -> Any:  # the key is pressed while the worker waits for sound
        nonlocal taken
        item = read(*arguments)
        taken += 1
        if taken == 30:
            assert toggle_pause(session)
        return item

    def go_on() -> Any:
        if not session._going.is_set():
            assert not toggle_pause(session)
        return take_snapshot()

    monkeypatch.setattr(session._ring, "read", read_and_be_paused)
    monkeypatch.setattr(session, "_take_snapshot", go_on)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert taken > 30
    assert len(recorded(events).windows) == len(recorded(listen(ScriptedSource([noise(4)]))[1]).windows)


@pytest.mark.parametrize("duration_s", [0.5, 60.0])
def test_a_stream_too_short_is_told_unless_no_more_was_asked_for(duration_s: float) -> None:
    source = ScriptedSource([noise(0.4 if duration_s > 0.5 else 4)])
    session, _ = listen(source, duration_s=duration_s)
    assert (session.failure is None) == (duration_s == 0.5)


def test_a_lost_microphone_does_not_keep_a_session_beyond_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.session.HEARTBEAT_S", 0.02)

    class Lost(ScriptedSource):
        """Says when it is stopped what it has lost, as a microphone does."""

        def stop(self) -> None:
            if not self.stopped.is_set():
                self._ring.lose(10 * RATE, "stall")
            super().stop()

    source = Lost([noise(1), "lost"], kind="microphone", is_live=True, endless=True)
    session, events = listen(source, duration_s=1.1)
    assert session.failure is None
    told = recorded(events)
    assert told.summary["duration_s"] == 1.1
    assert told.summary["lost_s"] == pytest.approx(0.1)


def test_the_time_to_listen_runs_from_the_last_sound_not_from_when_its_loss_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock stands still after that: whoever counts from the report would listen for ever."""
    clock, waits = SimpleNamespace(now_s=0.0), threading.Event()
    for module in ("session", "time_limit"):
        monkeypatch.setattr(f"live.{module}.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    monkeypatch.setattr("live.session.HEARTBEAT_S", 0.01)
    heard = noise(1.03)

    class LateReport(ScriptedSource):
        def stop(self) -> None:
            if not self.stopped.is_set():
                self._ring.lose(10 * RATE, "stall")
            super().stop()

        def _play(self) -> None:
            self._ring.write_all(heard)
            assert waits.wait(PATIENCE_S)
            clock.now_s += 1.5
            self._ring.change_status("lost")
            assert self.stopped.wait(PATIENCE_S)
            self._ring.close()

    source = LateReport(kind="microphone", is_live=True)
    session = SourceSession(source, StubClassifier(), hop_s=0.1, duration_s=2.0)
    longest_wait_s = session._longest_wait_s

    def wait_for_more_than_comes(position: int) -> float:
        if position + session._samples_to_wait_for() > len(heard):
            waits.set()
        return longest_wait_s(position)

    monkeypatch.setattr(session, "_longest_wait_s", wait_for_more_than_comes)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert session.summary is not None
    assert session.summary.duration_s == 2.0
    assert session.summary.lost_s == pytest.approx(2.0 - 1.03)


def test_a_paused_file_shows_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.session.HEARTBEAT_S", 0.01)
    session = SourceSession(ScriptedSource([noise(4)]), StubClassifier())
    wait, seen = session._going.wait, threading.Event()
    alive: set[float] = set()

    def wait_and_see(*arguments: Any) -> bool:
        alive.add(session.alive_s)
        if len(alive) == 3:
            seen.set()
        return wait(*arguments)

    monkeypatch.setattr(session._going, "wait", wait_and_see)
    toggle_pause(session)
    session.start()
    assert seen.wait(PATIENCE_S)
    session.stop()
    assert session.ended.wait(PATIENCE_S)


def test_a_paused_microphones_time_is_of_no_genre_and_ends_what_was_said() -> None:
    at_the_end_of_the_pause: list[str] = []
    source = ScriptedSource([noise(34)], kind="microphone", is_live=True)
    session = SourceSession(source, StubClassifier(), hop_s=0.1, smooth_s=10.0)
    take_snapshot = session._take_snapshot

    def pause_from_4_to_32_s() -> Snapshot:
        snapshot = take_snapshot()
        is_due = snapshot.time_s >= (4 if session._going.is_set() else 32) and not at_the_end_of_the_pause
        if is_due and not toggle_pause(session):
            at_the_end_of_the_pause.append(snapshot.verdict.state)
        return snapshot

    session._take_snapshot = pause_from_4_to_32_s  # type: ignore[method-assign]
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert at_the_end_of_the_pause == ["waiting"]
    before, paused, after = session.snapshot.timeline
    assert (before.state, paused.state, after.state) == ("genre", "waiting", "genre")
    assert (paused.start_s, paused.end_s) == pytest.approx((4.0, 32.0), abs=0.16)


class _Quiet(ScriptedSource):
    """A microphone that is silent, perhaps lost, until it was looked for a few times, and then is back."""

    def __init__(self, status: str | None) -> None:
        super().__init__(kind="microphone", is_live=True)
        self._status, self.looked = status, threading.Event()

    def stop(self) -> None:
        super().stop()
        self._ring.close()
        self.looked.set()

    def _play(self) -> None:
        self._ring.write_all(noise(1))
        if self._status is not None:
            self._ring.change_status("lost")
        assert self.looked.wait(PATIENCE_S)
        if self._status is not None:
            self._ring.lose(RATE // 2, "stall")
            self._ring.change_status("back")
        self._ring.write_all(noise(1))
        self._ring.close()


@pytest.mark.parametrize("status", ["lost", None])
def test_a_microphone_that_is_back_in_time_is_heard_to_the_end(
    status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.session.HEARTBEAT_S", 0.01)
    clock = SimpleNamespace(now_s=0.0)
    for module in ("session", "time_limit"):
        monkeypatch.setattr(f"live.{module}.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    source = _Quiet(status)
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, WindowEvent):
            clock.now_s += 10.0  # much has passed before it is lost; nothing passes while it is

    session = SourceSession(source, StubClassifier(), hop_s=0.1, duration_s=2.0, sinks=[hear])
    is_over, looks = session._is_over_while_lost, itertools.count()

    def look(position: int) -> bool:
        if next(looks) == 3:
            source.looked.set()
        return is_over(position)

    monkeypatch.setattr(session, "_is_over_while_lost", look)
    session.start()
    assert session.ended.wait(PATIENCE_S)
    assert recorded(events).summary["duration_s"] == 2.0


def test_a_stop_ends_a_paused_session() -> None:
    for is_live in (False, True):
        source = ScriptedSource([noise(1)], endless=True, kind="microphone", is_live=is_live)
        session = SourceSession(source, StubClassifier())
        toggle_pause(session)
        session.start()
        session.stop()
        assert session.ended.wait(PATIENCE_S)
        assert session.failure is None


# --- the validator itself: what it cannot see breaks no test


def _lines() -> list[str]:
    _, events = listen(ScriptedSource([noise(1), (800, "overflow"), noise(1)], kind="microphone"))
    return [to_json_line(event) for event in events]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("start", ["hop_s"], 0.2),
        ("start", ["source", "kind"], "radio"),
        ("start", ["model", "labels"], ["a", "a"]),
        ("window", ["time_s"], 0.3),
        ("window", ["time_s"], None),
        ("window", ["probabilities", "rock"], 0.9999),
        ("window", ["level_dbfs"], "loud"),
        ("window", ["partial"], False),
        ("window", ["vote", "state"], "sure"),
        ("window", ["vote", "genre"], "no_music"),
        ("window", ["vote", "confidence"], 0.0123),
        ("window", ["extra"], 1),
        ("gap", ["lost_s"], 0.0),
        ("gap", ["reason"], "unknown"),
        ("summary", ["windows"], 3),
        ("summary", ["lost_s"], 0.0),
        ("summary", ["genre"], "techno2"),
        ("summary", ["duration_s"], 1.0),
    ],
)
def test_a_line_that_breaks_the_contract_is_caught(kind: str, path: list[str], value: object) -> None:
    events = [json.loads(line) for line in _lines()]
    target = next(event for event in events if event["event"] == kind)
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ContractError):
        check([json.dumps(event) for event in events])


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"event": "x"}', '{"event": NaN}', "{", '"start"', "é"])
def test_a_line_that_is_no_event_is_caught(line: str) -> None:
    lines = _lines()
    with pytest.raises(ContractError):
        check([*lines[:-1], line, lines[-1]])


def test_a_session_without_its_end_is_caught() -> None:
    lines = _lines()
    for broken in (lines[1:], lines[:-1], [lines[0], *lines], [*lines, lines[-1]], []):
        with pytest.raises(ContractError):
            check(broken)


def test_what_is_heard_goes_to_whoever_keeps_the_sound() -> None:
    kept = KeptSound()
    sound = [noise(1), noise(1, seed=1), noise(0.5, seed=2)]
    deeds: list[Deed] = [sound[0], (4_000, "overflow"), *sound[1:]]
    session, _ = listen(ScriptedSource(deeds, kind="microphone"), sound_sinks=[kept], duration_s=2.75)
    assert session.failure is None
    expected = np.concatenate(sound)[: round((2.75 - 0.5) * RATE)]
    np.testing.assert_array_equal(np.concatenate(kept.samples), expected)


def test_what_is_kept_of_a_microphone_is_not_spliced_across_a_pause() -> None:
    source = ScriptedSource([noise(4)], kind="microphone", is_live=True)
    kept = KeptSound()
    session = SourceSession(source, StubClassifier(), hop_s=0.1, sound_sinks=[kept])
    take_snapshot = session._take_snapshot

    def pause_from_1_to_2_s() -> Snapshot:
        snapshot = take_snapshot()
        session.pause(1 <= snapshot.time_s < 2)
        if 1 <= snapshot.time_s < 2:
            assert kept.samples  # a correction during the pause is about what was heard before
        return snapshot

    session._take_snapshot = pause_from_1_to_2_s  # type: ignore[method-assign]
    session.start()
    assert session.ended.wait(PATIENCE_S)
    whole = noise(4)
    np.testing.assert_array_equal(np.concatenate(kept.samples), whole[-sum(map(len, kept.samples)) :])
    assert sum(map(len, kept.samples)) <= 2 * RATE


def test_a_pause_after_the_stop_keeps_nothing_going(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ScriptedSource([noise(1)], endless=True)
    session = SourceSession(source, StubClassifier())
    take_snapshot = session._take_snapshot

    def stop_and_pause() -> Snapshot:
        if not session._stopped:
            session.stop()
            session.pause(True)
        return take_snapshot()

    monkeypatch.setattr(session, "_take_snapshot", stop_and_pause)
    session.start()
    assert session.ended.wait(PATIENCE_S)


def test_a_listeners_correction_is_told_beside_what_was_said() -> None:
    source = ScriptedSource([noise(2)], kind="microphone", endless=True)
    heard, told = threading.Event(), threading.Event()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, WindowEvent) and event.vote.state != "waiting":
            heard.set()
        if isinstance(event, CorrectionEvent):
            told.set()

    session = SourceSession(source, StubClassifier(), hop_s=0.1, sinks=[sink])
    session.start()
    assert heard.wait(PATIENCE_S)
    session.correct("tango")
    assert told.wait(PATIENCE_S)
    session.correct("waltz")  # nobody may be left to take it: it is told before the end all the same
    session.stop()
    assert session.ended.wait(PATIENCE_S)
    corrections = [event for event in events if isinstance(event, CorrectionEvent)]
    assert [event.genre for event in corrections] == ["tango", "waltz"]
    verdict = next(event.vote for event in reversed(events) if isinstance(event, WindowEvent))
    assert corrections[0].heard == (verdict.genre or verdict.state)
    assert [event["genre"] for event in recorded(events).corrections] == ["tango", "waltz"]
