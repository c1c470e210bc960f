"""Words that the program says wherever it says them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.events import Verdict
from live.wording import clock, summary_words, verdict_words
from tests.live.example_events import summary, verdict


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.999, "0:59"),
        (60, "1:00"),
        (3_599.9, "59:59"),
        (3_600, "1:00:00"),
        (360_061, "100:01:01"),
    ],
)
def test_times_are_written_as_people_do(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_verdicts_are_put_in_words() -> None:
    assert verdict_words(verdict("rock", 0.7)) == "rock 70%"
    spread = {"rock": 1.0}
    assert verdict_words(Verdict("no_music", None, 0.9, spread)) == "no music"
    assert verdict_words(Verdict("waiting", None, 0.0, spread)) == "listening"
    assert verdict_words(Verdict("silence", None, 0.0, spread)) == "silence"
    assert verdict_words(Verdict("unsure", None, 0.3, spread)) == "unsure"


def test_a_summary_says_what_matters_and_no_more() -> None:
    assert summary_words(summary(30.0)) == "Listened for 0:30; rock 80%, metal 10%."
    bad = replace(summary(30.0), lost_s=1.26, skipped_windows=3, share={"rock": 0.996, "metal": 0.004})
    assert summary_words(bad) == "Listened for 0:30; rock 100%; 1.3 s of sound lost; 3 windows skipped."
    assert summary_words(replace(summary(2.0), share={}, genre=None)) == "Listened for 0:02; no genre heard."
