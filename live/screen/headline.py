"""The verdict in words, independent of drawing: one large word, and a line of details."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from live.screen.characters import genre_name
from live.snapshot import Snapshot
from live.wording import STATE_NAMES, clock

Tone = Literal["text", "quiet", "faint", "accent", "warning", "alarm"]


@dataclass(frozen=True)
class Phrase:
    """Words in one colour.

    Attributes
    ----------
    text : str
    tone : str
        Name of a colour of the theme; used if there is no ``genre``.
    bold : bool
    genre : str or None
        The genre whose colour they have.
    """

    text: str
    tone: Tone = "text"
    bold: bool = False
    genre: str | None = None


@dataclass(frozen=True)
class Headline:
    """The main message of the screen.

    Attributes
    ----------
    word : Phrase
        The large word.
    confidence : float or None
        The number beside it, 0 to 1.
    details : tuple of Phrase
        The parts of the line below it.
    candidates : tuple of str
        The most likely genres, when the verdict is unsure.
    """

    word: Phrase
    confidence: float | None = None
    details: tuple[Phrase, ...] = ()
    candidates: tuple[str, ...] = ()


def headline(snapshot: Snapshot, paused: bool) -> Headline:
    """Return the verdict, or the reason why there is none, in words."""
    if paused:
        word = _verdict(snapshot).word.text
        return Headline(Phrase(word, "quiet"), details=(Phrase("paused", "warning", bold=True),))
    match snapshot.source_condition:
        case "lost":
            return Headline(Phrase("no source", "alarm"), details=(Phrase(_why_lost(snapshot)),))
        case "muted":
            advice = "only digital silence: input muted, or not permitted?"
            return Headline(Phrase("muted", "warning"), details=(Phrase(advice),))
        case "ended":
            word = "ended" if snapshot.verdict.state == "waiting" else _verdict(snapshot).word.text
            return Headline(Phrase(word, "quiet"), details=(Phrase("ended", bold=True),))
        case _:
            return _verdict(snapshot)


def condition(snapshot: Snapshot, paused: bool) -> Phrase:
    """Return the condition of the source in a word."""
    if paused:
        return Phrase("paused", "warning", bold=True)
    word, tone = _CONDITIONS[snapshot.source_condition]
    return Phrase(word, tone, bold=True)


_CONDITIONS: dict[str, tuple[str, Tone]] = {
    "opening": ("opening", "quiet"),
    "listening": ("listening", "accent"),
    "lost": ("source lost", "alarm"),
    "muted": ("muted", "warning"),
    "ended": ("ended", "quiet"),
}


def likeliest(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the two most likely genres."""
    distribution = snapshot.verdict.distribution
    return tuple(sorted(snapshot.genres, key=lambda genre: -distribution.get(genre, 0.0))[:2])


def percent(value: float | None) -> str:
    """Return a probability or share for display: ``71 %``."""
    return f"{round(100 * value) if value is not None and math.isfinite(value) else 0} %"


def _why_lost(snapshot: Snapshot) -> str:
    if snapshot.source_kind == "microphone":
        return "check its cable; listening goes on by itself"
    return "the stream has stopped"


def _verdict(snapshot: Snapshot) -> Headline:
    """Return the verdict in words."""
    verdict = snapshot.verdict
    match verdict.state:
        case "genre" if verdict.genre is not None:
            return _genre(snapshot, verdict.genre)
        case "unsure":
            return _unsure(snapshot)
        case "other":
            words = f"music of none of its genres · {percent(verdict.confidence)} sure"
            name = Phrase(STATE_NAMES[verdict.state])
            return Headline(name, details=(Phrase(words), *_since(snapshot)))
        case "silence":
            return Headline(_word(snapshot), details=(Phrase("nothing to hear"), *_since(snapshot)))
        case "no_music":
            words = f"sound without music · {percent(verdict.confidence)} sure"
            return Headline(_word(snapshot), details=(Phrase(words), *_since(snapshot)))
        case _:
            opening = snapshot.source_condition == "opening"
            words = "opening the source" if opening else "the first verdict needs a few seconds of sound"
            return Headline(Phrase("listening…", "accent"), details=(Phrase(words, "quiet"),))


def _word(snapshot: Snapshot) -> Phrase:
    """Return the name of a state without a genre."""
    return Phrase(STATE_NAMES[snapshot.verdict.state], "quiet")


def _genre(snapshot: Snapshot, genre: str) -> Headline:
    verdict = snapshot.verdict
    details = [Phrase(f"{percent(verdict.confidence)} sure", bold=True), *_since(snapshot)]
    for other in [other for other in likeliest(snapshot) if other != genre][:1]:
        value = percent(verdict.distribution.get(other))
        details.append(Phrase(f" · runner-up {genre_name(other)} {value}", "quiet"))
    return Headline(Phrase(genre_name(genre), genre=genre), verdict.confidence, tuple(details))


def _unsure(snapshot: Snapshot) -> Headline:
    candidates = likeliest(snapshot)
    details: list[Phrase] = []
    for genre in candidates:
        details.append(Phrase(" or " if details else "", "quiet"))
        value = percent(snapshot.verdict.distribution.get(genre))
        details.append(Phrase(f"{genre_name(genre)} {value}", bold=True, genre=genre))
    return Headline(Phrase("unsure"), details=tuple(details), candidates=candidates)


def _since(snapshot: Snapshot) -> tuple[Phrase, ...]:
    """Return since when the verdict has been the same, ignoring lost sound."""
    verdict = snapshot.verdict
    since_s: float | None = None
    for stretch in reversed(snapshot.timeline):
        if stretch.state == "gap":
            continue
        if (stretch.state, stretch.genre) != (verdict.state, verdict.genre):
            break
        since_s = stretch.start_s
    return () if since_s is None else (Phrase(f" · since {clock(since_s)}", "quiet"),)
