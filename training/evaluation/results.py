"""The typed results of an evaluation, from which card, report, console and ``--json`` are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from live.errors import InputError

from .estimates import Estimate, Votes

NO_VOTES = Votes(np.empty(0), np.empty(0), np.empty(0, dtype=np.bool_))
Figures = dict[str, Any]


class FigureSet:
    """Base class of frozen dataclasses of estimates and counts that can be written to JSON and read again."""

    def to_figures(self) -> tuple[Figures, Figures]:
        """Return the figures, and separately the intervals of those that have one."""
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
        """Return the set of figures and intervals.

        Raises
        ------
        InputError
            When one is missing or not a number.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):  # type: ignore[arg-type]
            if each.type == "Estimate":
                values[each.name] = Estimate.from_json(figures.get(each.name), intervals.get(each.name))
            elif each.type == "int":
                values[each.name] = whole(figures.get(each.name))
        return cls(**values)


def whole(value: Any) -> int:
    """Return a count from JSON; raise InputError if it is not an integer."""
    if not isinstance(value, int):
        raise InputError("A count of the report is not a whole number: make the report again.")
    return value


@dataclass(frozen=True)
class Sureness(FigureSet):
    """The reliability of a bundle's verdicts on one collection.

    Attributes
    ----------
    clips : int
        Number of clips of the model's genres, on which all figures but ``other_named`` are measured.
    clip_accuracy : Estimate
    ece : Estimate
        Expected calibration error of the vote.
    right_when_sure : Estimate
        Accuracy of the verdicts that name a genre with a confidence of at least 70 %.
    sure : Estimate
        Share of the time with such a verdict.
    wrong_name : Estimate
        Share of the time with a wrong genre.
    other_clips : int
        Number of clips of other music.
    other_named : Estimate
        Share of the time of other music in which a genre is named.
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
class NoMusic(FigureSet):
    """How well ``no_music`` is distinguished from music, by clip (mean of its windows), window and vote.

    Attributes
    ----------
    recall, window_recall : Estimate
        Share of ``no_music`` that is recognised.
    false_alarm, window_false_alarm : Estimate
        Share of music that is taken for ``no_music``.
    genre_named_over_3_s : Estimate
        Share of ``no_music`` clips for which the vote names a genre for longer than 3 s.
    clips : int
        Number of ``no_music`` clips.
    """

    recall: Estimate
    window_recall: Estimate
    false_alarm: Estimate
    window_false_alarm: Estimate
    genre_named_over_3_s: Estimate
    clips: int


@dataclass(frozen=True)
class OtherMusic(FigureSet):
    """How well other music is distinguished from the model's genres.

    Attributes
    ----------
    recall : Estimate
        Share of clips of other music that are recognised, by the mean of their windows.
    false_alarm : Estimate
        Share of clips of a genre that are taken for other music.
    genre_named : Estimate
        Share of the time of other music in which the vote names a genre.
    clips : int
        Number of clips of other music.
    """

    recall: Estimate
    false_alarm: Estimate
    genre_named: Estimate
    clips: int


@dataclass(frozen=True)
class Following:
    """How fast the vote follows a change of genre in medleys of two clips.

    Attributes
    ----------
    medleys : int
        Number of medleys in which the second genre was not named before the change.
    followed : float or None
        Share of these in which it was named before the end.
    median_s : float or None
        Median time of those from the change until it was named, in seconds.
    named_before : int
        Number of medleys that are not counted because the second genre was named before the change.
    """

    medleys: int = 0
    followed: float | None = None
    median_s: float | None = None
    named_before: int = 0

    def to_dict(self) -> Figures:
        """Return the object of ``--json``."""
        return {name: getattr(self, name) for name in ("medleys", "followed", "median_s", "named_before")}


@dataclass(frozen=True)
class RoomMeasure(FigureSet):
    """The figures for one kind of room.

    Attributes
    ----------
    rt60_s : float
        Reverberation time, in seconds; 0 without a room.
    direct_db : float
        Direct-to-reverberant energy ratio, in dB.
    clips : int
    clip_accuracy : Estimate
    wrong_name : Estimate
        Share of the time with a wrong genre.
    """

    rt60_s: float
    direct_db: float
    clips: int
    clip_accuracy: Estimate
    wrong_name: Estimate

    def to_dict(self) -> Figures:
        """Return the object of ``--json``."""
        figures, intervals = self.to_figures()
        return {"rt60_s": self.rt60_s, "direct_db": self.direct_db, **figures, "intervals": intervals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RoomMeasure:
        """Return the measure of a dict made by ``to_dict``."""
        intervals = values.get("intervals", {})
        accuracy, wrong = (
            Estimate.from_json(values.get(name), intervals.get(name))
            for name in ("clip_accuracy", "wrong_name")
        )
        rt60_s, direct_db = (Estimate.from_json(values.get(name)).value for name in ("rt60_s", "direct_db"))
        return cls(rt60_s or 0.0, direct_db or 0.0, whole(values.get("clips")), accuracy, wrong)


@dataclass(frozen=True)
class Measures(FigureSet):
    """The figures of a set of clips, clean or through the microphone, and the data for pictures.

    Attributes
    ----------
    clips : int
        Number of clips of the model's genres.
    window_accuracy, clip_accuracy, clip_balanced_accuracy, clip_top3_accuracy, ece : Estimate
    right_when_sure, sure, wrong_name : Estimate
        See ``Sureness``.
    vote_accuracy : mapping of str to Estimate
        By seconds listened.
    per_genre : mapping of str to Estimate
        Clip accuracy.
    confusion : ndarray [shape=(labels, labels)]
        Number of clips; rows are true labels, columns answers.
    no_music : NoMusic or None
    other_music : OtherMusic or None
        None if there was no such clip.
    collections : mapping of str to Sureness
    votes : Votes
        Those of all clips of genres, for pictures; empty when read from JSON.
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
        """Return figures and intervals as the object of ``--json``."""
        figures, intervals = self.to_figures()
        for name in ("vote_accuracy", "per_genre"):
            estimates: Mapping[str, Estimate] = getattr(self, name)
            figures[name] = {key: estimate.value for key, estimate in estimates.items()}
            intervals[name] = {key: estimate.bounds for key, estimate in estimates.items()}
        for name in ("no_music", "other_music"):
            group: FigureSet | None = getattr(self, name)
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
        """Return the measures of a dict made by ``to_dict``; figures missing in older reports are unknown."""
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
    """The evaluation of a bundle on a dataset.

    Attributes
    ----------
    labels : tuple of str
    clean, microphone : Measures
        Of unchanged sound, and through the fixed simulation of a room and a microphone.
    following : Following
    notes : tuple of str
        Sentences for the reader.
    rooms : tuple of RoomMeasure
        Empty if they were not asked for.
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
        """Return the evaluation of a dict made by ``to_dict``.

        Raises
        ------
        InputError
            When it is not such an object.
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
                f"The report's figures cannot be read ({error}): make the report again."
            ) from None
