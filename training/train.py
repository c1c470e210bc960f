"""The whole of training: features, split, fit, export, calibration, measurement, report, bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from live.classifier import DESCRIPTION_FILE, LABEL_PATTERN, Classifier, read_description
from live.errors import InputError, one_line
from live.events import NO_MUSIC
from live.front_end import FrontEndSpec, mfcc
from live.vote import VoteParameters

from .dataset.clips import UNLABELLED, check_labels
from .dataset.features import Features, load_features
from .dataset.splits import (
    LEAK,
    PartName,
    Split,
    SplitName,
    default_split,
    split_store,
    whole_store,
)
from .dataset.store import FeatureStore, join_stores
from .evaluation.metrics import Evaluation, Progress, evaluate, fit_temperature
from .evaluation.report import ReportSubject, write_report
from .evaluation.streamed_inference import hear_segments
from .network.batches import Crops, frames_of, grid_starts
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
from .network.fit import Checkpoint, FitPlan, FitProgress, History, fit, history_as_json
from .network.recipes import Recipe
from .network.teacher import Teacher

CARD_ROWS = ("clip_accuracy", "clip_balanced_accuracy", "clip_top3_accuracy", "window_accuracy", "ece")


class TrainingListener:
    """Told what a run is doing; this one does nothing."""

    def say(self, sentence: str) -> None:
        """Something a user should know."""

    def progress(self, title: str) -> AbstractContextManager[Progress]:
        """A stretch of work that counts what it has done."""
        raise NotImplementedError

    def fit_progress(self) -> AbstractContextManager[FitProgress]:
        """The fit."""
        raise NotImplementedError


@dataclass(frozen=True)
class DatasetOptions:
    """Where the data are and how they are divided.

    Attributes
    ----------
    datasets : sequence of Path
        Folders, manifests or feature stores; several are taken as one.
    cache : Path
        Folder for the store made of a folder or manifest.
    workers : int
        Processes that read audio.
    split : str or None
        None chooses by the data.
    seed : int
    """

    datasets: Sequence[Path]
    cache: Path
    workers: int
    split: SplitName | None
    seed: int

    @property
    def name(self) -> str:
        """The datasets' names, for people."""
        return one_line(" + ".join(dataset.resolve().name for dataset in self.datasets))


@dataclass(frozen=True)
class TrainOptions:
    """What to train.

    Attributes
    ----------
    data : DatasetOptions
    recipe : Recipe
    out : Path
        The bundle.
    name : str
        Its name.
    epochs, batch_size : int or None
        None takes the recipe's.
    resume : bool
    export_json : Path or None
        Where to write the MFCCs and labels as JSON.
    teacher : Path or None
        Tags to learn beside the genres; see ``teacher``.
    """

    data: DatasetOptions
    recipe: Recipe
    out: Path
    name: str
    epochs: int | None = None
    batch_size: int | None = None
    resume: bool = False
    export_json: Path | None = None
    teacher: Path | None = None


def checkpoint_path(out: Path) -> Path:
    """Where an interrupted run is kept: beside the bundle."""
    out = out.absolute()
    return out.parent / f".{out.name}.training" / "checkpoint.npz"


def open_datasets(data: DatasetOptions, spec: FrontEndSpec, listener: TrainingListener) -> Features:
    """Load features, saying what was left out and where they are kept."""
    stores: list[FeatureStore] = []
    skipped: list[str] = []
    for dataset in data.datasets:
        with listener.progress(f"Reading {dataset.name}") as progress:
            features = load_features(dataset, spec, cache=data.cache, workers=data.workers, progress=progress)
        for sentence in features.skipped:
            listener.say(f"Left out: {sentence}")
        if features.store.path != dataset:
            listener.say(f"The features of {len(features.store)} clips are in {features.store.path}.")
        stores.append(features.store)
        skipped += features.skipped
    return Features(join_stores(stores), tuple(skipped))


def divide(
    data: DatasetOptions,
    store: FeatureStore,
    window_frames: int,
    listener: TrainingListener,
    *,
    only: str | None = None,
) -> Split:
    """Split a store, saying how; ``only`` names the one part that is wanted."""
    name = data.split or default_split(store)
    split = split_store(store, name, window_frames=window_frames, seed=data.seed, only=only)
    counts = ", ".join(f"{len(segments)} {part}" for part, segments in split.parts.items())
    listener.say(f"Split {name}: {counts} {'segments' if split.leaks else 'clips'}.")
    for note in split.notes:
        listener.say(note)
    return split


def check_name(name: str) -> None:
    """See before hours of fitting that a bundle can bear a name.

    Raises
    ------
    InputError
        When it is empty, too long or unprintable.
    """
    if not LABEL_PATTERN.fullmatch(name) or not name.isprintable():
        raise InputError(f"{name[:80]!r} cannot be a model's name: give 1 to 64 characters with --name.")


def say_if_replaced(out: Path, listener: TrainingListener) -> None:
    """Tell whoever fits a model into the place of another."""
    if (out / DESCRIPTION_FILE).exists():
        listener.say(f"{out} holds a model, which is replaced when the new one is done.")


def check_measurable(store: FeatureStore, split: Split) -> None:
    """See before hours of fitting that each part that will be measured holds a genre.

    Raises
    ------
    InputError
        When the validation or test part holds clips of ``no_music`` and ``unlabelled`` alone.
    """
    held_out: tuple[PartName, ...] = ("valid", "test")
    for part in held_out:
        present = {store.label[segment.clip] for segment in split.parts[part]}
        if present and not present - {NO_MUSIC, UNLABELLED}:
            raise InputError(
                f"The split {split.name} leaves no {part} clips of a genre: add recordings, or use another "
                "--split."
            )


def open_teacher(path: Path | None, recipe: Recipe) -> Teacher | None:
    """Open a teacher's tags, where there are any.

    Raises
    ------
    InputError
        When the file holds none, or the recipe has no layer that could learn them.
    """
    if path is None:
        return None
    if recipe.teacher_layer is None:
        raise InputError(f"The recipe {recipe.name} learns from no teacher: leave out --teacher.")
    return Teacher(path)


def digest_of_files(store: FeatureStore) -> str:
    """SHA-256 of what the clips' files were when they were read."""
    return hashlib.sha256(repr(store.fingerprint).encode()).hexdigest()


def train(options: TrainOptions, listener: TrainingListener) -> dict[str, Any]:
    """Run a recipe on a dataset and leave a bundle with its report.

    Returns
    -------
    dict
        ``bundle``, the folder, and the figures of each part measured.
    """
    check_destination(options.out)
    check_name(options.name)
    teacher = open_teacher(options.teacher, options.recipe)
    say_if_replaced(options.out, listener)
    features = open_datasets(options.data, options.recipe.front_end, listener)
    store = features.store
    recipe = options.recipe.for_store(store.front_end)
    check_labels(set(store.label))
    split = divide(options.data, store, recipe.window_frames, listener)
    used = {store.label[segment.clip] for part in split.parts.values() for segment in part}
    check_labels(used)
    labels = tuple(sorted(used - {UNLABELLED}))
    check_measurable(store, split)
    if options.export_json is not None:
        export_json(options.export_json, store, recipe)
        listener.say(f"The MFCCs and labels are in {options.export_json}.")

    seed = options.data.seed
    plan = FitPlan(
        recipe=recipe,
        labels=labels,
        seed=seed,
        epochs=options.epochs or recipe.epochs,
        batch_size=options.batch_size or recipe.batch_size,
        description={"split": split.name, "division": split.digest(store), "files": digest_of_files(store)},
        teacher=teacher,
    )
    training = Crops(store, split.parts["train"], labels, recipe, seed=seed, teacher=teacher)
    validation = Crops(store, split.parts["valid"], labels, recipe, seed=seed)
    checkpoint = Checkpoint(checkpoint_path(options.out))
    if checkpoint.path.exists():
        if options.resume:
            listener.say("Going on where the interrupted training stood.")
        else:
            checkpoint.remove()
    elif options.resume:
        listener.say("There is no interrupted training to resume; beginning anew.")
    with listener.fit_progress() as fit_progress:
        network, history = fit(
            plan, training, validation, checkpoint=checkpoint, resume=options.resume, progress=fit_progress
        )

    facts = {
        "Dataset": f"{options.data.name}, {len(store)} clips, {len(labels)} labels",
        "Split": f"{split.name} ({', '.join(f'{len(s)} {p}' for p, s in split.parts.items())})",
        "Recipe": f"{recipe.name}: {recipe.summary}",
        "Front end": (
            f"{recipe.window_frames} frames of {recipe.front_end.n_mfcc} MFCCs, hop "
            f"{recipe.front_end.hop_length} samples at {recipe.front_end.sample_rate} Hz"
        ),
        "Network": f"{network.count_params():,} parameters",
        "Fit": (
            f"{history.epochs} of {plan.epochs} epochs of {training.windows_in_epoch} windows, batches of "
            f"{plan.batch_size}, seed {seed}; epoch {history.best_epoch} kept"
        ),
    }
    examples = next(validation.validation(32))[0]
    content = BundleContent(
        name=options.name,
        labels=labels,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        vote=recipe.vote,
        training={
            "dataset": {
                "name": options.data.name,
                "clips": len(store),
                **{part: len(segments) for part, segments in split.parts.items()},
                "division": split.digest(store),
            },
            "split": split.name,
            "leaks": split.leaks,
            "recipe": recipe.name,
            "teacher": None if teacher is None else teacher.name,
            "seed": seed,
            "epochs": plan.epochs,
            "best_epoch": history.best_epoch,
            "batch_size": plan.batch_size,
            "packages": package_versions(),
        },
    )
    with replacing(options.out) as folder:
        write_networks(folder, network, examples)
        parts = _calibrate_and_measure(folder, content, store, split, listener)
        remarks = (*split.notes, *features.skipped)
        _write_report(folder, options.name, facts, split, history, parts, remarks)
    checkpoint.remove()
    listener.say(f"The bundle is in {options.out}, its report in {options.out / REPORT_FOLDER}.")
    return {"bundle": str(options.out), **{part: e.to_dict() for part, e in parts.items()}}


def _calibrate_and_measure(
    folder: Path, content: BundleContent, store: FeatureStore, split: Split, listener: TrainingListener
) -> dict[str, Evaluation]:
    """Fit the temperature on validation, measure each part that is held out and complete the bundle."""
    write_description(folder, content)
    listener.say("Calibrating on the validation part.")
    uncalibrated = Classifier(folder)
    heard = list(hear_segments(uncalibrated, store, split.parts["valid"]))
    content = replace(content, temperature=fit_temperature(heard, uncalibrated.description))
    write_description(folder, content)
    classifier = Classifier(folder)
    parts: dict[str, Evaluation] = {}
    held_out: tuple[PartName, ...] = ("valid", "test")
    for part in held_out:
        if split.parts[part]:
            with listener.progress(f"Measuring the {part} part") as progress:
                parts[part] = evaluate(
                    classifier, store, split.parts[part], notes=split.notes, progress=progress
                )
    metrics = {part: _short(evaluation) for part, evaluation in parts.items()}
    write_description(folder, replace(content, training={**content.training, "metrics": metrics}))
    return parts


def _short(evaluation: Evaluation) -> dict[str, Any]:
    """The figures that a bundle carries itself."""
    kept = (*CARD_ROWS, "vote_accuracy", "no_music", "clips")

    def chosen(figures: dict[str, Any]) -> dict[str, Any]:
        return {key: figures[key] for key in kept if key in figures}

    return {
        **chosen(evaluation.clean.figures),
        "microphone": chosen(evaluation.microphone.figures),
        "change_of_genre": evaluation.follow,
    }


def _write_report(
    folder: Path,
    name: str,
    facts: dict[str, str],
    split: Split,
    history: History,
    parts: dict[str, Evaluation],
    remarks: Sequence[str],
) -> None:
    description = read_description(folder)
    facts = {**facts, "Temperature": f"{description.temperature:g}"}
    subject = ReportSubject(
        title=f"How well {name} hears",
        facts=facts,
        warnings=(LEAK,) if split.leaks else (),
        remarks=tuple(remarks),
        history=history,
        parts=parts,
    )
    threshold = VoteParameters.from_mapping(description.vote).unsure_below
    write_report(folder / REPORT_FOLDER, subject, threshold=threshold)
    (folder / REPORT_FOLDER / "history.json").write_text(history_as_json(history), encoding="utf-8")
    (folder / CARD_FILE).write_text(model_card(name, facts, split, parts), encoding="utf-8")


def _decimals(value: float | None) -> str:
    """A figure of the card; None is one that could not be measured, as the ECE of votes on silence."""
    return "–" if value is None else f"{value:.3f}"


def model_card(name: str, facts: dict[str, str], split: Split, parts: dict[str, Evaluation]) -> str:
    """The bundle's README: what it was trained on and how well it hears."""
    lines = [
        f"# {name}",
        "",
        "A music-genre model for genre-live: `genre-live --model PATH-OF-THIS-FOLDER`.",
        "",
    ]
    if split.leaks:
        lines += [f"> **{LEAK}**", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in facts.items()), ""]
    for part, evaluation in parts.items():
        figures, microphone = evaluation.clean.figures, evaluation.microphone.figures
        title = {"valid": "Validation", "test": "Test"}[part]
        lines += [f"## {title} ({figures['clips']} clips)", "", "| | clean | microphone, simulated |"]
        lines += ["| --- | --- | --- |"]
        for key in CARD_ROWS:
            row = (_decimals(figures[key]), _decimals(microphone[key]))
            lines.append(f"| {key.replace('_', ' ')} | {row[0]} | {row[1]} |")
        for seconds in figures["vote_accuracy"]:
            clean, heard = figures["vote_accuracy"][seconds], microphone["vote_accuracy"][seconds]
            lines.append(f"| vote after {seconds} s | {clean:.3f} | {heard:.3f} |")
        lines.append("")
    if "valid" in parts:
        lines += [
            "The model was selected and calibrated on the validation clips: their figures are a little kind.",
            "",
        ]
    lines += [f"More in [the report]({REPORT_FOLDER}/report.md).", ""]
    return "\n".join(lines)


def export_json(path: Path, store: FeatureStore, recipe: Recipe) -> None:
    """Write the MFCCs of every window of a grid as the JSON that simple tutorials train from.

    The object has ``mapping`` (genres), ``labels`` (index into it, one a window) and ``mfcc`` (windows ×
    frames × coefficients); windows are written one by one, so the file may be larger than memory.
    """
    labels = sorted(set(store.label))
    segments = whole_store(store)
    windows = [
        (segment, start) for segment in segments for start in grid_starts(segment, recipe.window_frames)
    ]
    indices = [labels.index(store.label[segment.clip]) for segment, _ in windows]

    def texts() -> Iterator[str]:
        for segment, start in windows:
            mel_db = frames_of(store, segment, start, recipe.window_frames)
            coefficients = mfcc(mel_db, recipe.front_end)
            yield json.dumps([[round(float(value), 4) for value in frame] for frame in coefficients])

    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"mapping": {json.dumps(labels)}, "labels": {json.dumps(indices)}, "mfcc": [')
        for number, text in enumerate(texts()):
            file.write((",\n" if number else "\n") + text)
        file.write("\n]}\n")
