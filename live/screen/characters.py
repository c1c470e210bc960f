"""The characters of the screen, for terminals with all, some or none of Unicode's signs."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from live.screen.block_letters import FONTS, SMALL, Font


@dataclass(frozen=True)
class Characters:
    """A set of characters, each one cell wide.

    Attributes
    ----------
    parts : str
        Cells that are filled from the left by an increasing part; the last is full.
    track : str
        The empty part of a bar.
    words : mapping of int to str
        Replacements for characters in text that the terminal lacks.
    encoding : str
        The encoding of text.
    """

    parts: str
    track: str
    run_start: str
    genre: str
    silence: str
    no_music: str
    unsure: str
    other: str
    gap: str
    unheard: str
    tick: str
    peak: str
    bar: str
    low: str
    chosen: str
    alive: str
    at_rest: str
    halted: str
    words: dict[int, str]
    encoding: str = "utf-8"

    @property
    def fonts(self) -> tuple[Font, ...]:
        """The block letters that can be read in these characters: the small ones need half blocks."""
        return FONTS if self.write("▀") == "▀" else tuple(font for font in FONTS if font is not SMALL)

    def pattern(self, state: str) -> str:
        """Return the pattern of a state without a genre."""
        return {
            "silence": self.silence,
            "no_music": self.no_music,
            "unsure": self.unsure,
            "other": self.other,
        }[state]

    def write(self, text: str) -> str:
        """Return ``text`` in the characters of this terminal."""
        if not self.words:
            return text
        return text.translate(self.words).encode(self.encoding, "replace").decode(self.encoding)


UNICODE = Characters(
    parts="▏▎▍▌▋▊▉█",
    track="─",
    run_start="▐",
    genre="━",
    silence="·",
    no_music="░",
    unsure="▒",
    other="╱",
    gap="╳",
    unheard="─",
    tick="╵",
    peak="▎",
    bar="│",
    low="▄",
    chosen="▸",
    alive="●",
    at_rest="○",
    halted="■",
    words={},
)

ASCII = Characters(
    parts="#",
    track=" ",
    run_start="|",
    genre="=",
    silence=".",
    no_music=":",
    unsure="?",
    other="/",
    gap="X",
    unheard=" ",
    tick="'",
    peak="|",
    bar="|",
    low="=",
    chosen=">",
    alive="*",
    at_rest="o",
    halted="x",
    words=str.maketrans(
        {"█": "#", "▀": '"', "▄": "_", "·": "-", "…": "~", "−": "-", "–": "-", "’": "'", "↑": "^", "↓": "v"}
    ),
    encoding="ascii",
)

# What both the fonts of Debian's console-setup and the font of the Linux kernel have. Block letters of five
# rows and more are clearer with nothing for a half block than with a whole one.
LINUX_CONSOLE = Characters(
    parts="█",
    track="─",
    run_start="│",
    genre="■",
    silence="·",
    no_music="░",
    unsure="▒",
    other="/",
    gap="×",
    unheard="─",
    tick="│",
    peak="│",
    bar="│",
    low="■",
    chosen="»",
    alive="•",
    at_rest="·",
    halted="■",
    words=str.maketrans({"▀": " ", "▄": " ", "…": "~", "−": "-", "–": "-", "’": "'"}),
)


@lru_cache(maxsize=1024)
def printable(text: str) -> str:
    """Return ``text`` without control and formatting characters, which could move the cursor."""
    return "".join(
        character if unicodedata.category(character)[0] not in "CZ" or character == " " else " "
        for character in text
    )


def genre_name(genre: str) -> str:
    """Return the name of a genre for display."""
    return printable(genre.replace("_", " "))
