"""Tables of options: a frozen dataclass with one field for each option of a command.

The field's annotation is for the type checker. The arguments of ``option`` are all that the argument
parser, the settings file, the Python interface and the checks need, the built-in default included. To add
an option, add one such field.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from live.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")
Saved = Literal["kept", "refused", "ignored"]


@dataclass(frozen=True)
class Number:
    """Reads a number between two bounds, inclusive.

    Attributes
    ----------
    lowest, highest : float
        The bounds.
    unit : str
        The unit in the plural, such as "seconds"; may be empty.
    whole : bool
        Whether the number must be an integer.
    words : mapping of str to object
        Words that are allowed instead of a number, with their values, such as ``max`` for ``--speed``.
    """

    lowest: float
    highest: float
    unit: str = ""
    whole: bool = False
    words: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __call__(self, text: str) -> Any:
        """Return the value of a text.

        Raises
        ------
        ValueError
            When it is not valid; the message says why.
        """
        if text in self.words:
            return self.words[text]
        try:
            value: float = int(text) if self.whole else float(text)
        except ValueError:
            value = float("nan")
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{text!r} is not a {self._kind} from {self._bounds}")
        return value

    @property
    def _kind(self) -> str:
        return f"{'whole ' if self.whole else ''}number{f' of {self.unit}' if self.unit else ''}"

    @property
    def _bounds(self) -> str:
        if self.whole:
            return f"{self.lowest} to {self.highest}"
        return f"{self.lowest:g} to {self.highest:g}"

    def check(self, name: str, value: float) -> None:
        """Check that a value is a number within the bounds.

        Parameters
        ----------
        name : str
            The name of the value, for the message.
        value : float

        Raises
        ------
        ValueError
            When it is not.
        """
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{name} must be from {self._bounds}, not {value!r}")


@dataclass(frozen=True)
class Needs:
    """The other options without which an option has no effect.

    Attributes
    ----------
    options : tuple of str
        Their names; one of them is enough.
    missing : str
        What is missing, to complete "give … with it, or leave it out".
    """

    options: tuple[str, ...]
    missing: str


@dataclass(frozen=True)
class Option:
    """The definition of one option.

    Attributes
    ----------
    default : object
        The built-in default.
    help : str
        The text for ``--help``; ``{default}`` in it is replaced by the default.
    group : str
        Its heading in the help.
    name : str
        The name of the attribute: ``give_up`` for ``--give-up``.
    metavar : str or None
        The placeholder for its value in the help; None for a flag.
    read : callable
        Converts a text to the value; raises ValueError with the reason when it is invalid.
    choices : tuple of str
        The allowed texts; empty for any.
    letter : str or None
        The letter of its short form, such as ``-o``.
    positional : bool
        Whether it is a required argument that is given without the option's name.
    repeated : bool
        Whether it may be given several times; the value is then a tuple.
    excludes : str or None
        The name of a set of options of which only one may be given.
    only_for : tuple of str
        The kinds of source, or tasks, to which it applies; empty for all.
    needs : Needs or None
        The other options of which it needs one.
    path : str or None
        ``file`` or ``folder`` when the value is a path; the shell then completes it.
    saved : str
        What ``--save-defaults`` does with it: ``kept``, ``refused`` (an error) or ``ignored``.
    without_settings : bool
        Whether the user's defaults are not read when it is given.
    environment : str or None
        The environment variable from which it is read when it is not given.
    """

    default: Any
    help: str
    group: str
    name: str = ""
    metavar: str | None = None
    read: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    letter: str | None = None
    positional: bool = False
    repeated: bool = False
    excludes: str | None = None
    only_for: tuple[str, ...] = ()
    needs: Needs | None = None
    path: Literal["file", "folder"] | None = None
    saved: Saved = "kept"
    without_settings: bool = False
    environment: str | None = None

    @property
    def flag(self) -> str:
        """The option as the user types it: ``--give-up``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def takes_value(self) -> bool:
        """Whether it takes a value, unlike a flag."""
        return self.metavar is not None

    def is_given(self, value: object) -> bool:
        """Return whether a value differs from the built-in default."""
        return bool(value != self.default)


def option(
    default: Value,
    help: str,  # noqa: A002 (as argparse calls it)
    *,
    group: str,
    metavar: str | None = None,
    read: Callable[[str], Any] = str,
    choices: tuple[str, ...] = (),
    letter: str | None = None,
    positional: bool = False,
    repeated: bool = False,
    excludes: str | None = None,
    only_for: tuple[str, ...] = (),
    needs: Needs | None = None,
    path: Literal["file", "folder"] | None = None,
    saved: Saved = "kept",
    without_settings: bool = False,
    environment: str | None = None,
) -> Value:
    """Define an option, as the value of a field of a table; see ``Option`` for the parameters."""
    facts = {name: fact for name, fact in locals().items() if name != "default"}
    return dataclasses.field(default=default, metadata={"option": Option(default=default, **facts)})


@functools.cache
def options_of(table: type[DataclassInstance]) -> Mapping[str, Option]:
    """Return the options of a table by name, in the order of its fields.

    Parameters
    ----------
    table : type
        A dataclass whose fields were all defined by ``option``.
    """
    options = {}
    for field in dataclasses.fields(table):
        declared: Option = field.metadata["option"]
        text = declared.help.replace("{default}", _shown(declared.default))
        options[field.name] = dataclasses.replace(declared, name=field.name, help=text)
    return MappingProxyType(options)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def bounds_of(table: type[DataclassInstance], name: str) -> Number:
    """Return the bounds of a numeric option.

    Raises
    ------
    TypeError
        When the option is not numeric.
    """
    read = options_of(table)[name].read
    if not isinstance(read, Number):
        raise TypeError(f"{name} takes no number")
    return read


def misplaced(values: DataclassInstance, *kinds: str) -> list[Option]:
    """Return the given options that do not apply to any of these kinds of source, or tasks.

    Parameters
    ----------
    values : dataclass instance
        An instance of a table.
    kinds : str
        The kinds, or tasks, in the words of ``only_for``.
    """
    return [
        option
        for name, option in options_of(type(values)).items()
        if option.only_for
        and option.is_given(getattr(values, name))
        and not any(kind in option.only_for for kind in kinds)
    ]


def check_needs(values: DataclassInstance) -> None:
    """Check that each given option comes with one of those that it needs.

    Raises
    ------
    InputError
        When one does not.
    """
    options = options_of(type(values))
    for name, needing in options.items():
        needs = needing.needs
        if needs is None or not needing.is_given(getattr(values, name)):
            continue
        if not any(options[other].is_given(getattr(values, other)) for other in needs.options):
            flags = enumerate_words([options[other].flag for other in needs.options])
            raise InputError(f"{needing.flag} is for {flags}: give {needs.missing} with it, or leave it out.")


def enumerate_words(words: Iterable[str]) -> str:
    """Return the words joined as in a sentence: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
