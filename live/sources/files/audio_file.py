"""A file or WAV stream as a source, in real time by default."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from live.errors import GenreLiveError, InputError, RunningError, one_line
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.samples import SHORTEST_SOUND_S, Samples
from live.sources.decoders.decoder import damaged
from live.sources.decoders.decoding import open_decoder
from live.sources.source import WATCHED_BLOCK_S, too_short

if TYPE_CHECKING:  # PortAudio is imported only for --play
    from live.sources.files.speakers import Speakers

UNPACED_BLOCK_S = 0.5
MOST_BLOCK_SAMPLES = 2**20  # of all channels; limits the memory for a file of 64 channels at 768 kHz
BUFFERED_BLOCKS = 16  # classifying the windows of several blocks together is faster
CLOSE_WITHIN_S = 0.5


class AudioFile:
    """A file, or a WAV stream on standard input, streamed in real time or faster.

    Parameters
    ----------
    path : str
        ``-`` for standard input.
    speed : float or None
        As a multiple of real time; None for as fast as possible.
    play : bool
        Whether to play it through the speakers as well, which then determine the speed.
    track : int, optional
        Number of the audio track, from 1. Default: the first.
    raw : str, optional
        Format of samples without a header, such as ``s16le:44100:2``.
    block_s : float
        Length of the blocks at the speed of real time, in seconds.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for.

    Raises
    ------
    InputError
        When it cannot be read as audio, is shorter than half a second, or should be played and there is no
        output device.
    """

    kind: SourceKind = "file"
    is_live = False

    def __init__(
        self,
        path: str,
        *,
        speed: float | None = 1.0,
        play: bool = False,
        track: int | None = None,
        raw: str | None = None,
        block_s: float = WATCHED_BLOCK_S,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self.name = "standard input" if path == "-" else one_line(Path(path).name)
        self.speed = speed
        self._decoder = open_decoder(path, track=track, raw=raw, on_wait=on_wait)
        self.sample_rate, self.channels = self._decoder.sample_rate, self._decoder.channels
        self.length_s = self._decoder.length_s
        if self.length_s is not None and self.length_s < SHORTEST_SOUND_S:
            self._decoder.close()
            raise InputError(too_short(self.name, self.length_s))
        wanted_s = UNPACED_BLOCK_S if speed is None else block_s * max(1.0, speed)
        bearable_s = MOST_BLOCK_SAMPLES / (self.sample_rate * self.channels)
        self.block_s = min(wanted_s, UNPACED_BLOCK_S, bearable_s)
        self.buffer_s = min(BUFFERED_BLOCKS * self.block_s, 4 * bearable_s)
        self.failure: GenreLiveError | None = None
        self.warning: str | None = None
        self.title: str | None = None
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._speakers: Speakers | None = None
        if play:
            from live.sources.files.speakers import Speakers

            self._speakers = Speakers(self.sample_rate, self.channels)

    def start(self, ring: RingBuffer) -> None:
        """Start to push sound into ``ring``.

        Raises
        ------
        RunningError
            When the speakers opened but do not start.
        """
        with self._starting:
            if self._stopped.is_set():
                ring.close()
                return
            if self._speakers is not None:
                self._speakers.start()
            thread = threading.Thread(target=self._push, args=(ring,), name="audio file", daemon=True)
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """Stop to push sound, and close the file."""
        was_stopped = self._stopped.is_set()
        self._stopped.set()
        if not self._starting.acquire(timeout=CLOSE_WITHIN_S):  # closing while starting is not safe
            return
        self._starting.release()
        speakers = self._speakers  # the other thread may set it to None
        if speakers is not None:
            speakers.abort()
        if self._thread is None:
            self._close()
        elif self._thread is not threading.current_thread() and not was_stopped:
            # A thread that reads a pipe or a dead network drive may wait for ever; it ends with the process.
            self._thread.join(CLOSE_WITHIN_S)

    def _push(self, ring: RingBuffer) -> None:
        block_samples = max(1, round(self.block_s * self.sample_rate))
        pushed = 0
        began = time.monotonic()
        try:
            while not self._stopped.is_set():
                block = self._decoder.read(block_samples)
                if self._decoder.undecodable > 0:
                    self._report_undecodable(ring, pushed, self._decoder.undecodable)
                if len(block) == 0:
                    if self._speakers is not None:
                        self._speakers.finish()
                    break
                if not ring.write_all(block):
                    break
                pushed += len(block)
                if self._is_played(block):
                    began = time.monotonic() - pushed / self.sample_rate
                elif self.speed is not None:
                    ahead_s = began + pushed / (self.sample_rate * self.speed) - time.monotonic()
                    if ahead_s < -1.0:  # the process or the pipe was paused, so start the timing again
                        began -= ahead_s
                    elif ahead_s > 0:
                        self._stopped.wait(ahead_s)
        except GenreLiveError as error:
            self.failure = error
        except Exception as error:  # pass the thread's error to the session
            self.failure = RunningError(f"{self.name} cannot be read further: {error}.")
            self.failure.__cause__ = error
        finally:
            ring.close()
            self._close()

    def _is_played(self, block: Samples) -> bool:
        """Play a block after the previous one, and return False if there are no speakers."""
        if self._speakers is None:
            return False
        if not self._speakers.play(block):
            self._speakers.close()
            self._speakers = None
            if not self._stopped.is_set():
                self._warn(f"The speakers took no more of {self.name}: the rest was heard without them.")
        return True

    def _close(self) -> None:
        """Close the file and the speakers."""
        self._decoder.close()
        if self._speakers is not None:
            self._speakers.close()

    def _report_undecodable(self, ring: RingBuffer, pushed: int, lost: int) -> None:
        """Report samples that no decoder could read, at their place in the stream."""
        heard_s, lost_s = pushed / self.sample_rate, lost / self.sample_rate
        if heard_s < SHORTEST_SOUND_S:
            raise damaged(self.name, heard_s)
        ring.lose(lost, "undecodable")
        self._warn(
            f"{self.name} is damaged or cut short: {heard_s:.1f} s of it were heard, "
            f"and {lost_s:.1f} s could not be decoded."
        )

    def _warn(self, sentence: str) -> None:
        self.warning = sentence if self.warning is None else f"{self.warning} {sentence}"
