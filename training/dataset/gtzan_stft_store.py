"""Conversion of an archive of GTZAN power spectrograms to a feature store.

    python -m training.dataset.gtzan_stft_store STFT.npz STORE.npz

The archive holds ``clip`` (str, [clips]), ``spec`` (uint8, [clips, rows, frames]), ``vmin`` and ``vmax``
(float64, [clips]). A value ``v`` of a clip means ``vmin + (vmax - vmin) * v / 255`` dB of power density,
which is the power spectrum divided by the sum of the squared Hann window (768 at 2048 samples). Row ``r`` is
the frequency bin ``floor((r + 0.5) / rows * 1025)`` at 22 050 Hz and a hop of 1920 samples; other bins get
the value of the nearest row.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from live.front_end import FrontEndSpec, mel_filter_bank, power_to_db

from .store import StoreWriter


def nearest_rows(rows: int, bins: int) -> npt.NDArray[np.int64]:
    """Return the row of the archive for each frequency bin [shape=(bins,)]."""
    stored = np.minimum(np.floor((np.arange(rows) + 0.5) / rows * bins).astype(np.int64), bins - 1)
    after = np.clip(np.searchsorted(stored, np.arange(bins)), 1, rows - 1)
    before_is_nearer = np.arange(bins) - stored[after - 1] <= stored[after] - np.arange(bins)
    nearest: npt.NDArray[np.int64] = after - before_is_nearer
    return nearest


def make_store(archive: Path, store: Path) -> int:
    """Convert the archive's spectrograms to mel levels.

    Returns
    -------
    int
        Number of clips written; the label is the id up to the dot, the group is the id.
    """
    spec = FrontEndSpec()
    filters = mel_filter_bank(spec).T
    window_energy = float(np.sum(np.hanning(spec.n_fft + 1)[:-1] ** 2))
    with np.load(archive, allow_pickle=False) as arrays:
        ids, levels, lowest, highest = (arrays[name] for name in ("clip", "spec", "vmin", "vmax"))
    of_bin = nearest_rows(levels.shape[1], 1 + spec.n_fft // 2)
    with StoreWriter(store, spec) as writer:
        for clip, level, low, high in zip(ids.tolist(), levels, lowest, highest, strict=True):
            decibels = low + (high - low) * np.arange(256) / 255
            power = (window_energy * 10 ** (decibels / 10))[level][of_bin]
            mel_db = power_to_db(power.T @ filters)
            writer.add(clip=clip, label=clip.split(".")[0], group=clip, mel_db=mel_db)
    return len(ids)


def main() -> None:
    """Run the conversion from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, metavar="STFT.npz")
    parser.add_argument("store", type=Path, metavar="STORE.npz")
    arguments = parser.parse_args()
    print(f"{make_store(arguments.archive, arguments.store)} clips in {arguments.store}")


if __name__ == "__main__":
    main()
