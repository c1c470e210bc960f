"""Picture of the network's input for a clip of each genre: waveform, mel levels and MFCCs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from live.bundle import BundleDescription
from live.errors import GenreLiveError
from live.front_end import mfcc

from ..dataset.extraction import read_samples
from ..dataset.features import file_of
from ..dataset.splits import Segment
from ..dataset.store import FeatureStore
from .pictures import CLEAN, PIXELS_PER_INCH, label_in_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS = 16
ROW_INCHES = 1.15
COLUMNS = ("Waveform", "Mel levels (dB)", "MFCCs (standardised)")


def draw_genres(
    store: FeatureStore, segments: Sequence[Segment], description: BundleDescription, path: Path
) -> None:
    """Draw one window of a clip of each label.

    Parameters
    ----------
    store : FeatureStore
    segments : sequence of Segment
        The middle of the first one of each label is drawn.
    description : BundleDescription
        Its labels, front end and window are used.
    path : Path
        The picture to write.
    """
    from matplotlib.figure import Figure

    chosen = {store.label[segment.clip]: segment for segment in reversed(segments)}
    labels = [label for label in description.labels if label in chosen][:MOST_LABELS]
    figure = Figure(figsize=(9.6, 0.6 + ROW_INCHES * len(labels)), layout="constrained")
    grid = figure.subplots(len(labels), len(COLUMNS), squeeze=False)
    for row, label in zip(grid, labels, strict=True):
        _draw_row(row, store, chosen[label], description)
        row[0].set_ylabel(label_in_picture(label), rotation=0, ha="right", va="center")
    for axes, title in zip(grid[0], COLUMNS, strict=True):
        axes.set_title(title, fontsize="medium")
    for axes in grid[-1]:
        axes.set_xlabel("Seconds")
    figure.savefig(path, dpi=PIXELS_PER_INCH, metadata={"Software": None})


def _draw_row(
    row: Sequence[Axes], store: FeatureStore, segment: Segment, description: BundleDescription
) -> None:
    """Draw a clip's middle window: the waveform, mel levels and MFCCs."""
    import librosa.display

    spec, frames = description.front_end, description.window_frames
    start = max(segment.start, (segment.start + segment.stop - frames) // 2)
    mel_db = store.clip_frames(segment.clip)[start : min(start + frames, segment.stop)].astype(np.float32)
    coefficients = mfcc(mel_db[None], spec)[0]
    scaled = (coefficients - coefficients.mean(axis=0)) / np.maximum(coefficients.std(axis=0), 1e-6)
    samples = _samples(store, segment.clip, start, spec.window_samples(len(mel_db)), spec.sample_rate)
    if samples is not None:
        # librosa's waveshow compiles for seconds, and a window is short enough for all its samples.
        row[0].plot(np.arange(len(samples)) / spec.sample_rate, samples, color=CLEAN, linewidth=0.4)
        row[0].set_xlim(0, len(samples) / spec.sample_rate)
    else:
        row[0].text(0.5, 0.5, "no audio at hand", ha="center", va="center", transform=row[0].transAxes)
    common: dict[str, Any] = {"sr": spec.sample_rate, "hop_length": spec.hop_length, "x_axis": "time"}
    levels = np.maximum(mel_db, mel_db.max() - spec.top_db).T
    librosa.display.specshow(levels, y_axis="mel", fmin=spec.fmin, fmax=spec.fmax, ax=row[1], **common)
    librosa.display.specshow(scaled.T, ax=row[2], **common)
    for axes in row:
        axes.set(xlabel="", ylabel="")
        axes.tick_params(labelsize="x-small")
    row[0].set_yticks([])


def _samples(
    store: FeatureStore, clip: int, start: int, count: int, sample_rate: int
) -> npt.NDArray[np.float32] | None:
    """Return a clip's samples from frame ``start`` on; None if its file is missing."""
    file = file_of(store.fingerprint[clip]) if store.fingerprint else None
    if file is None:
        return None
    try:
        samples = read_samples(file, sample_rate)
    except (GenreLiveError, OSError):
        return None
    first = start * store.front_end.hop_length
    cut = samples[first : first + count]
    return cut if len(cut) else None
