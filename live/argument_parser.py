"""The argument parser of a command, made from its table of options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from live import __version__
from live.completion import add_completion_option
from live.errors import InputError
from live.option_table import Option, options_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


_SECRET = re.compile(r"(?<=://)\S*@")  # user and password in an address
_STATION = re.compile(r"\b(?:http|rtsp)s?://")


class ArgumentError(InputError):
    """The arguments are wrong.

    Attributes
    ----------
    message : str
        The reason, as argparse words it.
    """

    def __init__(self, message: str, advice: str) -> None:
        message = _SECRET.sub("***@", message)
        super().__init__(f"{message[:1].upper()}{message[1:]}: {advice}.")
        self.message = message


class _Parser(argparse.ArgumentParser):
    """Raises ArgumentError for wrong arguments, where argparse would print a message and exit."""

    stray_advice: str | None = None
    stray_addresses: str | None = None

    def error(self, message: str) -> NoReturn:
        is_stray = message.startswith("unrecognized arguments: ") and "--" not in message
        advice = self.stray_advice
        if is_stray and "://" in message:
            advice = self.stray_addresses if _STATION.search(message) else None
        raise ArgumentError(message, (is_stray and advice) or f"see {self.prog} --help")


def make_parser(
    table: type[DataclassInstance],
    command: str,
    *,
    description: str,
    epilog: str,
    usage: str | None = None,
    general: str = "output",
    stray_advice: str | None = None,
    stray_addresses: str | None = None,
    has_settings: bool = False,
) -> argparse.ArgumentParser:
    """Make the parser of a command's arguments.

    Parameters
    ----------
    table : type
        The table of its options; see ``live.option_table``.
    command : str
        The name of the command.
    description, epilog, usage : str
        Texts for ``--help``.
    general : str
        The heading of ``--version`` and ``--print-completion`` in the help.
    stray_advice, stray_addresses : str, optional
        Advice for a user who gives an argument, or an address, that belongs to no option.
    has_settings : bool
        Whether the command reads the user's saved defaults; then each option has a ``--no-NAME``.

    Returns
    -------
    argparse.ArgumentParser
        Parsing raises ArgumentError; the result has one attribute for each field of the table.
    """
    parser = _Parser(
        prog=command,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.stray_advice, parser.stray_addresses = stray_advice, stray_addresses
    options = options_of(table).values()
    groups = _add_options(parser, options)
    groups[general].add_argument("--version", action="version", version=f"{command} {__version__}")
    add_completion_option(
        groups[general],
        files={option.name for option in options if option.path == "file"},
        folders={option.name for option in options if option.path == "folder"},
    )
    for option in options:
        if has_settings and option.saved == "kept":
            _add_turning_off(parser, option)
    return parser


def _add_options(
    parser: argparse.ArgumentParser, options: Iterable[Option]
) -> dict[str, argparse._ArgumentGroup]:
    """Add the options to the parser and return its groups by their headings."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    exclusive: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for option in options:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        container: argparse._ActionsContainer = groups[option.group]
        if option.excludes is not None:
            if option.excludes not in exclusive:
                exclusive[option.excludes] = container.add_mutually_exclusive_group()
            container = exclusive[option.excludes]
        _add(parser if option.positional else container, option)
    return groups


def _add(container: argparse._ActionsContainer, option: Option) -> None:
    """Add an option to the parser, or to one of its groups."""
    facts: dict[str, Any] = {"help": option.help.replace("%", "%%"), "default": option.default}
    if option.takes_value:
        facts |= {"metavar": option.metavar, "type": _reading(option.read)}
        if option.choices:
            facts["choices"] = option.choices
        if option.repeated:
            facts["action"] = _Collect
    else:
        facts["action"] = "store_true"
    if option.positional:
        del facts["default"]
        if option.repeated:
            facts["nargs"] = "+"
        container.add_argument(option.name, **facts)
    else:
        container.add_argument(*([option.letter] if option.letter else []), option.flag, **facts)


def _add_turning_off(parser: argparse.ArgumentParser, option: Option) -> None:
    """Add ``--no-NAME``, which restores the built-in default; the help does not list it."""
    parser.add_argument(
        f"--no-{option.flag[2:]}", dest=option.name, action="store_const", const=option.default,
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip


def _reading(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader whose ValueError becomes an error of argparse, which otherwise drops its message."""
    if isinstance(read, type):
        return read

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


class _Collect(argparse.Action):
    """Adds each value of a repeated option to a tuple."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        before = getattr(namespace, self.dest, ())
        more = values if isinstance(values, list) else [values]
        setattr(namespace, self.dest, (*(before if isinstance(before, tuple) else ()), *more))


def given_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """Parse the words and return only the options that were given, without any default.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Made by ``make_parser`` from a table; ``Table(**given)`` adds its defaults.
    words : sequence of str
        The arguments of the command line.

    Returns
    -------
    dict
        The values by the names of the table's fields.

    Raises
    ------
    ArgumentError
        When an option is unknown or a value is invalid.
    """
    not_given = object()  # argparse keeps an attribute that the namespace already has
    names = [action.dest for action in parser._actions if action.dest != argparse.SUPPRESS]
    values = vars(parser.parse_args(words, argparse.Namespace(**dict.fromkeys(names, not_given))))
    return {name: value for name, value in values.items() if value is not not_given}
