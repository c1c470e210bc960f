"""A slow or broken receiver never reaches who listens."""

from __future__ import annotations

import threading

import pytest

from live.events import Event
from live.outputs.background import QUEUE_LENGTH, BackgroundSink
from tests.live.example_events import window


class Slow(BackgroundSink):
    """A receiver that waits at a gate for each event."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("The receiver", complaints.append)
        self.gate = threading.Semaphore(0)
        self.reached = threading.Event()
        self.delivered: list[Event | str] = []
        self.finished = False

    def deliver(self, item: Event | str) -> None:
        self.reached.set()
        self.gate.acquire()
        self.delivered.append(item)

    def finish(self) -> None:
        self.finished = True


def test_the_newest_events_wait_for_a_slow_receiver_and_the_rest_is_counted() -> None:
    complaints: list[str] = []
    sink = Slow(complaints)
    sink.start()
    events = [window(number / 2, "rock") for number in range(QUEUE_LENGTH + 11)]
    sink(events[0])
    sink.reached.wait()
    for event in events[1:]:
        sink(event)
    assert sink.dropped == 10
    for _ in events:
        sink.gate.release()
    sink.close()
    assert sink.delivered == [events[0], *events[11:]]
    assert sink.finished
    assert complaints == ["The receiver missed 10 messages."]


def test_one_message_is_no_plural() -> None:
    complaints: list[str] = []
    sink = Broken("The receiver", complaints.append)
    sink.start()
    sink(window(3.0, "rock"))
    sink.close()
    assert complaints[-1] == "The receiver missed 1 message."


def test_closing_waits_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.outputs.background.CLOSE_WITHIN_S", 0.01)
    sink = Slow([])
    sink.start()
    sink(window(3.0, "rock"))
    sink.close()
    assert not sink.finished
    sink.gate.release()


def test_one_that_never_started_closes() -> None:
    Slow([]).close()


class Broken(BackgroundSink):
    """A receiver that fails in whatever it does."""

    def deliver(self, item: Event | str) -> None:  # noqa: ARG002
        raise ConnectionRefusedError(111, "Connection refused")

    def finish(self) -> None:
        raise ValueError("never opened")


def test_a_failure_is_told_once() -> None:
    complaints: list[str] = []
    sink = Broken("The receiver", complaints.append)
    sink.start()
    for _ in range(3):
        sink(window(3.0, "rock"))
    sink.close()
    assert sink.dropped == 3
    assert complaints == [
        "The receiver cannot be reached (Connection refused): see whether its address is right.",
        "The receiver missed 3 messages.",
    ]
