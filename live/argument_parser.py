"""An argument parser made from a command's table of options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from live import __version__
from live.completion import add_completion_option
from live.errors import InputError
from live.option_table import Option, options_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class ArgumentError(InputError):
    """What is wrong with the arguments.

    Attributes
    ----------
    message : str
        What argparse says of it.
    """

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(f"{message[:1].upper()}{message[1:]}: {advice}.")
        self.message = message


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong with the arguments; argparse itself prints it and ends the process."""

    stray_advice: str | None = None

    def error(self, message: str) -> NoReturn:
        is_stray = message.startswith("unrecognized arguments: ") and "--" not in message
        raise ArgumentError(message, (is_stray and self.stray_advice) or f"see {self.prog} --help")


def make_parser(
    table: type[DataclassInstance],
    command: str,
    *,
    description: str,
    epilog: str,
    usage: str | None = None,
    general: str = "what to say",
    stray_advice: str | None = None,
    has_settings: bool = False,
) -> argparse.ArgumentParser:
    """Make the parser of a command's arguments.

    Parameters
    ----------
    table : type
        Of its options; see ``live.option_table``.
    command : str
        Its name.
    description, epilog, usage : str
        For ``--help``.
    general : str
        The heading there that ``--version`` and ``--print-completion`` stand under.
    stray_advice : str, optional
        What to do instead of giving an argument that belongs to no option.
    has_settings : bool
        Whether the command starts from the user's saved defaults: then ``--no-NAME`` turns an option off.

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
    parser.stray_advice = stray_advice
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
    """Add ``--no-NAME``, which brings back the program's own default; the help does not list it."""
    parser.add_argument(
        f"--no-{option.flag[2:]}", dest=option.name, action="store_const", const=option.default,
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip


def _reading(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make the reason for which a text is no value argparse's own, which leaves out a ValueError's."""
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
    """Parse the words and return what they say, without any default.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Made by ``make_parser`` from a table, whose defaults fill in the rest: ``Table(**given)``.
    words : sequence of str

    Returns
    -------
    dict
        By the names of the table's fields.

    Raises
    ------
    ArgumentError
        When there is no such option, or no such value of one.
    """
    not_given = object()  # argparse leaves alone what the namespace holds already
    names = [action.dest for action in parser._actions if action.dest != argparse.SUPPRESS]
    values = vars(parser.parse_args(words, argparse.Namespace(**dict.fromkeys(names, not_given))))
    return {name: value for name, value in values.items() if value is not not_given}
