"""The Python interface: listen to a microphone, classify files, or feed your own samples.

Use these names from the package itself: ``live.listen``, ``live.classify_file``, ``live.scan``,
``live.Session``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live import api_checks
from live.bundle import find_bundle
from live.events import Event, WindowEvent
from live.file_results import FileResult, classify_file
from live.option_table import bounds_of
from live.options import DEFAULTS, Options
from live.own_samples import Session
from live.session import SourceSession

if TYPE_CHECKING:
    from live.sessions import Sessions

__all__ = ["FileResult", "Listening", "Session", "classify_file", "listen", "scan"]

MOST_WAITING = 1_000  # windows that are kept for a loop that is slower than the sound

for _public in (FileResult, Session, classify_file):
    _public.__module__ = __name__  # the documented place, not the module that defines them


class _ClosedError(Exception):
    """Ends the wait for a source that nobody wants any more."""


class _Mailbox:
    """Queue of windows from the listening thread to the caller's; when it is full, the oldest are dropped."""

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

    def discard(self) -> None:
        """Close it at once: forget the windows that wait, and take no more."""
        with self._changed:
            self._windows = deque(maxlen=0)
            self._is_over = True
            self._changed.notify()

    def note_waiting(self, _sentence: str) -> None:
        """Let a source that waits for its device end, if the mailbox was closed meanwhile."""
        with self._changed:
            if self._is_over:
                raise _ClosedError

    def take(self) -> WindowEvent | None:
        """Wait for the next window and return it; None after the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._windows or self._is_over)
            return self._windows.popleft() if self._windows else None


class Listening(Iterator[WindowEvent]):
    """The windows of a microphone or of several sources, as ``listen`` returns them."""

    def __init__(self, windows: Generator[WindowEvent, None, None], mailbox: _Mailbox) -> None:
        self._windows = windows
        self._mailbox = mailbox

    def __next__(self) -> WindowEvent:
        """Wait for the next window and return it."""
        return next(self._windows)

    def close(self) -> None:
        """End listening, on any thread.

        A loop that waits for a window on another thread ends at once, or within ten seconds if its
        microphone has never been connected.
        """
        self._mailbox.discard()
        with contextlib.suppress(ValueError):  # another thread waits in it, and ends it now
            self._windows.close()


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
) -> Listening:
    """Listen to a microphone, or to several sources, and yield each window with its verdict in ``vote``.

    Listening begins when the first window is requested and ends with the loop, or when any thread calls
    ``close()`` of what it returns. A loop that is slower than the sound loses nothing at first; when more
    than 1000 windows are waiting, it loses the oldest.

    Parameters
    ----------
    device : str or int, optional
        A microphone, by number or any part of its name. Default: the system's default microphone.
    model : str or path
        Name of a shipped model, or the folder of a model made by genre-train.
    hop_s : float
        Seconds from one window to the next, 0.05 to 60.
    smooth_s : float
        Smoothing time of the vote, in seconds, 0.1 to 3600; longer is steadier.
    duration_s : float, optional
        End after this many seconds of sound, at least 0.5. Default: no end.
    channel : int, optional
        Listen to this channel only, counted from 1. Default: the mean of the first two, or of all of a
        source of PulseAudio or PipeWire.
    gain_db : float
        Amplification, in dB, −60 to 60.
    wait : bool
        Wait for a microphone that is not connected yet.
    sources : sequence of mappings, optional
        Several sources instead of ``device``, all at the same time. Each has the keys of a table of
        ``--sources``: ``{"name": "bar", "device": "USB Audio", "channel": 1}`` or ``{"file": "song.mp3"}``.
        A source that fails does not stop the others; its error is raised when all have ended.

    Returns
    -------
    Listening
        An iterator of WindowEvent: ``window.vote`` is the verdict, with ``state``, ``genre``, ``confidence``
        and ``distribution``. With several sources, ``window.source`` is the source's name.

    Raises
    ------
    ValueError
        When a number is out of its bounds, or both a device and sources are given. Raised when the first
        window is requested, before the microphone is opened.
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
    options = Options(
        model=str(model), hop=hop_s, smooth=smooth_s, duration=duration_s, wait=wait,
        channel=channel, gain=gain_db,
    )  # fmt: skip
    mailbox = _Mailbox()
    return Listening(_listen(mailbox, device, sources, options), mailbox)


def _listen(
    mailbox: _Mailbox,
    device: str | int | None,
    sources: Sequence[Mapping[str, Any]] | None,
    options: Options,
) -> Generator[WindowEvent, None, None]:
    api_checks.check_bounds(
        hop_s=options.hop, smooth_s=options.smooth, duration_s=options.duration, gain_db=options.gain
    )
    if options.channel is not None and options.channel < 1:
        raise ValueError(f"channel is {options.channel}: channels are counted from 1.")
    if sources is not None and device is not None:
        raise ValueError("device and sources exclude each other: name the device in sources.")
    if sources is not None:
        yield from _listen_to_several(mailbox, sources, options)
        return
    from live.sources.microphones.microphone import Microphone
    from live.sources.source import block_length_s

    classifier = api_checks.open_model(options.model)
    selector = None if device is None else str(device)
    block_s = block_length_s(options.hop, is_watched=False)
    try:
        source = Microphone(
            selector,
            channel=options.channel,
            gain_db=options.gain,
            wait=options.wait,
            block_s=block_s,
            on_wait=mailbox.note_waiting,
        )
    except _ClosedError:
        return
    session = SourceSession(
        source,
        classifier,
        hop_s=options.hop,
        smooth_s=options.smooth,
        duration_s=options.duration,
        sinks=(mailbox,),
        is_watched=False,
    )
    yield from _windows_of(session, mailbox)
    if session.failure is not None:
        raise session.failure


def _listen_to_several(
    mailbox: _Mailbox, sources: Sequence[Mapping[str, Any]], options: Options
) -> Iterator[WindowEvent]:
    from live.making_sessions import several_sessions
    from live.sources.source_requests import requests_from, with_defaults

    requests = with_defaults(requests_from([dict(source) for source in sources], "sources"), options)
    sessions = several_sessions(
        requests,
        options,
        api_checks.open_model(options.model),
        sinks=(mailbox,),
        on_wait=mailbox.note_waiting,
        is_watched=False,
    )
    yield from _windows_of(sessions, mailbox)
    for _name, failure in sessions.failures:
        if not isinstance(failure, _ClosedError):
            raise failure


def _windows_of(sessions: SourceSession | Sessions, mailbox: _Mailbox) -> Iterator[WindowEvent]:
    """Run ``sessions``, whose events go to the mailbox, to its end or until the caller leaves the loop."""
    ending = threading.Thread(target=_close_at_end, args=(sessions, mailbox), daemon=True)

    is_left = False

    def end() -> None:
        nonlocal is_left
        if not is_left:
            is_left = True
            sessions.stop()
            sessions.ended.wait()
            sessions.join()
            ending.join()

    sessions.start()
    ending.start()
    atexit.register(end)  # a loop that was left and not closed ends before its threads do
    try:
        while (window := mailbox.take()) is not None:
            yield window
    finally:
        atexit.unregister(end)
        end()


def _close_at_end(sessions: SourceSession | Sessions, mailbox: _Mailbox) -> None:
    sessions.ended.wait()
    mailbox.close()


def scan(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    model: str | PathLike[str] = DEFAULTS.model,
    hop_s: float = DEFAULTS.hop,
    smooth_s: float = DEFAULTS.smooth,
    sample_s: float | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[FileResult]:
    """Classify many files in parallel, and yield each result when it is ready, in no particular order.

    The work begins when the first result is requested and ends with the loop. A file that cannot be read
    yields a result whose ``error`` says why.

    Parameters
    ----------
    paths : iterable of str or path, or one of them
        Files, folders, patterns such as ``music/**/*.mp3``, and addresses that fsspec opens.
    model : str or path
        Name of a shipped model, or the folder of a model made by genre-train.
    hop_s : float
        Seconds from one window to the next, 0.05 to 60.
    smooth_s : float
        Smoothing time of the vote, in seconds, 0.1 to 3600; longer is steadier.
    sample_s : float, optional
        Classify only this many seconds from the middle of each file, at least 0.5. Default: all of it.
    workers : int, optional
        Number of processes. Default: one for each core.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers classify the files instead.

    Yields
    ------
    FileResult

    Raises
    ------
    ValueError
        When a number is out of its bounds.
    live.errors.GenreLiveError
        When a path does not exist, or the model or the cluster cannot be used.

    Examples
    --------
    >>> for result in live.scan(["~/Music"]):  # doctest: +SKIP
    ...     print(result.path, result.error or result.genre)
    """
    api_checks.check_bounds(hop_s=hop_s, smooth_s=smooth_s)
    if sample_s is not None:
        bounds_of(Options, "duration").check("sample_s", sample_s)
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    named = [paths] if isinstance(paths, (str, PathLike)) else paths
    from live.archive.classification import ScanSettings
    from live.archive.options import default_workers
    from live.archive.scanning import scan_paths
    from live.spreading.engines import open_engine

    bundle = find_bundle(str(model))
    folder = str(bundle.absolute()) if Path(model).is_dir() else str(model)
    return scan_paths(
        [os.path.expanduser(os.fspath(path)) for path in named],  # noqa: PTH111 (Path breaks addresses)
        ScanSettings(folder, hop_s, smooth_s, sample_s),
        lambda: open_engine(workers=workers or default_workers(), scheduler=scheduler, notify=warnings.warn),
    )
