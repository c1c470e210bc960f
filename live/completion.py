"""``--print-completion``: what makes a shell complete the options."""

from __future__ import annotations

import argparse
from collections.abc import Collection

SHELLS = ("bash", "zsh", "fish")


def completion_script(
    parser: argparse.ArgumentParser, shell: str, *, files: Collection[str] = (), folders: Collection[str] = ()
) -> str:
    """Write the completion script of a command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    shell : str
        ``bash``, ``zsh`` or ``fish``.
    files, folders : collection of str
        Names of the arguments whose values are paths of files, or of folders.
    """
    import shtab

    for action in parser._actions:
        if action.dest in files:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.dest in folders:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))
