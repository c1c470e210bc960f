"""genre-live from Python: listen to a microphone, classify a file, or feed samples of your own.

What stands here is reached from the package itself: ``live.listen``, ``live.classify_file``,
``live.scan``, ``live.Session``.
"""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live import api_checks
from live.bundle import find_bundle
from live.events import Event, WindowEvent
from live.file_results import FileResult, classify_file
from live.options import DEFAULTS, Options
from live.own_samples import Session
from live.session import Session as ThreadedSession

if TYPE_CHECKING:
    from live.sessions import Sessions

__all__ = ["FileResult", "Session", "classify_file", "listen", "scan"]

MOST_WAITING = 1_000  # windows that a slow loop may lag behind

for _public in (FileResult, Session, classify_file):
    _public.__module__ = __name__  # where users find them, whatever file they stand in


class _Mailbox:
    """Windows on their way from the listening thread to the caller's; the newest push out the oldest."""

    def __init__(self) -> None:
        self._windows: deque[WindowEvent] = deque(maxlen=MOST_WAITING)
        self._changed = threading.Condition()
        self._is_over = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, WindowEvent):
            with self._changed:
                self._windows.append(event)
                self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def take(self) -> WindowEvent | None:
        """Wait for the next window; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._windows or self._is_over)
            return self._windows.popleft() if self._windows else None


def listen(
    device: str | int | None = None,
    *,
    model: str | PathLike[str] = DEFAULTS.model,
    hop_s: float = DEFAULTS.hop,
    smooth_s: float = DEFAULTS.smooth,
    duration_s: float | None = DEFAULTS.duration,
    channel: int | None = DEFAULTS.channel,
    gain_db: float = DEFAULTS.gain,
    wait: bool = DEFAULTS.wait,
    sources: Sequence[Mapping[str, Any]] | None = None,
) -> Iterator[WindowEvent]:
    """Listen to a microphone, or to several sources; yields each window heard, its verdict in its ``vote``.

    Listening begins with the first window asked for and ends with the loop. A loop that is slower than
    the music misses nothing for a while, and then the oldest windows.

    Parameters
    ----------
    device : str or int, optional
        A microphone, by number or any part of its name; the system's default without it.
    model : str or path
        A shipped model, or the folder of one made by genre-train.
    hop_s : float
        Seconds from one window to the next.
    smooth_s : float
        The pace of the vote's memories, in seconds.
    duration_s : float, optional
        End after this much sound, half a second at least; for ever without it.
    channel : int, optional
        Hear this channel alone, counted from 1.
    gain_db : float
        Amplify the sound, by −60 to 60 dB.
    wait : bool
        Wait for a microphone that is not there yet.
    sources : sequence of mappings, optional
        Several sources in place of ``device``, side by side: each with what a table of ``--sources`` holds,
        ``{"name": "bar", "device": "USB Audio", "channel": 1}`` or ``{"file": "song.mp3"}``. None holds up
        another; what fails is raised when all have ended.

    Yields
    ------
    WindowEvent
        ``window.vote`` is the verdict: its ``state``, ``genre``, ``confidence``, ``distribution``; of several
        sources ``window.source`` is the name.

    Raises
    ------
    ValueError
        When a number is out of its bounds; raised by the first window asked for, before the microphone opens.
    live.errors.GenreLiveError
        When the microphone or the model cannot be used, or fails while listening.

    Examples
    --------
    >>> for window in live.listen(duration_s=60):  # doctest: +SKIP
    ...     print(window.time_s, window.vote.genre or window.vote.state)
    >>> rooms = [{"name": "bar", "device": 1}, {"name": "hall", "device": 2}]
    >>> for window in live.listen(sources=rooms):  # doctest: +SKIP
    ...     print(window.source, window.vote.genre or window.vote.state)
    """
    api_checks.check_bounds(hop_s=hop_s, smooth_s=smooth_s, duration_s=duration_s, gain_db=gain_db)
    if sources is not None:
        options = Options(
            model=str(model), hop=hop_s, smooth=smooth_s, duration=duration_s, wait=wait,
            channel=channel, gain=gain_db,
        )  # fmt: skip
        yield from _listen_to_several(sources, options)
        return
    from live.sources.microphone import Microphone

    classifier = api_checks.open_model(model)
    selector = None if device is None else str(device)
    source = Microphone(selector, channel=channel, gain_db=gain_db, wait=wait)
    mailbox = _Mailbox()
    session = ThreadedSession(
        source,
        classifier,
        hop_s=hop_s,
        smooth_s=smooth_s,
        duration_s=duration_s,
        sinks=(mailbox,),
    )
    yield from _windows_of(session, mailbox)
    if session.failure is not None:
        raise session.failure


def _listen_to_several(sources: Sequence[Mapping[str, Any]], options: Options) -> Iterator[WindowEvent]:
    from live.making_sessions import several_sessions
    from live.sources.wishes import wishes_from, with_defaults

    mailbox = _Mailbox()
    wishes = with_defaults(wishes_from([dict(source) for source in sources], "sources"), options)
    sessions = several_sessions(
        wishes, options, api_checks.open_model(options.model), sinks=(mailbox,), is_watched=False
    )
    yield from _windows_of(sessions, mailbox)
    for _name, failure in sessions.failures:
        raise failure


def _windows_of(heard: ThreadedSession | Sessions, mailbox: _Mailbox) -> Iterator[WindowEvent]:
    """Run to the end, or until the caller leaves the loop, what gives its events to the mailbox."""
    ending = threading.Thread(target=_close_at_end, args=(heard, mailbox), daemon=True)
    heard.start()
    ending.start()
    try:
        while (window := mailbox.take()) is not None:
            yield window
    finally:
        heard.stop()
        heard.ended.wait()


def _close_at_end(heard: ThreadedSession | Sessions, mailbox: _Mailbox) -> None:
    heard.ended.wait()
    mailbox.close()


def scan(
    paths: Iterable[str | PathLike[str]],
    *,
    model: str | PathLike[str] = DEFAULTS.model,
    hop_s: float = DEFAULTS.hop,
    smooth_s: float = DEFAULTS.smooth,
    sample_s: float | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[FileResult]:
    """Hear many files side by side; yields each as it is done, in whatever order that is.

    Hearing begins with the first result asked for and ends with the loop. A file that cannot be heard is a
    result with its ``error``.

    Parameters
    ----------
    paths : iterable of str or path
        Files, folders, patterns such as ``music/**/*.mp3``, and addresses that fsspec opens.
    model : str or path
        A shipped model, or the folder of one made by genre-train.
    hop_s : float
        Seconds from one window to the next.
    smooth_s : float
        The pace of the vote's memories, in seconds.
    sample_s : float, optional
        Hear so much of the middle of each file, half a second at least; all of it without.
    workers : int, optional
        Processes that hear; one a core without it.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers hear instead.

    Yields
    ------
    FileResult

    Raises
    ------
    ValueError
        When a number is out of its bounds.
    live.errors.GenreLiveError
        When something named is not there, or the model or the cluster cannot be used.

    Examples
    --------
    >>> for result in live.scan(["~/Music"]):  # doctest: +SKIP
    ...     print(result.path, result.error or result.genre)
    """
    api_checks.check_bounds(hop_s=hop_s, smooth_s=smooth_s, duration_s=sample_s)
    from live.archive.hearing import Hearing
    from live.archive.options import default_workers
    from live.archive.scanning import scan_paths
    from live.spreading.engines import open_engine

    folder = str(find_bundle(str(model)).absolute()) if Path(model).is_dir() else str(model)
    return scan_paths(
        [str(Path(path).expanduser()) if "~" in str(path) else str(path) for path in paths],
        Hearing(folder, hop_s, smooth_s, sample_s),
        lambda: open_engine(workers=workers or default_workers(), scheduler=scheduler, say=warnings.warn),
    )
