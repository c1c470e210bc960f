"""Samples of one's own, from Python: blocks in, windows with verdicts out."""

from __future__ import annotations

from os import PathLike

from live import api_checks
from live.analyser import Analyser
from live.api_checks import SAMPLE_RATES, Block
from live.events import GapReason, Verdict, WindowEvent, told, wall_time
from live.option_table import Number, bounds_of
from live.options import DEFAULTS, Options
from live.sources.given_sound import as_samples

LONGEST_GAP = Number(0, bounds_of(Options, "duration").highest)


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
        api_checks.check_bounds(hop_s=hop_s, smooth_s=smooth_s)
        self._classifier = api_checks.open_model(model)
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
