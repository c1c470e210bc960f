"""``--duration``: how much of a stream lies before its end."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from live.time_limit import TimeLimit


def test_samples_after_the_end_are_not_allowed() -> None:
    limit = TimeLimit(2.0, 1_000)
    assert limit.allowed(500, 1_000) == 500
    assert limit.allowed(500, 1_800) == 200
    assert not limit.is_reached(1_999)
    assert limit.is_reached(2_000)


def test_without_a_duration_there_is_no_end() -> None:
    limit = TimeLimit(None, 1_000)
    assert limit.allowed(500, 10**12) == 500
    assert not limit.is_reached(10**12)
    assert limit.left_s(10**12) == math.inf


def test_silence_since_the_latest_sound_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr("live.time_limit.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    limit = TimeLimit(2.0, 1_000)
    limit.note_sound(ago_s=0.25)
    assert limit.left_s(500) == pytest.approx(1.25)
    clock.now_s += 1.5
    assert limit.left_s(500) == pytest.approx(-0.25)
