"""Fitting a measured recipe once more, on its training and validation clips together.

What was learnt of the recipe (when to stop, the temperature, the figures) comes from the fit that saw the
training clips alone. Nothing is left to measure the second fit on, so it carries the first one's figures and
says so.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from live.classifier import BundleDescription, read_description
from live.errors import InputError

from .dataset.clips import UNLABELLED
from .dataset.splits import SplitName, split_store
from .evaluate import is_divided_alike
from .network.batches import Crops
from .network.bundle import (
    CARD_FILE,
    REPORT_FOLDER,
    BundleContent,
    check_destination,
    package_versions,
    replacing,
    write_description,
    write_networks,
)
from .network.fit import Checkpoint, FitPlan, fit
from .network.recipes import RECIPES
from .train import (
    DatasetOptions,
    TrainingListener,
    check_name,
    checkpoint_path,
    digest_of_files,
    open_datasets,
    open_teacher,
    say_if_replaced,
)


@dataclass(frozen=True)
class RefitOptions:
    """What to fit again.

    Attributes
    ----------
    data : DatasetOptions
        The same datasets; split and seed are the model's own.
    model : Path
        The bundle whose recipe was measured.
    out : Path
        The new bundle.
    name : str
        Its name.
    resume : bool
    teacher : Path or None
        As it was given to the first fit.
    """

    data: DatasetOptions
    model: Path
    out: Path
    name: str
    resume: bool = False
    teacher: Path | None = None


def _first_fit(description: BundleDescription, options: RefitOptions) -> dict[str, Any]:
    """What the first fit says of itself, checked."""
    facts = dict(description.training)
    needed = {"split", "seed", "epochs", "best_epoch", "batch_size"}
    if facts.get("recipe") not in RECIPES or not needed <= set(facts) or "refit" in facts:
        raise InputError(f"{options.model} cannot be fitted again: it does not name its recipe and split.")
    if facts.get("leaks"):
        raise InputError(f"{options.model} cannot be fitted again: its split leaks, so nothing was measured.")
    if bool(facts.get("teacher")) != (options.teacher is not None):
        raise InputError("Give the same --teacher as to the first fit, or none where it had none.")
    for name in (CARD_FILE, f"{REPORT_FOLDER}/report.md"):
        if not (options.model / name).is_file():
            raise InputError(f"{options.model} cannot be fitted again: it lacks its {name}.")
    return facts


def refit(options: RefitOptions, listener: TrainingListener) -> dict[str, Any]:
    """Fit a measured model's recipe on training and validation clips together.

    Returns
    -------
    dict
        ``bundle``, the folder, and ``clips``, how many it was fitted on.

    Raises
    ------
    InputError
        When the model does not tell how it was made, or the data are others.
    """
    check_destination(options.out)
    check_name(options.name)
    say_if_replaced(options.out, listener)
    description = read_description(options.model)
    facts = _first_fit(description, options)
    epochs, best_epoch, seed = (int(facts[name]) for name in ("epochs", "best_epoch", "seed"))
    features = open_datasets(options.data, description.front_end, listener)
    store = features.store
    recipe = replace(RECIPES[facts["recipe"]].for_store(store.front_end), patience=None)
    split = split_store(store, cast(SplitName, facts["split"]), window_frames=recipe.window_frames, seed=seed)
    labels = tuple(sorted({store.label[segment.clip] for part in split.parts.values() for segment in part}))
    if tuple(label for label in labels if label != UNLABELLED) != description.labels:
        raise InputError(f"{options.model} was made from data with other labels: give the same datasets.")
    if not is_divided_alike(facts.get("dataset") or {}, store, split):
        raise InputError(
            f"{options.model} was made from other data, or they are divided otherwise now: give the same "
            "datasets in the same order."
        )
    joined = [*split.parts["train"], *split.parts["valid"]]
    listener.say(f"Fitting for {best_epoch} epochs on {len(joined)} clips: training and validation together.")
    teacher = open_teacher(options.teacher, recipe)
    plan = FitPlan(
        recipe=recipe,
        labels=description.labels,
        seed=seed,
        epochs=epochs,
        batch_size=int(facts["batch_size"]),
        description={
            "refit": len(joined),
            "division": split.digest(store),
            "files": digest_of_files(store),
        },
        teacher=teacher,
        stop_after=best_epoch,
    )
    training = Crops(store, joined, description.labels, recipe, seed=seed, teacher=teacher)
    seen = Crops(store, split.parts["valid"], description.labels, recipe, seed=seed)
    checkpoint = Checkpoint(checkpoint_path(options.out))
    if not options.resume:
        checkpoint.remove()
    with listener.fit_progress() as progress:
        network, _ = fit(
            plan, training, seen, checkpoint=checkpoint, resume=options.resume, progress=progress
        )
    content = BundleContent(
        name=options.name,
        labels=description.labels,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        temperature=description.temperature,
        vote=description.vote,
        training={
            **facts,
            "packages": package_versions(),
            "refit": {
                "clips": len(joined),
                "epochs": best_epoch,
                "metrics_of": "the fit on training clips alone",
            },
        },
    )
    with replacing(options.out) as folder:
        write_networks(folder, network, next(seen.validation(32))[0])
        write_description(folder, content)
        shutil.copytree(options.model / REPORT_FOLDER, folder / REPORT_FOLDER)
        _say_so(options.model, folder, options.name, f"{len(joined)} clips, {best_epoch} epochs")
    checkpoint.remove()
    listener.say(f"The bundle is in {options.out}; its figures are those of {options.model}.")
    return {"bundle": str(options.out), "clips": len(joined)}


def _say_so(model: Path, folder: Path, name: str, fitted_on: str) -> None:
    """Write the model card and the report's head: whose figures these are."""
    note = (
        f"> These weights were fitted on training and validation clips together ({fitted_on}). The figures "
        "are those of the same recipe fitted on the training clips alone, to which the validation clips were "
        "new."
    )
    for source, target in (
        (model / CARD_FILE, folder / CARD_FILE),
        (model / REPORT_FOLDER / "report.md", folder / REPORT_FOLDER / "report.md"),
    ):
        _, _, rest = source.read_text(encoding="utf-8").partition("\n")
        title = f"# {name}" if target.name == CARD_FILE else f"# How well {name} hears"
        target.write_text(f"{title}\n\n{note}\n{rest}", encoding="utf-8")
