"""Analysis of the caller's own samples: blocks in, windows with verdicts out."""

from __future__ import annotations

from os import PathLike

import numpy as np

from live import api_checks
from live.analyser import Analyser
from live.api_checks import SAMPLE_RATES, Block
from live.events import GapReason, Verdict, WindowEvent, stamped, wall_time
from live.option_table import Number, bounds_of
from live.options import DEFAULTS, Options
from live.sources.files.given_sound import as_samples
from live.wording import GAP_REASONS

LONGEST_GAP = Number(0, bounds_of(Options, "duration").highest)


class Session:
    """Analyses samples that the caller feeds, without a source, a thread or a clock.

    The command ``genre-live`` runs :class:`live.session.SourceSession`, which has a source and a thread. Both
    use :class:`live.analyser.Analyser` and give the same verdicts for the same sound.

    Parameters
    ----------
    sample_rate : int
        Sample rate of the blocks, in Hz.
    model : str or path
        Name of a shipped model, or the folder of a model made by genre-train.
    hop_s : float
        Seconds from one window to the next, 0.05 to 60.
    smooth_s : float
        Smoothing time of the vote, in seconds, 0.1 to 3600; longer is steadier.

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
        """The model's labels; ``no_music`` and ``other_music`` are not genres."""
        return self._classifier.description.labels

    @property
    def time_s(self) -> float:
        """Stream time: seconds of sound that were fed or lost."""
        return self._analyser.time_s

    @property
    def verdict(self) -> Verdict:
        """The current verdict."""
        return self._analyser.vote.verdict

    def feed(self, block: Block, *, channels_first: bool = False) -> list[WindowEvent]:
        """Analyse the next samples.

        Parameters
        ----------
        block : array_like [shape=(n,) or (n, channels)]
            Any number of samples: floating point with full scale at ±1, or integers with full scale at the
            limits of their type. Channels are averaged.
        channels_first : bool
            Whether the shape is (channels, n), as from librosa and torchaudio. A block with more than 64
            channels is an error.

        Returns
        -------
        list of WindowEvent
            The windows that these samples completed; often none.

        Raises
        ------
        ValueError
            When the block has another shape, or the stream is finished.
        TypeError
            When the block does not hold numbers.
        """
        self._check_unfinished()
        samples = as_samples(block, channels_first=channels_first)
        if np.may_share_memory(samples, np.asarray(block)):
            samples = samples.copy()  # the caller may use its memory again
        return [stamped(window, at=wall_time()) for window in self._analyser.feed(samples)]

    def gap(self, lost_s: float, reason: GapReason = "overflow") -> None:
        """Record that sound was lost before the next block, so that no window spans the gap.

        Parameters
        ----------
        lost_s : float
            Seconds of lost sound, 0 to 10⁹.
        reason : str
            ``overflow``, ``stall``, ``behind`` or ``undecodable``.

        Raises
        ------
        ValueError
            When ``lost_s`` is out of its bounds, there is no such reason, or the stream is finished.
        """
        self._check_unfinished()
        LONGEST_GAP.check("lost_s", lost_s)
        if reason not in GAP_REASONS:
            raise ValueError(f"reason is {reason!r}: give one of {', '.join(GAP_REASONS)}.")
        self._analyser.gap(round(lost_s * self._analyser.source_rate), reason)

    def finish(self) -> list[WindowEvent]:
        """End the stream, and return the windows that its last samples complete.

        For a sound shorter than a window this is one partial window. After it, nothing can be fed until
        ``reset``. A second call returns an empty list.
        """
        if self._is_finished:
            return []
        self._is_finished = True
        return [stamped(window, at=wall_time()) for window in self._analyser.finish()]

    def reset(self) -> None:
        """Forget the stream, and begin another at time 0."""
        self._analyser.reset()
        self._is_finished = False

    def _check_unfinished(self) -> None:
        if self._is_finished:
            raise ValueError("the stream is finished: reset() begins another")
