"""``--print-completion``: scripts with which a shell completes the options of a command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection
from typing import Any

SHELLS = ("bash", "zsh", "fish")


def completion_script(
    parser: argparse.ArgumentParser, shell: str, *, files: Collection[str] = (), folders: Collection[str] = ()
) -> str:
    """Return the completion script of a command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    shell : str
        ``bash``, ``zsh`` or ``fish``.
    files, folders : collection of str
        Names of the arguments whose values are paths of files or of folders.

    Returns
    -------
    str
        The script, for the shell's own start-up file.
    """
    import shtab

    for action in parser._actions:
        if action.dest in files:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.dest in folders:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    script = str(shtab.complete(parser, shell=shell))
    # Without quotes, bash would take a name with a space for several words.
    return re.sub(r"compgen -([fd]) -- \$1(?= )", r'compgen -\1 -- "$1"', script)


def add_completion_option(
    group: argparse._ArgumentGroup, *, files: Collection[str] = (), folders: Collection[str] = ()
) -> None:
    """Add the option ``--print-completion SHELL``, which prints the script and ends.

    Parameters
    ----------
    group : argument group
        Of the command's help.
    files, folders : collection of str
        As for ``completion_script``.
    """

    class PrintCompletion(argparse.Action):
        def __call__(
            self, parser: argparse.ArgumentParser, _options: Any, shell: Any, _name: Any = None
        ) -> None:
            print(completion_script(parser, shell, files=files, folders=folders))
            parser.exit()

    group.add_argument(
        "--print-completion",
        action=PrintCompletion,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        metavar="SHELL",
        choices=SHELLS,
        help="print a script for bash, zsh or fish to complete the options",
    )
