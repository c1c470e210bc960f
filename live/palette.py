"""A fixed colour for each genre, for dark and for light terminals.

The ten colours of each theme were found by a search. The hues are what people expect (blues is blue, metal
is grey, reggae is green). Lightness and chroma were chosen so that the two closest colours are as far apart
as possible for normal, protan, deutan and tritan vision, and each is readable on the theme's background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ThemeName = Literal["dark", "light"]


@dataclass(frozen=True)
class Theme:
    """Colours for one kind of background, as ``#rrggbb``.

    Attributes
    ----------
    background : str
        The background that the colours were chosen for; only saved pictures are filled with it.
    text, quiet, faint, track
        Colours of text, secondary text, hints, and the empty part of a bar.
    accent, warning, alarm
        Colours of normal operation, a warning, and an error.
    known : mapping of str to str
        The colours of the known genres.
    others : tuple of str
        The colours for other genres, in the order of use.
    """

    name: ThemeName
    background: str
    text: str
    quiet: str
    faint: str
    track: str
    accent: str
    warning: str
    alarm: str
    known: Mapping[str, str]
    others: tuple[str, ...]

    def colors(self, genres: Sequence[str]) -> dict[str, str]:
        """Return a colour for each genre.

        A known genre always has the same colour; the others get the remaining colours, in order. Colours
        repeat only when there are more genres than colours.
        """
        named = {genre: self.known[key] for genre in genres if (key := _key(genre)) in self.known}
        taken = set(named.values())
        free = [color for color in (*self.known.values(), *self.others) if color not in taken]
        free = free or list(self.known.values())
        result: dict[str, str] = {}
        unnamed = 0
        for genre in genres:
            if genre in named:
                result[genre] = named[genre]
            elif genre not in result:
                result[genre] = free[unnamed % len(free)]
                unnamed += 1
        return result


def _key(genre: str) -> str:
    return "".join(character for character in genre.lower() if character.isalnum())


DARK = Theme(
    name="dark",
    background="#1e1e1e",
    text="#f2f2f2",
    quiet="#a6adb8",
    faint="#7c8591",
    track="#2f333a",
    accent="#6cc7ff",
    warning="#ffb454",
    alarm="#ff6b6b",
    known={
        "blues": "#4a86c3",
        "classical": "#bce3ed",
        "country": "#eb8441",
        "disco": "#f096f6",
        "hiphop": "#9a4efd",
        "jazz": "#f1df1c",
        "metal": "#90a79e",
        "pop": "#b45d83",
        "reggae": "#25df95",
        "rock": "#f20f1e",
    },
    others=(
        "#cb76fa",
        "#c1c736",
        "#4e784e",
        "#ea38b2",
        "#58ff96",
        "#a1c6c8",
        "#32b364",
        "#a231d7",
        "#777b0d",
        "#a68687",
    ),
)

LIGHT = Theme(
    name="light",
    background="#ffffff",
    text="#1b1f24",
    quiet="#57606a",
    faint="#7a828c",
    track="#e4e7eb",
    accent="#0969da",
    warning="#9a5b00",
    alarm="#c4161c",
    known={
        "blues": "#2d49d9",
        "classical": "#02434a",
        "country": "#936104",
        "disco": "#c102a0",
        "hiphop": "#9369fe",
        "jazz": "#a89413",
        "metal": "#625666",
        "pop": "#df6caa",
        "reggae": "#0c926a",
        "rock": "#800401",
    },
    others=(
        "#3e0069",
        "#76008b",
        "#580016",
        "#e5405c",
        "#b954cf",
        "#001bbe",
        "#923a38",
        "#1e2c3f",
        "#d346a3",
        "#937c05",
    ),
)

THEMES: Mapping[ThemeName, Theme] = {"dark": DARK, "light": LIGHT}


def luminance(color: str) -> float:
    """Return the relative luminance of ``#rrggbb`` by WCAG 2, 0 to 1."""
    channels = (int(color[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink(color: str) -> str:
    """Return black or white, whichever is easier to read on ``color``."""
    return max(("#000000", "#ffffff"), key=lambda candidate: contrast(candidate, color))
