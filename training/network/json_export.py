"""The MFCCs and labels of a dataset as the JSON that simple tutorials train from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..dataset.splits import whole_store
from ..dataset.store import FeatureStore
from .batches import frames_of, grid_starts
from .recipes import Recipe


def export_json(path: Path, store: FeatureStore, recipe: Recipe) -> None:
    """Write the MFCCs of every window of a grid.

    The object has ``mapping`` (genres), ``labels`` (index into it, one a window) and ``mfcc`` (windows ×
    frames × coefficients); windows are written one by one, so the file may be larger than memory.
    """
    labels = sorted(set(store.label))
    segments = whole_store(store)
    windows = [
        (segment, start) for segment in segments for start in grid_starts(segment, recipe.window_frames)
    ]
    indices = [labels.index(store.label[segment.clip]) for segment, _ in windows]

    def texts() -> Iterator[str]:
        for segment, start in windows:
            mel_db = frames_of(store, segment, start, recipe.window_frames)
            coefficients = recipe.coefficients(mel_db[None], recipe.front_end)[0]
            yield json.dumps([[round(float(value), 4) for value in frame] for frame in coefficients])

    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"mapping": {json.dumps(labels)}, "labels": {json.dumps(indices)}, "mfcc": [')
        for number, text in enumerate(texts()):
            file.write((",\n" if number else "\n") + text)
        file.write("\n]}\n")
