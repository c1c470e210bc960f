"""Detection of a dark or light terminal background, by a query to the terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping

from rich.console import Console

from live.palette import DARK, LIGHT, Theme, luminance
from live.screen.keys import single_keys

# Every terminal answers the second query (device attributes), and answers come in order. So when that answer
# arrives without the first one, the terminal does not support the first query, and waiting can stop.
_ASK_BACKGROUND = b"\x1b]11;?\x1b\\"
_ASK_WHO = b"\x1b[c"
_WHO = re.compile(rb"\x1b\[\?[0-9;]*c")
_BACKGROUND = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_ANSWER_WITHIN_S = 0.3
_MIDDLE_LUMINANCE = 0.18
_LIGHT_COLORS = ("7", "15")


def theme_for(console: Console, environment: Mapping[str, str] | None = None) -> Theme:
    """Return the theme for the background of ``console``; the dark one if it is unknown."""
    environment = os.environ if environment is None else environment
    told = environment.get("COLORFGBG", "").rpartition(";")[2]
    if told.isdigit():
        return LIGHT if told in _LIGHT_COLORS else DARK
    if not console.is_terminal or console.is_dumb_terminal or console.color_system is None:
        return DARK
    return theme_from_answer(_ask())


def theme_from_answer(answer: bytes) -> Theme:
    """Return the theme for the background in a terminal's answer."""
    background = _BACKGROUND.search(answer)
    if background is None:
        return DARK
    # Each channel has one to four digits; the first two are enough.
    channels = ((channel * 2)[:2].decode() for channel in background.groups())
    return LIGHT if luminance("#" + "".join(channels)) > _MIDDLE_LUMINANCE else DARK


def _ask() -> bytes:
    """Query the terminal for its background, and return its answer, which may be empty."""
    if sys.platform == "win32":
        return b""
    import select
    import termios

    answer = b""
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return b""
        reading, writing = sys.stdin.fileno(), sys.stdout.fileno()
        with single_keys(reading):
            sys.stdout.flush()
            os.write(writing, _ASK_BACKGROUND + _ASK_WHO)
            give_up_s = time.monotonic() + _ANSWER_WITHIN_S
            while not _WHO.search(answer):
                left_s = give_up_s - time.monotonic()
                if left_s <= 0 or not select.select([reading], [], [], left_s)[0]:
                    break
                piece = os.read(reading, 256)
                if not piece:
                    break
                answer += piece
    except (OSError, ValueError, AttributeError, termios.error):
        return answer
    return answer
