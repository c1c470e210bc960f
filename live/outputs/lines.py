"""Events on standard output: JSON lines and plain lines."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from typing import TextIO

from live.errors import RunningError, one_line
from live.events import (
    CorrectionEvent,
    Event,
    GapEvent,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    WindowEvent,
    to_json_line,
)
from live.wording import GAP_REASONS, SOURCE_STATUS, clock, summary_words, verdict_words


@contextlib.contextmanager
def nobody_reads() -> Iterator[None]:
    """Raise BrokenPipeError for a closed terminal, as for a closed pipe."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EIO or (error.errno == errno.EINVAL and sys.platform == "win32"):
            raise BrokenPipeError(error.errno, error.strerror) from error
        raise


def write_line(stream: TextIO, line: str) -> None:
    """Write a line to standard output and flush it.

    Raises
    ------
    BrokenPipeError
        When the reader has closed the pipe or terminal.
    RunningError
        When it cannot be written for another reason.
    """
    try:
        with nobody_reads():
            stream.write(line + "\n")
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunningError(
            f"The output cannot be written ({error.strerror}): check where it goes."
        ) from error


class JsonLines:
    """Writes each event as a line of JSON, and flushes it.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Write one event."""
        write_line(self._stream, to_json_line(event))


class PlainLines:
    """Writes a line when the verdict or a station's title changes, and when sound is lost.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: dict[str | None, tuple[str, str | None]] = {}  # by source
        self._titles: dict[str | None, str | None] = {}

    def __call__(self, event: Event) -> None:
        """Write a line for the event, if it changes anything."""
        lines = [self._line(event)]
        if isinstance(event, WindowEvent) and event.title != self._titles.get(event.source):
            self._titles[event.source] = event.title
            lines.insert(0, f"{clock(event.time_s):>7}  playing: {event.title}" if event.title else None)
        for line in filter(None, lines):
            whose = "" if event.source is None or isinstance(event, StartEvent) else f"{event.source}: "
            write_line(self._stream, one_line(f"{whose}{line}"))

    def _line(self, event: Event) -> str | None:
        match event:
            case StartEvent():
                return f"Listening to {event.source_name} with the model {event.model_name}."
            case WindowEvent():
                now = (event.vote.state, event.vote.genre)
                if now == self._said.get(event.source):
                    return None
                self._said[event.source] = now
                return f"{clock(event.time_s):>7}  {verdict_words(event.vote)}"
            case GapEvent():
                return f"{clock(event.time_s):>7}  {event.lost_s:.1f} s lost: {GAP_REASONS[event.reason]}"
            case SourceEvent():
                return f"{clock(event.time_s):>7}  {SOURCE_STATUS[event.status]}"
            case CorrectionEvent():
                return f"{clock(event.time_s):>7}  corrected: {event.genre}, not {event.heard}"
            case SummaryEvent():
                return summary_words(event)
