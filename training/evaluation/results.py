"""What an evaluation finds, as values that card, report, console and ``--json`` are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from live.errors import InputError

from .estimates import Estimate, Votes

NO_VOTES = Votes(np.empty(0), np.empty(0))
Figures = dict[str, Any]


class Group:
    """A frozen dataclass of estimates and counts that can be written as JSON and read again."""

    def to_figures(self) -> tuple[Figures, Figures]:
        """Return the figures and, apart from them, the intervals of those that have one."""
        figures: Figures = {}
        intervals: Figures = {}
        for name in (each.name for each in fields(self)):  # type: ignore[arg-type]  # of dataclasses alone
            value = getattr(self, name)
            if isinstance(value, Estimate):
                figures[name], intervals[name] = value.value, value.bounds
            elif isinstance(value, int):
                figures[name] = value
        return figures, intervals

    @classmethod
    def from_figures(cls, figures: Mapping[str, Any], intervals: Mapping[str, Any]) -> Self:
        """Return the group that figures and intervals stand for.

        Raises
        ------
        InputError
            When one is missing or no number.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):  # type: ignore[arg-type]
            if each.type == "Estimate":
                values[each.name] = Estimate.from_json(figures.get(each.name), intervals.get(each.name))
            elif each.type == "int":
                values[each.name] = whole(figures.get(each.name))
        return cls(**values)


def whole(value: Any) -> int:
    """Return a count that was read from JSON."""
    if not isinstance(value, int):
        raise InputError("A count of the report is no whole number: make the report anew.")
    return value


@dataclass(frozen=True)
class Sureness(Group):
    """How far what a bundle says of one collection can be believed.

    Attributes
    ----------
    clips : int
        Of the model's genres; all figures but ``other_named`` are of them.
    clip_accuracy : Estimate
    ece : Estimate
        Expected calibration error of the vote.
    right_when_sure : Estimate
        Share of the verdicts that state 70 % or more in which the genre named is the right one.
    sure : Estimate
        Share of the time in which such a verdict is given.
    wrong_name : Estimate
        Share of the time in which another genre is named.
    other_clips : int
        Of music that is none of the model's genres.
    other_named : Estimate
        Share of the time in which one of its genres is named all the same.
    """

    clips: int
    clip_accuracy: Estimate
    ece: Estimate
    right_when_sure: Estimate
    sure: Estimate
    wrong_name: Estimate
    other_clips: int
    other_named: Estimate


@dataclass(frozen=True)
class NoMusic(Group):
    """How well no music is told from music: by clip (mean of its windows), by window and by vote.

    Attributes
    ----------
    recall, window_recall : Estimate
        Share of ``no_music`` taken for that.
    false_alarm, window_false_alarm : Estimate
        Share of music taken for ``no_music``.
    genre_named_over_3_s : Estimate
        Share of ``no_music`` clips that the vote gives a genre for longer than 3 s.
    clips : int
    """

    recall: Estimate
    window_recall: Estimate
    false_alarm: Estimate
    window_false_alarm: Estimate
    genre_named_over_3_s: Estimate
    clips: int


@dataclass(frozen=True)
class OtherMusic(Group):
    """How well music that is none of the model's genres is told from them.

    Attributes
    ----------
    recall : Estimate
        Share of its clips taken for that, by the mean of their windows.
    false_alarm : Estimate
        Share of the clips of a genre taken for that.
    genre_named : Estimate
        Share of the time in which the vote names a genre.
    clips : int
    """

    recall: Estimate
    false_alarm: Estimate
    genre_named: Estimate
    clips: int


@dataclass(frozen=True)
class Following:
    """How fast the vote follows a change of genre, on pairs of clips played one after the other.

    Attributes
    ----------
    medleys : int
        Pairs in which the second genre was not named before it began.
    followed : float or None
        Share of them in which it was named before the end.
    median_s : float or None
        Over those, seconds from the change until it was named.
    named_before : int
        Pairs that do not count, the second genre having been named by mistake before the change.
    """

    medleys: int = 0
    followed: float | None = None
    median_s: float | None = None
    named_before: int = 0

    def to_dict(self) -> Figures:
        """Return it as JSON has it."""
        return {name: getattr(self, name) for name in ("medleys", "followed", "median_s", "named_before")}


@dataclass(frozen=True)
class RoomMeasure(Group):
    """What is heard through one kind of room.

    Attributes
    ----------
    rt60_s : float
        Reverberation time, in seconds; 0 without a room.
    direct_db : float
        Direct sound over reverberation, in dB.
    clips : int
    clip_accuracy : Estimate
    wrong_name : Estimate
        Share of the time in which another genre is named.
    """

    rt60_s: float
    direct_db: float
    clips: int
    clip_accuracy: Estimate
    wrong_name: Estimate

    def to_dict(self) -> Figures:
        """Return it as JSON has it."""
        figures, intervals = self.to_figures()
        return {"rt60_s": self.rt60_s, "direct_db": self.direct_db, **figures, "intervals": intervals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RoomMeasure:
        """Read what ``to_dict`` gave."""
        intervals = values.get("intervals", {})
        accuracy, wrong = (
            Estimate.from_json(values.get(name), intervals.get(name))
            for name in ("clip_accuracy", "wrong_name")
        )
        rt60_s, direct_db = (Estimate.from_json(values.get(name)).value for name in ("rt60_s", "direct_db"))
        return cls(rt60_s or 0.0, direct_db or 0.0, whole(values.get("clips")), accuracy, wrong)


@dataclass(frozen=True)
class Measures(Group):
    """Figures of one hearing of a set of clips, and what pictures of them need.

    Attributes
    ----------
    clips : int
        Of the model's genres.
    window_accuracy, clip_accuracy, clip_balanced_accuracy, clip_top3_accuracy, ece : Estimate
    right_when_sure, sure, wrong_name : Estimate
        See ``Sureness``.
    vote_accuracy : mapping of str to Estimate
        By seconds listened.
    per_genre : mapping of str to Estimate
        Clip accuracy.
    confusion : ndarray [shape=(labels, labels)]
        Clips; rows true, columns heard.
    no_music : NoMusic or None
    other_music : OtherMusic or None
        None where there was no such clip.
    collections : mapping of str to Sureness
    votes : Votes
        Of all clips of a genre, for pictures; empty when read from JSON.
    """

    clips: int
    window_accuracy: Estimate
    clip_accuracy: Estimate
    clip_balanced_accuracy: Estimate
    clip_top3_accuracy: Estimate
    ece: Estimate
    right_when_sure: Estimate
    sure: Estimate
    wrong_name: Estimate
    vote_accuracy: Mapping[str, Estimate]
    per_genre: Mapping[str, Estimate]
    confusion: npt.NDArray[np.int64]
    no_music: NoMusic | None = None
    other_music: OtherMusic | None = None
    collections: Mapping[str, Sureness] = field(default_factory=dict)
    votes: Votes = NO_VOTES

    def to_dict(self) -> Figures:
        """Return the figures as ``--json`` has them, their intervals beside them."""
        figures, intervals = self.to_figures()
        for name in ("vote_accuracy", "per_genre"):
            estimates: Mapping[str, Estimate] = getattr(self, name)
            figures[name] = {key: estimate.value for key, estimate in estimates.items()}
            intervals[name] = {key: estimate.bounds for key, estimate in estimates.items()}
        for name in ("no_music", "other_music"):
            group: Group | None = getattr(self, name)
            if group is not None:
                figures[name], intervals[name] = group.to_figures()
        figures["confusion"] = self.confusion.tolist()
        figures["collections"] = {}
        for name, sureness in self.collections.items():
            own, bounds = sureness.to_figures()
            figures["collections"][name] = {**own, "intervals": bounds}
        return {**figures, "intervals": intervals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measures:
        """Read what ``to_dict`` gave; figures that an older report lacks are unknown."""
        intervals = values.get("intervals", {})
        plain: dict[str, Any] = {
            each.name: Estimate.from_json(values.get(each.name), intervals.get(each.name))
            for each in fields(cls)
            if each.type == "Estimate"
        }

        def estimates(name: str) -> dict[str, Estimate]:
            bounds = intervals.get(name, {})
            return {key: Estimate.from_json(value, bounds.get(key)) for key, value in values[name].items()}

        no_music, other = values.get("no_music"), values.get("other_music")
        return cls(
            clips=whole(values.get("clips")),
            **plain,
            vote_accuracy=estimates("vote_accuracy"),
            per_genre=estimates("per_genre"),
            confusion=np.array(values["confusion"], dtype=np.int64),
            no_music=NoMusic.from_figures(no_music, intervals.get("no_music", {})) if no_music else None,
            other_music=OtherMusic.from_figures(other, intervals.get("other_music", {})) if other else None,
            collections={
                name: Sureness.from_figures(own, own.get("intervals", {}))
                for name, own in values.get("collections", {}).items()
            },
        )


@dataclass(frozen=True)
class Evaluation:
    """All that a report says of a bundle on a dataset.

    Attributes
    ----------
    labels : tuple of str
    clean, microphone : Measures
        Sound as it is, and through the fixed simulation.
    following : Following
    notes : tuple of str
        What a reader should know.
    rooms : tuple of RoomMeasure
        Empty where they were not asked for.
    """

    labels: tuple[str, ...]
    clean: Measures
    microphone: Measures
    following: Following = Following()
    notes: tuple[str, ...] = ()
    rooms: tuple[RoomMeasure, ...] = ()

    def to_dict(self) -> Figures:
        """Return the object of ``--json``."""
        rooms = {"rooms": [room.to_dict() for room in self.rooms]} if self.rooms else {}
        return {
            **self.clean.to_dict(),
            "microphone": self.microphone.to_dict(),
            "change_of_genre": self.following.to_dict(),
            "labels": list(self.labels),
            "notes": list(self.notes),
            **rooms,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Read what ``to_dict`` gave.

        Raises
        ------
        InputError
            When it is no such object.
        """
        try:
            return cls(
                labels=tuple(values["labels"]),
                clean=Measures.from_dict(values),
                microphone=Measures.from_dict(values["microphone"]),
                following=Following(**values["change_of_genre"]),
                notes=tuple(values["notes"]),
                rooms=tuple(RoomMeasure.from_dict(room) for room in values.get("rooms", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"The report's figures cannot be read ({error}): make the report anew."
            ) from None
