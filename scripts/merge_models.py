"""Merge several fits of one recipe into one model, which gives the mean of their answers.

    python -m scripts.merge_models models/1 models/2 --out models/both --ranks 0 40 64 --recurrent-rank 64

The fits must have the same labels and the same front end, and should differ in their seed. With --ranks, each
2-D convolution is replaced by two smaller ones of that rank (0: left as it is), and with --recurrent-rank the
recurrent kernel of each LSTM by one of that rank. The new model has the temperature and thresholds of the
first one, and no figures; scripts.cross_validation gives it its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from live.bundle import BundleDescription, read_description, write_description
from live.errors import GenreLiveError, InputError, explain
from live.library_messages import quiet_libraries
from training.evaluation.model_card import model_card
from training.evaluation.record import StartRecord, TrainingRecord
from training.garbage import look_for_garbage_seldom
from training.network.bundle import CARD_FILE, check_destination, package_versions, replacing, write_networks
from training.network.merging import factored, merged
from training.network.start import open_network

SPREAD_DB = 60.0  # of the random MFCCs on which the exported network is compared


def read_alike(folders: Sequence[Path]) -> list[BundleDescription]:
    """Return the descriptions of models.

    Raises
    ------
    InputError
        When their labels, front ends or windows differ.
    """
    descriptions = [read_description(folder) for folder in folders]
    first = descriptions[0]
    for folder, other in zip(folders, descriptions, strict=True):
        if (other.labels, other.front_end, other.window_frames) != (
            first.labels,
            first.front_end,
            first.window_frames,
        ):
            raise InputError(
                f"{folder} has other labels or another front end than {folders[0]}: merge fits of one recipe "
                "on the same data."
            )
    return descriptions


def record_of_all(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """Return the record of the mean of several fits, which knows the clips of all of them.

    A clip that one fit held out may have taught another, so fits of different divisions have none together.
    """
    first, datasets = records[0], [record.dataset for record in records]
    names = dict.fromkeys(name for dataset in datasets for name in dataset.name.split(" + "))
    alike = len({dataset.division for dataset in datasets}) == 1
    return replace(
        first,
        dataset=replace(
            first.dataset,
            name=" + ".join(names),
            division=first.dataset.division if alike else "",
            digests=frozenset().union(*(dataset.digests for dataset in datasets)),
        ),
        split=first.split if len({record.split for record in records}) == 1 else None,
        leaks=any(record.leaks for record in records),
        refit=next((record.refit for record in records if record.refit is not None), None),
        start=StartRecord(
            frozenset().union(*(record.names_known for record in records)),
            frozenset().union(*(record.lists_known for record in records)),
            max(record.start.knows for record in records),
        ),
    )


def merge(
    folders: Sequence[Path], ranks: Sequence[int] | None, recurrent_rank: int | None, out: Path
) -> None:
    """Write the bundle of several models' mean.

    Parameters
    ----------
    folders : sequence of Path
    ranks : sequence of int or None
        Of each 2-D convolution; 0 leaves it as it is, None all of them.
    recurrent_rank : int or None
        Of the recurrent kernel of each LSTM; None leaves it as it is.
    out : Path

    Raises
    ------
    InputError
        When the models cannot be merged, the ranks are incomplete, or the bundle cannot be written.
    """
    if recurrent_rank is not None and ranks is None:
        raise InputError(
            "--recurrent-rank needs --ranks: give one for each 2-D convolution, 0 to leave it as it is."
        )
    check_destination(out)
    descriptions = read_alike(folders)
    first = descriptions[0]
    networks = [
        open_network(folder, description) for folder, description in zip(folders, descriptions, strict=True)
    ]
    if ranks is not None:
        try:
            networks = [factored(each, [rank or None for rank in ranks], recurrent_rank) for each in networks]
        except ValueError:
            raise InputError(f"--ranks {' '.join(map(str, ranks))}: give one for each convolution.") from None
    network = merged(networks) if len(networks) > 1 else networks[0]
    record = replace(
        record_of_all([TrainingRecord.read(description.training) for description in descriptions]),
        merged_from=tuple(description.name for description in descriptions),
        parameters=network.count_params(),
        packages=package_versions(),
        metrics={},
    )
    shape = (32, first.window_frames, first.front_end.n_mfcc)
    examples = np.random.default_rng(0).normal(0, SPREAD_DB, shape).astype(np.float32)
    with replacing(out) as folder:
        write_networks(folder, network, examples)
        description = replace(first, name=out.absolute().name, training=record.to_dict(), sha256={})
        write_description(folder, description)
        (folder / CARD_FILE).write_text(model_card(read_description(folder), {}), encoding="utf-8")


def main() -> int:
    """Merge models from the command line, and return the exit status."""
    look_for_garbage_seldom()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--ranks", type=int, nargs="+", help="of each 2-D convolution; 0 leaves it as it is")
    parser.add_argument("--recurrent-rank", type=int, help="of each LSTM, together with --ranks")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        with quiet_libraries():
            merge(arguments.models, arguments.ranks, arguments.recurrent_rank, arguments.out)
    except (GenreLiveError, OSError) as error:
        return explain("merge_models", error, debug=False)
    print(f"The model is in {arguments.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
