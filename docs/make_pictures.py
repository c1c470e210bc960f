"""Makes the pictures in the documents from the real program, so that they never age.

Listens to the demo tune with the shipped model, as ``genre-live --file examples/demo.ogg`` does, and
saves what the screen shows at given moments. That takes as long as the tune, so that the pictures show what a
window costs when one is heard at a time::

    OPENBLAS_NUM_THREADS=1 python docs/make_pictures.py [--model NAME|DIR] [--out docs/pictures]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from live.bundle import find_bundle
from live.classifier import Classifier
from live.palette import DARK, LIGHT, Theme
from live.screen import KEYS, Extras, save_picture
from live.screen.animation import at_rest
from live.screen.navigation import Navigation
from live.screen.screen import LIST_KEYS
from live.screen.source_list import SourceList
from live.screen.strip_cells import StripCache
from live.screen.svg_picture import save_frame
from live.screen.view import View
from live.session import SourceSession
from live.snapshot import Snapshot
from live.sources.files.audio_file import AudioFile

ROOT = Path(__file__).resolve().parent.parent

# Name, moment in the demo tune in seconds, columns, rows, theme.
PICTURES: tuple[tuple[str, float, int, int, Theme], ...] = (
    ("screen-dark.svg", 50.0, 100, 30, DARK),
    ("screen-light.svg", 50.0, 100, 30, LIGHT),
    ("screen-small.svg", 33.0, 60, 20, DARK),
)

# The demo tune heard from four moments at once: what each source is called, and the moment.
SOURCES = (("Bar", 17.0), ("Terrace", 33.0), ("Hall", 50.0), ("Cellar", 69.0))


def snapshot_at(time_s: float, path: Path, classifier: Classifier) -> Snapshot:
    """Listen to the first ``time_s`` of ``path``; gives what the screen shows at that moment."""
    session = SourceSession(AudioFile(str(path)), classifier, duration_s=time_s)
    session.start()
    session.ended.wait()
    if session.failure is not None:
        raise session.failure
    return replace(session.snapshot, source_condition="listening")


def many(snapshots: Mapping[float, Snapshot]) -> SourceList:
    """Return the screen of several sources."""
    named = [replace(snapshots[time_s], source_name=name) for name, time_s in SOURCES]
    extras = Extras(keys=LIST_KEYS)
    views = [View(snapshot, at_rest(snapshot), extras, StripCache()) for snapshot in named]
    return SourceList(views, Navigation(), DARK, extras)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="genre-lstm", help="a shipped model's name or a bundle's folder")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures", help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    classifier = Classifier(find_bundle(arguments.model))
    demo = ROOT / "examples" / "demo.ogg"
    times_s = {time_s for _, time_s, *_ in PICTURES} | {time_s for _, time_s in SOURCES}
    snapshots = {time_s: snapshot_at(time_s, demo, classifier) for time_s in times_s}
    for name, time_s, width, height, theme in PICTURES:
        path = arguments.out / name
        extras = Extras(keys=KEYS)
        save_picture(snapshots[time_s], path, width=width, height=height, theme=theme, extras=extras)
        print(path)
    path = arguments.out / "screen-many.svg"
    print(save_frame(many(snapshots), path, width=100, height=30))


if __name__ == "__main__":
    main()
