"""Measuring any bundle on any dataset, and saying what the bundle may know of it already."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from live.classifier import BundleDescription, Classifier
from live.vote import VoteParameters

from .dataset.splits import LEAK, SPLITS, Split, gtzan_id, published_lists, whole_store
from .dataset.store import FeatureStore
from .evaluation.metrics import Evaluation, evaluate
from .evaluation.report import ReportSubject, write_report
from .train import DatasetOptions, TrainingListener, divide, open_datasets


def _as_it_was_divided(
    data: DatasetOptions, seed: int | None, description: BundleDescription
) -> DatasetOptions:
    """Take split and seed from the model where the user gave none."""
    split = description.training.get("split") if data.split is None else data.split
    if seed is None:
        told = description.training.get("seed")
        seed = told if isinstance(told, int) else 0
    return replace(data, split=split if split in SPLITS else None, seed=seed)


def _warn_of_known_clips(
    description: BundleDescription, store: FeatureStore, split: Split, part: str
) -> tuple[str, ...]:
    """Sentences for when the model was, or may have been, fitted on the clips that it is measured on."""
    told = description.training
    dataset = told.get("dataset")
    same_lists = split.name == told.get("split") == "fault-filtered" and all(map(gtzan_id, store.clip))
    if not same_lists and not (isinstance(dataset, dict) and is_divided_alike(dataset, store, split)):
        return ("The model was fitted on other data, or divided otherwise: it may know some of these clips.",)
    fitted_on = ("train", "valid") if "refit" in told else ("train",)
    if part in fitted_on:
        return (f"The model was fitted on {part} clips: figures on what it knows flatter it.",)
    return ()


def _holds_known_clips(description: BundleDescription, data: DatasetOptions, store: FeatureStore) -> bool:
    """Whether a model was fitted on some of a store's clips, by the datasets' names and GTZAN's lists."""
    told = description.training
    dataset = told.get("dataset")
    names = str(dataset.get("name")).split(" + ") if isinstance(dataset, dict) else []
    if set(names) & set(data.name.split(" + ")):
        return True
    if told.get("split") != "fault-filtered":
        return False
    lists = published_lists()
    known = {*lists["train"], *(lists["valid"] if "refit" in told else ())}
    return not known.isdisjoint(map(gtzan_id, store.clip))


def is_divided_alike(dataset: Mapping[str, Any], store: FeatureStore, split: Split) -> bool:
    """Whether a model's account of its data fits a store and its division; older ones tell counts alone."""
    if "division" in dataset:
        return bool(dataset["division"] == split.digest(store))
    counts = {"clips": len(store)} | {str(part): len(segments) for part, segments in split.parts.items()}
    return all(dataset.get(name) == count for name, count in counts.items())


def evaluate_bundle(
    data: DatasetOptions,
    model: Path,
    part: str,
    out: Path | None,
    listener: TrainingListener,
    *,
    seed: int | None = None,
) -> tuple[dict[str, Any], Evaluation]:
    """Measure any bundle on any dataset.

    Parameters
    ----------
    data : DatasetOptions
        Where it names no split, the model's own divides.
    model : Path
        The bundle.
    part : str
        ``all``, or a part of the split.
    out : Path or None
        Folder for a report.
    seed : int, optional
        Of the division; the model's own without it.

    Returns
    -------
    dict
        The object of ``--json``.
    Evaluation
    """
    classifier = Classifier(model)
    description = classifier.description
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # now, for measuring takes its time
        with tempfile.TemporaryDirectory(dir=out):
            pass
    features = open_datasets(data, description.front_end, listener)
    store = features.store
    facts = {
        "Model": f"{description.name}, {len(description.labels)} labels",
        "Dataset": f"{data.name}, {len(store)} clips",
    }
    warnings: tuple[str, ...] = ()
    if part == "all":
        segments, notes = whole_store(store), tuple(features.skipped)
        if _holds_known_clips(description, data, store):
            warnings = ("These clips hold some that the model was fitted on: the figures flatter it.",)
    else:
        data = _as_it_was_divided(data, seed, description)
        split = divide(data, store, description.window_frames, listener, only=part)
        segments = next(segments for name, segments in split.parts.items() if name == part)
        notes = (*split.notes, *features.skipped)
        facts["Split"] = f"{split.name}, {part} part"
        warnings = (LEAK,) if split.leaks else _warn_of_known_clips(description, store, split, part)
    with listener.progress("Listening") as progress:
        evaluation = evaluate(classifier, store, segments, notes=(*warnings, *notes), progress=progress)
    if out is not None:
        subject = ReportSubject(
            f"How well {description.name} hears", facts, warnings, parts={part: evaluation}
        )
        threshold = VoteParameters.from_mapping(description.vote).unsure_below
        write_report(out, subject, threshold=threshold)
        listener.say(f"The report is in {out}.")
    return {"model": description.name, "part": part, **evaluation.to_dict()}, evaluation
