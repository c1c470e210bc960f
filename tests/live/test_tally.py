"""One fold of events: what history shows and what a report tells of the same events is the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.events import Event, GapEvent
from live.history import History
from live.outputs.recording import Recording
from live.tally import Tally
from tests.live.example_events import start, window

steps = st.lists(
    st.tuples(st.floats(0.01, 20), st.sampled_from(["rock", "metal", None]), st.booleans()), max_size=40
)


def session(told: list[tuple[float, str | None, bool]]) -> list[Event]:
    events: list[Event] = [start()]
    now_s = 0.0
    for step_s, genre, is_gap in told:
        now_s += step_s
        events.append(GapEvent(now_s, step_s, "stall") if is_gap else window(now_s, genre))
    return events


@given(steps)
def test_history_and_report_tell_the_same_stretches(told: list[tuple[float, str | None, bool]]) -> None:
    history, recording = History(), Recording(start())
    for event in session(told):
        history.add(event)
        recording.add(event)
    assert recording.changes(10_000) == (list(history.timeline), 0.0)
    assert (recording.windows, recording.lost_s) == (history.windows, history.lost_s)
    summary = history.summary(recording.end_s, 0)
    assert list(summary.share) == [genre for genre, _ in recording.share.most_common()]


@given(steps)
def test_stretches_follow_one_another(told: list[tuple[float, str | None, bool]]) -> None:
    tally, end_s = Tally(), 0.0
    for event in session(told):
        for stretch in tally.add(event):
            assert stretch.start_s == end_s < stretch.end_s
            end_s = stretch.end_s
    assert tally.end_s == end_s
    (rest,) = tally.wait(end_s + 1)
    assert (rest.start_s, rest.state) == (end_s, "waiting")
    assert tally.wait(end_s) == []
