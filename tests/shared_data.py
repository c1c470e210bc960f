"""Shared data beside the checkout; tests that need them are skipped without them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT / "../shared"
GTZAN_AUDIO = SHARED / "data/gtzan/audio"


def gtzan_recording(genre: str, number: int = 0) -> Path:
    """Return a recording of the GTZAN collection; skip the test if the collection is missing."""
    if not GTZAN_AUDIO.is_dir():
        pytest.skip("The GTZAN recordings are not here: ../shared/data/gtzan/audio.")
    return sorted((GTZAN_AUDIO / genre).iterdir())[number]
