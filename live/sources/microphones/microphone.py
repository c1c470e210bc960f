"""A microphone as a source: it is opened, watched, and opened again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from live.errors import GenreLiveError, InputError, RunningError
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.sources.devices import InputDevice, MissingDeviceError
from live.sources.microphones.capture import Capture
from live.sources.microphones.driver import HangingDriverError, Opened
from live.sources.microphones.inputs import CaptureError, InputRequest
from live.sources.source import WATCHED_BLOCK_S, WORTH_A_BLOCK

ANSWER_WITHIN_S = 10.0  # for a driver that opens a device for the first time
FIRST_BLOCK_WITHIN_S = 8.0  # some servers take seconds before the first callback
BLOCK_WITHIN_S = 1.5  # a stream without a block for longer is lost
OVERSLEPT_S = 0.3  # a wait that lasts this much too long means that the process was stopped
OPENED_WITHIN_S = 3.0  # for each attempt to open a device again
CLOSE_WITHIN_S = 2.0
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.5, 10.0
RETRY_GROWTH = 1.5


class Microphone:
    """An input device, captured at its own rate.

    A separate process (``CaptureProcess``) captures it, and a thread of this class watches that process.
    When the process ends or sends no more blocks, the device is lost: this is marked in the ring buffer, the
    process is abandoned, and new ones try to open the device by name until it is back. The sound of the
    time between is counted as lost. No call waits longer than a fixed time for a driver, which may hang.

    Parameters
    ----------
    device : str or None
        As for ``find_device``.
    channel : int, optional
        Listen to this channel only, counted from 1. Default: the mean of the first two, or of
        all of a source of PulseAudio or PipeWire.
    every_channel : bool
        Whether to capture all of its channels.
    gain_db : float
        Amplification, in dB.
    give_up_s : float, optional
        Fail if the device is lost for so many seconds. Default: wait for ever.
    wait : bool
        Whether to wait for a device that is not connected at the start; other errors are raised at once.
    block_s : float
        Length of the blocks, in seconds.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for, after each attempt, at least every
        ten seconds.
    loud : bool
        Whether the messages of the drivers' libraries go to standard error.

    Raises
    ------
    InputError
        When there is no PortAudio, no such device, or it cannot be opened.
    """

    kind: SourceKind = "microphone"
    is_live = True
    length_s: float | None = None
    warning: str | None = None
    title: str | None = None
    buffer_s = 10.0

    def __init__(
        self,
        device: str | None = None,
        *,
        channel: int | None = None,
        every_channel: bool = False,
        gain_db: float = 0.0,
        give_up_s: float | None = None,
        wait: bool = False,
        block_s: float = WATCHED_BLOCK_S,
        on_wait: Callable[[str], None] | None = None,
        loud: bool = False,
    ) -> None:
        self._selector = device
        self._channel, self._every_channel = channel, every_channel
        self._gain = np.float32(10 ** (gain_db / 20))
        self._give_up_s = give_up_s
        self._loud = loud
        self._captured_block_s = block_s
        self.block_s = WORTH_A_BLOCK * block_s
        self.failure: GenreLiveError | None = None
        self._changed = threading.Condition()  # protects everything below, and writing to the ring buffer
        self._stopping = False
        self._lost_since_s: float | None = None
        self._capture: Capture | None = None
        self._thread: threading.Thread | None = None
        try:
            opened = self._open_first(on_wait, wait=wait)
        except BaseException:
            self._close()
            raise
        self._device: InputDevice = opened.device
        self.name = opened.device.name
        self.sample_rate, self._captured_channels = opened.sample_rate, opened.channels
        self.channels = opened.channels if channel is None else 1

    def _open_first(self, on_wait: Callable[[str], None] | None, *, wait: bool) -> Opened:
        """Open the device, and wait for it if asked to."""
        which = "a microphone" if self._selector is None else f"the microphone {self._selector!r}"
        wanted = InputRequest(
            self._selector,
            self._channel,
            every_channel=self._every_channel,
            block_s=self._captured_block_s,
        )
        began_s = time.monotonic()
        retry_s = SHORTEST_RETRY_S
        while True:
            capture = self._ready_capture()
            try:
                return capture.open(wanted, ANSWER_WITHIN_S)
            except HangingDriverError as error:
                self._close()
                reason: InputError = error
            except MissingDeviceError as error:
                reason = error
            if not wait:
                raise reason
            if self._give_up_s is not None and time.monotonic() - began_s > self._give_up_s:
                raise RunningError(str(reason)) from None
            if on_wait is not None:
                on_wait(f"Waiting for {which}, which is not there yet.")
            with self._changed:
                self._changed.wait(retry_s)
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)

    def _ready_capture(self) -> Capture:
        """Return a capture that has nothing open yet; a new one if the last was abandoned."""
        if self._capture is not None and not self._capture.is_left:
            return self._capture
        capture = Capture(self._take_block, self._note_end, loud=self._loud)
        with self._changed:
            self._capture = capture
            is_late = self._stopping
        if is_late:
            self._close()  # ``stop`` was called before this capture existed
        return capture

    def start(self, ring: RingBuffer) -> None:
        """Start to capture into ``ring``.

        Raises
        ------
        RunningError
            When the device opened but does not start.
        """
        with self._changed:
            self._ring = ring
            capture = self._capture
            if self._stopping or capture is None:
                ring.close()
                return
        try:
            capture.start(OPENED_WITHIN_S)
        except CaptureError as error:
            raise RunningError(f"{self.name} does not start ({error}): choose another --device.") from None
        thread = threading.Thread(target=self._watch, name="microphone watch", daemon=True)
        with self._changed:
            self._thread = thread
        thread.start()

    def stop(self) -> None:
        """Stop to capture, and close the device."""
        with self._changed:
            self._stopping = True
            thread = self._thread
            self._changed.notify_all()
        self._close()  # also ends a wait for an answer of the driver
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WITHIN_S)

    def _take_block(self, capture: Capture, data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
        """Copy a block into the ring buffer; called on the driver's thread."""
        block = np.frombuffer(data, dtype=np.float32).reshape(samples, -1)
        if self._channel is not None:
            block = block[:, self._channel - 1 : self._channel]
        if self._gain != 1:
            block = block * self._gain
        with self._changed:
            if capture.is_left or capture.clock is None:
                return
            is_first_again = self._lost_since_s is not None
            if self._lost_since_s is not None:
                gone_s = at_s - self._lost_since_s - samples / self.sample_rate
                self._ring.lose(round(gone_s * self.sample_rate), "stall")
                self._ring.change_status("back")
                self._lost_since_s = None
            finding = capture.clock.block(at_s, samples, overflowed=overflowed)
            capture.delivered_s = at_s
            capture.samples += samples
            if finding.suspect:
                capture.suspicion = "overflow" if overflowed else "stall"
                self._ring.hold()
            self._ring.write(block)
            if finding.settled:
                if finding.lost_samples:
                    self._ring.hold()  # the place of a loss that the driver did not report
                self._ring.release(finding.lost_samples, capture.suspicion)
                capture.suspicion = "stall"
            if is_first_again:
                self._changed.notify_all()

    def _note_end(self, capture: Capture) -> None:
        """Wake the watching thread; called by the driver at the end of the stream, whatever the reason."""
        with self._changed:
            capture.has_ended = True
            self._changed.notify_all()

    def _watch(self) -> None:
        """Wait for a loss of the stream and reopen the device, until the source is stopped."""
        try:
            while (capture := self._capture) is not None and not self._wait_for_loss(capture):
                if not self._recover(capture):
                    break
        except Exception as error:
            self.failure = RunningError(f"{self.name} failed ({error}): choose another --device.")
            self.failure.__cause__ = error
        finally:
            self._ring.close()
            self._close()

    def _wait_for_loss(self, capture: Capture) -> bool:
        """Wait until the stream is lost or the source is stopped, and return whether it is stopped."""
        with self._changed:
            awake_until_s = time.monotonic()
            while not self._stopping:
                now_s, delivered_s = time.monotonic(), capture.delivered_s
                if delivered_s is None:
                    deadline_s = capture.started_s + FIRST_BLOCK_WITHIN_S
                else:
                    deadline_s = delivered_s + BLOCK_WITHIN_S
                if now_s > awake_until_s + OVERSLEPT_S:  # the whole process was stopped, not the device
                    deadline_s = now_s + BLOCK_WITHIN_S
                if capture.has_ended or deadline_s <= now_s:
                    return False
                # The first block does not wake this thread; its time limit counts from there.
                awake_until_s = min(deadline_s, now_s + BLOCK_WITHIN_S)
                self._changed.wait(awake_until_s - now_s)
            return True

    def _recover(self, capture: Capture) -> bool:
        """Reopen the device, however long it takes; return False if stopped or given up."""
        since_s = self._lose(capture)
        retry_s = SHORTEST_RETRY_S
        while True:
            left_s = retry_s if self._give_up_s is None else self._give_up_s - (time.monotonic() - since_s)
            with self._changed:
                stopping = self._changed.wait_for(lambda: self._stopping, max(0.0, min(retry_s, left_s)))
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)
            gone_s = time.monotonic() - since_s
            gives_up = self._give_up_s is not None and gone_s >= self._give_up_s
            if stopping or gives_up:
                self._ring.lose(round(gone_s * self.sample_rate), "stall")
            if stopping:
                return False
            if gives_up:
                self.failure = RunningError(
                    f"{self.name} was lost and is not back after {self._give_up_s:g} s: check its cable."
                )
                return False
            with self._changed:
                self._lost_since_s = since_s
            if self._reopen(since_s):
                return True

    def _lose(self, capture: Capture) -> float:
        """Mark the stream as lost and abandon it; return the time since which there is no sound."""
        with self._changed:
            since_s, samples = capture.delivered_s or capture.started_s, capture.samples
            self._ring.release(0, "stall")
            self._ring.change_status("lost")
        self._close()
        with self._changed:
            # A last block may have arrived before the close; it counts, and is withheld if it was late.
            self._ring.release(0, "stall")
            return since_s + (capture.samples - samples) / self.sample_rate

    def _reopen(self, since_s: float) -> bool:
        """Try once to open the device by its name; return True if there is sound or may still be."""
        within_s = OPENED_WITHIN_S
        if self._give_up_s is not None:
            within_s = max(0.0, min(within_s, since_s + self._give_up_s - time.monotonic()))
        wanted = InputRequest(
            channel=self._channel, again=self._device,
            sample_rate=self.sample_rate, channels=self._captured_channels, block_s=self._captured_block_s,
        )  # fmt: skip
        capture = self._ready_capture()
        try:
            capture.open(wanted, within_s)
        except MissingDeviceError:
            return False  # the same process can try again
        except (InputError, RuntimeError):  # the latter is what nobody foresaw, and may pass, too
            self._close()
            return False
        try:
            capture.start(within_s)
        except (CaptureError, RuntimeError):
            self._close()
            return False
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping or capture.has_ended or capture.delivered_s is not None, within_s
            )
            has_delivered = capture.delivered_s is not None
        if not has_delivered:
            self._close()
        # Sound may have arrived during the close; if it has ended again since, that is a new loss.
        return capture.delivered_s is not None

    def _close(self) -> None:
        """Abandon the capture, whatever its driver does."""
        with self._changed:
            capture = self._capture
        if capture is None or capture.is_left:
            return
        capture.driver.close()
        with self._changed:
            capture.is_left = True
