"""The whole machine on one page: source → ring buffer → analyser → events → sinks and snapshots."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from live.analyser import Analyser
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
from live.freed_memory import keep_freed_memory
from live.history import History
from live.meter import Meter
from live.ring_buffer import Chunk, End, Gap, RingBuffer, StatusChange
from live.samples import Samples
from live.snapshot import Snapshot, SourceCondition
from live.sources.source import SHORTEST_FILE_S, AudioSource, too_short

HEARTBEAT_S = LONGEST_BLOCK_S = JOINED_WITHIN_S = 1.0
RESAMPLED_WITHIN_S = 0.04  # what the resampler holds back
MUTED_AFTER_S = 5.0  # of nothing but digital zero from a microphone
KEPT_BYTES = 4_000_000  # more than any array of a few seconds of sound

Sink = Callable[[Event], None]
SoundSink = Callable[[Samples], None]


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
    is_watched : bool
        Whether somebody looks at the snapshots; else they are taken once a window, which costs less.
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
        is_watched: bool = True,
        wall_clock: Callable[[], datetime] = wall_time,
    ) -> None:
        self._source, self._sinks, self._sound_sinks = source, tuple(sinks), tuple(sound_sinks)
        self._name, self._wall_clock, self._is_watched = name, wall_clock, is_watched
        description = classifier.description
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
        self._last_sample = None if duration_s is None else round(duration_s * source.sample_rate)
        self._ring = RingBuffer(max(1, round(source.buffer_s * source.sample_rate)), source.channels)
        self._history = History()
        self._condition: SourceCondition = "opening"
        self._meter = Meter(source.sample_rate, is_live=source.is_live)
        self._vote_reset = False
        self._corrections: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = False
        self._going = threading.Event()
        self._going.set()
        self.summary: SummaryEvent | None = None
        self.failure: BaseException | None = None
        self.alive_s = self._heard_until_s = time.monotonic()
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

    def join(self, within_s: float = JOINED_WITHIN_S) -> None:
        """Wait until its thread is gone, after ``ended``; libraries complain of what it holds at the exit."""
        if self._worker.ident is not None:
            self._worker.join(within_s)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The newest snapshot, as ``Sessions`` has one of each source."""
        return (self.snapshot,)

    def reset_vote(self) -> None:
        """Forget what was heard so far, from the next sound on."""
        self._vote_reset = True

    def correct(self, label: str) -> None:
        """Take the listener's word for what is heard now: a genre, or another label."""
        self._corrections.put(label)

    def toggle_pause(self) -> bool:
        """Pause, or go on; True when paused."""
        self.pause(self._going.is_set())
        return not self._going.is_set()

    def pause(self, is_paused: bool) -> None:
        """Pause, or go on. A file waits meanwhile, a microphone's sound goes by unheard."""
        (self._going.clear if is_paused else self._going.set)()

    @property
    def summaries(self) -> tuple[SummaryEvent, ...]:
        """The session's sum once it has ended, as ``Sessions`` has one of each source."""
        return () if self.summary is None else (self.summary,)

    def warnings(self) -> list[str]:
        """Sentences about what the user should know of a session that ended well all the same."""
        sentences = [self._source.warning] if self._source.warning else []
        if self._meter.not_finite:
            sentences.append(
                f"{self._source.name} held {self._meter.not_finite} samples that are no numbers: "
                "heard as silence."
            )
        return sentences

    def _work(self) -> None:
        keep_freed_memory(KEPT_BYTES)
        try:
            self._emit(self._start_event)
            self._source.start(self._ring)
            self._heard_until_s = time.monotonic()
            self._listen()
            if self._source.failure is not None:
                raise self._source.failure
        except BaseException as error:
            self.failure = error
        finally:
            self._finish()

    def _listen(self) -> None:
        """Take item by item from the ring buffer until the stream's end."""
        position = 0
        while self._last_sample is None or position < self._last_sample:
            while not self._source.is_live and not self._going.wait(HEARTBEAT_S):
                self.alive_s = time.monotonic()
                self._tell_corrections()
            if self._is_over_while_lost(position):
                self._source.stop()  # which says what was lost, and ends the stream
            began_s = time.monotonic()
            item = self._ring.read(self._worth_waking_for(), self._patience_s(position))
            self.alive_s = time.monotonic()
            self._tell_corrections()
            if isinstance(item, End):
                break
            if isinstance(item, Chunk):
                samples = item.samples
                if self._last_sample is not None:
                    samples = samples[: self._last_sample - item.position]
                position = item.position + len(samples)
                if self._going.is_set() or not self._source.is_live:  # what a file gave before it waited
                    self._hear(samples)
                else:
                    self._analyser.skip(len(samples))
                # The last of the sound before a loss was there long before the loss was told.
                waited_s = self.alive_s - began_s - len(item.samples) / self._source.sample_rate
                self._heard_until_s = time.monotonic() - max(0.0, waited_s)
            elif isinstance(item, Gap):
                lost = item.lost
                if self._last_sample is not None:
                    lost = min(lost, self._last_sample - item.position)
                position = item.position + lost
                self._emit(self._analyser.gap(lost, item.reason))
                self._heard_until_s = time.monotonic()
            elif isinstance(item, StatusChange):
                self._condition = "lost" if item.status == "lost" else "listening"
                self._meter.forget_zeros()
                self._emit(SourceEvent(self._analyser.time_s, item.status))
            self.snapshot = self._take_snapshot()
        self._end_stream(position)

    def _worth_waking_for(self) -> int:
        """How many samples to wait for."""
        wanted_s, window_s = self._source.block_s, self._analyser.until_window_s + RESAMPLED_WITHIN_S
        if self._source.is_live and not self._is_watched:
            wanted_s = max(wanted_s, min(window_s, LONGEST_BLOCK_S))
        return max(1, round(wanted_s * self._source.sample_rate))

    def _left_s(self, position: int) -> float:
        """How much of the time to listen is left if there was only silence since the latest sound."""
        if self._last_sample is None:
            return math.inf
        left = self._last_sample - position
        return left / self._source.sample_rate - (time.monotonic() - self._heard_until_s)

    def _patience_s(self, position: int) -> float:
        """How long to wait for sound before looking whether the time is over."""
        left_s = self._left_s(position)
        return min(HEARTBEAT_S, left_s) if self._condition == "lost" and left_s > 0 else HEARTBEAT_S

    def _is_over_while_lost(self, position: int) -> bool:
        """Whether the time to listen ran out while there was no microphone."""
        return self._condition == "lost" and self._left_s(position) <= 0

    def _hear(self, samples: Samples) -> None:
        if self._condition == "opening":
            self._condition = "listening"
        if self._vote_reset:
            self._vote_reset = False
            self._analyser.vote.reset()
        self._meter.measure(samples)
        if self._source.is_live:
            self._note_mute()
        for take in self._sound_sinks:
            take(samples)
        for window in self._analyser.feed(samples, newest_only=self._source.is_live):
            self._emit(window)

    def _note_mute(self) -> None:
        """Tell when a microphone begins to give nothing but digital zero, and when that ends."""
        zero_s = self._meter.zero_s
        if self._condition == "muted" and zero_s == 0:
            self._condition = "listening"
            self._emit(SourceEvent(self._analyser.time_s, "back"))
        elif self._condition == "listening" and zero_s > MUTED_AFTER_S:
            self._condition = "muted"
            self._emit(SourceEvent(self._analyser.time_s, "muted"))

    def _end_stream(self, position: int) -> None:
        for window in self._analyser.finish():
            self._emit(window)
        heard_s = self._analyser.time_s
        has_reached_the_end = self._last_sample is not None and position >= self._last_sample
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
        return Snapshot(
            source_kind=self._source.kind,
            source_name=self._start_event.source_name,
            sample_rate=self._source.sample_rate,
            source_condition=self._condition,
            model_name=self._start_event.model_name,
            genres=genres_of(self._start_event.labels),
            time_s=self._analyser.time_s,
            length_s=self._source.length_s,
            level_dbfs=self._meter.level_dbfs,
            peak_dbfs=self._meter.peak_dbfs,
            clipped=self._meter.clipped,
            verdict=self._analyser.vote.verdict,
            timeline=self._history.timeline,
            share=self._history.share,
            windows=self._history.windows,
            skipped_windows=self._analyser.skipped_windows,
            lost_s=self._history.lost_s,
            compute_ms=self._history.compute_ms,
            title=self._source.title,
            reach_s=self._start_event.reach_s,
        )
