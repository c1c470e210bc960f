"""A command's options as one frozen, typed table: a dataclass with one field for each option.

The field's annotation is what a type checker sees; its default is the program's own; the facts given to
``option`` are all that the argument parser, the settings file, the Python interface and the checks need.
To add an option is to add one such field.
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
    """Reads a number between two bounds, which are included.

    Attributes
    ----------
    lowest, highest : float
        The bounds.
    unit : str
        What is counted, in the plural, as in "seconds"; may be empty.
    whole : bool
        Whether only whole numbers will do.
    words : mapping of str to object
        Texts that stand for a value of their own, as ``max`` does for ``--speed``.
    """

    lowest: float
    highest: float
    unit: str = ""
    whole: bool = False
    words: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __call__(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises
        ------
        ValueError
            When it stands for none; the message is the reason.
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
        """Refuse a number out of the bounds, and what is no number.

        Parameters
        ----------
        name : str
            What the caller knows it by.
        value : float

        Raises
        ------
        ValueError
        """
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{name} must be from {self._bounds}, not {value!r}")


@dataclass(frozen=True)
class Needs:
    """That an option says something only beside one of others.

    Attributes
    ----------
    options : tuple of str
        The names of those, one of which is enough.
    missing : str
        What to give, to finish "give … with it, or leave it out".
    """

    options: tuple[str, ...]
    missing: str


@dataclass(frozen=True)
class Option:
    """The facts of one option.

    Attributes
    ----------
    default : object
        The program's own.
    help : str
        For ``--help``; ``{default}`` in it stands for the default.
    group : str
        The heading it stands under there.
    name : str
        As an attribute: ``give_up`` for ``--give-up``.
    metavar : str or None
        What stands for its value in the help; None for a flag, which takes none.
    read : callable
        Returns the value of a text; raises ValueError with the reason when there is none.
    choices : tuple of str
        The texts it takes; empty for any.
    letter : str or None
        Its short form, as in ``-o``.
    positional : bool
        Whether it is given without its name, and is required.
    repeated : bool
        Whether it may be given several times; the value is then a tuple.
    excludes : str or None
        The name of a set of options of which only one may be given.
    only_for : tuple of str
        The kinds of source, or tasks, that it says something about; empty for all.
    needs : Needs or None
        The options without one of which it says nothing.
    path : str or None
        ``file`` or ``folder`` where the value is one: the shells complete it.
    saved : str
        Whether it can be a default of the user's: ``kept``, ``refused``, or ``ignored`` when it is given
        beside what is to be saved.
    without_settings : bool
        Whether the user's defaults are not read when it is given.
    environment : str or None
        A variable of the environment that it is read from where it is not typed.
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
        """How it is typed: ``--give-up``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def takes_value(self) -> bool:
        """Whether it is no mere flag."""
        return self.metavar is not None

    def is_given(self, value: object) -> bool:
        """Whether a value says something other than the program's own default."""
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
    """Declare an option: the value of a field of a table; see ``Option`` for the parameters."""
    facts = {name: fact for name, fact in locals().items() if name != "default"}
    return dataclasses.field(default=default, metadata={"option": Option(default=default, **facts)})


@functools.cache
def options_of(table: type[DataclassInstance]) -> Mapping[str, Option]:
    """Return the options of a table by their names, in its order.

    Parameters
    ----------
    table : type
        A dataclass whose fields were all declared by ``option``.
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
        When it takes no number.
    """
    read = options_of(table)[name].read
    if not isinstance(read, Number):
        raise TypeError(f"{name} takes no number")
    return read


def misplaced(values: DataclassInstance, *kinds: str) -> list[Option]:
    """Return the options that were given and say nothing about the kinds of source, or the task, at hand.

    Parameters
    ----------
    values : dataclass instance
        Of a table.
    kinds : str
        Of those that ``only_for`` names.
    """
    return [
        option
        for name, option in options_of(type(values)).items()
        if option.only_for
        and option.is_given(getattr(values, name))
        and not any(kind in option.only_for for kind in kinds)
    ]


def check_needs(values: DataclassInstance) -> None:
    """See that each option given has beside it what it says something about.

    Raises
    ------
    InputError
        When one has not.
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
    """Join words as a sentence does: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
