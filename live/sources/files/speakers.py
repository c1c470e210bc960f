"""``--play``: playback of the sound through the default output device, which then determines the speed."""

from __future__ import annotations

import atexit
import contextlib
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from live.errors import InputError, RunningError
from live.samples import Samples
from live.sources.port_audio import port_audio

QUEUE_S = 0.25  # of sound between the decoder and the device
FIRST_TAKEN_WITHIN_S = 8.0  # some servers take seconds before the first callback
TAKEN_WITHIN_S = 3.0  # a device that takes no sound for longer is abandoned
SILENCE_S = 0.15  # before and after the sound, because some servers drop its first and last samples
USUAL_CHANNELS = 2
ANSWERED_WITHIN_S = 8.0  # for a driver that opens or starts
CLOSED_WITHIN_S = 1.0

Answer = TypeVar("Answer")


class _HangingError(Exception):
    """A driver did not answer in time."""

    def __init__(self) -> None:
        super().__init__("the sound server does not answer")


def _in_time(ask: Callable[[], Answer], within_s: float) -> Answer:
    """Call a driver on another thread, which is abandoned if the driver hangs, and return the result.

    Raises
    ------
    _HangingError
        When the call does not return in time; the driver is then not called again, even at exit.
    """
    answers: queue.SimpleQueue[tuple[Answer | None, Exception | None]] = queue.SimpleQueue()

    def ask_it() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=ask_it, name="speakers' driver", daemon=True).start()
    try:
        answer, error = answers.get(timeout=within_s)
    except queue.Empty:
        at_exit = getattr(sys.modules.get("sounddevice"), "_exit_handler", None)
        if at_exit is not None:
            atexit.unregister(at_exit)
        raise _HangingError from None
    if error is not None:
        raise error
    return cast(Answer, answer)


class Speakers:
    """The default output device, fed block by block.

    Parameters
    ----------
    sample_rate : int
        Sample rate of the blocks, in Hz; converted if the device does not support it.
    channels : int
        Channels of the blocks; more than two are mixed down to one.

    Raises
    ------
    InputError
        When there is no PortAudio or no output device, or it cannot be opened.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._changed = threading.Condition()
        self._queue: deque[Samples] = deque()
        self._queued = 0  # samples
        self._is_over = self._has_played = False
        self._resampler: Any = None
        self._is_mixed = channels > USUAL_CHANNELS
        self._channels = 1 if self._is_mixed else channels
        try:
            _in_time(lambda: self._open_either_way(sample_rate), ANSWERED_WITHIN_S)
        except (_HangingError, ValueError) as error:
            raise InputError(
                f"The speakers cannot be opened ({error}): check the sound set-up, or leave out --play."
            ) from None

    def _open_either_way(self, sample_rate: int) -> None:
        """Open the output at the rate of the sound, or else at its own."""
        sounddevice = port_audio("--play needs")
        self._error: Any = sounddevice.PortAudioError
        try:
            device = sounddevice.query_devices(kind="output")
            own_rate = int(device["default_samplerate"])
            try:
                self._stream = self._open(sounddevice, sample_rate)
            except self._error:
                self._stream = self._open(sounddevice, own_rate)
                self._convert(sample_rate, own_rate)
        except self._error as error:
            raise ValueError(str(error)) from None

    def _open(self, sounddevice: Any, rate: int) -> Any:
        self._limit = max(1, round(QUEUE_S * rate))
        self._silence = np.zeros((round(SILENCE_S * rate), self._channels), dtype=np.float32)
        return sounddevice.OutputStream(
            samplerate=rate,
            channels=self._channels,
            dtype="float32",
            latency="high",
            callback=self._give_block,
            finished_callback=self._note_end,
        )

    def _convert(self, from_rate: int, to_rate: int) -> None:
        import soxr

        self._resampler = soxr.ResampleStream(from_rate, to_rate, self._channels, dtype="float32")

    def start(self) -> None:
        """Start to play.

        Raises
        ------
        RunningError
            When the device opened but does not start.
        """
        self._append(self._silence)
        try:
            _in_time(self._stream.start, ANSWERED_WITHIN_S)
        except (_HangingError, self._error) as error:
            raise RunningError(f"The speakers do not start ({error}): leave out --play.") from None

    def play(self, block: Samples) -> bool:
        """Queue the next samples [shape=(n, channels)], and wait until there is room for them.

        Returns
        -------
        bool
            False if the device takes no more sound, or the speakers were closed.
        """
        sound = block.mean(axis=1, keepdims=True, dtype=np.float32) if self._is_mixed else block
        sound = np.clip(np.nan_to_num(sound, nan=0.0), -1.0, 1.0)
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(np.ascontiguousarray(sound))
        with self._changed:
            patience_s = TAKEN_WITHIN_S if self._has_played else FIRST_TAKEN_WITHIN_S
            has_room = self._changed.wait_for(lambda: self._is_over or self._queued < self._limit, patience_s)
            if self._is_over or not has_room:
                self._is_over = True
                return False
            self._append(sound)
            return True

    def _append(self, sound: Samples) -> None:
        self._queue.append(sound)
        self._queued += len(sound)

    def finish(self) -> None:
        """Wait until all sound has been played, for a limited time."""
        with self._changed:
            self._append(self._silence)
            patience_s = TAKEN_WITHIN_S if self._has_played else FIRST_TAKEN_WITHIN_S
            self._changed.wait_for(lambda: self._is_over or not self._queue, patience_s)
            if self._is_over:
                return
        try:
            _in_time(self._stream.stop, TAKEN_WITHIN_S)  # waits for the device's own buffer
        except (_HangingError, self._error):
            return

    def abort(self) -> None:
        """Stop at once: queued sound is not played, and waiting threads continue."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close the device."""
        self.abort()
        with contextlib.suppress(_HangingError, self._error):
            _in_time(self._stream.close, CLOSED_WITHIN_S)

    def _give_block(self, out: Any, samples: int, _time: Any, _status: Any) -> None:
        """Fill PortAudio's block with queued sound, and the rest with silence."""
        filled = 0
        with self._changed:
            self._has_played = True
            while filled < samples and self._queue:
                first = self._queue[0]
                taken = min(samples - filled, len(first))
                out[filled : filled + taken] = first[:taken]
                filled += taken
                if taken == len(first):
                    self._queue.popleft()
                else:
                    self._queue[0] = first[taken:]
            self._queued -= filled
            self._changed.notify_all()
        out[filled:] = 0

    def _note_end(self) -> None:
        """Wake waiting threads; called by PortAudio at the end of the stream, whatever the reason."""
        self.abort()
