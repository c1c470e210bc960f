"""The errors that a user can cause or meet; the text of each is a sentence that says what to do."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO


class GenreLiveError(Exception):
    """An error whose text is one sentence for the user.

    Attributes
    ----------
    exit_status : int
        Exit status of the command: 2 for bad arguments or unreadable input, 1 when the source or the model
        failed while running.
    """

    exit_status = 2


class InputError(GenreLiveError):
    """A file, device or argument that cannot be used."""


class BundleError(GenreLiveError):
    """A model bundle that is missing, broken, of an unknown format or changed."""


class RunningError(GenreLiveError):
    """A source, model or output that failed after listening had begun."""

    exit_status = 1


class ReportedError(GenreLiveError):
    """Ends a program whose errors have all been reported already.

    Parameters
    ----------
    exit_status : int
    """

    def __init__(self, exit_status: int) -> None:
        super().__init__("The errors were reported above.")
        self.exit_status = exit_status


def one_line(text: str) -> str:
    """Return a text that is safe on one line of a terminal; names of files may hold any character.

    Returns
    -------
    str
        The text with unprintable characters, such as line ends and escape sequences, replaced by U+FFFD.
    """
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def print_message(command: str, sentence: str) -> None:
    """Print ``command: sentence`` to standard error, if there is one that takes it.

    Who reports a fault must not fail on that: the disk may be full, or the reader gone.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"{command}: {one_line(sentence)}", file=sys.stderr)


def escape_what_it_lacks(stream: TextIO | None) -> None:
    """Let a standard stream write characters that its encoding lacks, as in names of files, as escapes."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def flush_or_discard(*streams: TextIO | None) -> None:
    """Flush standard streams, and discard what cannot be written: Python would fail on it at exit."""
    for stream in streams:
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def explain(command: str, error: Exception, *, debug: bool) -> int:
    """Print an error as one sentence, and return the exit status for it.

    Parameters
    ----------
    command : str
        The name of the command.
    error : Exception
    debug : bool
        Whether to print the traceback as well.

    Returns
    -------
    int
        The error's own status, or 1 for an unexpected error.
    """
    if debug and sys.stderr is not None:
        import traceback

        with contextlib.suppress(OSError, ValueError):
            for text in traceback.format_exception(error):
                for line in text.splitlines():
                    print(one_line(line), file=sys.stderr)
    if isinstance(error, GenreLiveError):
        print_message(command, str(error))
        return error.exit_status
    if isinstance(error, MemoryError):
        print_message(command, "There is too little memory: end other programs, or raise its limit.")
        return 1
    failed = f"It failed ({type(error).__name__}: {error})"
    print_message(command, f"{failed}: run it again with --debug and report what it says.")
    return 1
