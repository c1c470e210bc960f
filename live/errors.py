"""The errors a user can cause or meet, each one a sentence that says what to do."""

from __future__ import annotations

import sys


class GenreLiveError(Exception):
    """An error whose text is one plain sentence for the user.

    Attributes
    ----------
    exit_status : int
        What the command exits with: 2 for bad arguments or unreadable input, 1 when
        the source or the model failed while running.
    """

    exit_status = 2


class InputError(GenreLiveError):
    """A file, device or argument that cannot be used."""


class BundleError(GenreLiveError):
    """A model bundle that is missing, broken, foreign or tampered with."""


class RunningError(GenreLiveError):
    """A source, model or output that failed after listening had begun."""

    exit_status = 1


class ToldError(GenreLiveError):
    """The end of a program of which everything was told already.

    Parameters
    ----------
    exit_status : int
    """

    def __init__(self, exit_status: int) -> None:
        super().__init__("It was told before why it failed.")
        self.exit_status = exit_status


def one_line(text: str) -> str:
    """Make a text fit for one line of a terminal; the names of files may hold any character.

    Returns
    -------
    str
        With what cannot be shown, line ends and control sequences for a start, replaced.
    """
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def say(command: str, sentence: str) -> None:
    """Write a sentence of a command to standard error, if there is one."""
    if sys.stderr is not None:
        print(f"{command}: {one_line(sentence)}", file=sys.stderr)


def explain(command: str, error: Exception, *, debug: bool) -> int:
    """Say in one sentence what went wrong.

    Parameters
    ----------
    command : str
        Its name.
    error : Exception
    debug : bool
        Whether to show the traceback, too.

    Returns
    -------
    int
        The exit status that tells it: the error's own, or 1 for one that nobody foresaw.
    """
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, GenreLiveError):
        say(command, str(error))
        return error.exit_status
    failed = f"It failed ({type(error).__name__}: {error})"
    say(command, f"{failed}: run it again with --debug and report what it says.")
    return 1
