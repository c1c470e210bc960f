"""Several sources side by side: none holds up another, and every event says whose it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from live.errors import InputError, RunningError
from live.events import Event, SourceEvent, SummaryEvent, WindowEvent
from live.ring_buffer import End, RingBuffer
from live.session import SourceSession
from live.sessions import Sessions, SourceSlot, one_at_a_time
from live.sources.microphones.channels_apart import channels_apart
from live.sources.source import AudioSource
from tests.live.stubs import ScriptedSource, StubClassifier, noise

PATIENCE_S = 30.0


class Heard:
    """Sessions of scripted sources, and the events of all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.classifier = StubClassifier()
        self._sink = one_at_a_time(self.events.append)

    def slot(
        self,
        open_source: Callable[[], Sequence[AudioSource]],
        *,
        name: str | None = None,
        may_wait: bool = False,
    ) -> SourceSlot:
        return SourceSlot(
            name,
            open_source,
            lambda source, unique: SourceSession(
                source, self.classifier, hop_s=0.1, sinks=[self._sink], name=unique
            ),
            kind="microphone",
            shown_name=name or "script",
            description=self.classifier.description,
            may_wait=may_wait,
        )

    def of(self, *sources: AudioSource, name: str | None = None) -> SourceSlot:
        return self.slot(lambda: sources, name=name)

    def run(self, *slots: SourceSlot) -> Sessions:
        sessions = Sessions(slots, on_failure=lambda name, error: self.failures.append((name, error)))
        sessions.start()
        return sessions

    def told(self, name: str) -> list[Event]:
        return [event for event in self.events if event.source == name]


def said(events: Sequence[Event]) -> list[object]:
    """Return what windows say, but for what they cost."""
    windows = [event for event in events if isinstance(event, WindowEvent)]
    return [(window.time_s, window.probabilities, window.vote) for window in windows]


def times(events: Sequence[Event]) -> list[object]:
    """Return when the source changed, and how it ended."""
    ends = [event for event in events if isinstance(event, SummaryEvent)]
    changes = [event for event in events if isinstance(event, SourceEvent)]
    return [
        *((change.status, change.time_s) for change in changes),
        *((end.duration_s, end.lost_s) for end in ends),
    ]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_each_source_is_heard_as_if_it_were_alone(heard: Heard) -> None:
    sounds = {"bar": noise(2.0, seed=1), "hall": noise(3.0, seed=2), "yard": noise(1.0, seed=3)}
    sessions = heard.run(*(heard.of(ScriptedSource([sound]), name=name) for name, sound in sounds.items()))
    assert sessions.ended.wait(PATIENCE_S)
    assert sessions.failure is None
    for name, sound in sounds.items():
        alone: list[Event] = []
        session = SourceSession(ScriptedSource([sound]), StubClassifier(), hop_s=0.1, sinks=[alone.append])
        session.start()
        assert session.ended.wait(PATIENCE_S)
        windows = [
            [
                (event.time_s, event.probabilities, event.vote)
                for event in events
                if isinstance(event, WindowEvent)
            ]
            for events in (heard.told(name), alone)
        ]
        assert windows[0] == windows[1]
        assert windows[0]
    assert [snapshot.source_name for snapshot in sessions.snapshots] == list(sounds)
    assert [summary.source for summary in sessions.summaries] == list(sounds)


def test_sources_of_one_name_are_told_apart(heard: Heard) -> None:
    sessions = heard.run(*(heard.of(ScriptedSource([noise(1.0)])) for _ in range(3)))
    assert sessions.ended.wait(PATIENCE_S)
    assert {event.source for event in heard.events} == {"script", "script (2)", "script (3)"}


def test_one_that_fails_takes_no_other_along_and_is_named(heard: Heard) -> None:
    error = RunningError("Its cable is out.")
    sessions = heard.run(
        heard.of(ScriptedSource([noise(0.5)], failure=error, kind="microphone"), name="bad"),
        heard.of(ScriptedSource([noise(3.0)]), name="good"),
    )
    assert sessions.ended.wait(PATIENCE_S)
    assert heard.failures == [("bad", error)]
    assert sessions.failure is not None
    assert sessions.failure.exit_status == 1
    (summary,) = [event for event in heard.told("good") if isinstance(event, SummaryEvent)]
    assert summary.duration_s == 3.0


class _Stuck(ScriptedSource):
    """A source whose driver hangs in one of its calls until the test ends."""

    def __init__(self, where: str, gone: threading.Event) -> None:
        super().__init__([noise(1.0)], kind="microphone", is_live=True)
        self._where, self._gone = where, gone

    def start(self, ring: RingBuffer) -> None:
        if self._where == "start":
            self._gone.wait(PATIENCE_S)
        super().start(ring)

    def stop(self) -> None:
        if self._where == "stop":
            self._gone.wait(PATIENCE_S)
        super().stop()


@pytest.mark.parametrize("where", ["start", "stop"])
def test_one_that_hangs_holds_up_no_other(where: str, heard: Heard) -> None:
    gone = threading.Event()
    over = threading.Event()
    sessions = heard.run(
        heard.of(_Stuck(where, gone), name="stuck"), heard.of(ScriptedSource([noise(5.0)]), name="good")
    )
    good = sessions.sessions[1]
    assert good is not None
    assert good.ended.wait(PATIENCE_S)
    assert not sessions.ended.is_set()
    assert good.summary is not None
    assert good.summary.duration_s == 5.0
    gone.set()
    over.set()
    assert sessions.ended.wait(PATIENCE_S)


def test_one_that_is_waited_for_joins_later(heard: Heard) -> None:
    plugged_in = threading.Event()

    def open_late() -> Sequence[AudioSource]:
        assert plugged_in.wait(PATIENCE_S)
        return [ScriptedSource([noise(1.0)])]

    sessions = heard.run(
        heard.slot(open_late, name="late", may_wait=True),
        heard.of(ScriptedSource([noise(1.0)]), name="here"),
    )
    here = sessions.sessions[1]
    assert here is not None
    assert here.ended.wait(PATIENCE_S)
    waiting, ended = sessions.snapshots
    assert (waiting.source_name, waiting.source_condition) == ("late", "opening")
    assert ended.source_condition == "ended"
    plugged_in.set()
    assert sessions.ended.wait(PATIENCE_S)
    assert [summary.source for summary in sessions.summaries] == ["late", "here"]


def test_a_stop_ends_all_of_them_those_that_are_waited_for_too(heard: Heard) -> None:
    never = threading.Event()

    def open_never() -> Sequence[AudioSource]:
        never.wait(PATIENCE_S)
        return []

    sources = [ScriptedSource([noise(0.5)], endless=True, kind="microphone", is_live=True) for _ in range(4)]
    sessions = heard.run(*map(heard.of, sources), heard.slot(open_never, name="late", may_wait=True))
    sessions.stop()
    assert sessions.ended.wait(PATIENCE_S)
    assert all(source.stopped.is_set() for source in sources)
    assert sum(isinstance(event, SummaryEvent) for event in heard.events) == 4
    never.set()


def test_one_that_cannot_be_opened_is_told_before_anything_is_heard(heard: Heard) -> None:
    opened = ScriptedSource([noise(1.0)])

    def refuse() -> Sequence[AudioSource]:
        raise InputError("There is no such thing.")

    with pytest.raises(InputError, match="no such thing"):
        heard.run(heard.of(opened), heard.slot(refuse))
    assert opened.stopped.is_set()
    assert heard.events == []


def test_channels_apart_of_a_source_that_does_not_start_all_end_with_its_reason(heard: Heard) -> None:
    source = ScriptedSource(channels=3, error_at_start=RunningError("The desk does not start: look at it."))
    sessions = heard.run(heard.of(*channels_apart(source), name="desk"))
    assert sessions.ended.wait(PATIENCE_S)
    assert [str(failure) for _, failure in heard.failures] == ["The desk does not start: look at it."] * 3
    assert source.stopped.is_set()


def test_a_channel_that_ends_before_all_have_started_ends_the_others() -> None:
    source = ScriptedSource([noise(1)], channels=2, kind="microphone", is_live=True)
    first, second = channels_apart(source)
    rings = RingBuffer(8_000, 1), RingBuffer(8_000, 1)
    first.start(rings[0])
    second.stop()
    assert isinstance(rings[0].read(1, PATIENCE_S), End)
    second.start(rings[1])
    assert isinstance(rings[1].read(1, PATIENCE_S), End)
    first.stop()
    assert source.stopped.is_set()


def test_channels_apart_are_sources_of_their_own_with_the_losses_of_all(heard: Heard) -> None:
    left, right = noise(2.0, seed=1), noise(2.0, seed=2)
    both = np.hstack((left, right))
    source = ScriptedSource(
        [both[:8_000], "lost", (4_000, "stall"), "back", both[8_000:]],
        channels=2, kind="microphone", is_live=True,
    )  # fmt: skip
    apart = channels_apart(source)
    assert [channel.name for channel in apart] == ["script, channel 1", "script, channel 2"]
    sessions = heard.run(heard.of(*apart, name="desk"))
    assert sessions.ended.wait(PATIENCE_S)
    for name, sound in (("desk, channel 1", left), ("desk, channel 2", right)):
        alone: list[Event] = []
        deeds = [sound[:8_000], "lost", (4_000, "stall"), "back", sound[8_000:]]
        session = SourceSession(
            ScriptedSource(deeds, kind="microphone", is_live=True),  # type: ignore[arg-type]
            StubClassifier(), hop_s=0.1, sinks=[alone.append],
        )  # fmt: skip
        session.start()
        assert session.ended.wait(PATIENCE_S)
        assert said(heard.told(name)) == said(alone)
        assert times(heard.told(name)) == times(alone) == [("lost", 1.0), ("back", 1.5), (2.5, 0.5)]
    assert source.stopped.is_set()
