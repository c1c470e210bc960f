"""Make a model bundle of what scripts.distil wrote.

    python -m scripts.bundle_fit fits/all --out models/mine --recurrent-rank 64

With --recurrent-rank, the recurrent kernel of the LSTM is replaced by one of that rank, which is faster. With
--start, a fit that starts from the model starts from that network instead (a Keras file of the recipe).
The bundle has the thresholds of the recipe and no figures; scripts.cross_validation gives it its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from live.bundle import KERAS_FILE, START_FILE, BundleDescription, read_description, write_description
from live.errors import GenreLiveError, InputError, explain, one_line
from scripts.merge_models import SPREAD_DB
from training.evaluation.model_card import model_card
from training.evaluation.record import TrainingRecord
from training.garbage import look_for_garbage_seldom
from training.network.bundle import CARD_FILE, check_destination, package_versions, replacing, write_networks
from training.network.merging import factored
from training.network.recipes import LIVE
from training.network.start import open_start

FIT_FILE = "fit.json"  # the labels and the record, beside the network


def read_fit(folder: Path) -> tuple[Any, tuple[str, ...], TrainingRecord]:
    """Return the network, the labels and the record of a fit.

    Raises
    ------
    InputError
        When the folder does not hold them.
    """
    try:
        about = json.loads((folder / FIT_FILE).read_text(encoding="utf-8"))
        import keras  # takes seconds

        network = keras.models.load_model(folder / KERAS_FILE, compile=False)
        return network, tuple(about["labels"]), TrainingRecord.read(about["training"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} does not hold a fit of scripts.distil: {one_line(str(error))}.") from None


def bundle_fit(fit: Path, out: Path, recurrent_rank: int | None, start: Path | None) -> None:
    """Write the bundle of a fit.

    Raises
    ------
    InputError
        When the fit cannot be read, or the bundle cannot be written.
    """
    import keras

    check_destination(out)
    if recurrent_rank is not None and recurrent_rank <= 0:
        raise InputError(f"--recurrent-rank {recurrent_rank}: give a rank above 0.")
    network, labels, record = read_fit(fit)
    if recurrent_rank is not None:
        convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers)
        network = factored(network, [None] * convolutions, recurrent_rank)
    shape = (32, LIVE.window_frames, LIVE.front_end.n_mfcc)
    examples = np.random.default_rng(0).normal(0, SPREAD_DB, shape).astype(np.float32)
    record = replace(record, packages=dict(record.packages) | package_versions())
    with replacing(out) as folder:
        write_networks(folder, network, examples)
        if start is not None:
            try:
                shutil.copyfile(start, folder / START_FILE)
            except OSError as error:
                raise InputError(f"{start} cannot be read: {error.strerror}.") from None
        description = BundleDescription(
            name=out.absolute().name,
            labels=labels,
            front_end=LIVE.front_end,
            window_frames=LIVE.window_frames,
            vote=LIVE.vote,
            training=record.to_dict(),
        )
        write_description(folder, description)
        open_start(folder, LIVE.front_end, LIVE.window_frames)  # refuses a --start that is no such network
        (folder / CARD_FILE).write_text(model_card(read_description(folder), {}), encoding="utf-8")


def main() -> int:
    """Make a bundle from the command line, and return the exit status."""
    look_for_garbage_seldom()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fit", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recurrent-rank", type=int)
    parser.add_argument("--start", type=Path, metavar="NETWORK")
    arguments = parser.parse_args()
    try:
        bundle_fit(arguments.fit, arguments.out, arguments.recurrent_rank, arguments.start)
    except (GenreLiveError, OSError) as error:
        return explain("bundle_fit", error, debug=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
