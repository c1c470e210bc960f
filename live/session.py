"""One session, the core of the program: source → ring buffer → analyser → events → sinks and snapshots."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

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
    stamped,
    wall_time,
)
from live.freed_memory import keep_freed_memory
from live.history import History
from live.meter import Meter
from live.ring_buffer import Chunk, End, Gap, RingBuffer, StatusChange
from live.samples import SHORTEST_SOUND_S, Samples
from live.snapshot import Snapshot, SourceCondition
from live.sources.source import AudioSource, too_short
from live.time_limit import TimeLimit
from live.wording import no_numbers

HEARTBEAT_S = 1.0  # longest wait before the thread shows that it is alive, and checks the time limit
LONGEST_BLOCK_S = 1.0  # longest wait for sound that nobody watches, to wake up less often
JOINED_WITHIN_S = 1.0  # a thread that hangs must not hold up the end of the program
RESAMPLED_WITHIN_S = 0.04  # delay of the resampler
MUTED_AFTER_S = 5.0  # digital zero for this long means that the microphone is muted
KEPT_BYTES = 4_000_000  # more than any array of a few seconds of sound

Sink = Callable[[Event], None]


class SoundSink(Protocol):
    """Receives the analysed samples of a session; it must not block."""

    def feed(self, samples: Samples) -> None:
        """Receive samples [shape=(n, channels)], before the events that they lead to."""

    def reset(self) -> None:
        """Forget the samples so far: those that follow do not continue them."""


class SourceSession:
    """Listens to one source until it ends or ``stop`` is called.

    Parameters
    ----------
    source : AudioSource
        Opened, not started.
    classifier : Classifier
    hop_s : float
        Seconds of stream time from one window to the next.
    smooth_s : float
        Smoothing time of the vote, in seconds; see ``live.vote.Vote``.
    duration_s : float, optional
        Stream time after which to stop, in seconds.
    sinks : sequence of callables
        Each is called with every event, in order, on the worker's thread.
    sound_sinks : sequence of SoundSink
        Each receives the analysed samples, on the worker's thread.
    name : str, optional
        The source's name where there are several; every event then carries it.
    is_watched : bool
        Whether the snapshots are shown; if not, they tell no levels, and of a live source one is taken for
        each window, which costs less.
    wall_clock : callable
        Returns the time of day of an event, with its offset from UTC.

    Attributes
    ----------
    ended : threading.Event
        Set after the sinks have received the summary.
    failure : BaseException or None
        What ended the session early.
    summary : SummaryEvent or None
        The session's summary, once it has ended.
    alive_s : float
        When the worker last read the ring buffer, with or without sound in it (``time.monotonic``).
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
        self._limit = TimeLimit(duration_s, source.sample_rate)
        self._ring = RingBuffer(max(1, round(source.buffer_s * source.sample_rate)), source.channels)
        self._history = History()
        self._condition: SourceCondition = "opening"
        self._meter = Meter(source.sample_rate, is_live=source.is_live, is_shown=is_watched)
        self._vote_reset = False
        self._has_skipped = False  # since samples were last analysed
        self._corrections: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = False
        self._going = threading.Event()
        self._going.set()
        self.summary: SummaryEvent | None = None
        self.failure: BaseException | None = None
        self.alive_s = time.monotonic()
        self.ended = threading.Event()
        self.snapshot = self._take_snapshot()
        self._worker = threading.Thread(target=self._work, name="listening", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._worker.start()

    def stop(self) -> None:
        """Ask the session to end; ``ended`` is set when it has."""
        self._stopped = True
        self._going.set()
        self._source.stop()  # before the buffer closes: a lost microphone still reports what it lost
        self._ring.close()

    def join(self, within_s: float = JOINED_WITHIN_S) -> None:
        """Wait for the thread to finish, after ``ended``: some libraries warn if it still runs at exit."""
        if self._worker.ident is not None:
            self._worker.join(within_s)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The newest snapshot, in a tuple like that of ``Sessions``."""
        return (self.snapshot,)

    def reset_vote(self) -> None:
        """Reset the vote before the next samples are analysed."""
        self._vote_reset = True

    def correct(self, label: str) -> None:
        """Record what the user says is playing now: a genre, or another label."""
        self._corrections.put(label)

    def pause(self, is_paused: bool) -> None:
        """Pause or resume. A paused file stops; a live source is muted: its samples are only counted."""
        (self._going.clear if is_paused else self._going.set)()

    @property
    def summaries(self) -> tuple[SummaryEvent, ...]:
        """The session's summary once it has ended, in a tuple like that of ``Sessions``."""
        return () if self.summary is None else (self.summary,)

    def warnings(self) -> list[str]:
        """Return sentences about problems that did not make the session fail."""
        sentences = [self._source.warning] if self._source.warning else []
        if self._meter.not_finite:
            sentences.append(no_numbers(self._source.name, self._meter.not_finite))
        return sentences

    def _work(self) -> None:
        keep_freed_memory(KEPT_BYTES)
        try:
            self._emit(self._start_event)
            self._source.start(self._ring)
            self._limit.note_sound()
            self._listen()
            if self._source.failure is not None:
                raise self._source.failure
        except BaseException as error:
            self.failure = error
        finally:
            self._finish()

    def _listen(self) -> None:
        """Read items from the ring buffer until the end of the stream."""
        position = 0
        while not self._limit.is_reached(position):
            self._wait_while_paused()
            if self._is_over_while_lost(position):
                self._source.stop()  # reports what was lost, and ends the stream
            began_s = time.monotonic()
            item = self._ring.read(self._samples_to_wait_for(), self._longest_wait_s(position))
            self.alive_s = time.monotonic()
            self._emit_corrections()
            if isinstance(item, End):
                break
            if isinstance(item, Chunk):
                position = self._take_samples(item, waited_s=self.alive_s - began_s)
            elif isinstance(item, Gap):
                position = self._take_gap(item)
            elif isinstance(item, StatusChange):
                self._take_status(item)
            self.snapshot = self._take_snapshot()
        self._end_stream(position)

    def _wait_while_paused(self) -> None:
        """Wait as long as a file is paused; a live source is not waited for, because it goes on."""
        while not (self._source.is_live or self._stopped or self._going.wait(HEARTBEAT_S)):
            self.alive_s = time.monotonic()
            self._emit_corrections()

    def _take_samples(self, chunk: Chunk, *, waited_s: float) -> int:
        """Analyse samples, or only count those of a paused live source; return the position after them."""
        samples = chunk.samples[: self._limit.allowed(len(chunk.samples), chunk.position)]
        # What a file delivered before it was paused is analysed all the same.
        if self._going.is_set() or not self._source.is_live:
            self._analyse(samples)
        else:
            self._analyser.skip(len(samples))
            self._note_pause()
        # The last samples before a loss may have arrived long before the loss was reported.
        self._limit.note_sound(max(0.0, waited_s - len(chunk.samples) / self._source.sample_rate))
        return chunk.position + len(samples)

    def _take_gap(self, gap: Gap) -> int:
        """Count lost samples, and return the position after them."""
        lost = self._limit.allowed(gap.lost, gap.position)
        self._emit(self._analyser.gap(lost, gap.reason))
        self._limit.note_sound()
        return gap.position + lost

    def _take_status(self, change: StatusChange) -> None:
        """Note that the source was lost or is back."""
        self._condition = "lost" if change.status == "lost" else "listening"
        self._meter.forget_zeros()
        self._emit(SourceEvent(self._analyser.time_s, change.status))

    def _samples_to_wait_for(self) -> int:
        wanted_s, window_s = self._source.block_s, self._analyser.until_window_s + RESAMPLED_WITHIN_S
        if self._source.is_live and not self._is_watched:
            wanted_s = max(wanted_s, min(window_s, LONGEST_BLOCK_S))
        return round(wanted_s * self._source.sample_rate)

    def _longest_wait_s(self, position: int) -> float:
        """Return how long to wait for sound before the time limit has to be checked again."""
        left_s = self._limit.left_s(position)
        return min(HEARTBEAT_S, left_s) if self._condition == "lost" and left_s > 0 else HEARTBEAT_S

    def _is_over_while_lost(self, position: int) -> bool:
        """Return whether the time limit has passed while the microphone is lost."""
        return self._condition == "lost" and self._limit.left_s(position) <= 0

    def _analyse(self, samples: Samples) -> None:
        if self._condition == "opening":
            self._condition = "listening"
        if self._vote_reset:
            self._vote_reset = False
            self._analyser.vote.reset()
        self._meter.measure(samples)
        if self._source.is_live:
            self._check_muted()
        for sound_sink in self._sound_sinks:
            if self._has_skipped:
                sound_sink.reset()
            sound_sink.feed(samples)
        self._has_skipped = False
        for window in self._analyser.feed(samples, newest_only=self._source.is_live):
            self._emit(window)

    def _note_pause(self) -> None:
        """Emit that nothing is heard of a live source, which else only the screen would know."""
        self._has_skipped = True
        if self._condition in ("opening", "listening"):
            self._condition = "muted"
            self._emit(SourceEvent(self._analyser.time_s, "muted"))

    def _check_muted(self) -> None:
        """Emit an event when a microphone starts or stops to deliver nothing but digital zero."""
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
        cut_off = self._stopped or self._limit.is_reached(position) or self._source.failure is not None
        if self._source.kind == "file" and heard_s < SHORTEST_SOUND_S and not cut_off:
            raise InputError(too_short(self._source.name, heard_s))

    def _finish(self) -> None:
        """Stop the source, emit the summary and set ``ended``."""
        try:
            self._ring.close()
            self._source.stop()
            self._condition = "ended"
            self._emit_corrections()
            summary = self._history.summary(self._analyser.time_s, self._analyser.skipped_windows)
            self.summary = self._stamp(summary)
            self._deliver(self.summary)
        except BaseException as error:
            self.failure = self.failure or error
        finally:
            self.snapshot = self._take_snapshot()
            self.ended.set()

    def _emit_corrections(self) -> None:
        """Emit an event for each correction made since the last call, with the verdict it corrects."""
        while not self._corrections.empty():
            verdict = self._analyser.vote.verdict
            heard = verdict.genre or verdict.state
            self._emit(CorrectionEvent(self._analyser.time_s, heard, self._corrections.get()))

    def _stamp(self, event: AnyEvent) -> AnyEvent:
        return stamped(event, at=self._wall_clock(), source=self._name, title=self._source.title)

    def _emit(self, event: Event) -> None:
        self._deliver(self._stamp(event))

    def _deliver(self, event: Event) -> None:
        self._history.add(event)
        failure: Exception | None = None
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # the other sinks still get the event
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
            last_gap=self._history.last_gap,
        )
