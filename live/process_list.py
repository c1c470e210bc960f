"""Hides passwords of the command line from the list of processes."""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from pathlib import Path

_SECRET = re.compile(rb"://([^\s\0]*)@")  # to the last @: a password may hold one, or a slash
_ARGUMENTS_AT = (
    47  # field of /proc/self/stat, counted from 0: where the arguments begin; the next, where they end
)


def hide_passwords(url: str) -> None:
    """Overwrite the user name and password of an address in the arguments that ``ps`` shows (Linux only).

    Parameters
    ----------
    url : str
        The address as it was given; without a password, nothing happens.
    """
    if "@" not in url or not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The second field, the program's name in brackets, may hold any character, so count from its end.
        fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
        begin, end = (int(field) for field in fields[_ARGUMENTS_AT - 2 : _ARGUMENTS_AT])
        if not 0 < begin < end or end - begin > 1 << 20:
            return
        arguments = ctypes.string_at(begin, end - begin)
        for match in _SECRET.finditer(arguments):
            ctypes.memset(begin + match.start(1), ord("*"), match.end(1) - match.start(1))
