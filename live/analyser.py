"""The analysis of one stream, without a thread: blocks of samples in, events out.

Stream time is counted in samples of the source. Windows end at ``window_s + k * hop_s`` after the start of
each run of sound without a gap; a gap begins a new run, so no window spans one. Sound is analysed in whole
hops, all that are complete at once, and the result does not depend on how the sound was cut into blocks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from live.classifier import Classifier
from live.events import GapEvent, GapReason, WindowEvent
from live.front_end import Levels, MelFrames
from live.meter import level_dbfs
from live.resampling import Resampler, to_mono
from live.samples import SHORTEST_SOUND_S, Samples
from live.vote import Vote

MOST_AT_ONCE = 8  # windows that are classified together, where so many are complete


@dataclass(frozen=True)
class _Window:
    """A window that is complete and not yet classified.

    Attributes
    ----------
    ends_at : int
        Sample of the run at which it ends.
    mel_db : ndarray [shape=(window_frames, n_mels)]
        Mel levels, in dB.
    level_dbfs : float
        RMS level of the sound that is new in it: the newest hop, or all of the first window of a run.
    """

    ends_at: int
    mel_db: Levels
    level_dbfs: float


class Analyser:
    """Analyses one stream: resampling, mel frames, network and vote.

    Parameters
    ----------
    classifier : Classifier
    source_rate : int
        Sample rate of the blocks, in Hz.
    hop_s : float
        Seconds of stream time from one window to the next.
    smooth_s : float
        Smoothing time of the vote, in seconds; see ``live.vote.Vote``.
    together : int
        Classify windows only when this many are complete, which is faster. ``rest`` and ``finish`` classify
        those that are still waiting.
    """

    def __init__(
        self,
        classifier: Classifier,
        source_rate: int,
        *,
        hop_s: float = 0.5,
        smooth_s: float = 10.0,
        together: int = 1,
    ) -> None:
        description = classifier.description
        self._classifier = classifier
        self._spec = description.front_end
        self._labels = description.labels
        self._window_frames = description.window_frames
        self._window_samples = self._spec.window_samples(description.window_frames)
        self._hop_samples = max(1, round(hop_s * self._spec.sample_rate))
        self._together = together
        self.source_rate = source_rate
        self._resampler = Resampler(source_rate, self._spec.sample_rate)
        self._mel_frames = MelFrames(self._spec)
        self.vote = Vote(self._labels, smooth_s=smooth_s, parameters=description.vote)
        self.windows = 0
        self.skipped_windows = 0
        self._position = 0  # samples of the source that have passed, lost ones counted
        self._begin_run()

    def _begin_run(self) -> None:
        """Start a new run of sound at the current position."""
        self._run_start_s = self._position / self.source_rate
        self._resampler.reset()
        self._mel_frames.reset()
        self._frames: Levels = np.empty((0, self._spec.n_mels), dtype=np.float32)
        self._pieces: list[Samples] = []  # resampled sound that does not yet fill a hop
        self._piece_samples = 0
        self._analysed = 0  # samples of the run that the front end has had
        self._voted = 0  # samples of the run that the vote has had
        self._next_end = self._window_samples  # sample of the run at which the next window ends

    @property
    def time_s(self) -> float:
        """Stream time so far, in seconds."""
        return self._position / self.source_rate

    @property
    def until_window_s(self) -> float:
        """Seconds of sound still missing from the next window."""
        available = self._analysed + self._piece_samples
        return max(0.0, (self._next_end - available) / self._spec.sample_rate)

    def reset(self) -> None:
        """Forget the stream and set its time to 0."""
        self._position = 0
        self.windows = self.skipped_windows = 0
        self.vote.reset()
        self._begin_run()

    def feed(self, samples: Samples, *, newest_only: bool = False) -> Iterator[WindowEvent]:
        """Analyse the next samples and yield an event for each window that they complete.

        Parameters
        ----------
        samples : ndarray [shape=(n, channels)]
            At the source's rate.
        newest_only : bool
            Classify only the last of the windows completed here and count the others as skipped, to catch
            up with a live source. All mel frames are computed nevertheless.
        """
        self._position += len(samples)
        self._take(self._resampler.feed(to_mono(samples)))
        yield from self._classify_complete(self._together, newest_only=newest_only)

    def rest(self) -> Iterator[WindowEvent]:
        """Classify the complete windows that are waiting for others, as before a gap, and yield them."""
        yield from self._classify_complete(1)

    def _take(self, mono: Samples) -> None:
        self._pieces.append(mono)
        self._piece_samples += len(mono)

    def _classify_complete(self, fewest: int, *, newest_only: bool = False) -> Iterator[WindowEvent]:
        """Classify the complete windows if there are at least ``fewest``, and yield them."""
        available = self._analysed + self._piece_samples
        while self._next_end + (fewest - 1) * self._hop_samples <= available:
            ends = range(self._next_end, available + 1, self._hop_samples)[: max(MOST_AT_ONCE, fewest)]
            self._next_end = ends[-1] + self._hop_samples
            began = time.perf_counter()
            complete = self._windows_ending_at(ends)
            if newest_only:
                passed = len(complete) - 1 if self._next_end > available else len(complete)
                self.skipped_windows += passed
                complete = complete[passed:]
            yield from self._classify(complete, began)

    def _windows_ending_at(self, ends: Sequence[int]) -> list[_Window]:
        """Compute the mel frames, and return the windows that end at these samples of the run."""
        start = self._analysed
        waiting = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        sound, rest = waiting[: ends[-1] - start], waiting[ends[-1] - start :]
        self._pieces, self._piece_samples = [rest], len(rest)
        self._analysed = ends[-1]
        frames = np.concatenate((self._frames, self._mel_frames.feed(sound).astype(np.float32)))
        first = self._spec.complete_frames(ends[-1]) - len(frames)
        self._frames = frames[max(0, len(frames) - self._window_frames) :]
        windows = []
        for before, end in itertools.pairwise((start, *ends)):
            newest = self._spec.complete_frames(end) - first
            mel_db = frames[max(0, newest - self._window_frames) : newest]
            windows.append(_Window(end, mel_db, level_dbfs(sound[before - start : end - start])))
        return windows

    def _classify(self, complete: Sequence[_Window], began: float) -> Iterator[WindowEvent]:
        """Classify all windows with one call, and update the vote with one after the other."""
        if not complete:
            return
        classified = self._classifier.classify(np.stack([window.mel_db for window in complete]))
        shared_s = (time.perf_counter() - began) / len(complete)
        for window, probabilities in zip(complete, classified, strict=True):
            began = time.perf_counter()
            elapsed_s = (window.ends_at - self._voted) / self._spec.sample_rate
            verdict = self.vote.update(probabilities, level_dbfs=window.level_dbfs, elapsed_s=elapsed_s)
            self._voted = window.ends_at
            self.windows += 1
            own_s = time.perf_counter() - began
            yield WindowEvent(
                time_s=self._run_start_s + window.ends_at / self._spec.sample_rate,
                probabilities=dict(zip(self._labels, probabilities.tolist(), strict=True)),
                level_dbfs=window.level_dbfs,
                compute_ms=(shared_s + own_s) * 1_000,
                vote=verdict,
            )

    def skip(self, samples: int) -> None:
        """Count ``samples`` samples of the source that are not analysed because the user has paused."""
        self._position += samples
        self.vote.gap(samples / self.source_rate)
        self._begin_run()

    def gap(self, samples: int, reason: GapReason) -> GapEvent:
        """Count ``samples`` samples of the source that were lost, and return the event of the gap."""
        self.skip(samples)
        return GapEvent(self.time_s, samples / self.source_rate, reason)

    def finish(self) -> Iterator[WindowEvent]:
        """End the stream, and yield the windows that its last samples complete.

        A run of sound that is shorter than a window, but at least half a second long, yields one window if
        there was none before. It is marked partial: its frames are repeated until they fill the window.
        """
        self._take(self._resampler.feed(np.empty(0, dtype=np.float32), last=True))
        yield from self.rest()
        if self.windows or self.time_s - self._run_start_s < SHORTEST_SOUND_S:
            return
        began = time.perf_counter()
        (short,) = self._windows_ending_at([self._analysed + self._piece_samples])
        if len(short.mel_db) == 0:
            return
        repeats = -(-self._window_frames // len(short.mel_db))
        filled = np.tile(short.mel_db, (repeats, 1))[: self._window_frames]
        for window in self._classify([replace(short, mel_db=filled)], began):
            yield replace(window, time_s=self.time_s, partial=True)
