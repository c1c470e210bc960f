"""``--only`` and ``--min-confidence``: the filter for verdicts that go to other programs.

A genre that is not in ``--only`` is sent as the state ``other``; one below the minimum confidence is sent
as ``unsure``. So a program that remembers the last verdict never remembers an outdated one. A genre that
was sent stays until its confidence is below the minimum by ``SLACK``, so that a verdict near the threshold
does not flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from live.errors import InputError
from live.events import NO_MUSIC, Event, Verdict, VoteState, WindowEvent, genres_of

SLACK = 0.05
STATES = tuple(state for state in get_args(VoteState) if state not in ("genre", "waiting"))


def read_names(text: str, labels: Sequence[str], models: Sequence[str]) -> tuple[str, ...]:
    """Return the genres and states that ``--only`` names, in the models' spelling.

    Parameters
    ----------
    text : str
        Names separated by commas, in upper or lower case.
    labels : sequence of str
        The labels of all models in use.
    models : sequence of str
        Their names, for the error.

    Raises
    ------
    InputError
        When one of them is neither a genre of a model nor a state.
    """
    known = {name.casefold(): name for name in (*STATES, *genres_of(labels))}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name.casefold() not in known:
            genres = ", ".join(genres_of(labels)[:20])
            if len(models) == 1:
                raise InputError(f"--only: the model {models[0]} has no genre {name!r}: it has {genres}.")
            raise InputError(f"--only: none of the models has a genre {name!r}: they have {genres}.")
    if not names:
        raise InputError("--only takes genres, separated by commas, such as --only jazz,blues.")
    return tuple(dict.fromkeys(known[name.casefold()] for name in names))


class VerdictFilter:
    """Filters verdicts by genre and confidence.

    Parameters
    ----------
    only : sequence of str
        Genres and states to send; empty for all.
    min_confidence : float
        Lowest confidence of a genre, 0 to 1.
    """

    def __init__(self, only: Sequence[str] = (), min_confidence: float = 0.0) -> None:
        self._only = frozenset(only)
        self._genres = self._only.difference(STATES)
        self._min_confidence = min_confidence
        self._told: dict[str | None, str | None] = {}  # the genre sent last, by source

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to filter."""
        return bool(self._only) or self._min_confidence > 0

    def runs_for(self, verdict: Verdict) -> bool:
        """Return whether ``--on-change`` runs for a filtered verdict."""
        if not self.is_wanted:
            return True
        return verdict.state == "genre" or verdict.state in self._only

    def __call__(self, event: Event) -> Event:
        """Return the event with its verdict filtered."""
        if not isinstance(event, WindowEvent) or not self.is_wanted:
            return event
        vote = self._filter(event.vote, self._told.get(event.source))
        self._told[event.source] = vote.genre
        return event if vote is event.vote else replace(event, vote=vote)

    def _filter(self, vote: Verdict, told: str | None) -> Verdict:
        if vote.genre is None:
            return vote
        if self._only and vote.genre not in self._genres:
            shares = vote.distribution.items()
            rest = sum(share for label, share in shares if label not in (*self._genres, NO_MUSIC))
            return replace(vote, state="other", genre=None, confidence=min(1.0, rest))
        slack = SLACK if vote.genre == told else 0.0
        if vote.confidence < self._min_confidence - slack:
            return replace(vote, state="unsure", genre=None)
        return vote
