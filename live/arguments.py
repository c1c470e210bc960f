"""The options of genre-live."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import NoReturn

from live import __version__
from live.completion import add_completion_option
from live.errors import InputError

DEFAULT_MODEL = "genre-lstm"
HOP_S, SMOOTH_S, DURATION_S = (0.05, 60.0), (0.1, 3_600.0), (0.5, 1e9)  # from, to
GAIN_DB = (-60.0, 60.0)
DESCRIPTION = "Listens to a microphone or a file and says what kind of music is playing."
EXAMPLES = """\
examples:
  genre-live                                 listen to the default microphone
  genre-live --list-devices                  see which microphones there are
  genre-live --device 1                      listen to number 1 of them
  genre-live --file song.mp3                 stream a file as if it were played
  genre-live --file song.mp3 --speed max     the same as fast as can be
  ffmpeg -i URL -f wav - | genre-live --file -        follow a radio station
  genre-live --json | jq .vote.genre         feed the verdict to another program

exit status: 0 done (Ctrl-C included), 1 the source or model failed while
running, 2 bad arguments or unreadable input.
"""


NOT_SAVEABLE = frozenset(
    {
        "file", "play", "list_devices", "speed", "report", "output", "save_defaults",
        "show_defaults", "no_defaults", "debug",
    }
)  # fmt: skip
"""Options that concern one run and can be no default of the next."""

MICROPHONE_OPTIONS = frozenset({"device", "channel", "gain", "wait", "give_up"})


class ArgumentError(InputError):
    """What is wrong with the arguments.

    Attributes
    ----------
    message : str
        What argparse says of it.
    """

    def __init__(self, message: str) -> None:
        advice = "see genre-live --help"
        if message.startswith("unrecognized arguments: ") and "--" not in message:
            advice = "give a file as --file PATH"
        super().__init__(f"{message[:1].upper()}{message[1:]}: {advice}.")
        self.message = message


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments in one sentence."""
        raise ArgumentError(message)


def is_saveable(name: str) -> bool:
    """Whether an option, by its attribute's name, can be a default of the user's."""
    return name in _saveable()


@functools.cache
def _saveable() -> frozenset[str]:
    return frozenset(vars(build_parser().parse_args([]))) - NOT_SAVEABLE


def _number(lowest: float, highest: float, unit: str) -> type[float]:
    """Make an argument type: a number from ``lowest`` to ``highest``."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a number of {unit} from {lowest:g} to {highest:g}"
            )
        return value

    return convert  # type: ignore[return-value]


def _speed(text: str) -> float | None:
    """Read --speed: a factor, or ``max``, which is None."""
    return None if text == "max" else _number(0.01, 10_000, "times real time")(text)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of genre-live's arguments."""
    parser = _Parser(
        prog="genre-live",
        usage="%(prog)s [--device ID|NAME | --file PATH] [OPTION]...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    source = parser.add_argument_group("what to listen to").add_mutually_exclusive_group()
    source.add_argument(
        "--device",
        metavar="ID|NAME",
        help="a microphone, by number or part of its name (default: the system's)",
    )
    source.add_argument(
        "--file", metavar="PATH", help="an audio file, or - for a WAV stream on standard input"
    )
    source.add_argument("--list-devices", action="store_true", help="list the microphones and end")
    hearing = parser.add_argument_group("how to listen")
    hearing.add_argument("--play", action="store_true", help="also play the file through the speakers")
    hearing.add_argument(
        "--model",
        metavar="NAME|DIR",
        default=DEFAULT_MODEL,
        help="a shipped model or a folder made by genre-train",
    )
    hearing.add_argument(
        "--speed",
        metavar="X|max",
        type=_speed,
        default=1.0,
        help="pace of a file, in times real time (default 1)",
    )
    hearing.add_argument(
        "--hop", metavar="SECONDS", type=_number(*HOP_S, "seconds"), default=0.5,
        help="time from one verdict to the next (default 0.5)",
    )  # fmt: skip
    hearing.add_argument(
        "--smooth", metavar="SECONDS", type=_number(*SMOOTH_S, "seconds"), default=10.0,
        help="the vote's pace: longer is steadier (default 10)",
    )  # fmt: skip
    hearing.add_argument(
        "--duration",
        metavar="SECONDS",
        type=_number(*DURATION_S, "seconds"),
        help="end after this much sound",
    )
    microphone = parser.add_argument_group("microphones")
    microphone.add_argument(
        "--channel", metavar="N", type=int, help="hear this channel alone, counted from 1"
    )
    microphone.add_argument(
        "--gain", metavar="DB", type=_number(*GAIN_DB, "decibels"), default=0.0, help="amplify the sound"
    )
    microphone.add_argument("--wait", action="store_true", help="wait for a microphone that is not there yet")
    microphone.add_argument(
        "--give-up", metavar="SECONDS", type=_number(0, 1e9, "seconds"),
        help="fail when a lost microphone is not back in time (default: wait for ever)",
    )  # fmt: skip
    output = parser.add_argument_group("what to say")
    output.add_argument("--json", action="store_true", help="write each event as a line of JSON")
    output.add_argument(
        "--log",
        metavar="FILE",
        type=Path,
        help="append the session to a file: JSON lines, or a table where it ends in .csv",
    )
    connections = parser.add_argument_group("to other programs")
    connections.add_argument(
        "--on-change", metavar="COMMAND",
        help="run a shell command when the verdict changes; it finds the verdict in the environment "
        "variables GENRE_LIVE_STATE, GENRE_LIVE_GENRE and GENRE_LIVE_CONFIDENCE",
    )  # fmt: skip
    connections.add_argument(
        "--cooldown", metavar="SECONDS", type=_number(0, 1e6, "seconds"),
        help="shortest time from one such run to the next (default 0)",
    )  # fmt: skip
    connections.add_argument(
        "--osc", metavar="HOST:PORT", help="send verdict and distribution as OSC messages"
    )
    connections.add_argument(
        "--mqtt",
        metavar="URL",
        help="publish the verdict on an MQTT broker: mqtt://user:password@host/prefix",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks and what the libraries say")
    output.add_argument("--version", action="version", version=f"genre-live {__version__}")
    afterwards = parser.add_argument_group("instead of listening")
    afterwards.add_argument(
        "--report", metavar="SESSION.jsonl", type=Path, help="turn a log into a page for the browser, and end"
    )
    afterwards.add_argument(
        "-o", "--output", metavar="FILE", type=Path,
        help="where the page goes (default: beside the log, as .html)",
    )  # fmt: skip
    files, folders = {"file", "log", "report", "output"}, {"model"}
    add_completion_option(afterwards, files=files, folders=folders)
    settings = parser.add_argument_group("settings")
    settings.add_argument(
        "--save-defaults", action="store_true", help="make the other options given your defaults, and end"
    )
    settings.add_argument("--show-defaults", action="store_true", help="print your defaults, and end")
    settings.add_argument(
        "--no-defaults", action="store_true",
        help="leave your defaults aside this once; --no-NAME does so for one option",
    )  # fmt: skip
    for name, value in vars(parser.parse_args([])).items():
        if name not in NOT_SAVEABLE:  # each can be turned off again, though help shall not list it twice
            parser.add_argument(
                f"--no-{name.replace('_', '-')}", dest=name, action="store_const", const=value,
                default=argparse.SUPPRESS, help=argparse.SUPPRESS,
            )  # fmt: skip
    return parser
