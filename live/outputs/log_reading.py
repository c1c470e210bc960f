"""Reads the events of a log line by line; lines that are not events do no harm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, get_args

from live.errors import InputError
from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    GapReason,
    SourceEvent,
    SourceKind,
    SourceStatus,
    StartEvent,
    SummaryEvent,
    Verdict,
    VoteState,
    WindowEvent,
)

LONGEST_LINE = 1_000_000  # bytes; far more than an event of a model with a thousand labels
FOREIGN_AFTER_LINES = 100  # after so many lines without an event, the file is not a log
LATEST_TIME_S = 1e10
LENGTHS_S = (0.001, 86_400.0)  # of a window, and of a hop
MOST_LABELS = 1_000


def _number(value: Any, lowest: float = -1e12, highest: float = 1e12) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not lowest <= value <= highest:
        raise ValueError("out of range")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _one_of(value: Any, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError("not one of the words that stand here")
    return value


def _time(values: Mapping[str, Any]) -> float:
    return _number(values["time_s"], 0.0, LATEST_TIME_S)


def _distribution(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not value:
        raise TypeError("not a distribution")
    if len(value) > MOST_LABELS:
        raise ValueError("more labels than any model has")
    return {_text(label): _number(share, 0.0, 1.0) for label, share in value.items()}


def _stamp(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the time of day, source and title of an event; older logs do not have them."""
    told: dict[str, Any] = {}
    if "at" in values:
        told["at"] = datetime.fromisoformat(_text(values["at"]))
        if told["at"].tzinfo is None:
            raise ValueError("a time of day without its offset")
    if values["event"] != "start" and "source" in values:
        told["source"] = _text(values["source"])
    if "title" in values:
        told["title"] = _text(values["title"])
    return told


def _genre(value: Any) -> str | None:
    return None if value is None else _text(value)


def event_from_dict(values: Any) -> Event:
    """Return the event of a JSON object; the inverse of its ``to_dict``.

    Raises
    ------
    ValueError, TypeError, KeyError
        When the object is not an event.
    """
    if not isinstance(values, dict):
        raise TypeError("not an object")
    match values.get("event"):
        case "start":
            source, model = values["source"], values["model"]
            return StartEvent(
                source_kind=_one_of(source["kind"], SourceKind),
                source_name=_text(source["name"]),
                sample_rate=int(_number(source["sample_rate"], 1)),
                model_name=_text(model["name"]),
                labels=tuple(_text(label) for label in model["labels"][:MOST_LABELS]),
                window_s=_number(values["window_s"], *LENGTHS_S),
                hop_s=_number(values["hop_s"], *LENGTHS_S),
                **_stamp(values),
            )
        case "window":
            vote = values["vote"]
            return WindowEvent(
                time_s=_time(values),
                probabilities=_distribution(values["probabilities"]),
                level_dbfs=_number(values["level_dbfs"]),
                compute_ms=_number(values["compute_ms"]),
                vote=Verdict(
                    state=_one_of(vote["state"], VoteState),
                    genre=_genre(vote["genre"]),
                    confidence=_number(vote["confidence"], 0.0, 1.0),
                    distribution=_distribution(vote["distribution"]),
                ),
                partial=values.get("partial") is True,
                **_stamp(values),
            )
        case "gap":
            lost_s = _number(values["lost_s"], 0.0, LATEST_TIME_S)
            return GapEvent(_time(values), lost_s, _one_of(values["reason"], GapReason), **_stamp(values))
        case "source":
            return SourceEvent(_time(values), _one_of(values["status"], SourceStatus), **_stamp(values))
        case "correction":
            heard, genre = _text(values["heard"]), _text(values["genre"])
            return CorrectionEvent(_time(values), heard, genre, **_stamp(values))
        case "summary":
            return SummaryEvent(
                duration_s=_number(values["duration_s"], 0.0, LATEST_TIME_S),
                windows=int(_number(values["windows"], 0)),
                skipped_windows=int(_number(values["skipped_windows"], 0)),
                lost_s=_number(values["lost_s"], 0.0),
                genre=_genre(values["genre"]),
                share={_text(genre): _number(share, 0.0, 1.0) for genre, share in values["share"].items()},
                **_stamp(values),
            )
    raise ValueError("no event")


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Yield the lines of a log, and None for each that is too long for an event."""
    while line := file.readline(LONGEST_LINE):
        is_whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        is_too_long = False
        while not is_whole and (rest := file.readline(LONGEST_LINE)):
            is_whole, is_too_long = rest.endswith(b"\n"), True
        yield None if is_too_long else line


class LogReader:
    """Iterates over the events of a log, in order and in bounded memory.

    Parameters
    ----------
    path : Path
        Written by ``--log``, as JSON lines.

    Attributes
    ----------
    broken : list of int
        Numbers of the first lines that are not events, counted from 1.
    broken_lines : int
        Number of all such lines.
    """

    MOST_NAMED = 10

    def __init__(self, path: Path) -> None:
        self._path = path
        self.broken: list[int] = []
        self.broken_lines = 0

    def __iter__(self) -> Iterator[Event]:
        """Read the file from start to end.

        Raises
        ------
        InputError
            When it cannot be read, or is not a log.
        """
        self.broken.clear()
        self.broken_lines = events = 0
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(_lines(file), 1):
                    event = None if line is None else self._parse(line)
                    if event is not None:
                        events += 1
                        yield event
                    elif line is None or line.strip():
                        self.broken_lines += 1
                        if len(self.broken) < self.MOST_NAMED:
                            self.broken.append(number)
                    if events == 0 and number >= FOREIGN_AFTER_LINES:
                        break
        except FileNotFoundError:
            raise InputError(f"There is no log {self._path}: check the path.") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"The log {self._path} cannot be read: {reason}.") from None
        if events == 0:
            raise InputError(
                f"{self._path} is not a session log: give a file of JSON lines that genre-live --log wrote."
            )

    @staticmethod
    def _parse(line: bytes) -> Event | None:
        try:
            return event_from_dict(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    @property
    def complaint(self) -> str | None:
        """A sentence about the broken lines, if there are any."""
        if not self.broken_lines:
            return None
        numbers = ", ".join(str(number) for number in self.broken)
        more = ", …" if self.broken_lines > len(self.broken) else ""
        lines = "Line" if self.broken_lines == 1 else f"{self.broken_lines} lines"
        where = f" {numbers}" if self.broken_lines == 1 else f" ({numbers}{more})"
        return f"{lines}{where} of {self._path} cannot be read: left out."
