"""The command genre-train."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from live import __version__
from live.completion import add_completion_option
from live.errors import GenreLiveError, InputError, RunningError, explain, say
from live.library_messages import quiet_libraries

if TYPE_CHECKING:  # imported where they are needed: --help must not wait for TensorFlow
    from .train import DatasetOptions

DESCRIPTION = "Trains the model that genre-live runs, or measures how well one hears."
EXAMPLES = """\
DATASET is one of
  a folder of genre folders of audio      music/blues/*.wav, music/jazz/*.mp3, ...
  a CSV manifest path,label[,group]       group: the artist, kept apart by --split group
  a feature store (.npz)                  made from one of these before

examples:
  genre-train gtzan/genres --out models/mine          train on GTZAN
  genre-live --model models/mine --file song.mp3      listen with the result
  genre-train my-music --out models/mine --resume     go on after an interruption
  genre-train gtzan/genres --evaluate models/mine --part test --json
  genre-train gtzan/genres --out models/seed --recipe seed --split segment

exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or
unreadable data.
"""
NEEDED_TO_TRAIN = ("tensorflow", "sklearn", "matplotlib")
NEEDED_TO_EVALUATE = ("sklearn", "matplotlib")
SPLITS = (
    "fault-filtered",
    "group",
    "clip",
    "segment",
)  # as in dataset.splits, not imported for --help
RECIPES = ("live", "seed")
PARTS = ("all", "train", "valid", "test")
UNUSABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR,
    errno.ENAMETOOLONG,
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments in one sentence."""
        raise InputError(f"{message[:1].upper()}{message[1:]}: see genre-train --help.")


def _whole_number(lowest: int, highest: int) -> Any:
    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return value

    return convert


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of genre-train's arguments."""
    parser = _Parser(
        prog="genre-train",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "datasets",
        metavar="DATASET",
        type=Path,
        nargs="+",
        help="labelled audio (see below); several are joined",
    )
    task = parser.add_argument_group("what to do")
    task.add_argument(
        "--out", metavar="DIR", type=Path, help="train, and leave the model here; with --evaluate, its report"
    )
    task.add_argument(
        "--evaluate", metavar="MODEL", help="measure a shipped model or a folder made by genre-train"
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--split", choices=SPLITS, metavar="NAME",
        help="fault-filtered (GTZAN's published lists; default for its clips), group (groups kept apart; "
        "default for others), clip, or segment (leaks: flatters the model)",
    )  # fmt: skip
    data.add_argument(
        "--part", choices=PARTS, metavar="NAME",
        help="with --evaluate: all (default), or the train, valid or test part of the split",
    )  # fmt: skip
    data.add_argument(
        "--cache", metavar="DIR", type=Path, help="where features are kept (default: the user's cache)"
    )
    data.add_argument(
        "--workers", metavar="N", type=_whole_number(1, 256), default=os.cpu_count() or 1,
        help="processes that read audio (default: one a core)",
    )  # fmt: skip
    fitting = parser.add_argument_group("fitting")
    fitting.add_argument(
        "--recipe", choices=RECIPES, metavar="NAME", default="live",
        help="live (default) or seed (13 MFCCs, two LSTM layers: where this project began)",
    )  # fmt: skip
    fitting.add_argument("--name", metavar="NAME", help="the model's name (default: that of --out)")
    fitting.add_argument(
        "--epochs", metavar="N", type=_whole_number(1, 100_000), help="at most so many epochs"
    )
    fitting.add_argument(
        "--batch-size", metavar="N", type=_whole_number(1, 65_536), help="windows in a batch"
    )
    fitting.add_argument(
        "--seed", metavar="N", type=_whole_number(0, 2**31 - 1),
        help="the same seed gives the same split and model (default 0; with --evaluate, the model's)",
    )  # fmt: skip
    fitting.add_argument("--teacher", metavar="FILE", type=Path, help="also learn a tagger's tags (.npz)")
    fitting.add_argument(
        "--refit", metavar="MODEL", type=Path,
        help="fit a measured model's recipe again, on its training and validation clips together",
    )  # fmt: skip
    fitting.add_argument("--resume", action="store_true", help="go on where an interrupted training stood")
    fitting.add_argument(
        "--export-json", metavar="FILE", type=Path, help="also write the MFCCs and labels as JSON"
    )
    output = parser.add_argument_group("what to say")
    output.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    output.add_argument("--debug", action="store_true", help="show tracebacks and what the libraries say")
    output.add_argument("--version", action="version", version=f"genre-train {__version__}")
    add_completion_option(output, files={"datasets"}, folders={"out", "evaluate", "cache"})
    return parser


def _check_installed(needed: Sequence[str]) -> None:
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if "tensorflow" in missing and sys.version_info >= (3, 14):
        raise InputError("TensorFlow has no wheels for Python 3.14: train with 3.11 to 3.13.")
    if missing:
        raise InputError(
            f"genre-train needs packages that are not installed ({', '.join(missing)}): install genre-live "
            "again with them, as in pipx install --force '.[train]'."
        )


def _check_refit(arguments: argparse.Namespace) -> None:
    """See that nothing is asked for that the model to be fitted again has settled."""
    settled = {
        "split": None,
        "recipe": "live",
        "epochs": None,
        "batch_size": None,
        "seed": None,
        "export_json": None,
    }
    for option, default in settled.items():
        if getattr(arguments, option) != default:
            name = option.replace("_", "-")
            raise InputError(f"--{name} is settled by the model that --refit names: leave it out.")


def _check_together(arguments: argparse.Namespace) -> None:
    """See that the arguments fit together."""
    if arguments.evaluate is None:
        if arguments.out is None:
            raise InputError("Say where the model goes with --out DIR, or measure one with --evaluate MODEL.")
        if arguments.part is not None:
            raise InputError("--part is for --evaluate: leave it out, training measures every part.")
        if arguments.refit is not None:
            _check_refit(arguments)
        return
    defaults = {
        "name": None,
        "epochs": None,
        "batch_size": None,
        "resume": False,
        "export_json": None,
        "teacher": None,
        "refit": None,
        "recipe": "live",
    }
    for option, default in defaults.items():
        if getattr(arguments, option) != default:
            raise InputError(f"--{option.replace('_', '-')} is for training: leave it out with --evaluate.")
    if arguments.split is not None and arguments.part in {None, "all"}:
        raise InputError("--split divides nothing without --part: add --part valid or test, or leave it out.")


def _dataset_options(arguments: argparse.Namespace) -> DatasetOptions:
    from .dataset.features import cache_folder
    from .train import DatasetOptions

    return DatasetOptions(
        datasets=arguments.datasets,
        cache=arguments.cache or cache_folder() / "features",
        workers=arguments.workers,
        split=arguments.split,
        seed=arguments.seed or 0,
    )


def _train(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from .console import ConsoleListener
    from .network.recipes import RECIPES as KNOWN
    from .train import TrainOptions, train

    if arguments.refit is not None:
        from .refit import RefitOptions, refit

        again = RefitOptions(
            data=_dataset_options(arguments),
            model=arguments.refit,
            out=arguments.out,
            name=arguments.name or arguments.out.absolute().name,
            resume=arguments.resume,
            teacher=arguments.teacher,
        )
        refitted = refit(again, ConsoleListener(Console(stderr=True)))
        if arguments.json:
            print(json.dumps(refitted))
        return
    options = TrainOptions(
        data=_dataset_options(arguments),
        recipe=KNOWN[arguments.recipe],
        out=arguments.out,
        name=arguments.name or arguments.out.absolute().name,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        resume=arguments.resume,
        export_json=arguments.export_json,
        teacher=arguments.teacher,
    )
    result = train(options, ConsoleListener(Console(stderr=True)))
    if arguments.json:
        print(json.dumps(result))


def _evaluate(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from live.classifier import find_bundle

    from .console import ConsoleListener, evaluation_table
    from .evaluate import evaluate_bundle

    listener = ConsoleListener(Console(stderr=True))
    result, evaluation = evaluate_bundle(
        _dataset_options(arguments),
        find_bundle(arguments.evaluate),
        arguments.part or "all",
        arguments.out,
        listener,
        seed=arguments.seed,
    )
    if arguments.json:
        print(json.dumps(result))
        return
    Console().print(evaluation_table(evaluation, f"{result['model']}: {result['clips']} clips"))
    for note in evaluation.notes:
        listener.say(note)


def main(argv: Sequence[str] | None = None) -> int:
    """Run genre-train.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed or interrupted while running, 2 bad arguments or unreadable data.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    if not debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    arguments: argparse.Namespace | None = None
    try:
        arguments = build_parser().parse_args(words)
        _check_together(arguments)
        _check_installed(NEEDED_TO_TRAIN if arguments.evaluate is None else NEEDED_TO_EVALUATE)
        if not debug:  # matplotlib tells of every cache that it has no place for
            logging.getLogger("matplotlib").setLevel(logging.ERROR)
        with quiet_libraries(enabled=not debug):
            if arguments.evaluate is None:
                _train(arguments)
            else:
                _evaluate(arguments)
    except KeyboardInterrupt:
        again = arguments is not None and arguments.evaluate is None
        say("genre-train", "Interrupted: run it again with --resume to go on." if again else "Interrupted.")
        return 1
    except BrokenPipeError:  # whoever read the output has had enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return explain("genre-train", _as_sentence(error), debug=debug)
    except Exception as error:
        return explain("genre-train", error, debug=debug)
    return 0


def _as_sentence(error: OSError) -> GenreLiveError:
    """Say which file or folder could not be used, and whether another would do or the machine is at fault."""
    what = error.filename if isinstance(error.filename, str) else "A file"
    reason = error.strerror or type(error).__name__
    if error.errno in UNUSABLE:
        sentence: GenreLiveError = InputError(f"{what} cannot be used ({reason}): choose another place.")
    else:
        sentence = RunningError(f"{what} cannot be read or written ({reason}): see to its disk.")
    sentence.__cause__ = error
    return sentence


if __name__ == "__main__":
    sys.exit(main())
