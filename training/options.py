"""The options of genre-train."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from live.errors import InputError
from live.option_table import Number, misplaced, option
from live.spreading.engines import scheduler_address

DATA, TASK, FITTING, OUTPUT = "data", "task", "fitting", "output"
SPLITS = ("fault-filtered", "group", "clip", "segment")  # as in dataset.splits, which --help does not import
RECIPES = ("live", "seed")
PARTS = ("all", "train", "valid", "test")

Task = Literal["train", "refit", "evaluate"]
TRAIN: tuple[Task, ...] = ("train",)
FIT: tuple[Task, ...] = ("train", "refit")
EVALUATE: tuple[Task, ...] = ("evaluate",)
MEASURED: tuple[Task, ...] = ("train", "evaluate")


@dataclass(frozen=True)
class Options:
    """The options of one run; each field is an option."""

    datasets: tuple[Path, ...] = option(
        (), "labelled audio (see below); several are joined",
        group=TASK, metavar="DATASET", read=Path, positional=True, repeated=True, path="file",
    )  # fmt: skip
    out: Path | None = option(
        None, "train, and write the model to this folder; with --evaluate, write the report to it",
        group=TASK, metavar="DIR", read=Path, path="folder",
    )  # fmt: skip
    evaluate: str | None = option(
        None, "evaluate a shipped model or a folder made by genre-train",
        group=TASK, metavar="MODEL", path="folder",
    )  # fmt: skip
    split: str | None = option(
        None, "fault-filtered (GTZAN's published lists; default for its clips), group (each group in one "
        "part; default for others), clip, or segment (leaks: the figures are too high)",
        group=DATA, metavar="NAME", choices=SPLITS, only_for=MEASURED,
    )  # fmt: skip
    part: str | None = option(
        None, "with --evaluate: all (default), or the train, valid or test part of the split",
        group=DATA, metavar="NAME", choices=PARTS, only_for=EVALUATE,
    )  # fmt: skip
    rooms: bool = option(
        False, "with --evaluate: also evaluate the audio in simulated rooms",
        group=DATA, only_for=EVALUATE,
    )  # fmt: skip
    cache: Path | None = option(
        None, "folder for features (default: the user's cache)",
        group=DATA, metavar="DIR", read=Path, path="folder",
    )  # fmt: skip
    workers: int = option(
        os.cpu_count() or 1, "number of processes that read audio (default: one per core)",
        group=DATA, metavar="N", read=Number(1, 256, whole=True),
    )  # fmt: skip
    scheduler: str | None = option(
        None, "read audio on the workers of a Dask cluster, such as tcp://head:8786, with a --cache that "
        "all of them share (extra: cluster)",
        group=DATA, metavar="ADDRESS", read=scheduler_address,
    )  # fmt: skip
    recipe: str = option(
        "live", "live (default) or seed (13 MFCCs, two LSTM layers: the first recipe of this project)",
        group=FITTING, metavar="NAME", choices=RECIPES, only_for=TRAIN,
    )  # fmt: skip
    start_from: str | None = option(
        None, "fine-tune a shipped model or a folder, with a new head (default if there are few clips: "
        "genre-lstm; none: start from random weights)",
        group=FITTING, metavar="MODEL", path="folder", only_for=TRAIN,
    )  # fmt: skip
    name: str | None = option(
        None, "the model's name (default: that of --out)", group=FITTING, metavar="NAME", only_for=FIT
    )
    epochs: int | None = option(
        None, "largest number of epochs",
        group=FITTING, metavar="N", read=Number(1, 100_000, whole=True), only_for=TRAIN,
    )  # fmt: skip
    batch_size: int | None = option(
        None, "windows in a batch",
        group=FITTING, metavar="N", read=Number(1, 65_536, whole=True), only_for=TRAIN,
    )  # fmt: skip
    seed: int | None = option(
        None, "the same seed gives the same split and model (default 0; with --evaluate, the model's)",
        group=FITTING, metavar="N", read=Number(0, 2**31 - 1, whole=True), only_for=MEASURED,
    )  # fmt: skip
    refit: Path | None = option(
        None, "fit an evaluated model's recipe again, on its training and validation clips together",
        group=FITTING, metavar="MODEL", read=Path, path="folder", only_for=FIT,
    )  # fmt: skip
    resume: bool = option(False, "continue an interrupted training", group=FITTING, only_for=FIT)
    export_json: Path | None = option(
        None, "also write the MFCCs and labels as JSON",
        group=FITTING, metavar="FILE", read=Path, path="file", only_for=TRAIN,
    )  # fmt: skip
    json: bool = option(False, "print the figures as one JSON object", group=OUTPUT)
    debug: bool = option(False, "show tracebacks and messages of libraries", group=OUTPUT)

    @property
    def task(self) -> Task:
        """The task to run."""
        if self.evaluate is not None:
            return "evaluate"
        return "train" if self.refit is None else "refit"


def check_together(options: Options) -> None:
    """Check that the options can be used together.

    Raises
    ------
    InputError
        When they cannot; the sentence names them and says what to do.
    """
    if options.out is None and options.evaluate is None:
        raise InputError("Say where the model goes with --out DIR, or measure one with --evaluate MODEL.")
    for wrong in misplaced(options, options.task):
        if options.task == "evaluate":
            raise InputError(f"{wrong.flag} is for training: leave it out with --evaluate.")
        if wrong.only_for == EVALUATE:
            raise InputError(f"{wrong.flag} is for --evaluate: leave it out, training measures every part.")
        raise InputError(f"{wrong.flag} is determined by the model that --refit names: leave it out.")
    if options.split is not None and options.evaluate is not None and options.part in {None, "all"}:
        raise InputError("--split divides nothing without --part: add --part valid or test, or leave it out.")
