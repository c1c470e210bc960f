"""The model card: how a bundle was made and how good it is, rendered from its description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live.bundle import BundleDescription
from live.vote import VoteParameters
from live.wording import count_of

from ..dataset.splits import LEAK
from ..network.bundle import REPORT_FOLDER
from ..network.recipes import RECIPES
from .record import TrainingRecord
from .report import PART_TITLES, REPORT_FILE, ReportSubject
from .results import Evaluation, Figures, Measures
from .tables import as_markdown, collection_table, fact_table, headline_table, plain

KIND = "The model was selected and calibrated on the validation clips, so their figures may be too high."


def facts_of(description: BundleDescription) -> dict[str, str]:
    """Return the known facts about how a bundle was made, for display."""
    record = TrainingRecord.read(description.training)
    dataset, spec, vote = record.dataset, description.front_end, VoteParameters.from_mapping(description.vote)
    recipe = RECIPES.get(record.recipe or "")
    labels = len(description.labels)
    parts = ", ".join(f"{count} {part}" for part, count in dataset.parts.items())
    told = {
        "Dataset": (
            dataset.clips,
            f"{dataset.name}, {dataset.clips} clips, {labels} labels",
        ),
        "Split": (record.split, f"{record.split} ({parts})" if parts else f"{record.split}"),
        "Recipe": (recipe, f"{record.recipe}: {recipe.summary if recipe else ''}"),
        "Front end": (
            spec,
            f"{description.window_frames} frames of {spec.n_mfcc} MFCCs, hop {spec.hop_length} samples at "
            f"{spec.sample_rate} Hz",
        ),
        "Network": (record.parameters, f"{record.parameters or 0:,} parameters"),
        "Merged from": (record.merged_from or None, f"the mean of {' and '.join(record.merged_from)}"),
        "Taught by": (record.teachers, f"the mean answers of {record.teachers} wider networks"),
        "Started from": (record.started_from, f"{record.started_from}: its front and its LSTM, a new head"),
        "Fit": (record.best_epoch, _fit_of(record)),
        "Temperature": (True, f"{description.temperature:g}"),
        "Vote": (
            True,
            f"unsure below {vote.unsure_below:g}, no music above {vote.no_music_above:g}, other music above "
            f"{vote.other_above:g}",
        ),
    }
    return {name: text for name, (is_told, text) in told.items() if is_told is not None}


def _fit_of(record: TrainingRecord) -> str:
    if record.refit is not None:
        again = record.refit
        batches = f"batches of {record.batch_size}, seed {record.seed}"
        return f"{count_of(again.epochs, 'epoch')} on {count_of(again.clips, 'clip')}, {batches}"
    windows = "" if record.windows is None else f" of {record.windows} windows"
    return (
        f"at most {count_of(record.epochs or 0, 'epoch')}{windows}, batches of {record.batch_size}, "
        f"seed {record.seed}; epoch {record.best_epoch} kept"
    )


def start_warnings(record: TrainingRecord) -> tuple[str, ...]:
    """Return a warning if the model from which the fit started knows held-out clips."""
    if not record.start.knows:
        return ()
    return (
        f"{record.started_from}, from which the fit started, was fitted or validated on {record.start.knows} "
        "of the held-out clips, or may have been: figures on what it knows flatter the model.",
    )


def _warnings(record: TrainingRecord) -> tuple[str, ...]:
    if record.leaks:
        return (LEAK,)
    if record.folds is not None:
        fitted = (
            "" if record.refit is None else f"The weights were fitted on all {record.refit.clips} clips. "
        )
        return (
            f"{fitted}The figures are those of {record.folds} further models of the same recipe, each fitted "
            "without some of the clips: every clip was heard by one to which it was new.",
        )
    if record.refit is not None:
        return (
            "These weights were fitted on training and validation clips together "
            f"({record.refit.clips} clips, {record.refit.epochs} epochs). The figures are those of the same "
            "recipe fitted on the training clips alone, to which the validation clips were new.",
        )
    return start_warnings(record)


def report_subject(
    description: BundleDescription, parts: Mapping[str, Evaluation], **shown: Any
) -> ReportSubject:
    """Return the subject of the report of a bundle's training, with the further fields ``shown``."""
    record = TrainingRecord.read(description.training)
    return ReportSubject(
        title=f"How well {description.name} hears",
        facts=facts_of(description),
        warnings=_warnings(record),
        remarks=record.remarks,
        parts=parts,
        **shown,
    )


def main_figures(evaluation: Evaluation) -> Figures:
    """Return the figures for ``bundle.json``."""

    def chosen(measures: Measures) -> Figures:
        return {key: value for key, value in measures.to_dict().items() if key not in LEFT_OUT}

    return {
        **chosen(evaluation.clean),
        "microphone": chosen(evaluation.microphone),
        "change_of_genre": evaluation.following.to_dict(),
    }


LEFT_OUT = {"intervals", "confusion", "per_genre"}


def model_card(description: BundleDescription, parts: Mapping[str, Evaluation]) -> str:
    """Return the Markdown of a bundle's README."""
    record = TrainingRecord.read(description.training)
    blocks = [
        f"# {plain(description.name)}",
        "A music-genre model for genre-live: `genre-live --model PATH-OF-THIS-FOLDER`.",
        *(f"> **{warning}**" for warning in _warnings(record)),
        as_markdown(fact_table(facts_of(description))),
    ]
    for part, evaluation in parts.items():
        blocks += [
            f"## {PART_TITLES.get(part, part)} ({evaluation.clean.clips} clips)",
            as_markdown(headline_table(evaluation, with_intervals=False)),
        ]
        if evaluation.clean.collections:
            blocks.append(as_markdown(collection_table(evaluation, with_intervals=False)))
    if "valid" in parts:
        blocks.append(KIND)
    blocks.append(f"More in [the report]({REPORT_FOLDER}/{REPORT_FILE}).")
    return "\n\n".join(blocks) + "\n"
