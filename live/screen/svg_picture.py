"""Saved pictures of the screen, for a web page or a fault report."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from live.palette import DARK, Theme
from live.screen.console_frame import ConsoleFrame
from live.screen.frame import render
from live.screen.view import NO_EXTRAS, Extras
from live.snapshot import Snapshot

# The size of a character in rich's pictures.
_LINE_HEIGHT = 24.4
_BASELINE = 18.5

# The part of its cell that each block fills: left, top, width, height.
_BLOCKS = {
    "█": (0.0, 0.0, 1.0, 1.0),
    "▀": (0.0, 0.0, 1.0, 0.5),
    "▄": (0.0, 0.5, 1.0, 0.5),
    **{sign: (0.0, 0.0, eighths / 8, 1.0) for eighths, sign in enumerate("▏▎▍▌▋▊▉", start=1)},
}
_BLOCK_TEXT = re.compile(
    r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)" clip-path="[^"]*">'
    rf"([{''.join(_BLOCKS)}]+)</text>"
)
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def save_picture(
    snapshot: Snapshot,
    path: str | Path,
    *,
    width: int = 100,
    height: int = 30,
    theme: Theme = DARK,
    extras: Extras = NO_EXTRAS,
) -> Path:
    """Save the screen of ``snapshot`` as an SVG file that needs no fonts and no network, and return its path.

    Parameters
    ----------
    snapshot
        The session at one moment.
    path
        The file to write; an existing file is replaced.
    width, height
        Size of the screen in cells.
    theme
        Colours, including the background.
    extras
        Hints, messages and similar.
    """
    return save_frame(render(snapshot, theme=theme, extras=extras), path, width=width, height=height)


def save_frame(frame: ConsoleFrame, path: str | Path, *, width: int, height: int) -> Path:
    """Save a frame of one source or several as an SVG file, and return its path."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    # The last line of a picture is cut off at the bottom, so an empty one is added.
    console.print(frame, end="")
    console.line(2)
    picture = console.export_svg(title="genre-live", theme=_picture_theme(frame.theme))
    picture = _BLOCK_TEXT.sub(_rectangles, _FONT_FACE.sub("", picture))
    path = Path(path)
    path.write_text(picture, encoding="utf-8")
    return path


def _rectangles(text: re.Match[str]) -> str:
    """Return blocks as rectangles, because in most fonts there are seams between their lines."""
    style, x, y, length, blocks = text.groups()
    left, top = float(x), float(y) - _BASELINE
    width = float(length) / len(blocks)
    rectangles = []
    for run in re.finditer(r"(.)\1*", blocks):
        block = run.group(1)
        start, above, part, tall = _BLOCKS[block]
        x_start = left + (run.start() + start) * width
        # Neighbouring blocks of full width are joined to one rectangle.
        x_width = width * (len(run.group()) if part == 1.0 else part)
        rectangles.append(
            f'<rect class="{style}" x="{x_start:.2f}" y="{top + above * _LINE_HEIGHT:.2f}"'
            f' width="{x_width:.2f}" height="{tall * _LINE_HEIGHT + 0.25:.2f}" shape-rendering="crispEdges"/>'
        )
    return "".join(rectangles)


def _picture_theme(theme: Theme) -> TerminalTheme:
    def channels(color: str) -> tuple[int, int, int]:
        return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)

    background, text = channels(theme.background), channels(theme.text)
    return TerminalTheme(background, text, [background] * 8)
