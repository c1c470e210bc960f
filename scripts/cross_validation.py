"""Measure a model with fits of its recipe to which the clips were new, and write the figures to its card.

    python -m scripts.cross_validation DATASET ... --into models/mine --fold models/1 new-to-1.txt --fold ...

A fold is a model and a text file with the clips that were left out of its fit, one a line: `collection/clip`,
as in `wild/debian_sectoid`; the collection is the dataset's name without its ending. A clip should be in one
fold only. Temperature and thresholds are chosen on the clips of all folds together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from live.bundle import read_description, write_description
from live.classifier import Classifier
from live.errors import GenreLiveError, InputError, explain, one_line
from live.vote import VoteParameters
from training.console import ConsoleListener
from training.dataset.features import cache_folder
from training.dataset.splits import Segment, whole_store
from training.dataset.store import FeatureStore
from training.datasets import DatasetOptions, open_datasets
from training.evaluation.folds import Fold, evaluate_folds
from training.evaluation.model_card import main_figures, model_card, report_subject
from training.evaluation.record import TrainingRecord
from training.evaluation.report import write_report
from training.garbage import look_for_garbage_seldom
from training.network.bundle import CARD_FILE, REPORT_FOLDER


def without_endings(store: FeatureStore) -> FeatureStore:
    """Return the store with the names of its collections as lists of clips have them."""
    return replace(store, collection=tuple(Path(store.collection_of(k)).stem for k in range(len(store))))


def clips_named_in(listed: Path, store: FeatureStore) -> list[int]:
    """Return the numbers of the clips that a file names.

    Raises
    ------
    InputError
        When the file cannot be read, or the data do not have one of them.
    """
    number_of = {(store.collection_of(clip), store.clip[clip]): clip for clip in range(len(store))}
    clips = []
    try:
        lines = listed.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list of clips {listed} cannot be read: {one_line(str(error))}.") from None
    for line in lines:
        if not line.strip():
            continue
        collection, _, name = line.strip().partition("/")
        if (collection, name) not in number_of:
            raise InputError(f"{listed} names {line.strip()!r}, which is in none of the datasets.")
        clips.append(number_of[collection, name])
    return clips


def segments_of(store: FeatureStore, listed: Path) -> list[Segment]:
    """Return the clips that a file names, whole; see ``clips_named_in``."""
    whole = {segment.clip: segment for segment in whole_store(store)}
    return [whole[clip] for clip in clips_named_in(listed, store)]


def measure_folds(
    data: DatasetOptions, folds: Sequence[tuple[Path, Path]], into: Path, *, rooms: bool
) -> None:
    """Measure the folds, and write the figures to the bundle.

    Parameters
    ----------
    data : DatasetOptions
    folds : sequence of (Path, Path)
        A bundle and the list of the clips left out of its fit.
    into : Path
        The bundle to which temperature, thresholds, card and report are written.
    rooms : bool
        Whether to evaluate the clips' audio in rooms as well.
    """
    listener = ConsoleListener(Console(stderr=True))
    description = read_description(into)
    store = without_endings(open_datasets(data, description.front_end, listener).store)
    heard = [Fold(Classifier(model), segments_of(store, listed)) for model, listed in folds]
    with listener.progress("Listening") as progress:
        chosen, evaluation = evaluate_folds(heard, description, store, rooms=rooms, progress=progress)
    parts = {"valid": evaluation}
    record = replace(
        TrainingRecord.read(description.training),
        folds=len(folds),
        metrics={"valid": main_figures(evaluation)},
    )
    write_description(into, replace(chosen, training=record.to_dict()))
    described = read_description(into)
    threshold = VoteParameters.from_mapping(described.vote).unsure_below
    write_report(into / REPORT_FOLDER, report_subject(described, parts), threshold=threshold)
    (into / CARD_FILE).write_text(model_card(described, parts), encoding="utf-8")


def main() -> int:
    """Measure from the command line, and return the exit status."""
    look_for_garbage_seldom()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", type=Path, nargs="+", metavar="DATASET")
    parser.add_argument(
        "--fold", type=Path, nargs=2, action="append", metavar=("MODEL", "CLIPS"), required=True
    )
    parser.add_argument("--into", type=Path, required=True, metavar="MODEL")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--rooms", action="store_true", help="also in rooms, with the first fold")
    arguments = parser.parse_args()
    cache = arguments.cache or cache_folder() / "features"
    data = DatasetOptions(arguments.datasets, cache, workers=2, split=None, seed=0)
    try:
        measure_folds(data, arguments.fold, arguments.into, rooms=arguments.rooms)
    except (GenreLiveError, OSError) as error:
        return explain("cross_validation", error, debug=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
