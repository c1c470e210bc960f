"""The whole machine on one page: source → ring buffer → analyser → events → sinks and snapshots."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from live.analyser import FLOOR_DBFS, Analyser, level_dbfs
from live.classifier import Classifier
from live.errors import InputError
from live.events import (
    AnyEvent,
    CorrectionEvent,
    Event,
    SourceEvent,
    StartEvent,
    SummaryEvent,
    genres_of,
    told,
    wall_time,
)
from live.front_end import Samples
from live.history import History
from live.memory import keep_freed_memory
from live.resampling import to_mono
from live.ring_buffer import Chunk, End, Gap, RingBuffer, StatusChange
from live.snapshot import Snapshot, SourceCondition
from live.sources.source import SHORTEST_FILE_S, AudioSource, too_short

HEARTBEAT_S = 1.0
MUTED_AFTER_S = 5.0  # of nothing but digital zero from a microphone
FULL_SCALE = 0.999
KEPT_BYTES = 4_000_000  # more than any array of a few seconds of sound
METER_S = 0.1  # of sound, the newest, that the level meter shows

Sink = Callable[[Event], None]
SoundSink = Callable[[Samples], None]


def _peak(samples: Samples) -> float:
    """Largest magnitude of either sign, 1 where it is infinite; NaN where a sample is."""
    if samples.size == 0:
        return 0.0
    peak = max(float(samples.max()), -float(samples.min()), 0.0)
    return min(peak, 1.0) if math.isinf(peak) else peak


class Session:
    """Listens to one source until it ends or is told to stop.

    Parameters
    ----------
    source : AudioSource
        Opened, not started.
    classifier : Classifier
    hop_s, smooth_s : float
        Seconds from window to window, and the pace of the vote's memories.
    duration_s : float, optional
        Stream time after which to stop.
    sinks : sequence of callables
        Each gets every event, in order, on the worker's thread.
    sound_sinks : sequence of callables
        Each gets the samples that are heard [shape=(n, channels)], before the events that they lead to, on
        the worker's thread. They must not wait.
    name : str, optional
        The source's name among several: every event then carries it.
    wall_clock : callable
        Returns the time of day at which an event is told, with its offset from UTC.

    Attributes
    ----------
    ended : threading.Event
        Set when the summary has been given to the sinks.
    failure : BaseException or None
        Why the session ended before its time.
    summary : SummaryEvent or None
        The session's sum, once it has ended.
    alive_s : float
        When the worker last took sound or saw that there was none (``time.monotonic``).
    """

    def __init__(
        self,
        source: AudioSource,
        classifier: Classifier,
        *,
        hop_s: float = 0.5,
        smooth_s: float = 10.0,
        duration_s: float | None = None,
        sinks: Sequence[Sink] = (),
        sound_sinks: Sequence[SoundSink] = (),
        name: str | None = None,
        wall_clock: Callable[[], datetime] = wall_time,
    ) -> None:
        self._source, self._sinks, self._sound_sinks = source, tuple(sinks), tuple(sound_sinks)
        self._name, self._wall_clock = name, wall_clock
        description = classifier.description
        self._labels = description.labels
        self._model_name = description.name
        self._start_event = StartEvent(
            source_kind=source.kind,
            source_name=source.name if name is None else name,
            sample_rate=source.sample_rate,
            model_name=description.name,
            labels=description.labels,
            window_s=description.window_s,
            hop_s=hop_s,
        )
        self._analyser = Analyser(classifier, source.sample_rate, hop_s=hop_s, smooth_s=smooth_s)
        self._last_frame = None if duration_s is None else round(duration_s * source.sample_rate)
        self._ring = RingBuffer(max(1, round(source.buffer_s * source.sample_rate)), source.channels)
        self._history = History()
        self._condition: SourceCondition = "opening"
        self._zero_frames = 0
        self._levels = (FLOOR_DBFS, FLOOR_DBFS, False)
        self._vote_reset = False
        self._corrections: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = False
        self._going = threading.Event()
        self._going.set()
        self._not_finite = 0
        self.summary: SummaryEvent | None = None
        self.failure: BaseException | None = None
        self.alive_s = self._condition_since_s = time.monotonic()
        self.ended = threading.Event()
        self.snapshot = self._take_snapshot()
        self._worker = threading.Thread(target=self._work, name="listening", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._worker.start()

    def stop(self) -> None:
        """End the session; ``ended`` is set when it has."""
        self._stopped = True
        self._going.set()
        self._source.stop()  # first: a microphone that is lost has still to say what it lost
        self._ring.close()

    def reset_vote(self) -> None:
        """Forget what was heard so far, from the next sound on."""
        self._vote_reset = True

    def correct(self, label: str) -> None:
        """Take the listener's word for what is heard now: a genre, or another label."""
        self._corrections.put(label)

    def toggle_pause(self) -> bool:
        """Pause, or go on; True when paused. A file waits meanwhile, a microphone's sound goes by unheard."""
        if self._going.is_set():
            self._going.clear()
        else:
            self._going.set()
        return not self._going.is_set()

    def warnings(self) -> list[str]:
        """Sentences about what the user should know of a session that ended well all the same."""
        sentences = [self._source.warning] if self._source.warning else []
        if self._not_finite:
            sentences.append(
                f"{self._source.name} held {self._not_finite} samples that are no numbers: heard as silence."
            )
        return sentences

    def _work(self) -> None:
        keep_freed_memory(KEPT_BYTES)
        try:
            self._emit(self._start_event)
            self._source.start(self._ring)
            self._listen()
            if self._source.failure is not None:
                raise self._source.failure
        except BaseException as error:
            self.failure = error
        finally:
            self._finish()

    def _listen(self) -> None:
        """Take item by item from the ring buffer until the stream's end."""
        minimum = max(1, round(self._source.block_s * self._source.sample_rate))
        position = 0
        while self._last_frame is None or position < self._last_frame:
            while not self._source.is_live and not self._going.wait(HEARTBEAT_S):
                self.alive_s = time.monotonic()
                self._tell_corrections()
            item = self._ring.read(minimum, HEARTBEAT_S)
            self.alive_s = time.monotonic()
            self._tell_corrections()
            if item is None and self._is_over_while_lost(position):
                self._source.stop()  # which says what was lost, and ends the stream
            if isinstance(item, End):
                break
            if isinstance(item, Chunk):
                samples = item.samples
                if self._last_frame is not None:
                    samples = samples[: self._last_frame - item.position]
                position = item.position + len(samples)
                if self._going.is_set() or not self._source.is_live:  # what a file gave before it waited
                    self._hear(samples)
                else:
                    self._analyser.skip(len(samples))
            elif isinstance(item, Gap):
                frames = item.frames
                if self._last_frame is not None:
                    frames = min(frames, self._last_frame - item.position)
                position = item.position + frames
                self._emit(self._analyser.gap(frames, item.reason))
            elif isinstance(item, StatusChange):
                self._condition = "lost" if item.status == "lost" else "listening"
                self._condition_since_s = self.alive_s
                self._zero_frames = 0
                self._emit(SourceEvent(self._analyser.time_s, item.status))
            self.snapshot = self._take_snapshot()
        self._end_stream(position)

    def _is_over_while_lost(self, position: int) -> bool:
        """Whether the time to listen ran out while there was no microphone."""
        if self._last_frame is None or self._condition != "lost":
            return False
        lost_s = self.alive_s - self._condition_since_s
        return lost_s * self._source.sample_rate >= self._last_frame - position

    def _hear(self, samples: Samples) -> None:
        if self._condition == "opening":
            self._condition = "listening"
        if self._vote_reset:
            self._vote_reset = False
            self._analyser.vote.reset()
        self._measure(samples)
        for take in self._sound_sinks:
            take(samples)
        for window in self._analyser.feed(samples, newest_only=self._source.is_live):
            self._emit(window)

    def _measure(self, samples: Samples) -> None:
        """Note the levels, what is no number, and whether there is any signal at all."""
        every = samples.ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            energy = float(np.dot(every, every))  # one pass without a copy, over a block that may be large
        if not math.isfinite(energy):
            self._not_finite += int(samples.size - np.count_nonzero(np.isfinite(samples)))
        newest = samples[-max(1, round(METER_S * self._source.sample_rate)) :]
        peak = _peak(samples if self._source.is_live else newest)
        peak_dbfs = max(FLOOR_DBFS, 20 * math.log10(peak)) if peak > 0 else FLOOR_DBFS
        self._levels = (level_dbfs(to_mono(newest)), peak_dbfs, peak >= FULL_SCALE)
        if not self._source.is_live:
            return
        self._zero_frames = self._zero_frames + len(samples) if energy == 0 else 0
        if self._condition == "muted" and energy != 0:
            self._condition = "listening"
            self._emit(SourceEvent(self._analyser.time_s, "back"))
        elif self._condition == "listening" and self._zero_frames > MUTED_AFTER_S * self._source.sample_rate:
            self._condition = "muted"
            self._emit(SourceEvent(self._analyser.time_s, "muted"))

    def _end_stream(self, position: int) -> None:
        for window in self._analyser.finish():
            self._emit(window)
        heard_s = self._analyser.time_s
        has_reached_the_end = self._last_frame is not None and position >= self._last_frame
        cut_off = self._stopped or has_reached_the_end or self._source.failure is not None
        if self._source.kind == "file" and heard_s < SHORTEST_FILE_S and not cut_off:
            raise InputError(too_short(self._source.name, heard_s))

    def _finish(self) -> None:
        """Stop the source, sum up, and say that it is over."""
        try:
            self._ring.close()
            self._source.stop()
            self._condition = "ended"
            self._tell_corrections()
            summary = self._history.summary(self._analyser.time_s, self._analyser.skipped_windows)
            self.summary = self._tell(summary)
            self._pass_on(self.summary)
        except BaseException as error:
            self.failure = self.failure or error
        finally:
            self.snapshot = self._take_snapshot()
            self.ended.set()

    def _tell_corrections(self) -> None:
        """Tell what the listener said since the last time, beside what was said to be heard."""
        while not self._corrections.empty():
            verdict = self._analyser.vote.verdict
            heard = verdict.genre or verdict.state
            self._emit(CorrectionEvent(self._analyser.time_s, heard, self._corrections.get()))

    def _tell(self, event: AnyEvent) -> AnyEvent:
        """Return the event with what every event tells."""
        return told(event, at=self._wall_clock(), source=self._name, title=self._source.title)

    def _emit(self, event: Event) -> None:
        self._pass_on(self._tell(event))

    def _pass_on(self, event: Event) -> None:
        self._history.add(event)
        failure: Exception | None = None
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # the others get the event all the same
                failure = failure or error
        if failure is not None:
            raise failure

    def _take_snapshot(self) -> Snapshot:
        level, peak, clipped = self._levels
        return Snapshot(
            source_kind=self._source.kind,
            source_name=self._source.name,
            sample_rate=self._source.sample_rate,
            source_condition=self._condition,
            model_name=self._model_name,
            genres=genres_of(self._labels),
            time_s=self._analyser.time_s,
            length_s=self._source.length_s,
            level_dbfs=level,
            peak_dbfs=peak,
            clipped=clipped,
            verdict=self._analyser.vote.verdict,
            timeline=self._history.timeline,
            share=self._history.share,
            windows=self._history.windows,
            skipped_windows=self._analyser.skipped_windows,
            lost_s=self._history.lost_s,
            compute_ms=self._history.compute_ms,
        )
