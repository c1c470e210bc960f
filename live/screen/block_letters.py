"""Block letters that can be read from across a room.

Each font is drawn with full and half blocks, so that the corners of letters can be rounded by half a row.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# One line a glyph: the character, then its rows from top to bottom between bars.
_TALL = """
a|▄████▄|██  ██|██████|██  ██|██  ██
b|█████▄|██  ██|█████▄|██  ██|█████▀
c|▄████▄|██  ▀▀|██    |██  ▄▄|▀████▀
d|█████▄|██  ██|██  ██|██  ██|█████▀
e|█████|██   |████ |██   |█████
f|█████|██   |████ |██   |██
g|▄████▄|██    |██ ███|██  ██|▀████▀
h|██  ██|██  ██|██████|██  ██|██  ██
i|██|██|██|██|██
j|   ██|   ██|   ██|▄▄ ██|▀███▀
k|██  ██|██ ▄█▀|████▀ |██ ▀█▄|██  ██
l|██   |██   |██   |██   |█████
m|██▄  ▄██|███▄▄███|██▀██▀██|██    ██|██    ██
n|██▄  ██|████ ██|██▀█▄██|██ ████|██  ▀██
o|▄████▄|██  ██|██  ██|██  ██|▀████▀
p|█████▄|██  ██|█████▀|██    |██
q|▄████▄|██  ██|██  ██|██ ▀██|▀███▀█
r|█████▄|██  ██|█████▀|██ ▀█▄|██  ██
s|▄█████|██    |▀████▄|    ██|█████▀
t|██████|  ██  |  ██  |  ██  |  ██
u|██  ██|██  ██|██  ██|██  ██|▀████▀
v|██  ██|██  ██|██  ██|▀█▄▄█▀|  ██
w|██    ██|██    ██|██ ██ ██|███▀▀███|██▀  ▀██
x|██  ██|▀█▄▄█▀|  ██  |▄█▀▀█▄|██  ██
y|██  ██|▀█▄▄█▀|  ██  |  ██  |  ██
z|██████|   ▄██| ▄██▀ |██▀   |██████
0|▄████▄|██  ██|██  ██|██  ██|▀████▀
1|▄██ | ██ | ██ | ██ |████
2|▄████▄|▀▀  ██| ▄██▀ |██▀   |██████
3|▄████▄|▀▀  ██|  ███▄|▄▄  ██|▀████▀
4|██  ██|██  ██|▀█████|    ██|    ██
5|██████|██    |█████▄|    ██|█████▀
6|▄████▄|██    |█████▄|██  ██|▀████▀
7|██████|   ▄█▀|  ██▀ | ██▀  | ██
8|▄████▄|██  ██|▄████▄|██  ██|▀████▀
9|▄████▄|██  ██|▀█████|    ██|▀████▀
%|██  ▄█▀|   ▄█▀ |  ▄█▀  | ▄█▀   |▄█▀  ██
…|        |        |        |        |██ ██ ██
-|    |    |████|    |
+|      |  ██  |██████|  ██  |
&|▄███▄ |██ ██ |▄███▄▄|██ ▀██|▀███▀█
'|██|▀▀|  |  |
.|  |  |  |  |██
/|    ██|   ██ |  ██  | ██   |██
?|▄████▄|▀▀  ██|  ▄██▀|      |  ██
!|██|██|██|  |██
 |   |   |   |   |
"""

_SMALL = """
a|▄▀▀▄|█▀▀█|▀  ▀
b|█▀▀▄|█▀▀▄|▀▀▀
c|▄▀▀▀|█   | ▀▀▀
d|█▀▀▄|█  █|▀▀▀
e|█▀▀▀|█▀▀ |▀▀▀▀
f|█▀▀▀|█▀▀ |▀
g|▄▀▀▀|█ ▀█| ▀▀▀
h|█  █|█▀▀█|▀  ▀
i|█|█|▀
j|   █|▄  █| ▀▀
k|█ ▄▀|█▀▄ |▀  ▀
l|█  |█  |▀▀▀
m|█▄ ▄█|█ ▀ █|▀   ▀
n|█▄  █|█ ▀▄█|▀   ▀
o|▄▀▀▄|█  █| ▀▀
p|█▀▀▄|█▀▀ |▀
q|▄▀▀▄|█ ▄█| ▀▀▀
r|█▀▀▄|█▀▀▄|▀  ▀
s|▄▀▀▀| ▀▀▄|▀▀▀
t|▀▀█▀▀|  █  |  ▀
u|█  █|█  █| ▀▀
v|█   █| █ █ |  ▀
w|█   █|█▄▀▄█|▀   ▀
x|▀▄ ▄▀|  █  |▀   ▀
y|▀▄ ▄▀|  █  |  ▀
z|▀▀▀█| ▄▀ |▀▀▀▀
0|▄▀▀▄|█  █| ▀▀
1|▄█ | █ |▀▀▀
2|▀▀▀▄| ▄▀ |▀▀▀▀
3|▀▀▀▄| ▀▀▄|▀▀▀
4|█  █|▀▀▀█|   ▀
5|█▀▀▀|▀▀▀▄|▀▀▀
6|▄▀▀ |█▀▀▄| ▀▀
7|▀▀▀█| ▄▀ | ▀
8|▄▀▀▄|▄▀▀▄| ▀▀
9|▄▀▀▄| ▀▀█| ▀▀
%|▀ ▄▀| ▄▀ |▀  ▀
…|     |     |▀ ▀ ▀
-|   |▀▀▀|
+|   |▀█▀| ▀
&|▄▀▄ |▄▀▄▄| ▀▀▄
'|█| |
.| | |▀
/|  █|▄▀ |▀
?|▀▀▀▄| ▄▀ | ▄
!|█|▀|▀
 |  |  |
"""

_TOP = "▀█"
_BOTTOM = "▄█"


@dataclass(frozen=True)
class Font:
    """A block font.

    Attributes
    ----------
    rows : int
        Height in terminal rows.
    scale : int
        Factor by which each half-block dot of the drawing is enlarged in both directions.
    """

    rows: int
    scale: int
    drawing: str

    def draw(self, text: str) -> tuple[str, ...] | None:
        """Return the rows of ``text``, all of the same length; None if a character has no glyph."""
        return _draw(self, text)

    def width(self, text: str) -> int | None:
        """Return the columns that ``text`` takes; None if a character has no glyph."""
        rows = _draw(self, text)
        return None if rows is None else len(rows[0])


HUGE = Font(10, 2, _TALL)
TALL = Font(5, 1, _TALL)
SMALL = Font(3, 1, _SMALL)
FONTS = (HUGE, TALL, SMALL)


def plain(text: str) -> str:
    """Return ``text`` in the characters of the fonts: lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.replace("…", "\0"))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return bare.replace("\0", "…").replace("_", " ").lower()


@lru_cache(maxsize=8)
def _glyphs(drawing: str) -> dict[str, tuple[str, ...]]:
    glyphs: dict[str, tuple[str, ...]] = {}
    for line in drawing.strip("\n").split("\n"):
        rows = tuple(line[2:].split("|"))
        width = max(map(len, rows))
        glyphs[line[0]] = tuple(row.ljust(width) for row in rows)
    return glyphs


@lru_cache(maxsize=256)
def _draw(font: Font, text: str) -> tuple[str, ...] | None:
    glyphs = _glyphs(font.drawing)
    letters = plain(text)
    if not letters or any(letter not in glyphs for letter in letters):
        return None
    height = len(glyphs[" "])
    rows = [" ".join(glyphs[letter][row] for letter in letters) for row in range(height)]
    return tuple(_scaled(rows)) if font.scale == 2 else tuple(rows)


def _scaled(rows: Iterable[str]) -> Iterable[str]:
    """Yield the rows at twice the width and height: each half-block dot becomes two full blocks."""
    for row in rows:
        for full in (_TOP, _BOTTOM):
            yield "".join("██" if character in full else "  " for character in row)
