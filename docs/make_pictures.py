"""Makes the pictures in the documents from the real program, so that they never age.

Listens to the demo tune with the shipped model, as ``genre-live --file examples/demo.ogg`` does, and
saves what the screen shows at given moments. That takes as long as the tune, so that the pictures show what a
window costs when one is heard at a time::

    OPENBLAS_NUM_THREADS=1 python docs/make_pictures.py [--model NAME|DIR] [--out docs/pictures]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from live.bundle import find_bundle
from live.classifier import Classifier
from live.palette import DARK, LIGHT, Theme
from live.screen import KEYS, Extras, save_picture
from live.session import Session
from live.snapshot import Snapshot
from live.sources.audio_file import AudioFile

ROOT = Path(__file__).resolve().parent.parent

# Name, moment in the demo tune in seconds, columns, rows, theme.
PICTURES: tuple[tuple[str, float, int, int, Theme], ...] = (
    ("screen-dark.svg", 50.0, 100, 30, DARK),
    ("screen-light.svg", 50.0, 100, 30, LIGHT),
    ("screen-small.svg", 33.0, 60, 20, DARK),
)


def snapshot_at(time_s: float, path: Path, classifier: Classifier) -> Snapshot:
    """Listen to the first ``time_s`` of ``path``; gives what the screen shows at that moment."""
    session = Session(AudioFile(str(path)), classifier, duration_s=time_s)
    session.start()
    session.ended.wait()
    if session.failure is not None:
        raise session.failure
    return replace(session.snapshot, source_condition="listening")


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="genre-lstm", help="a shipped model's name or a bundle's folder")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures", help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    classifier = Classifier(find_bundle(arguments.model))
    demo = ROOT / "examples" / "demo.ogg"
    times_s = {time_s for _, time_s, *_ in PICTURES}
    snapshots = {time_s: snapshot_at(time_s, demo, classifier) for time_s in times_s}
    for name, time_s, width, height, theme in PICTURES:
        path = arguments.out / name
        extras = Extras(keys=KEYS)
        save_picture(snapshots[time_s], path, width=width, height=height, theme=theme, extras=extras)
        print(path)


if __name__ == "__main__":
    main()
