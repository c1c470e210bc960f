"""Checks of the event contract of ``--json`` and ``--log``: keys, types, sums, times and order."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

STATES = {"genre", "unsure", "other", "silence", "no_music", "waiting"}
REASONS = {"overflow", "stall", "behind", "undecodable"}
STATUSES = {"lost", "back", "muted"}

KEYS = {
    "start": {"event", "source", "model", "window_s", "hop_s"},
    "window": {"event", "time_s", "probabilities", "level_dbfs", "compute_ms", "vote"},
    "gap": {"event", "time_s", "lost_s", "reason"},
    "source": {"event", "time_s", "status"},
    "correction": {"event", "time_s", "heard", "genre"},
    "summary": {"event", "duration_s", "windows", "skipped_windows", "lost_s", "genre", "share"},
}

Values = dict[str, Any]


class ContractError(AssertionError):
    """A line that breaks the contract."""


@dataclass
class Recorded:
    """One session, from its lines."""

    start: Values
    windows: list[Values] = field(default_factory=list)
    gaps: list[Values] = field(default_factory=list)
    statuses: list[Values] = field(default_factory=list)
    corrections: list[Values] = field(default_factory=list)
    summary: Values = field(default_factory=dict)

    @property
    def genre(self) -> str | None:
        """The session's genre."""
        genre: str | None = self.summary["genre"]
        return genre

    @property
    def sums(self) -> Values:
        """The summary without its time of day."""
        return {key: value for key, value in self.summary.items() if key != "at"}

    def without_wall_time(self) -> list[Values]:
        """Return all events without the time of day and the computing time, which differ in each run."""
        told = [self.start, *self.windows, *self.gaps, *self.statuses, *self.corrections, self.summary]
        return [
            {key: value for key, value in event.items() if key not in ("at", "compute_ms")} for event in told
        ]


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise ContractError(complaint)


def _refuse_constant(name: str) -> NoReturn:
    raise ContractError(f"{name} is no JSON")


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> Values:
    _demand(len({key for key, _ in pairs}) == len(pairs), "a key stands twice")
    return dict(pairs)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _check_told(values: Values) -> None:
    """Check the fields of every event: time of day, and optionally the source's name and the title."""
    at = values.get("at")
    _demand(isinstance(at, str), "an event without its time of day")
    try:
        moment = datetime.fromisoformat(str(at))
    except ValueError as error:
        raise ContractError(f"{at!r} is no ISO 8601") from error
    _demand(moment.tzinfo is not None, "a time of day without its offset")
    for key in ("source", "title") if values["event"] != "start" else ("title",):
        _demand(key not in values or _is_text(values[key]), f"an empty {key}")


def parse_line(line: str) -> Values:
    """Return the object of a line, after checking that it is a known event with exactly its keys."""
    _demand(line.isascii(), "the line is not in ASCII")
    try:
        values = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_refuse_doubles)
    except ValueError as error:
        raise ContractError(f"no JSON: {line!r:.80}") from error
    _demand(isinstance(values, dict), "the line is no JSON object")
    _demand(values.get("event") in KEYS, f"unknown event {values.get('event')!r}")
    keys = set(values)
    _check_told(values)
    keys -= {"at", "title"}
    if values["event"] != "start":  # whose source is an object
        keys.discard("source")
    if values["event"] == "window" and "partial" in keys:
        _demand(values["partial"] is True, "partial is there only when it is true")
        keys.remove("partial")
    _demand(keys == KEYS[values["event"]], f"wrong keys: {keys ^ KEYS[values['event']]}")
    result: Values = values
    return result


def _check_start(start: Values) -> None:
    source, model = start["source"], start["model"]
    _demand(set(source) == {"kind", "name", "sample_rate"}, "wrong keys of source")
    _demand(source["kind"] in {"file", "microphone", "stream"}, "unknown kind of source")
    _demand(_is_text(source["name"]), "the source has no name")
    _demand(_is_count(source["sample_rate"]) and source["sample_rate"] > 0, "wrong sample_rate")
    _demand(set(model) == {"name", "labels"}, "wrong keys of model")
    _demand(_is_text(model["name"]), "the model has no name")
    labels = model["labels"]
    _demand(isinstance(labels, list) and all(map(_is_text, labels)), "labels must be texts")
    _demand(len(labels) == len(set(labels)) >= 2, "labels must differ")
    for name in ("window_s", "hop_s"):
        _demand(_is_number(start[name]) and start[name] > 0, f"wrong {name}")


def _check_distribution(shares: Mapping[str, Any], labels: list[str], what: str) -> None:
    _demand(list(shares) == labels, f"{what}: other labels than the start's, or another order")
    _demand(all(_is_number(share) and 0 <= share <= 1 for share in shares.values()), f"{what}: not in 0 to 1")
    total = sum(shares.values())
    _demand(abs(total - 1) <= 1e-6 * len(labels), f"{what}: the sum is {total}")


def _check_window(window: Values, labels: list[str]) -> None:
    _check_distribution(window["probabilities"], labels, "probabilities")
    _demand(_is_number(window["level_dbfs"]) and -120 <= window["level_dbfs"] <= 120, "wrong level_dbfs")
    _demand(_is_number(window["compute_ms"]) and window["compute_ms"] >= 0, "wrong compute_ms")
    vote = window["vote"]
    _demand(set(vote) == {"state", "genre", "confidence", "distribution"}, "wrong keys of vote")
    _check_distribution(vote["distribution"], labels, "distribution")
    state, genre = vote["state"], vote["genre"]
    _demand(state in STATES, f"unknown state {state!r}")
    genres = [label for label in labels if label not in ("no_music", "other_music")]
    _demand((genre in genres) if state == "genre" else genre is None, f"genre {genre!r} in state {state}")
    _demand(state != "no_music" or "no_music" in labels, "no_music of a model that does not know it")
    _demand(state != "other" or "other_music" in labels, "other music of a model that does not know it")
    confidence = vote["confidence"]
    _demand(_is_number(confidence) and 0 <= confidence <= 1, "wrong confidence")
    expected = {
        "genre": vote["distribution"].get(genre, 0),
        "unsure": max(vote["distribution"][label] for label in genres),
        "no_music": vote["distribution"].get("no_music", 0),
        "other": vote["distribution"].get("other_music", 0),
    }.get(state, 0)
    _demand(abs(confidence - expected) <= 1e-4, f"confidence {confidence} and share {expected} disagree")


def _check_summary(session: Recorded, latest_s: float) -> None:
    summary = session.summary
    for name in ("windows", "skipped_windows"):
        _demand(_is_count(summary[name]), f"wrong {name}")
    for name in ("duration_s", "lost_s"):
        _demand(_is_number(summary[name]) and summary[name] >= 0, f"wrong {name}")
    _demand(summary["windows"] == len(session.windows), "windows are miscounted")
    lost_s = sum(gap["lost_s"] for gap in session.gaps)
    _demand(abs(summary["lost_s"] - lost_s) <= 1e-5 * (1 + len(session.gaps)), "lost_s is no sum of the gaps")
    _demand(summary["duration_s"] >= latest_s - 0.002, "events came after the end")
    said = Counter(window["vote"]["genre"] for window in session.windows)
    del said[None]
    expected = {genre: count / len(session.windows) for genre, count in said.items()}
    share = summary["share"]
    _demand(
        isinstance(share, dict) and set(share) == set(expected), "share names other genres than were heard"
    )
    for genre, value in share.items():
        _demand(_is_number(value) and abs(value - expected[genre]) <= 1e-4, f"wrong share of {genre}")
    _demand(list(share.values()) == sorted(share.values(), reverse=True), "share is not the largest first")
    if expected:
        _demand(expected.get(summary["genre"]) == max(expected.values()), "genre is not the one heard most")
    else:
        _demand(summary["genre"] is None, "a genre that was never heard")


class _Times:
    """Stream time from event to event."""

    def __init__(self, start: Values) -> None:
        self._window_s, self._hop_s = start["window_s"], start["hop_s"]
        self._is_file = start["source"]["kind"] == "file"
        self.latest_s = 0.0
        self._run_began_s = 0.0
        self._previous_window_s: float | None = None

    def pass_on(self, event: Values) -> None:
        time_s = event["time_s"]
        _demand(_is_number(time_s) and time_s >= 0, "wrong time_s")
        # A gap's end may lie within the sound that later windows' ends fall behind of, but never before one.
        _demand(time_s >= self.latest_s - 0.002, f"time runs backwards: {time_s} after {self.latest_s}")
        if event["event"] == "gap":
            _demand(_is_number(event["lost_s"]) and event["lost_s"] > 0, "wrong lost_s")
            _demand(event["reason"] in REASONS, "unknown reason")
            _demand(time_s - event["lost_s"] >= self.latest_s - 0.002, "a gap over sound that was heard")
            self._run_began_s, self._previous_window_s = time_s, None
        elif event["event"] == "window":
            self._window(event)
        self.latest_s = max(self.latest_s, time_s)

    def _window(self, window: Values) -> None:
        time_s = window["time_s"]
        if window.get("partial"):
            _demand(time_s < self._run_began_s + self._window_s + 0.002, "a whole window marked partial")
            _demand(self._previous_window_s is None, "a partial window after another")
        else:
            since_s = self._previous_window_s
            first = since_s is None
            expected_s = self._run_began_s + self._window_s if since_s is None else since_s + self._hop_s
            beyond = (time_s - expected_s) / self._hop_s
            # A hop is a whole number of the model's samples, at 4 kHz or more; times have three decimals.
            slack = (0.0021 + 0.00013 * (1 + max(0.0, beyond))) / self._hop_s
            if self._is_file:
                _demand(
                    abs(beyond) <= slack, f"a file's {'first ' * first}window at {time_s}, not {expected_s}"
                )
            else:  # windows may have been skipped
                _demand(beyond >= -slack, f"a window at {time_s}, before {expected_s}")
                _demand(
                    abs(beyond - round(beyond)) <= slack, f"a window at {time_s}, not a hop from the last"
                )
        self._previous_window_s = time_s


def check(lines: Iterable[str]) -> Recorded:
    """Check the lines of one session, from start to summary, and return it.

    Raises
    ------
    ContractError
        When a line breaks the contract.
    """
    events = [parse_line(line) for line in lines]
    _demand(len(events) >= 2, "a session has a start and a summary")
    kinds = [event["event"] for event in events]
    _demand(kinds[0] == "start" and kinds.count("start") == 1, "a session begins with its one start")
    _demand(kinds[-1] == "summary" and kinds.count("summary") == 1, "a session ends with its one summary")
    _check_start(events[0])
    session = Recorded(start=events[0], summary=events[-1])
    times = _Times(session.start)
    lost = False
    name = session.start["source"]["name"]
    several = "source" in session.summary
    for event in events[1:]:
        _demand(("source" in event) == several, "some events name their source, and others do not")
        _demand(not several or event["source"] == name, "an event of another source")
    for event in events[1:-1]:
        times.pass_on(event)
        if event["event"] == "window":
            _check_window(event, session.start["model"]["labels"])
            session.windows.append(event)
        elif event["event"] == "gap":
            session.gaps.append(event)
        elif event["event"] == "correction":
            _demand(_is_text(event["heard"]) and _is_text(event["genre"]), "a correction without its words")
            session.corrections.append(event)
        else:
            _demand(event["status"] in STATUSES, "unknown status")
            _demand(event["status"] == "back" or not lost, f"{event['status']} while it is lost")
            lost = event["status"] == "lost"
            session.statuses.append(event)
    _check_summary(session, times.latest_s)
    if session.start["source"]["kind"] == "file":
        _demand(session.summary["skipped_windows"] == 0, "a file waits: nothing of it is skipped")
    return session


def check_several(lines: Iterable[str]) -> dict[str, Recorded]:
    """Check the lines of one run with several sources, and return the sessions by source.

    Raises
    ------
    ContractError
        When one of the sessions breaks the contract, or an event names no source.
    """
    sessions: dict[str, list[str]] = {}
    for line in lines:
        event = parse_line(line)
        _demand("source" in event, "one of several does not say whose it is")
        name = event["source"]["name"] if event["event"] == "start" else event["source"]
        sessions.setdefault(name, []).append(line)
    return {name: check(told) for name, told in sessions.items()}
