"""Export of the MFCCs and labels of a dataset as JSON, in the format of simple tutorials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..dataset.splits import whole_store
from ..dataset.store import FeatureStore
from .batches import frames_of, grid_starts
from .recipes import Recipe


def export_json(path: Path, store: FeatureStore, recipe: Recipe) -> None:
    """Write the MFCCs of all windows of a grid.

    The object has ``mapping`` (genres), ``labels`` (an index into it for each window) and ``mfcc`` (windows ×
    frames × coefficients). Windows are written one by one, so the file may be larger than memory.

    Parameters
    ----------
    path : Path
        The file to write.
    store : FeatureStore
    recipe : Recipe
        Its front end and window are used.
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
