"""Whole files, from Python: what was heard in one."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import BinaryIO

from live import api_checks
from live.api_checks import SAMPLE_RATES, Block
from live.events import Event, Verdict, WindowEvent
from live.meter import FLOOR_DBFS
from live.options import DEFAULTS
from live.session import Session as ThreadedSession
from live.snapshot import Heard, Stretch
from live.sources.given_sound import open_given


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
    lost_s : float
        How much of it could not be decoded.
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
    lost_s: float = 0.0
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
    api_checks.check_bounds(hop_s=hop_s, smooth_s=smooth_s, duration_s=duration_s)
    if sample_rate is not None:
        SAMPLE_RATES.check("sample_rate", sample_rate)
    mean = _Mean()
    classifier = api_checks.open_model(model)
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
