"""Saved pictures."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from live.palette import DARK
from live.screen import save_picture
from tests.live.screen.drawing import GENRES, SONG


def test_a_saved_picture_shows_the_screen(tmp_path: Path) -> None:
    path = save_picture(SONG, tmp_path / "picture.svg", width=80, height=24)
    picture = path.read_text(encoding="utf-8").replace("&#160;", " ")
    assert picture.startswith("<svg")
    assert "genre-live" in picture
    assert "71 % sure" in picture
    assert DARK.colors(GENRES)["rock"] in picture


def test_a_saved_picture_needs_no_network_and_no_font_for_its_blocks(tmp_path: Path) -> None:
    path = save_picture(SONG, tmp_path / "picture.svg", width=80, height=24)
    picture = path.read_text(encoding="utf-8")
    assert not re.search(r"url\(.?http|@import|<image", picture)
    assert not set(picture) & set("█▀▄▏▎▍▌▋▊▉")
    style = re.search(rf"\.(\S+) {{ fill: {DARK.colors(GENRES)['rock']} }}", picture)
    assert style is not None
    drawing = ElementTree.fromstring(picture)
    wide = [
        float(rectangle.attrib["width"])
        for rectangle in drawing.iter("{http://www.w3.org/2000/svg}rect")
        if rectangle.get("class") == style.group(1)
    ]
    assert max(wide) > 100  # the bar
    assert len(wide) > 20  # the letters
