"""The command genre-live."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from live import __version__
from live.errors import GenreLiveError, InputError
from live.quiet import quiet_libraries

if TYPE_CHECKING:  # imported where they are needed: most of a cold start is imports
    from live.session import Session, Sink
    from live.sources import AudioSource

DEFAULT_MODEL = "genre-lstm"
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


class _Stop(BaseException):
    """Raised in the main thread by a signal that asks the program to end."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments in one sentence."""
        raise InputError(f"{message[:1].upper()}{message[1:]}: see genre-live --help.")


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
        "--hop", metavar="SECONDS", type=_number(0.05, 60, "seconds"), default=0.5,
        help="time from one verdict to the next (default 0.5)",
    )  # fmt: skip
    hearing.add_argument(
        "--smooth", metavar="SECONDS", type=_number(0.1, 3600, "seconds"), default=10.0,
        help="the vote's memory (default 10)",
    )  # fmt: skip
    hearing.add_argument(
        "--duration", metavar="SECONDS", type=_number(0.5, 1e9, "seconds"), help="end after this much sound"
    )
    microphone = parser.add_argument_group("microphones")
    microphone.add_argument(
        "--channel", metavar="N", type=int, help="hear this channel alone, counted from 1"
    )
    microphone.add_argument(
        "--gain", metavar="DB", type=_number(-60, 60, "decibels"), default=0.0, help="amplify the sound"
    )
    microphone.add_argument("--wait", action="store_true", help="wait for a microphone that is not there yet")
    microphone.add_argument(
        "--give-up", metavar="SECONDS", type=_number(0, 1e9, "seconds"),
        help="fail when a lost microphone is not back in time (default: wait for ever)",
    )  # fmt: skip
    output = parser.add_argument_group("what to say")
    output.add_argument("--json", action="store_true", help="write each event as a line of JSON")
    output.add_argument("--log", metavar="FILE", type=Path, help="append each event to a file, as JSON lines")
    output.add_argument("--debug", action="store_true", help="show tracebacks and what the libraries say")
    output.add_argument("--version", action="version", version=f"genre-live {__version__}")
    return parser


def _list_devices() -> None:
    """Print the input devices as a table."""
    from rich.console import Console
    from rich.table import Table

    from live.devices import input_devices

    devices = input_devices()
    if not devices:
        raise InputError("There is no microphone: plug one in, or listen to a file with --file PATH.")
    table = Table("ID", "Name", "Host API", "Channels", "Rate (Hz)", "", title=None)
    for device in devices:
        mark = "default" if device.is_default else ""
        row = (str(device.index), device.name, device.host_api, str(device.channels), str(device.sample_rate))
        table.add_row(*row, mark, style="bold" if device.is_default else None)
    Console().print(table)


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Turn the signals that ask for an end into ``_Stop``; a second one ends the process at once."""

    def end_at_once(_number: int, _frame: FrameType | None) -> None:
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?1049l\x1b[?25h\x1b[0m\r\n")
        os._exit(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for name in names:
            signal.signal(name, end_at_once)
        raise _Stop

    names = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(name, stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _open_source(arguments: argparse.Namespace) -> AudioSource:
    """Open what the arguments name."""
    if arguments.file is not None:
        if arguments.channel is not None or arguments.gain or arguments.wait or arguments.give_up is not None:
            raise InputError("--channel, --gain, --wait and --give-up are for microphones: leave them out.")
        from live.sources import AudioFile

        return AudioFile(arguments.file, speed=arguments.speed)
    if arguments.speed != 1.0:
        raise InputError("--speed is for files: give one with --file, or leave it out.")
    from live.microphone import Microphone

    return Microphone(
        arguments.device,
        channel=arguments.channel,
        gain_db=arguments.gain,
        give_up_s=arguments.give_up,
        wait=arguments.wait,
    )


def _listen(arguments: argparse.Namespace) -> None:
    """Run one session from the arguments, to its end."""
    from live.classifier import Classifier, find_bundle
    from live.outputs import JsonLines, PlainLines, SessionLog, say_summary
    from live.session import Session

    on_screen = sys.stdout.isatty() and not arguments.json
    classifier = Classifier(find_bundle(arguments.model))
    source = _open_source(arguments)
    log = SessionLog(arguments.log) if arguments.log else None
    sinks: list[Sink] = [log] if log else []
    if not on_screen:
        sinks.append(JsonLines(sys.stdout) if arguments.json else PlainLines(sys.stdout))
    session = Session(
        source,
        classifier,
        hop_s=arguments.hop,
        smooth_s=arguments.smooth,
        duration_s=arguments.duration,
        sinks=sinks,
    )
    session.start()
    with contextlib.suppress(_Stop):
        if on_screen:
            _show(session)
        else:
            session.ended.wait()
    session.stop()
    session.ended.wait()
    if log is not None:
        log.close()
    if on_screen and session.summary is not None:
        print(say_summary(session.summary))
    if session.failure is not None:
        raise session.failure
    for warning in session.warnings():
        print(f"genre-live: {warning}", file=sys.stderr)


def _show(session: Session) -> None:
    """Draw the session on the terminal until it ends."""
    raise NotImplementedError


def _say(error: str) -> None:
    if sys.stderr is not None:
        print(f"genre-live: {error}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run genre-live.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed while running, 2 bad arguments or unreadable input.
    """
    # One thread: the matrices are small, and threads that wait for each other by spinning cost whole cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    if sys.stdout is None:  # the caller closed it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the process lives)
    try:
        arguments = build_parser().parse_args(words)
        with _ending_signals(), quiet_libraries(enabled=not debug):
            if arguments.list_devices:
                _list_devices()
            else:
                _listen(arguments)
    except (KeyboardInterrupt, _Stop):
        return 0
    except BrokenPipeError:  # whoever read the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except GenreLiveError as error:
        if debug:
            traceback.print_exc()
        _say(str(error))
        return error.exit_status
    except Exception as error:
        if debug:
            traceback.print_exc()
        _say(
            f"It failed ({type(error).__name__}: {error}): run it again with --debug and report what it says."
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
