"""Stubs: a network that needs no bundle, and a source that needs no device."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from live.bundle import BundleDescription
from live.classifier import Classifier, Probabilities
from live.errors import GenreLiveError
from live.events import SourceKind, SourceStatus
from live.front_end import FrontEndSpec, Levels
from live.ring_buffer import RingBuffer
from live.samples import Samples

SMALL_SPEC = FrontEndSpec(
    sample_rate=8_000, n_fft=256, hop_length=200, n_mels=16, fmin=0.0, fmax=4_000.0, top_db=80.0, n_mfcc=13
)
LABELS = ("blues", "rock", "techno", "no_music")


class StubClassifier(Classifier):
    """Returns probabilities that depend on every mel level of the window, and records the windows."""

    def __init__(
        self,
        *,
        labels: Sequence[str] = LABELS,
        spec: FrontEndSpec = SMALL_SPEC,
        window_frames: int = 10,
        vote: Mapping[str, float] | None = None,
    ) -> None:
        self.description = BundleDescription("stub", tuple(labels), spec, window_frames, 1.0, {}, vote or {})
        self.heard: list[Levels] = []

    def classify(self, mel_db: Levels) -> Probabilities:
        self.heard += list(mel_db.copy())
        weights = np.random.default_rng(1).normal(size=(mel_db[0].size, len(self.description.labels)))
        scores = [window.ravel() @ weights / window.size for window in mel_db]
        exponentials = np.exp([score - score.max() for score in scores])
        shares = exponentials / exponentials.sum(axis=1, keepdims=True)
        probabilities: Probabilities = shares.astype(np.float32)
        return probabilities


Deed = Samples | tuple[int, str] | SourceStatus
"""What a scripted source does: deliver samples, lose (samples, reason), or change its status."""


class ScriptedSource:
    """A source that puts a list of blocks, gaps and changes of status into the ring buffer, and ends."""

    def __init__(
        self,
        deeds: Sequence[Deed] = (),
        *,
        kind: SourceKind = "file",
        sample_rate: int = 8_000,
        channels: int = 1,
        is_live: bool = False,
        failure: GenreLiveError | None = None,
        error_at_start: Exception | None = None,
        endless: bool = False,
    ) -> None:
        self.kind: SourceKind = kind
        self.name = "script"
        self.sample_rate, self.channels, self.is_live = sample_rate, channels, is_live
        self.length_s: float | None = None
        self.buffer_s = self.block_s = 0.05  # so that the reader never takes more than this at once
        self.failure: GenreLiveError | None = None
        self.warning: str | None = None
        self.title: str | None = None
        self._deeds, self._failure, self._error_at_start = list(deeds), failure, error_at_start
        self._endless = endless
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, name="scripted source", daemon=True)

    def start(self, ring: RingBuffer) -> None:
        if self._error_at_start is not None:
            raise self._error_at_start
        self._ring = ring
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()

    def _play(self) -> None:
        for deed in self._deeds:
            if isinstance(deed, tuple):
                self._ring.lose(deed[0], deed[1])  # type: ignore[arg-type]
            elif isinstance(deed, str):
                self._ring.change_status(deed)
            else:
                self._ring.write_all(deed)
        if self._endless:
            self.stopped.wait()
        self.failure = self._failure
        self._ring.close()


def noise(seconds: float, *, sample_rate: int = 8_000, seed: int = 0, level: float = 0.1) -> Samples:
    """Return white noise [shape=(n, 1)]."""
    values = np.random.default_rng(seed).normal(scale=level, size=(round(seconds * sample_rate), 1))
    return values.astype(np.float32)
