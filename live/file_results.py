"""Classification of whole files from Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import BinaryIO

from live import api_checks
from live.api_checks import SAMPLE_RATES, Block
from live.events import Event, Verdict, VoteState, WindowEvent
from live.meter import FLOOR_DBFS
from live.options import DEFAULTS
from live.session import SourceSession
from live.snapshot import Stretch
from live.sources.files.given_sound import open_given


@dataclass(frozen=True)
class FileResult:
    """The result for one file; only ``scan`` sets the fields after ``warnings``.

    Attributes
    ----------
    genre : str or None
        The genre with the largest share; None when no verdict named a genre.
    share : mapping of str to float
        Part of the windows in which each genre was the verdict, 0 to 1, largest first.
    verdict : Verdict
        The verdict at the end.
    timeline : tuple of Stretch
        The verdicts over time, oldest first.
    distribution : mapping of str to float
        Mean probability of every label over the file; empty when there was no window.
    duration_s : float
        Length of the classified sound, in seconds.
    windows : int
        Number of classified windows.
    warnings : tuple of str
        Sentences about a file that was read but is damaged or incomplete.
    path : str
        The file.
    error : str or None
        Why the file could not be read, or not to its end; ``classify_file`` raises it instead.
    state : str
        ``genre`` when there is one, else the most frequent state of the vote.
    states : mapping of str to float
        Part of the windows in which the vote had each state, 0 to 1, largest first.
    confidence : float
        Mean over all windows of the smoothed probability of ``genre``; without a genre, the mean confidence
        in ``state``.
    confidences : tuple of float
        Mean confidence in each stretch of the timeline.
    lost_s : float
        Seconds of the file that could not be decoded.
    level_dbfs : float
        RMS level of the sound, in dB below full scale; at least −120.
    length_s : float or None
        Length of the whole file, in seconds, where only a part of it was classified; None where unknown.
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
    state: VoteState = "waiting"
    states: dict[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    confidences: tuple[float, ...] = ()
    lost_s: float = 0.0
    level_dbfs: float = FLOOR_DBFS
    length_s: float | None = None


class _Mean:
    """A sink that computes the mean probabilities of all windows."""

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
    """Classify a whole file, as fast as possible and in bounded memory.

    Parameters
    ----------
    sound : str, path, bytes, file object or array
        A WAV, FLAC, OGG, Opus or MP3 file, or any other that an installed ffmpeg reads: its path, its
        content, or a file object open for binary reading. Or samples [shape=(n,) or (n, channels)], as
        ``Session.feed`` takes them.
    sample_rate : int, optional
        Sample rate of an array, in Hz; required for one.
    channels_first : bool
        Whether an array has the shape (channels, n), as from librosa and torchaudio.
    model : str or path
        Name of a shipped model, or the folder of a model made by genre-train.
    hop_s : float
        Seconds from one window to the next, 0.05 to 60.
    smooth_s : float
        Smoothing time of the vote, in seconds, 0.1 to 3600; longer is steadier.
    duration_s : float, optional
        Classify only the first seconds of it, at least 0.5. Default: all of it.

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
    session = SourceSession(
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
    finally:  # an interrupt must end the session as well
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
