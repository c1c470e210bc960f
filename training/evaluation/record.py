"""The record of how a model was made, which ``bundle.json`` holds under ``training``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..dataset.splits import FAULT_FILTERED, PARTS
from ..dataset.store import DIGEST_BYTES

Value = TypeVar("Value")


MOST_DIGESTS = 20_000  # of eight characters, in a file of bounded size


def _digests(joined: str) -> frozenset[str]:
    """Return the single digests of a text in which they follow each other."""
    length = 2 * DIGEST_BYTES
    return frozenset(joined[at : at + length] for at in range(0, len(joined), length))


@dataclass(frozen=True)
class DatasetRecord:
    """The data that a model was fitted and validated on.

    Attributes
    ----------
    name : str
        The datasets' names, joined by `` + ``.
    clips : int or None
    parts : mapping of str to int
        Number of clips, or segments, in each part of the split.
    division : str or None
        Digest of the division; see ``Split.digest``.
    collections : mapping of str to int
        Number of clips of each dataset.
    digests : frozenset of str
        Of the clips that the model, or the one from which its fit started, was fitted or validated on; see
        ``FeatureStore.clip_digest``. Empty if they are unknown, or very many.
    """

    name: str = ""
    clips: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    division: str | None = None
    collections: Mapping[str, int] = field(default_factory=dict)
    digests: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """The names of the single datasets."""
        return set(self.name.split(" + ")) if self.name else set()

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``bundle.json``."""
        own: dict[str, Any] = {"name": self.name, "clips": self.clips, **self.parts}
        digests = "".join(sorted(self.digests)) if len(self.digests) <= MOST_DIGESTS else ""
        own |= {"division": self.division, "collections": dict(self.collections)}
        return own | ({"digests": digests} if digests else {})


@dataclass(frozen=True)
class StartRecord:
    """The knowledge of the model from which a fit started, as far as the digests of clips do not tell it.

    Attributes
    ----------
    names : frozenset of str
        Datasets whose clips it may know.
    lists : frozenset of str
        Parts of GTZAN's lists that it was fitted on.
    knows : int
        Number of held-out clips of the new fit that it was, or may have been, fitted or validated on.
    """

    names: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    knows: int = 0


@dataclass(frozen=True)
class RefitRecord:
    """The second fit of a recipe, on training and validation clips together.

    Attributes
    ----------
    clips, epochs : int
    """

    clips: int
    epochs: int


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was made; unknown values, as in bundles of other or older programs, are None or empty.

    Attributes
    ----------
    dataset : DatasetRecord
    split : str or None
    leaks : bool
    recipe : str or None
    seed, epochs, best_epoch, batch_size : int or None
    packages : mapping of str to str
        Versions of Python and packages.
    started_from : str or None
        The name of the model from which the fit started.
    start : StartRecord
    parameters, windows : int or None
        Number of the network's parameters, and of windows in an epoch.
    metrics : mapping of str to mapping
        The main figures, by part.
    remarks : tuple of str
        Sentences about clips left out and similar.
    refit : RefitRecord or None
    merged_from : tuple of str
        The names of the models whose mean the network gives; empty for a single fit.
    teachers : int or None
        Number of wider networks whose answers the network was fitted to; None for a fit on labels alone.
    folds : int or None
        Number of further fits with which the figures were measured, by cross-validation.
    """

    dataset: DatasetRecord = DatasetRecord()
    split: str | None = None
    leaks: bool = False
    recipe: str | None = None
    seed: int | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    batch_size: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    started_from: str | None = None
    start: StartRecord = StartRecord()
    parameters: int | None = None
    windows: int | None = None
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    refit: RefitRecord | None = None
    merged_from: tuple[str, ...] = ()
    teachers: int | None = None
    folds: int | None = None

    @property
    def fitted_on(self) -> tuple[str, ...]:
        """The parts of the split on whose clips the weights were fitted."""
        return ("train", "valid") if self.refit else ("train",)

    @property
    def names_known(self) -> frozenset[str]:
        """The datasets whose clips the model may know, although no digests tell so."""
        own = () if self.dataset.digests else self.dataset.names
        return self.start.names.union(own)

    @property
    def lists_known(self) -> frozenset[str]:
        """The parts of GTZAN's lists that the model was fitted on."""
        own = self.fitted_on if self.split == FAULT_FILTERED else ()
        return self.start.lists.union(own)

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``bundle.json``."""
        again = None
        if self.refit is not None:
            again = {"clips": self.refit.clips, "epochs": self.refit.epochs, "metrics_of": METRICS_OF}
        return {
            "dataset": self.dataset.to_dict(),
            "split": self.split,
            "leaks": self.leaks,
            "recipe": self.recipe,
            "started_from": self.started_from,
            **({} if self.start == StartRecord() else {"start": _start_to_dict(self.start)}),
            "seed": self.seed,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "batch_size": self.batch_size,
            "parameters": self.parameters,
            "windows": self.windows,
            "packages": dict(self.packages),
            "metrics": {part: dict(figures) for part, figures in self.metrics.items()},
            "remarks": list(self.remarks),
            **({} if again is None else {"refit": again}),
            **({"merged_from": list(self.merged_from)} if self.merged_from else {}),
            **({} if self.teachers is None else {"teachers": self.teachers}),
            **({} if self.folds is None else {"folds": self.folds}),
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> TrainingRecord:
        """Return the record of ``bundle.json``; values of a wrong type count as unknown."""
        dataset = _mapping(values.get("dataset"))
        again, start = _mapping(values.get("refit")), _mapping(values.get("start"))
        return cls(
            dataset=DatasetRecord(
                name=_of(str, dataset.get("name")) or "",
                clips=_of(int, dataset.get("clips")),
                parts={part: dataset[part] for part in PARTS if isinstance(dataset.get(part), int)},
                division=_of(str, dataset.get("division")),
                collections=_mapping_of(int, dataset.get("collections")),
                digests=_digests(_of(str, dataset.get("digests")) or ""),
            ),
            split=_of(str, values.get("split")),
            leaks=bool(values.get("leaks")),
            recipe=_of(str, values.get("recipe")),
            seed=_of(int, values.get("seed")),
            epochs=_of(int, values.get("epochs")),
            best_epoch=_of(int, values.get("best_epoch")),
            batch_size=_of(int, values.get("batch_size")),
            packages=_mapping_of(str, values.get("packages")),
            started_from=_of(str, values.get("started_from")),
            start=StartRecord(
                names=frozenset(map(str, _of(list, start.get("names")) or ())),
                lists=frozenset(part for part in PARTS if part in (_of(list, start.get("lists")) or ())),
                knows=_of(int, start.get("knows")) or 0,
            ),
            parameters=_of(int, values.get("parameters")),
            windows=_of(int, values.get("windows")),
            metrics=_mapping_of(dict, values.get("metrics")),
            remarks=tuple(map(str, _of(list, values.get("remarks")) or ())),
            refit=RefitRecord(_of(int, again.get("clips")) or 0, _of(int, again.get("epochs")) or 0)
            if "refit" in values
            else None,
            merged_from=tuple(map(str, _of(list, values.get("merged_from")) or ())),
            teachers=_of(int, values.get("teachers")),
            folds=_of(int, values.get("folds")),
        )


METRICS_OF = "the fit on training clips alone"


def _start_to_dict(start: StartRecord) -> dict[str, Any]:
    return {"names": sorted(start.names), "lists": sorted(start.lists), "knows": start.knows}


def _of(kind: type[Value], value: Any) -> Value | None:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _mapping_of(kind: type[Value], value: Any) -> Mapping[str, Value]:
    return {name: each for name, each in _mapping(value).items() if isinstance(each, kind)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
