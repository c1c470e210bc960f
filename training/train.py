"""The run that makes a model: features, split, fit, export, calibration, evaluation, report, bundle."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from live.bundle import BundleDescription, find_bundle, read_description, write_description
from live.classifier import Classifier
from live.errors import InputError
from live.events import NOT_GENRES, genres_of
from live.vote import VoteParameters
from live.wording import count_of

from .dataset.clips import UNLABELLED, check_labels, remarks_on_labels, remarks_on_lone_clips
from .dataset.features import Features, labels_of, silent_clips
from .dataset.splits import PartName, Split
from .dataset.store import FeatureStore
from .datasets import DatasetOptions, digest_of_files, divide, known_of_part, open_datasets
from .evaluation.calibration import recalibrated_description
from .evaluation.clip_pictures import draw_genres
from .evaluation.metrics import evaluate
from .evaluation.model_card import main_figures, model_card, report_subject, start_warnings
from .evaluation.record import DatasetRecord, StartRecord, TrainingRecord
from .evaluation.report import GENRES_PICTURE, write_report
from .evaluation.results import Evaluation
from .evaluation.streamed_inference import classify_segments
from .evaluation.tables import cell
from .network.batches import Crops
from .network.bundle import (
    CARD_FILE,
    REPORT_FOLDER,
    package_versions,
    replacing,
    write_networks,
)
from .network.fit import Checkpoint, FitPlan, fit
from .network.history import FitHistory
from .network.json_export import check_export, export_json
from .network.recipes import Recipe
from .network.start import Start, gentle, open_start, started
from .new_bundle import check_new_bundle, checkpoint_path, reserved
from .run_listener import RunListener

FEW_CLIPS = 50  # training clips of the median label; with fewer, a fit starts from the shipped model
FROM_NOTHING = "none"
HELD_OUT: tuple[PartName, ...] = ("valid", "test")


@dataclass(frozen=True)
class TrainOptions:
    """What to train.

    Attributes
    ----------
    data : DatasetOptions
    recipe : Recipe
    out : Path
        Folder of the bundle.
    name : str
        Name of the bundle.
    epochs, batch_size : int or None
        None for those of the recipe.
    resume : bool
        Whether to continue an interrupted run.
    export_json : Path or None
        File to which the MFCCs and labels are also written as JSON.
    start_from : str or None
        A model from which the fit starts; ``none`` for random weights; None for the shipped model if there
        are few clips, else random weights.
    """

    data: DatasetOptions
    recipe: Recipe
    out: Path
    name: str
    epochs: int | None = None
    batch_size: int | None = None
    resume: bool = False
    export_json: Path | None = None
    start_from: str | None = None


@dataclass(frozen=True)
class TrainResult:
    """The result of a run.

    Attributes
    ----------
    bundle : Path
    parts : dict of str to Evaluation
        The evaluation of each held-out part.
    """

    bundle: Path
    parts: dict[str, Evaluation]

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``--json``."""
        return {"bundle": str(self.bundle), **{part: e.to_dict() for part, e in self.parts.items()}}


@dataclass(frozen=True)
class _Material:
    """The data and the recipe of a fit.

    Attributes
    ----------
    store : FeatureStore
    split : Split
    labels : tuple of str
    recipe : Recipe
        With the front end of the store.
    remarks : tuple of str
        Sentences about the data, for the report.
    """

    store: FeatureStore
    split: Split
    labels: tuple[str, ...]
    recipe: Recipe
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _FittedNetwork:
    """The result of a fit.

    Attributes
    ----------
    network : keras.Model
    history : FitHistory
    record : TrainingRecord
        Without figures, which are not measured yet.
    examples : ndarray [shape=(windows, frames, n_mfcc)]
        Windows on which the exported networks are compared.
    """

    network: Any
    history: FitHistory
    record: TrainingRecord
    examples: npt.NDArray[np.float32]


def check_measurable(store: FeatureStore, split: Split) -> None:
    """Check, before hours of fitting, that each part to be evaluated has clips of genres.

    Raises
    ------
    InputError
        When the validation or test part has no clip of a genre.
    """
    for part in HELD_OUT:
        present = {store.label[segment.clip] for segment in split.parts[part]}
        if present and not present - {*NOT_GENRES, UNLABELLED}:
            raise InputError(
                f"The split {split.name} leaves no {part} clips of a genre: add recordings, or use another "
                "--split."
            )


def _prepare(options: TrainOptions, features: Features, listener: RunListener) -> _Material:
    """Divide the data, and check that a model can be fitted and evaluated on them."""
    store = features.store
    recipe = options.recipe.for_store(store.front_end)
    check_labels(set(store.label))
    split = divide(options.data, store, recipe.window_frames, listener)
    used = {store.label[segment.clip] for part in split.parts.values() for segment in part}
    check_labels(used)
    check_measurable(store, split)
    if silent := silent_clips(store):
        shown = ", ".join(silent[:3]) + (" …" if len(silent) > 3 else "")
        listener.notify(f"Clips of music that are silent ({len(silent)}) teach nothing: look at {shown}.")
    labels = tuple(sorted(used - {UNLABELLED}))
    return _Material(store, split, labels, recipe, (*split.notes, *features.skipped))


def _choose_start(options: TrainOptions, material: _Material, listener: RunListener) -> Start | None:
    """Return the model from which the fit starts, and report it; None for random weights."""
    if options.start_from == FROM_NOTHING:
        return None
    recipe, store = material.recipe, material.store
    if options.start_from is not None:
        start = open_start(find_bundle(options.start_from), recipe.front_end, recipe.window_frames)
    else:
        clips = Counter(store.label[segment.clip] for segment in material.split.parts["train"])
        few = median(clips[label] for label in genres_of(material.labels))
        if few >= FEW_CLIPS or not recipe.starts_from:
            return None
        try:
            start = open_start(find_bundle(recipe.starts_from), recipe.front_end, recipe.window_frames)
        except InputError:  # there is no shipped model, or its front end differs
            return None
        listener.notify(
            f"There are few clips to fit on ({few:g} a label), so the fit starts from {recipe.starts_from}, "
            f"which has heard more; --start-from {FROM_NOTHING} begins from nothing."
        )
    listener.notify(f"Starting from {start.description.name}: its front and its LSTM, with a new head.")
    for remark in remarks_on_start(start.description, material.labels):
        listener.notify(remark)
    return start


def remarks_on_start(description: BundleDescription, labels: Sequence[str]) -> list[str]:
    """Return a sentence if the new model will not know genres that the one it starts from knows."""
    lost = set(genres_of(description.labels)) - set(labels)
    if not lost:
        return []
    return [
        f"The new model will know only the {count_of(len(labels), 'label')} of the data: {description.name} "
        f"has {count_of(len(lost), 'genre')} more."
    ]


def _started(record: TrainingRecord, start: Start, material: _Material) -> TrainingRecord:
    """Return the record of a fit with what the model from which it started may know of the clips."""
    before = TrainingRecord.read(start.description.training)
    knows = sum(len(known_of_part(before, material.store, material.split, part)) for part in HELD_OUT)
    return replace(
        record,
        dataset=replace(record.dataset, digests=record.dataset.digests | before.dataset.digests),
        started_from=start.description.name,
        start=StartRecord(before.names_known, before.lists_known, knows),
    )


def _plan(options: TrainOptions, material: _Material, start: Start | None) -> FitPlan:
    store, split, recipe = material.store, material.split, material.recipe
    begun = {} if start is None else {"started_from": start.description.sha256}
    return FitPlan(
        recipe=recipe,
        labels=material.labels,
        seed=options.data.seed,
        epochs=options.epochs or recipe.epochs,
        batch_size=options.batch_size or recipe.batch_size,
        description={
            "split": split.name,
            "division": split.digest(store),
            "files": digest_of_files(store),
            **begun,
        },
    )


def _interrupted_fit(options: TrainOptions, listener: RunListener) -> Checkpoint:
    """Return the checkpoint of the run, and report whether the fit continues or begins again."""
    checkpoint = Checkpoint(checkpoint_path(options.out))
    if checkpoint.path.exists():
        if options.resume:
            listener.notify("Going on where the interrupted training stood.")
        else:
            checkpoint.remove()
    elif options.resume:
        listener.notify("There is no interrupted training to resume; beginning anew.")
    return checkpoint


def _record(
    options: TrainOptions,
    material: _Material,
    plan: FitPlan,
    history: FitHistory,
    parameters: int,
    windows: int,
) -> TrainingRecord:
    """Return the record of the fit for card, report and bundle."""
    store, split = material.store, material.split
    return TrainingRecord(
        dataset=DatasetRecord(
            name=options.data.name,
            clips=len(store),
            parts={part: len(segments) for part, segments in split.parts.items()},
            division=split.digest(store),
            collections=Counter(store.collection_of(clip) for clip in range(len(store))),
            digests=frozenset(
                store.clip_digest(clip)
                for clip in {segment.clip for part in ("train", "valid") for segment in split.parts[part]}
            ),
        ),
        split=split.name,
        leaks=split.leaks,
        recipe=material.recipe.name,
        seed=plan.seed,
        epochs=plan.epochs,
        best_epoch=history.best_epoch,
        batch_size=plan.batch_size,
        packages=package_versions(),
        parameters=parameters,
        windows=windows,
        remarks=material.remarks,
    )


def train(options: TrainOptions, listener: RunListener) -> TrainResult:
    """Fit a recipe on a dataset, and write the bundle with its report.

    Parameters
    ----------
    options : TrainOptions
    listener : RunListener

    Raises
    ------
    InputError
        When the dataset cannot be used, or the bundle cannot be written.
    """
    _check_beforehand(options, listener)
    with reserved(options.out):
        return _train(options, listener)


def _train(options: TrainOptions, listener: RunListener) -> TrainResult:
    features = open_datasets(options.data, options.recipe.front_end, listener)
    material = _prepare(options, features, listener)
    if options.export_json is not None:
        check_export(options.export_json, options.out)  # again: the reading may have made this file
        with listener.progress("Writing the MFCCs") as progress:
            export_json(options.export_json, material.store, material.recipe, progress)
        listener.notify(f"The MFCCs and labels are in {options.export_json}.")
    fitted = _fit(options, material, listener)
    parts = _write_bundle(options, material, fitted, listener)
    Checkpoint(checkpoint_path(options.out)).remove()
    for part, found in parts.items():
        listener.notify(_accuracy_in_words(part, found))
    listener.notify(f"The bundle is in {options.out}, its report in {options.out / REPORT_FOLDER}.")
    return TrainResult(options.out, parts)


def _accuracy_in_words(part: str, found: Evaluation) -> str:
    clean, heard = (cell(measured.clip_accuracy) for measured in (found.clean, found.microphone))
    clips = count_of(found.clean.clips, f"{part} clip")
    return f"Right of {clips}: {clean}; through a simulated microphone: {heard}."


def _check_beforehand(options: TrainOptions, listener: RunListener) -> None:
    """Check what can be checked before the audio is read, which takes long, and report what is odd."""
    check_new_bundle(options.out, options.name, listener)
    if options.export_json is not None:
        check_export(options.export_json, options.out)
    if options.start_from not in (None, FROM_NOTHING):
        find_bundle(str(options.start_from))
    labels_by_dataset = {dataset: labels_of(dataset) for dataset in options.data.datasets}
    labels = set().union(*labels_by_dataset.values())
    check_labels(labels)
    remarks = [remarks_on_lone_clips(*each) for each in labels_by_dataset.items()]
    for remark in [*itertools.chain(*remarks), *remarks_on_labels(labels)]:
        listener.notify(remark)


def _fit(options: TrainOptions, material: _Material, listener: RunListener) -> _FittedNetwork:
    """Fit the recipe, from a model if one is chosen as the start."""
    store, split, recipe = material.store, material.split, material.recipe
    start = _choose_start(options, material, listener)
    if start is not None:
        recipe = gentle(recipe)
    plan = _plan(options, replace(material, recipe=recipe), start)
    training = Crops(store, split.parts["train"], material.labels, recipe, seed=plan.seed)
    validation = Crops(store, split.parts["valid"], material.labels, recipe, seed=plan.seed)
    if start is not None:
        plan = replace(plan, recipe=started(recipe, start, training, plan.batch_size))
    checkpoint = _interrupted_fit(options, listener)
    with listener.fit_progress() as fit_progress:
        network, history = fit(
            plan, training, validation, checkpoint=checkpoint, resume=options.resume, progress=fit_progress
        )
    record = _record(options, material, plan, history, network.count_params(), training.windows_in_epoch)
    if start is not None:
        record = _started(record, start, material)
        for warning in start_warnings(record):
            listener.notify(warning)
    return _FittedNetwork(network, history, record, examples=next(validation.validation(32))[0])


def _write_bundle(
    options: TrainOptions, material: _Material, fitted: _FittedNetwork, listener: RunListener
) -> dict[str, Evaluation]:
    """Write the calibrated bundle with its report, and return the evaluation of each held-out part."""
    recipe, record = material.recipe, fitted.record
    content = BundleDescription(
        name=options.name,
        labels=material.labels,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        vote=recipe.vote,
        training=record.to_dict(),
    )
    with replacing(options.out) as folder:
        write_networks(folder, fitted.network, fitted.examples)
        content = _calibrate(folder, content, material, listener)
        parts = _measure(folder, material, listener)
        record = replace(record, metrics={part: main_figures(found) for part, found in parts.items()})
        write_description(folder, replace(content, training=record.to_dict()))
        _write_report(folder, material, fitted.history, parts)
    return parts


def _calibrate(
    folder: Path, content: BundleDescription, material: _Material, listener: RunListener
) -> BundleDescription:
    """Choose temperature and thresholds on the validation part, and write them."""
    write_description(folder, content)
    listener.notify("Calibrating on the validation part.")
    uncalibrated = Classifier(folder)
    classified = list(classify_segments(uncalibrated, material.store, material.split.parts["valid"]))
    chosen = recalibrated_description(classified, uncalibrated.description)
    content = replace(content, temperature=chosen.temperature, vote=chosen.vote)
    write_description(folder, content)
    return content


def _measure(folder: Path, material: _Material, listener: RunListener) -> dict[str, Evaluation]:
    """Return the evaluation of each held-out part."""
    classifier = Classifier(folder)
    parts: dict[str, Evaluation] = {}
    for part in HELD_OUT:
        segments = material.split.parts[part]
        if segments:
            with listener.progress(f"Measuring the {part} part") as progress:
                parts[part] = evaluate(
                    classifier, material.store, segments, notes=material.split.notes, progress=progress
                )
    return parts


def _write_report(
    folder: Path, material: _Material, history: FitHistory, parts: dict[str, Evaluation]
) -> None:
    description = read_description(folder)
    report = folder / REPORT_FOLDER
    report.mkdir()
    draw_genres(material.store, material.split.parts["valid"], description, report / GENRES_PICTURE)
    subject = report_subject(description, parts, history=history, shows_genres=True)
    threshold = VoteParameters.from_mapping(description.vote).unsure_below
    write_report(report, subject, threshold=threshold)
    (folder / CARD_FILE).write_text(model_card(description, parts), encoding="utf-8")
