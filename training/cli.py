"""The command genre-train."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from live.argument_parser import given_options, make_parser
from live.errors import (
    GenreLiveError,
    InputError,
    RunningError,
    escape_what_it_lacks,
    explain,
    flush_or_discard,
    print_message,
)
from live.extras import how_to_install
from live.library_messages import quiet_libraries
from live.outputs.lines import write_line
from live.wording import count_of

from .garbage import look_for_garbage_seldom
from .interruption import Interruption
from .options import Options, check_together

if TYPE_CHECKING:  # the functions below import these when they need them: --help must not load TensorFlow
    from .dataset.splits import SplitName
    from .datasets import DatasetOptions
    from .run_listener import RunListener

DESCRIPTION = "Trains a model for genre-live, or evaluates one."
EXAMPLES = """\
DATASET is one of
  a folder of genre folders of audio      music/blues/*.wav, music/jazz/*.mp3, ...
  a CSV manifest path,label[,group]       group: the artist, for --split group
  a feature store (.npz)                  made from one of these

examples:
  genre-train gtzan/genres --out models/mine          train on GTZAN
  genre-live --model models/mine --file song.mp3      use the model
  genre-train my-music --out models/mine --resume     continue after an interruption
  genre-train gtzan/genres --evaluate models/mine --part test --json
  genre-train gtzan/genres --out models/seed --recipe seed --split segment

exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or
unreadable data.
"""
NEEDED_TO_TRAIN = ("tensorflow", "sklearn", "matplotlib", "librosa")
NEEDED_TO_EVALUATE = ("sklearn", "matplotlib")
UNUSABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR,
    errno.ENAMETOOLONG,
}  # fmt: skip
FULL = {errno.ENOSPC, errno.EDQUOT}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of genre-train's arguments."""
    return make_parser(Options, "genre-train", description=DESCRIPTION, epilog=EXAMPLES)


def _check_installed(needed: Sequence[str]) -> None:
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if "tensorflow" in missing and sys.version_info >= (3, 14):
        raise InputError("TensorFlow has no wheels for Python 3.14: train with 3.11 to 3.13.")
    if missing:
        raise InputError(
            f"genre-train needs packages that are not installed ({', '.join(missing)}): in the checkout, run "
            f"{how_to_install('train')}."
        )


def _dataset_options(options: Options) -> DatasetOptions:
    from .dataset.features import cache_folder
    from .datasets import DatasetOptions

    return DatasetOptions(
        datasets=options.datasets,
        cache=options.cache or cache_folder() / "features",
        workers=options.workers,
        split=cast("SplitName | None", options.split),
        seed=options.seed or 0,
        scheduler=options.scheduler,
    )


def _train(options: Options, out: Path, listener: RunListener) -> dict[str, Any]:
    from .network.recipes import RECIPES
    from .train import TrainOptions, train

    wanted = TrainOptions(
        data=_dataset_options(options),
        recipe=RECIPES[options.recipe],
        out=out,
        name=options.name or out.absolute().name,
        epochs=options.epochs,
        batch_size=options.batch_size,
        resume=options.resume,
        export_json=options.export_json,
        start_from=options.start_from,
    )
    return train(wanted, listener).to_dict()


def _refit(options: Options, model: Path, out: Path, listener: RunListener) -> dict[str, Any]:
    from .refit import RefitOptions, refit

    name = options.name or out.absolute().name
    wanted = RefitOptions(_dataset_options(options), model, out, name, resume=options.resume)
    return refit(wanted, listener).to_dict()


def _evaluate(options: Options, model: str, listener: RunListener) -> None:
    from rich.console import Console

    from live.bundle import find_bundle

    from .console import show_evaluation
    from .evaluate import EvaluateOptions, evaluate_bundle

    wanted = EvaluateOptions(
        _dataset_options(options),
        find_bundle(model),
        options.part or "all",
        options.out,
        options.seed,
        options.rooms,
    )
    result = evaluate_bundle(wanted, listener)
    if options.json:
        write_line(sys.stdout, json.dumps(result.to_dict()))
        return
    show_evaluation(
        Console(), result.evaluation, f"{result.model}: {count_of(result.evaluation.clean.clips, 'clip')}"
    )
    for note in result.evaluation.notes:
        listener.notify(note)


def _run(options: Options, check: Callable[[], None]) -> None:
    """Run the task that the options ask for; ``check`` is called from time to time."""
    from rich.console import Console

    from .console import ConsoleListener

    listener = ConsoleListener(Console(stderr=True), check)
    if options.evaluate is not None:
        _evaluate(options, options.evaluate, listener)
        return
    out = cast(Path, options.out)
    if options.refit is not None:
        made = _refit(options, options.refit, out, listener)
    else:
        made = _train(options, out, listener)
    if options.json:
        write_line(sys.stdout, json.dumps(made))


def main(argv: Sequence[str] | None = None) -> int:
    """Run genre-train.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. Default: those of the process.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or unreadable data.
    """
    look_for_garbage_seldom()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    escape_what_it_lacks(sys.stdout)
    if not debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    options: Options | None = None
    interruption = Interruption()
    try:
        options = Options(**given_options(build_parser(), words))
        check_together(options)
        _check_installed(NEEDED_TO_EVALUATE if options.task == "evaluate" else NEEDED_TO_TRAIN)
        if not debug:  # matplotlib warns if it has no folder for its cache
            logging.getLogger("matplotlib").setLevel(logging.ERROR)
        with interruption, quiet_libraries(enabled=not debug):
            _run(options, interruption.check)
    except KeyboardInterrupt:
        return _interrupted(options)
    except BrokenPipeError:  # the reader of the output has ended
        return 0
    except Exception as error:
        if interruption.was_asked_for:  # a library that is interrupted may raise anything
            return _interrupted(options)
        told = _as_sentence(error, options) if isinstance(error, OSError) else error
        return explain("genre-train", told, debug=debug)
    finally:
        flush_or_discard(sys.stdout, sys.stderr)
    return 0


def _interrupted(options: Options | None) -> int:
    print_message(
        "genre-train",
        "Interrupted: run it again with --resume to go on." if _fits(options) else "Interrupted.",
    )
    return 1


def _fits(options: Options | None) -> bool:
    """Return whether the task is a fit, which --resume continues."""
    return options is not None and options.task != "evaluate"


def _as_sentence(error: OSError, options: Options | None) -> GenreLiveError:
    """Return the error with a sentence that names the file or folder and says what to do."""
    what = error.filename if isinstance(error.filename, str) else "A file"
    reason = error.strerror or type(error).__name__
    if error.errno in UNUSABLE:
        sentence: GenreLiveError = InputError(f"{what} cannot be used ({reason}): choose another place.")
    elif error.errno in FULL:
        again = "run it again with --resume" if _fits(options) else "run it again"
        sentence = RunningError(f"{what} cannot be written ({reason}): make room, and {again}.")
    else:
        sentence = RunningError(f"{what} cannot be read or written ({reason}): check the disk.")
    sentence.__cause__ = error
    return sentence


if __name__ == "__main__":
    sys.exit(main())
