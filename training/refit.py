"""The run that fits an evaluated model's recipe again, on training and validation clips together.

The number of epochs, the temperature, the thresholds and the figures come from the first fit, which used
only the training clips. There are no clips left to evaluate the second fit, so it carries the figures of the
first, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from live.bundle import BundleDescription, read_description, write_description
from live.errors import InputError
from live.wording import count_of

from .dataset.clips import UNLABELLED
from .dataset.splits import Split, SplitName, split_store
from .dataset.store import FeatureStore
from .datasets import DatasetOptions, digest_of_files, is_divided_alike, open_datasets
from .evaluation.model_card import model_card, report_subject
from .evaluation.record import RefitRecord, TrainingRecord
from .evaluation.report import GENRES_PICTURE, REPORT_FILE, carry_report, read_report
from .evaluation.results import Evaluation
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
from .network.recipes import RECIPES, Recipe
from .new_bundle import check_new_bundle, checkpoint_path, reserved
from .run_listener import RunListener


@dataclass(frozen=True)
class RefitOptions:
    """The model to fit again.

    Attributes
    ----------
    data : DatasetOptions
        The same datasets; split and seed are those of the model.
    model : Path
        The bundle of the first fit.
    out : Path
        Folder of the new bundle.
    name : str
        Name of the new bundle.
    resume : bool
    """

    data: DatasetOptions
    model: Path
    out: Path
    name: str
    resume: bool = False


@dataclass(frozen=True)
class RefitResult:
    """The new bundle, and the number of clips it was fitted on."""

    bundle: Path
    clips: int

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``--json``."""
        return {"bundle": str(self.bundle), "clips": self.clips}


@dataclass(frozen=True)
class _FirstFit:
    """The complete record of the first fit."""

    description: BundleDescription
    record: TrainingRecord
    recipe: Recipe
    split: SplitName
    seed: int
    epochs: int
    best_epoch: int
    batch_size: int
    parts: dict[str, Evaluation]
    history: FitHistory


def _read_first_fit(model: Path) -> _FirstFit:
    """Read the bundle of the first fit and its report.

    Raises
    ------
    InputError
        When its record is incomplete, or it cannot be fitted again.
    """
    description = read_description(model)
    record = TrainingRecord.read(description.training)
    recipe = RECIPES.get(record.recipe or "")
    needed = (record.split, record.seed, record.epochs, record.best_epoch, record.batch_size)
    if record.refit is not None:
        raise InputError(f"{model} was fitted again already: give the model that it was made from.")
    if recipe is None or None in needed:
        raise InputError(f"{model} cannot be fitted again: it does not name its recipe and split.")
    if record.leaks:
        raise InputError(f"{model} cannot be fitted again: its split leaks, so nothing was measured.")
    if record.merged_from:
        raise InputError(
            f"{model} cannot be fitted again: it is the mean of {len(record.merged_from)} models."
        )
    if record.started_from is not None:
        raise InputError(f"{model} cannot be fitted again: it was started from {record.started_from}.")
    try:
        parts, history = read_report(model / REPORT_FOLDER)
    except (OSError, ValueError, InputError):
        raise InputError(
            f"{model} cannot be fitted again: it lacks its {REPORT_FOLDER}/{REPORT_FILE} or its figures."
        ) from None
    split = cast(SplitName, record.split)
    seed, epochs, best_epoch, batch_size = (cast(int, value) for value in needed[1:])
    return _FirstFit(description, record, recipe, split, seed, epochs, best_epoch, batch_size, parts, history)


def _divide_alike(first: _FirstFit, recipe: Recipe, store: FeatureStore, model: Path) -> Split:
    """Divide the data as for the first fit.

    Raises
    ------
    InputError
        When the data differ.
    """
    split = split_store(store, first.split, window_frames=recipe.window_frames, seed=first.seed)
    labels = {store.label[segment.clip] for part in split.parts.values() for segment in part}
    if tuple(sorted(labels - {UNLABELLED})) != first.description.labels:
        raise InputError(f"{model} was made from data with other labels: give the same datasets.")
    if not is_divided_alike(first.record.dataset, store, split):
        raise InputError(
            f"{model} was made from other data, or they are divided otherwise now: give the same datasets in "
            "the same order."
        )
    return split


def refit(options: RefitOptions, listener: RunListener) -> RefitResult:
    """Fit an evaluated model's recipe on training and validation clips together.

    Parameters
    ----------
    options : RefitOptions
    listener : RunListener
        Receives messages and progress.

    Returns
    -------
    RefitResult

    Raises
    ------
    InputError
        When the model's record is incomplete, or the data differ.
    """
    check_new_bundle(options.out, options.name, listener)
    with reserved(options.out):
        return _refit(options, listener)


def _refit(options: RefitOptions, listener: RunListener) -> RefitResult:
    first = _read_first_fit(options.model)
    labels = first.description.labels
    store = open_datasets(options.data, first.description.front_end, listener).store
    recipe = replace(first.recipe.for_store(store.front_end), patience=None)
    split = _divide_alike(first, recipe, store, options.model)
    joined = [*split.parts["train"], *split.parts["valid"]]
    listener.notify(
        f"Fitting for {count_of(first.best_epoch, 'epoch')} on {count_of(len(joined), 'clip')}: training and "
        "validation together."
    )
    plan = FitPlan(
        recipe=recipe,
        labels=labels,
        seed=first.seed,
        epochs=first.epochs,
        batch_size=first.batch_size,
        description={
            "refit": len(joined), "division": split.digest(store), "files": digest_of_files(store)
        },
        stop_after=first.best_epoch,
    )  # fmt: skip
    training = Crops(store, joined, labels, recipe, seed=first.seed)
    seen = Crops(store, split.parts["valid"], labels, recipe, seed=first.seed)
    checkpoint = Checkpoint(checkpoint_path(options.out))
    if not options.resume:
        checkpoint.remove()
    with listener.fit_progress() as progress:
        network, _ = fit(
            plan, training, seen, checkpoint=checkpoint, resume=options.resume, progress=progress
        )
    with replacing(options.out) as folder:
        write_networks(folder, network, next(seen.validation(32))[0])
        _write_account(folder, options, first, recipe, len(joined))
    checkpoint.remove()
    listener.notify(f"The bundle is in {options.out}; its figures are those of {options.model}.")
    return RefitResult(options.out, len(joined))


def _write_account(folder: Path, options: RefitOptions, first: _FirstFit, recipe: Recipe, clips: int) -> None:
    """Write description, report and card, with the figures of the first fit marked as such."""
    record = replace(first.record, packages=package_versions(), refit=RefitRecord(clips, first.best_epoch))
    content = BundleDescription(
        name=options.name,
        labels=first.description.labels,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        temperature=first.description.temperature,
        vote=first.description.vote,
        training=record.to_dict(),
    )
    write_description(folder, content)
    description = read_description(folder)
    source = options.model / REPORT_FOLDER
    shown = (source / GENRES_PICTURE).is_file()
    subject = report_subject(description, first.parts, history=first.history, shows_genres=shown)
    carry_report(source, folder / REPORT_FOLDER, subject)
    (folder / CARD_FILE).write_text(model_card(description, first.parts), encoding="utf-8")
