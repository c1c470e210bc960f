"""The run that evaluates any bundle on any dataset, and reports if the bundle may know the clips."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from live.bundle import BundleDescription
from live.classifier import Classifier
from live.errors import InputError
from live.vote import VoteParameters

from .dataset.clips import letters
from .dataset.features import Features, labels_of
from .dataset.splits import LEAK, SPLITS, Segment, Split, whole_store
from .dataset.store import FeatureStore
from .datasets import DatasetOptions, divide, is_divided_like, known_clips, open_datasets
from .evaluation.metrics import evaluate
from .evaluation.model_card import start_warnings
from .evaluation.record import TrainingRecord
from .evaluation.report import FIGURES_FILE, REPORT_FILE, ReportSubject, write_report
from .evaluation.results import Evaluation
from .evaluation.rooms import measure_rooms
from .run_listener import RunListener

WRITTEN = (REPORT_FILE, FIGURES_FILE, ".png")  # ends of the names of a report's files


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate.

    Attributes
    ----------
    data : DatasetOptions
        Without a split, that of the model is used.
    model : Path
        The bundle.
    part : str
        ``all``, or a part of the split.
    out : Path or None
        Folder for a report.
    seed : int or None
        Seed of the split; None for the model's own.
    rooms : bool
        Whether to evaluate the clips' audio in rooms as well.
    """

    data: DatasetOptions
    model: Path
    part: str = "all"
    out: Path | None = None
    seed: int | None = None
    rooms: bool = False


@dataclass(frozen=True)
class EvaluateResult:
    """The result of an evaluation.

    Attributes
    ----------
    model : str
        The bundle's name.
    part : str
    evaluation : Evaluation
    """

    model: str
    part: str
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``--json``."""
        return {"model": self.model, "part": self.part, **self.evaluation.to_dict()}


@dataclass(frozen=True)
class _Chosen:
    """The clips to evaluate, and notes about them."""

    segments: list[Segment]
    facts: dict[str, str]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def _as_it_was_divided(options: EvaluateOptions, record: TrainingRecord) -> DatasetOptions:
    """Return the options with split and seed of the model, unless the user gave them."""
    split = next((name for name in SPLITS if name == (options.data.split or record.split)), None)
    seed = options.seed if options.seed is not None else record.seed
    return replace(options.data, split=split, seed=seed or 0)


def _warn_of_known_clips(
    record: TrainingRecord, store: FeatureStore, split: Split, part: str
) -> tuple[str, ...]:
    """Return warnings if the model was, or may have been, fitted on the clips of the evaluation."""
    if not is_divided_like(record, store, split):
        return ("The model was fitted on other data, or divided otherwise: it may know some of these clips.",)
    if part in record.fitted_on:
        return (f"The model was fitted on {part} clips: figures on what it knows flatter it.",)
    return start_warnings(record)


def _choose(
    options: EvaluateOptions, description: BundleDescription, features: Features, listener: RunListener
) -> _Chosen:
    """Return the clips to evaluate, with warnings if the model may know them."""
    store, record = features.store, TrainingRecord.read(description.training)
    facts = {
        "Model": f"{description.name}, {len(description.labels)} labels",
        "Dataset": f"{options.data.name}, {len(store)} clips",
    }
    if options.part == "all":
        known = known_clips(record, store, range(len(store)))
        warning = "These clips hold some that the model was fitted on: the figures flatter it."
        return _Chosen(whole_store(store), facts, (warning,) if known else (), features.skipped)
    data = _as_it_was_divided(options, record)
    split = divide(data, store, description.window_frames, listener, only=options.part)
    segments = next(segments for name, segments in split.parts.items() if name == options.part)
    facts["Split"] = f"{split.name}, {options.part} part"
    warnings = (LEAK,) if split.leaks else _warn_of_known_clips(record, store, split, options.part)
    return _Chosen(segments, facts, warnings, (*split.notes, *features.skipped))


def _check_spelling(labels: set[str], known: Sequence[str]) -> None:
    """Check that no label is a different spelling of one that the model knows: it would count as wrong.

    Raises
    ------
    InputError
        When one is.
    """
    spelled = {letters(label): label for label in known}
    for label in sorted(labels - set(known)):
        if (other := spelled.get(letters(label))) is not None:
            raise InputError(f"The label {label!r} is almost the model's {other!r}: rename it to that.")


def _check_report_folder(out: Path) -> None:
    """Raise InputError if a folder holds files that are neither a report nor hidden."""
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    if names and (FIGURES_FILE not in names or any(not name.endswith(WRITTEN) for name in names)):
        raise InputError(
            f"{out} holds other files: give a new or empty folder with --out, or one that holds a report."
        )


def evaluate_bundle(options: EvaluateOptions, listener: RunListener) -> EvaluateResult:
    """Evaluate any bundle on any dataset.

    Parameters
    ----------
    options : EvaluateOptions
    listener : RunListener
        Receives messages and progress.

    Returns
    -------
    EvaluateResult

    Raises
    ------
    InputError
        When the dataset or the bundle cannot be used, or they do not match.
    """
    classifier = Classifier(options.model)
    description = classifier.description
    _check_spelling(set().union(*map(labels_of, options.data.datasets)), description.labels)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)  # before the evaluation, which takes long
        _check_report_folder(options.out)
        with tempfile.TemporaryDirectory(dir=options.out):
            pass
    features = open_datasets(options.data, description.front_end, listener)
    chosen = _choose(options, description, features, listener)
    with listener.progress("Listening") as progress:
        notes = (*chosen.warnings, *chosen.notes)
        evaluation = evaluate(classifier, features.store, chosen.segments, notes=notes, progress=progress)
    if options.rooms:
        with listener.progress("Listening in rooms") as progress:
            rooms = measure_rooms(classifier, features.store, chosen.segments, progress)
        evaluation = replace(evaluation, rooms=rooms)
    if options.out is not None:
        title = f"How well {description.name} hears"
        subject = ReportSubject(title, chosen.facts, chosen.warnings, parts={options.part: evaluation})
        threshold = VoteParameters.from_mapping(description.vote).unsure_below
        write_report(options.out, subject, threshold=threshold)
        listener.notify(f"The report is in {options.out}.")
    return EvaluateResult(description.name, options.part, evaluation)
