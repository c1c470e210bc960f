"""Everything between samples and events, without a thread: feed it blocks, take the events.

Stream time runs on the source's clock. Windows end at ``window_s + k * hop_s`` after the start of each
unbroken run of sound; a gap begins a new run, so no window spans one. Sound is analysed hop by hop,
each hop as a whole, so what comes out does not depend on how the sound was cut into blocks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from live.classifier import Classifier
from live.events import GapEvent, GapReason, WindowEvent
from live.front_end import Frames, MelFrames, Samples
from live.resampling import Resampler, to_mono
from live.vote import Vote

FLOOR_DBFS = -120.0
SHORTEST_SOUND_S = 0.5  # less than this gets no verdict


def level_dbfs(samples: Samples) -> float:
    """RMS level in dB below full scale (a full-scale square wave is 0 dBFS); −120 at the least."""
    if len(samples) == 0:
        return FLOOR_DBFS
    wide = samples.astype(np.float64)
    mean_square = float(np.dot(wide, wide)) / len(wide)
    return max(FLOOR_DBFS, 10 * math.log10(mean_square)) if mean_square > 0 else FLOOR_DBFS


class Analyser:
    """Hears one stream: resampling, mel frames, network and vote.

    Parameters
    ----------
    classifier : Classifier
    source_rate : int
        In Hz.
    hop_s : float
        Seconds of stream time from one window to the next.
    smooth_s : float
        The pace of the vote's memories, in seconds.
    """

    def __init__(
        self, classifier: Classifier, source_rate: int, *, hop_s: float = 0.5, smooth_s: float = 10.0
    ) -> None:
        description = classifier.description
        self._classifier = classifier
        self._spec = description.front_end
        self._labels = description.labels
        self._window_frames = description.window_frames
        self._window_samples = self._spec.window_samples(description.window_frames)
        self._hop_samples = max(1, round(hop_s * self._spec.sample_rate))
        self.source_rate = source_rate
        self._resampler = Resampler(source_rate, self._spec.sample_rate)
        self._mel_frames = MelFrames(self._spec)
        self.vote = Vote(self._labels, smooth_s=smooth_s, parameters=description.vote)
        self.windows = 0
        self.skipped_windows = 0
        self.lost_s = 0.0
        self._position = 0  # frames of the source that have passed, lost ones counted
        self._begin_run()

    def _begin_run(self) -> None:
        """Start an unbroken run of sound at the present position."""
        self._run_start_s = self._position / self.source_rate
        self._resampler.reset()
        self._mel_frames.reset()
        self._frames: Frames = np.empty((0, self._spec.n_mels))
        self._first_frame = 0  # the run's number of the oldest frame kept
        self._pieces: list[Samples] = []  # resampled sound that does not yet fill a hop
        self._piece_samples = 0
        self._analysed = 0  # samples of the run that the front end has had
        self._voted = 0  # samples of the run that the vote has had
        self._next_end = self._window_samples  # sample of the run at which the next window ends

    @property
    def time_s(self) -> float:
        """Stream time: what has passed so far, in seconds."""
        return self._position / self.source_rate

    def reset(self) -> None:
        """Forget the stream, its time included."""
        self._position = 0
        self.windows = self.skipped_windows = 0
        self.lost_s = 0.0
        self.vote.reset()
        self._begin_run()

    def feed(self, samples: Samples, *, newest_only: bool = False) -> Iterator[WindowEvent]:
        """Hear the next samples; yields each window that they complete, as it is done.

        Parameters
        ----------
        samples : ndarray [shape=(n, channels)]
            At the source's rate.
        newest_only : bool
            Classify only the last of the windows completed here and count the others as skipped, as
            one who has fallen behind a live source does. Every frame is computed all the same.
        """
        self._position += len(samples)
        yield from self._take(self._resampler.feed(to_mono(samples)), newest_only=newest_only)

    def _take(self, mono: Samples, *, newest_only: bool) -> Iterator[WindowEvent]:
        self._pieces.append(mono)
        self._piece_samples += len(mono)
        while self._analysed + self._piece_samples >= self._next_end:
            began = time.perf_counter()
            missing = self._next_end - self._analysed
            waiting = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
            hop, rest = waiting[:missing], waiting[missing:]
            self._pieces, self._piece_samples = [rest], len(rest)
            self._hear(hop)
            ends_at = self._next_end
            self._next_end += self._hop_samples
            if newest_only and self._analysed + self._piece_samples >= self._next_end:
                self.skipped_windows += 1
            else:
                yield self._classify(ends_at, hop, began)

    def _hear(self, hop: Samples) -> None:
        """Pass sound through the front end and keep the frames that a window may need."""
        self._analysed += len(hop)
        frames = np.concatenate((self._frames, self._mel_frames.feed(hop)))
        surplus = max(0, len(frames) - self._window_frames)
        self._frames = frames[surplus:]
        self._first_frame += surplus

    def _classify(self, ends_at: int, hop: Samples, began: float) -> WindowEvent:
        probabilities = self._classifier(self._frames)
        level = level_dbfs(hop)
        elapsed_s = (ends_at - self._voted) / self._spec.sample_rate
        verdict = self.vote.update(probabilities, level_dbfs=level, elapsed_s=elapsed_s)
        self._voted = ends_at
        self.windows += 1
        return WindowEvent(
            time_s=self._run_start_s + ends_at / self._spec.sample_rate,
            probabilities=dict(zip(self._labels, probabilities.tolist(), strict=True)),
            level_dbfs=level,
            compute_ms=(time.perf_counter() - began) * 1_000,
            vote=verdict,
        )

    def skip(self, frames: int) -> None:
        """Let ``frames`` frames of the source go by unheard, since the user wants it so."""
        self._position += frames
        self.vote.gap(frames / self.source_rate)
        self._begin_run()

    def gap(self, frames: int, reason: GapReason) -> GapEvent:
        """Pass over ``frames`` frames of the source that were lost."""
        lost_s = frames / self.source_rate
        self.lost_s += lost_s
        self.skip(frames)
        return GapEvent(self.time_s, lost_s, reason)

    def finish(self) -> Iterator[WindowEvent]:
        """End the stream: yields what the last samples complete, or the one window of a short sound.

        A stream of at least half a second that never filled a window gets one, marked partial: its
        frames are repeated until they fill it.
        """
        tail = self._resampler.feed(np.empty(0, dtype=np.float32), last=True)
        yield from self._take(tail, newest_only=False)
        if self.windows or self.time_s - self._run_start_s < SHORTEST_SOUND_S:
            return
        began = time.perf_counter()
        rest = np.concatenate(self._pieces)
        self._pieces, self._piece_samples = [], 0
        self._hear(rest)
        if len(self._frames) == 0:
            return
        repeats = -(-self._window_frames // len(self._frames))
        self._frames = np.tile(self._frames, (repeats, 1))[: self._window_frames]
        window = self._classify(self._analysed, rest, began)
        yield WindowEvent(
            self.time_s, window.probabilities, window.level_dbfs, window.compute_ms, window.vote, partial=True
        )
