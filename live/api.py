"""genre-live from Python: listen to a microphone, classify a file, or feed samples of your own.

What stands here is reached from the package itself: ``live.listen``, ``live.classify_file``,
``live.scan``, ``live.Session``.
"""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy.typing as npt

from live.analyser import Analyser
from live.bundle import find_bundle
from live.classifier import Classifier
from live.events import Event, GapReason, Verdict, WindowEvent, told, wall_time
from live.meter import FLOOR_DBFS
from live.option_table import Number, bounds_of
from live.options import DEFAULTS, Options
from live.session import Session as ThreadedSession
from live.snapshot import Heard, Stretch
from live.sources.decoding import HIGHEST_SAMPLE_RATE, LOWEST_SAMPLE_RATE
from live.sources.given_sound import as_samples, open_given

if TYPE_CHECKING:
    from live.sessions import Sessions

MOST_WAITING = 1_000  # windows that a slow loop may lag behind
LONGEST_GAP = Number(0, bounds_of(Options, "duration").highest)
SAMPLE_RATES = Number(LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE)

Block = npt.ArrayLike


def _open_model(model: str | PathLike[str]) -> Classifier:
    return Classifier(find_bundle(str(model)))


def _check(**values: float | None) -> None:
    """Refuse what is out of an option's bounds, and what is no number, before anything is opened.

    Parameters
    ----------
    **values
        By the option's name with its unit: ``hop_s``, ``gain_db``; None where it is left out.
    """
    for name, value in values.items():
        if value is not None:
            bounds_of(Options, name.rpartition("_")[0]).check(name, value)


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
    _check(hop_s=hop_s, smooth_s=smooth_s, duration_s=duration_s, gain_db=gain_db)
    if sources is not None:
        options = Options(
            model=str(model), hop=hop_s, smooth=smooth_s, duration=duration_s, wait=wait,
            channel=channel, gain=gain_db,
        )  # fmt: skip
        yield from _listen_to_several(sources, options)
        return
    from live.sources.microphone import Microphone

    classifier = _open_model(model)
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
        wishes, options, _open_model(options.model), sinks=(mailbox,), is_watched=False
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


@dataclass(frozen=True)
class FileResult:
    """What was heard in a file.

    Attributes
    ----------
    genre : str or None
        The genre with the largest share; None when none was ever named.
    share : mapping of str to float
        Part of the windows that each genre was the verdict of, largest first.
    verdict : Verdict
        What the vote said at the end.
    timeline : tuple of Stretch
        What was heard when, oldest first.
    distribution : mapping of str to float
        Every label's probability, on the mean over the file; empty when nothing could be heard.
    duration_s : float
        Length of the sound.
    windows : int
        How many windows were classified.
    warnings : tuple of str
        Sentences about a file that was read and is not quite whole.
    path : str
        The file.
    error : str or None
        Why it could not be heard, or not to its end; from ``scan`` alone, others raise it.
    state : str
        ``genre`` where one was named, else what the vote said most of the time.
    states : mapping of str to float
        Part of the windows that the vote was in each state, largest first.
    confidence : float
        The mean over all windows of what the vote gave the genre; where there is none, its mean confidence
        in ``state``.
    confidences : tuple of float
        The vote's mean confidence in each stretch of the timeline.
    level_dbfs : float
        RMS level of what was heard, in dB below full scale; −120 at the least.
    length_s : float or None
        Length of the whole file, where less than that was heard; None where not known.
    """

    genre: str | None
    share: dict[str, float]
    verdict: Verdict
    timeline: tuple[Stretch, ...]
    distribution: dict[str, float]
    duration_s: float
    windows: int
    warnings: tuple[str, ...] = ()
    path: str = ""
    error: str | None = None
    state: Heard = "waiting"
    states: dict[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    confidences: tuple[float, ...] = ()
    level_dbfs: float = FLOOR_DBFS
    length_s: float | None = None


class _Mean:
    """The mean of all windows' probabilities."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._windows = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, WindowEvent):
            self._windows += 1
            for label, probability in event.probabilities.items():
                self._sums[label] = self._sums.get(label, 0.0) + probability

    @property
    def distribution(self) -> dict[str, float]:
        return {label: total / self._windows for label, total in self._sums.items()}


def classify_file(
    sound: str | PathLike[str] | bytes | BinaryIO | Block,
    *,
    sample_rate: int | None = None,
    channels_first: bool = False,
    model: str | PathLike[str] = DEFAULTS.model,
    hop_s: float = DEFAULTS.hop,
    smooth_s: float = DEFAULTS.smooth,
    duration_s: float | None = DEFAULTS.duration,
) -> FileResult:
    """Hear a whole file, as fast as can be, in bounded memory.

    Parameters
    ----------
    sound : str, path, bytes, file object or array
        WAV, FLAC, OGG, Opus, MP3, or whatever else ffmpeg reads where it is installed: its path, its
        content, or a file open for reading in binary. Or samples [shape=(n,) or (n, channels)], as
        ``Session.feed`` takes them.
    sample_rate : int, optional
        Of an array, in Hz.
    channels_first : bool
        Whether an array has the shape (channels, n), as librosa and torchaudio give it.
    model : str or path
        A shipped model, or the folder of one made by genre-train.
    hop_s : float
        Seconds from one window to the next.
    smooth_s : float
        The pace of the vote's memories, in seconds.
    duration_s : float, optional
        Hear no more than this much of it, half a second at least.

    Returns
    -------
    FileResult

    Raises
    ------
    ValueError
        When a number is out of its bounds.
    live.errors.GenreLiveError
        When the file or the model cannot be used.

    Examples
    --------
    >>> result = live.classify_file("song.mp3")  # doctest: +SKIP
    >>> result.genre, result.share  # doctest: +SKIP
    ('jazz', {'jazz': 0.94, 'blues': 0.02})
    """
    _check(hop_s=hop_s, smooth_s=smooth_s, duration_s=duration_s)
    if sample_rate is not None:
        SAMPLE_RATES.check("sample_rate", sample_rate)
    mean = _Mean()
    classifier = _open_model(model)
    session = ThreadedSession(
        open_given(sound, sample_rate=sample_rate, channels_first=channels_first),
        classifier,
        hop_s=hop_s,
        smooth_s=smooth_s,
        duration_s=duration_s,
        sinks=(mean,),
    )
    session.start()
    try:
        session.ended.wait()
    finally:  # an interruption ends the listening too
        session.stop()
        session.ended.wait()
    if session.failure is not None:
        raise session.failure
    snapshot = session.snapshot
    return FileResult(
        genre=next(iter(snapshot.share), None),
        share=dict(snapshot.share),
        verdict=snapshot.verdict,
        timeline=snapshot.timeline,
        distribution=mean.distribution,
        duration_s=snapshot.time_s,
        windows=snapshot.windows,
        warnings=tuple(session.warnings()),
    )


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
    _check(hop_s=hop_s, smooth_s=smooth_s, duration_s=sample_s)
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


class Session:
    """The machine for those who bring their own samples: no source, no thread, no clock but the samples.

    What ``genre-live`` itself runs is :class:`live.session.Session`, which has a source and a thread;
    both are the same :class:`live.analyser.Analyser` inside, and say the same of the same sound.

    Parameters
    ----------
    sample_rate : int
        Of what will be fed, in Hz.
    model : str or path
        A shipped model, or the folder of one made by genre-train.
    hop_s : float
        Seconds from one window to the next.
    smooth_s : float
        The pace of the vote's memories, in seconds.

    Raises
    ------
    ValueError
        When a number is out of its bounds.
    live.errors.GenreLiveError
        When the model cannot be used.

    Examples
    --------
    >>> session = live.Session(sample_rate=44_100)  # doctest: +SKIP
    >>> for block in blocks:  # doctest: +SKIP
    ...     for window in session.feed(block):
    ...         print(window.time_s, window.vote.genre or window.vote.state)
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        model: str | PathLike[str] = DEFAULTS.model,
        hop_s: float = DEFAULTS.hop,
        smooth_s: float = DEFAULTS.smooth,
    ) -> None:
        SAMPLE_RATES.check("sample_rate", sample_rate)
        _check(hop_s=hop_s, smooth_s=smooth_s)
        self._classifier = _open_model(model)
        self._analyser = Analyser(self._classifier, sample_rate, hop_s=hop_s, smooth_s=smooth_s)
        self._is_finished = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels; ``no_music`` and ``other_music``, where there are such, are not genres."""
        return self._classifier.description.labels

    @property
    def time_s(self) -> float:
        """Seconds of sound that were fed, lost ones counted."""
        return self._analyser.time_s

    @property
    def verdict(self) -> Verdict:
        """What the vote says now."""
        return self._analyser.vote.verdict

    def feed(self, block: Block, *, channels_first: bool = False) -> list[WindowEvent]:
        """Hear the next samples.

        Parameters
        ----------
        block : array_like [shape=(n,) or (n, channels)]
            Any number of samples: floating point with full scale at 1, or integers with full scale
            at the limits of their type. Channels are mixed down.
        channels_first : bool
            Whether its shape is (channels, n), as librosa and torchaudio give it. One that seems to have
            more than 64 channels is refused.

        Returns
        -------
        list of WindowEvent
            The windows that these samples completed; often none.

        Raises
        ------
        ValueError
            When the block has another shape, or the stream is finished.
        TypeError
            When it holds no numbers.
        """
        self._check_unfinished()
        samples = as_samples(block, channels_first=channels_first)
        return [told(window, at=wall_time()) for window in self._analyser.feed(samples)]

    def gap(self, lost_s: float, reason: GapReason = "overflow") -> None:
        """Say that sound was lost before what is fed next, so that no window spans the hole.

        Parameters
        ----------
        lost_s : float
            Seconds of it, from 0 to a thousand million.
        reason : str
            ``overflow``, ``stall``, ``behind`` or ``undecodable``.

        Raises
        ------
        ValueError
            When ``lost_s`` is out of its bounds, or the stream is finished.
        """
        self._check_unfinished()
        LONGEST_GAP.check("lost_s", lost_s)
        self._analyser.gap(round(lost_s * self._analyser.source_rate), reason)

    def finish(self) -> list[WindowEvent]:
        """End the stream and return what the last samples complete, or the one window of a short sound.

        After it nothing more can be fed until ``reset``; called again, it returns nothing.
        """
        if self._is_finished:
            return []
        self._is_finished = True
        return [told(window, at=wall_time()) for window in self._analyser.finish()]

    def reset(self) -> None:
        """Forget the stream, its time included, to hear another."""
        self._analyser.reset()
        self._is_finished = False

    def _check_unfinished(self) -> None:
        if self._is_finished:
            raise ValueError("the stream is finished: reset() begins another")
