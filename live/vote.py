"""The vote: from the probabilities of successive windows to one verdict.

The vote is a weighted geometric mean of the windows' probabilities: log-probabilities are averaged with
weights that decay exponentially with age and are divided by their sum, so that the first windows count
fully. There are two such means. The *lasting* mean covers more time and is more often right; the *recent*
mean reacts faster. When the recent mean clearly contradicts the lasting one, the music has changed, and the
lasting mean is replaced by the recent one. Of the votes that were compared (see docs/training.md), this one
is right most often at the same delay after a change of genre. Every threshold has hysteresis, so that a
verdict near it does not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from live.events import NO_MUSIC, NOT_GENRES, OTHER_MUSIC, Verdict, VoteState

TIME_CONSTANTS_REMEMBERED = 3.0
SHORTEST_MEAN = 0.01  # as a multiple of smooth_s, whatever the bundle says
SMALLEST_PROBABILITY = 1e-4  # so that one window cannot rule out a genre that many others support


@dataclass(frozen=True)
class VoteParameters:
    """The parameters of the vote; a bundle may have its own.

    Attributes
    ----------
    unsure_below : float
        Confidence below which the verdict is ``unsure``.
    no_music_above : float
        Smoothed probability of ``no_music`` above which that is the verdict.
    other_above : float
        Smoothed probability of ``other_music`` above which the verdict is ``other``.
    hysteresis : float
        Distance from a threshold, on the other side, at which a verdict ends again.
    switch_margin : float
        Difference of smoothed probability by which another genre must lead to become the verdict.
    silence_dbfs : float
        RMS level, in dBFS, below which the sound counts as silence.
    silence_s : float
        Seconds of silence after which the verdict is ``silence``.
    recent, lasting : float
        Lengths of the two means, as multiples of the vote's ``smooth_s``.
    change_nats : float
        Lead of another label in the recent mean over the label of the lasting mean, as a difference of mean
        natural log-probabilities, that counts as a change of music.
    """

    unsure_below: float = 0.35
    no_music_above: float = 0.5
    other_above: float = 0.5
    hysteresis: float = 0.05
    switch_margin: float = 0.02
    silence_dbfs: float = -60.0
    silence_s: float = 1.0
    recent: float = 0.6
    lasting: float = 3.0
    change_nats: float = 2.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, float]) -> VoteParameters:
        """Return parameters with the known ones of ``values``; others keep their defaults."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: float(value) for name, value in values.items() if name in known})


class _DecayingMean:
    """A mean of log-probabilities whose weights decay exponentially with age.

    Parameters
    ----------
    labels : int
        Number of labels.
    length_s : float
        Age, in seconds, at which the weight has decayed to exp(−3), about a twentieth.
    """

    def __init__(self, labels: int, length_s: float) -> None:
        self._length_s = length_s
        self._evidence = np.zeros(labels)
        self._weight = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether the total weight is (nearly) 0."""
        return self._weight < 1e-9

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean log-probability of each label [shape=(labels,)]."""
        mean: npt.NDArray[np.float64] = self._evidence / self._weight
        return mean

    def fade(self, elapsed_s: float) -> None:
        """Let the weights decay by ``elapsed_s`` seconds."""
        decay = math.exp(-TIME_CONSTANTS_REMEMBERED * elapsed_s / self._length_s)
        self._evidence *= decay
        self._weight *= decay

    def add(self, log_probabilities: npt.NDArray[np.float64], elapsed_s: float) -> None:
        """Add a window with a weight of ``elapsed_s`` seconds."""
        self._evidence += log_probabilities * elapsed_s
        self._weight += elapsed_s

    def become(self, other: _DecayingMean) -> None:
        """Copy the contents of another mean."""
        self._evidence = other._evidence.copy()
        self._weight = other._weight


class Vote:
    """The running verdict of one stream.

    Parameters
    ----------
    labels : sequence of str
        In the order of the probabilities; ``no_music`` and ``other_music`` are not genres.
    smooth_s : float
        Smoothing time, in seconds. By default the recent mean is 0.6 times as long, the lasting one three
        times.
    parameters : mapping, optional
        See ``VoteParameters``.

    Raises
    ------
    ValueError
        When ``smooth_s`` is not above 0.
    """

    def __init__(
        self, labels: Sequence[str], *, smooth_s: float = 10.0, parameters: Mapping[str, float] | None = None
    ) -> None:
        if smooth_s <= 0:
            raise ValueError("smooth_s must be above 0")
        self.labels = tuple(labels)
        self.smooth_s = smooth_s
        self.parameters = VoteParameters.from_mapping(parameters or {})
        self._genres = [index for index, label in enumerate(self.labels) if label not in NOT_GENRES]
        self._no_music = self.labels.index(NO_MUSIC) if NO_MUSIC in self.labels else None
        self._other = self.labels.index(OTHER_MUSIC) if OTHER_MUSIC in self.labels else None
        self.reset()

    def reset(self) -> None:
        """Forget all windows."""
        recent, lasting = (max(SHORTEST_MEAN, p) for p in (self.parameters.recent, self.parameters.lasting))
        self._recent = _DecayingMean(len(self.labels), recent * self.smooth_s)
        self._lasting = _DecayingMean(len(self.labels), lasting * self.smooth_s)
        self._shares: list[float] | None = None  # the distribution, until the means change
        self._silent_s = self._lost_s = 0.0
        self._state: VoteState = "waiting"
        self._genre: int | None = None

    def gap(self, lost_s: float) -> None:
        """Let the weights decay over ``lost_s`` seconds of lost sound; a long gap resets the verdict."""
        self._fade(lost_s)
        self._lost_s += lost_s  # one loss may be reported in several parts
        if self._lost_s >= self.smooth_s:
            self._lasting.become(self._recent)
            self._state, self._genre = "waiting", None

    def _fade(self, elapsed_s: float) -> None:
        self._shares = None
        self._recent.fade(elapsed_s)
        self._lasting.fade(elapsed_s)

    def _add(self, probabilities: npt.NDArray[np.floating[Any]], elapsed_s: float) -> None:
        logarithms = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST_PROBABILITY))
        self._recent.add(logarithms, elapsed_s)
        self._lasting.add(logarithms, elapsed_s)
        recent = self._recent.mean
        if recent.max() - recent[self._lasting.mean.argmax()] > self.parameters.change_nats:
            self._lasting.become(self._recent)

    @property
    def verdict(self) -> Verdict:
        """The current verdict."""
        shares = self._distribution()
        distribution = dict(zip(self.labels, shares, strict=True))
        genre, confidence = None, 0.0
        if self._genre is not None:
            genre, confidence = self.labels[self._genre], shares[self._genre]
        elif self._state == "unsure":
            confidence = max(shares[index] for index in self._genres)
        elif self._state == "no_music" and self._no_music is not None:
            confidence = shares[self._no_music]
        elif self._state == "other" and self._other is not None:
            confidence = shares[self._other]
        return Verdict(self._state, genre, confidence, distribution)

    def _distribution(self) -> list[float]:
        if self._shares is None:
            if self._lasting.is_empty:
                self._shares = [1 / len(self.labels)] * len(self.labels)
            else:
                mean = self._lasting.mean
                exponentials = np.exp(mean - mean.max())
                self._shares = (exponentials / exponentials.sum()).tolist()
        return self._shares

    def update(
        self, probabilities: npt.NDArray[np.floating[Any]], *, level_dbfs: float, elapsed_s: float
    ) -> Verdict:
        """Add one window, and return the verdict after it.

        Parameters
        ----------
        probabilities : ndarray [shape=(labels,)]
            Of this window; they sum to 1.
        level_dbfs : float
            RMS level of the sound that is new in it.
        elapsed_s : float
            Stream time since the previous window, in seconds.

        Returns
        -------
        Verdict
        """
        threshold = self.parameters.silence_dbfs
        if self._state == "silence":
            threshold += 3.0
        self._fade(elapsed_s)
        self._lost_s = 0.0
        if level_dbfs < threshold:
            self._silent_s += elapsed_s
        else:
            self._silent_s = 0.0
            if self._state == "silence":  # after silence there may be another piece of music
                self._lasting.become(self._recent)
            self._add(probabilities, elapsed_s)
        self._decide()
        return self.verdict

    def _decide(self) -> None:
        if self._silent_s >= self.parameters.silence_s:
            self._state, self._genre = "silence", None
            return
        if self._lasting.is_empty:
            return
        shares, parameters = self._distribution(), self.parameters
        slack = parameters.hysteresis if self._state == "no_music" else 0.0
        if self._no_music is not None and shares[self._no_music] > parameters.no_music_above - slack:
            self._state, self._genre = "no_music", None
            return
        slack = parameters.hysteresis if self._state == "other" else 0.0
        if self._other is not None and shares[self._other] > parameters.other_above - slack:
            self._state, self._genre = "other", None
            return
        best = max(self._genres, key=lambda index: shares[index])
        if self._genre is not None and shares[best] < shares[self._genre] + parameters.switch_margin:
            best = self._genre
        slack = parameters.hysteresis if best == self._genre else 0.0
        if shares[best] >= parameters.unsure_below - slack:
            self._state, self._genre = "genre", best
        else:
            self._state, self._genre = "unsure", None
