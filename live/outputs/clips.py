"""``--keep``: saves clips of the sound when the verdict changes, is unsure, or is corrected."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from live.events import (
    NO_MUSIC,
    OTHER_MUSIC,
    CorrectionEvent,
    Event,
    GapEvent,
    StartEvent,
    SummaryEvent,
    Verdict,
    WindowEvent,
    wall_time,
)
from live.outputs.background import Report
from live.outputs.clip_folder import Clip, ClipFolder, FolderFullError
from live.resampling import to_mono
from live.samples import Samples

UNSURE = "unsure"
"""The folder of what was never sure."""

UNSURE_AFTER_S = 15.0
UNSURE_AGAIN_S = 60.0
OLDEST_CORRECTED = 2  # clip lengths before a correction; what was saved earlier may have been something else
SHORTEST_S = 1.0  # shorter clips are useless
SPLICED_S = 0.1  # a clip does not span a longer gap
MOST_WAITING = 8  # clips
CLOSE_WITHIN_S = 5.0


class RecentSound:
    """A buffer of the newest sound, mixed to one channel.

    Parameters
    ----------
    seconds : float
        Length of the buffer.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._blocks: deque[Samples] = deque()
        self._samples = 0
        self.sample_rate = 0

    def begin(self, sample_rate: int) -> None:
        """Empty the buffer, and set the sample rate of the sound that follows."""
        self.sample_rate = sample_rate
        self.clear()

    def clear(self) -> None:
        """Empty the buffer."""
        self._blocks.clear()
        self._samples = 0

    def add(self, samples: Samples) -> None:
        """Add the next block [shape=(n, channels)]."""
        self._blocks.append(to_mono(samples))
        self._samples += len(samples)
        while self._samples - len(self._blocks[0]) >= self._most:
            self._samples -= len(self._blocks.popleft())

    @property
    def _most(self) -> int:
        return round(self._seconds * self.sample_rate)

    @property
    def heard_s(self) -> float:
        """Length of the sound in the buffer, in seconds."""
        return min(self._samples, self._most) / self.sample_rate if self.sample_rate else 0.0

    def take(self) -> Callable[[], Samples]:
        """Return a function that another thread calls to get the current contents [shape=(n,)]."""
        blocks, most = tuple(self._blocks), self._most
        return lambda: np.concatenate(blocks)[-most:]


@dataclass
class _Stretch:
    """The current stretch, and its clips.

    Attributes
    ----------
    label : str or None
        The label of its clips; None where none are saved.
    due_s : float
        Stream time at which the next clip is due.
    saved : list of SavedClip
        The clips saved so far.
    """

    label: str | None
    due_s: float
    saved: list[SavedClip]


@dataclass
class SavedClip:
    """A clip: the stream time at which it ends, and its path, once it has been written."""

    ends_s: float
    path: Path | None = None


class ClipWriter:
    """Writes the clips of all sources, on a separate thread.

    Errors are reported once, in one sentence, and do not reach a session.

    Parameters
    ----------
    folder : ClipFolder
    report : callable
        Called with the sentence that describes an error.
    seconds : float
        Length of a clip.

    Attributes
    ----------
    problem : str or None
        Why the newest clip could not be written, in one or two words.
    """

    def __init__(self, folder: ClipFolder, report: Report, *, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self.problem: str | None = None
        self._folder, self._report = folder, report
        self._reported: set[str] = set()
        self._work: deque[Callable[[], None]] = deque()
        self._missed = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)

    @property
    def kept(self) -> int:
        """Number of clips written since the program started."""
        return self._folder.kept

    def keeper(self) -> ClipKeeper:
        """Return the keeper of a new source."""
        return ClipKeeper(self)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def close(self) -> None:
        """Write the remaining clips, within a limited time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)
        missed = self._missed + len(self._work)
        if missed:
            clips = "clip was" if missed == 1 else "clips were"
            self._report(f"{missed} {clips} not kept: the disk was too slow.")

    def write(self, make: Callable[[], Clip], *, ends_s: float, beyond_bounds: bool = False) -> SavedClip:
        """Queue a clip to be made and written, without waiting."""
        saved = SavedClip(ends_s)

        def write() -> None:
            saved.path = self._folder.write(make(), beyond_bounds=beyond_bounds)

        self._put(write)
        return saved

    def relabel(self, clips: list[SavedClip], label: str) -> None:
        """Queue clips to be moved to another label's folder, without waiting."""

        def move() -> None:
            for clip in clips:
                if clip.path is not None:
                    clip.path = self._folder.relabel(clip.path, label)

        if clips:
            self._put(move)

    def _put(self, work: Callable[[], None]) -> None:
        with self._changed:
            if len(self._work) >= MOST_WAITING:
                self._missed += 1
                return
            self._work.append(work)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work or self._closing)
                if not self._work:
                    return
                work = self._work.popleft()
            try:
                work()
                self.problem = None
            except FolderFullError as error:
                self.problem = "full"
                self._report_once(
                    f"{self._folder.path} holds {error} clips, and no more are kept: move some away, or "
                    "allow more with --keep-clips or --keep-megabytes."
                )
            except Exception as error:  # an error of a library must not end the session
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                self.problem = reason
                self._report_once(
                    f"Clips cannot be kept in {self._folder.path} ({reason}): make room there, or choose "
                    "another --keep."
                )

    def _report_once(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._report(sentence)


class ClipKeeper:
    """Decides when to save a clip of one source; it is a sink for events and, with ``feed``, for sound.

    After a change of verdict a clip is saved when the new verdict has lasted for half a clip, so that the
    clip matches it, or earlier if the verdict ends before that. While the verdict is unsure for long, a
    clip is saved from time to time.
    """

    def __init__(self, writer: ClipWriter) -> None:
        self._writer = writer
        self._recent = RecentSound(writer.seconds)
        self._stretch = _Stretch(None, 0.0, [])
        self._corrections: list[SavedClip] = []  # clips of the latest correction
        self._corrected_s = float("-inf")

    def feed(self, samples: Samples) -> None:
        """Add samples [shape=(n, channels)], without waiting."""
        self._recent.add(samples)

    def reset(self) -> None:
        """Forget the sound so far and its stretch, because what follows does not continue them."""
        self._recent.clear()
        self._stretch, self._corrections = _Stretch(None, 0.0, []), []

    def __call__(self, event: Event) -> None:
        """Receive the next event, without waiting."""
        match event:
            case StartEvent():
                self._recent.begin(event.sample_rate)
            case WindowEvent():
                self._heard(event)
            case GapEvent() if event.lost_s > SPLICED_S:
                self._recent.clear()
            case CorrectionEvent():
                self._corrected(event)
            case SummaryEvent():
                self._end_stretch(event, event.duration_s)

    def _heard(self, event: WindowEvent) -> None:
        label = label_of(event.vote)
        if label != self._stretch.label:
            self._end_stretch(event, event.time_s)
            wait_s = UNSURE_AFTER_S if label == UNSURE else self._writer.seconds / 2
            self._stretch = _Stretch(label, event.time_s + wait_s, [])
        elif label is not None and event.time_s >= self._stretch.due_s:
            self._save(event, event.time_s, label)
            self._stretch.due_s = event.time_s + UNSURE_AGAIN_S if label == UNSURE else float("inf")

    def _end_stretch(self, event: Event, time_s: float) -> None:
        """Save a clip of a stretch that ends before its clip was due."""
        stretch = self._stretch
        if stretch.label not in (None, UNSURE) and stretch.due_s < float("inf"):
            self._save(event, time_s, str(stretch.label))
            stretch.due_s = float("inf")

    def _corrected(self, event: CorrectionEvent) -> None:
        if event.time_s - self._corrected_s >= self._writer.seconds:
            self._corrections = []  # of other sound; else the last correction was a slip
        oldest_s = event.time_s - OLDEST_CORRECTED * self._writer.seconds
        saved, self._stretch.saved = self._stretch.saved, []
        self._corrections += [clip for clip in saved if clip.ends_s >= oldest_s]
        self._corrected_s = event.time_s
        self._writer.relabel(list(self._corrections), event.genre)
        self._writer.relabel([clip for clip in saved if clip.ends_s < oldest_s], UNSURE)
        if self._stretch.label != UNSURE:
            self._stretch.due_s = float("inf")  # the verdict is wrong, so save no more under its label
        self._save(event, event.time_s, event.genre, is_correction=True)

    def _save(self, event: Event, ends_s: float, label: str, *, is_correction: bool = False) -> None:
        if self._recent.heard_s < SHORTEST_S:
            return
        at, sound, rate = event.at or wall_time(), self._recent.take(), self._recent.sample_rate
        clip = self._writer.write(
            lambda: Clip(label, at, sound(), rate, event.source),
            ends_s=ends_s,
            beyond_bounds=is_correction,
        )
        (self._corrections if is_correction else self._stretch.saved).append(clip)


def label_of(verdict: Verdict) -> str | None:
    """Return the label of a verdict's clips; None for verdicts of which no clips are saved."""
    if verdict.state == "genre":
        return verdict.genre
    return {"unsure": UNSURE, "other": OTHER_MUSIC, "no_music": NO_MUSIC}.get(verdict.state)
