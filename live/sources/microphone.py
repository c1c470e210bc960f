"""A microphone that is opened, watched, and opened again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from live.errors import GenreLiveError, InputError, RunningError
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.sources.capture import Capture
from live.sources.devices import InputDevice, MissingDeviceError
from live.sources.driver import HangingDriverError, Opened
from live.sources.inputs import CaptureError, InputRequest

ANSWER_WITHIN_S = 10.0  # a driver that opens a device for the first time
FIRST_BLOCK_WITHIN_S = 8.0  # some servers take seconds before the first callback
BLOCK_WITHIN_S = 1.5  # a stream that is silent for longer is lost
OVERSLEPT_S = 0.3  # a wait that lasts this much too long was no wait: the process was stopped
OPENED_WITHIN_S = 3.0  # the same, for one that is opened again: then another try is made
CLOSE_WITHIN_S = 2.0
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.5, 10.0
RETRY_GROWTH = 1.5


class Microphone:
    """An input device, captured at its own rate.

    Captured by a process of its own (``CaptureProcess``), which a thread here watches: one that ends or
    sends nothing more is lost, which is marked in the ring buffer, is left behind, and another opens the
    device by name until it is back. Sound that went by in the meantime is counted as lost. Nothing here
    waits for a driver, which may hang, for longer than a bound.

    Parameters
    ----------
    device : str or None
        As for ``find_device``.
    channel : int, optional
        Hear this channel alone, counted from 1; else the mean of the first two.
    every_channel : bool
        Capture all of its channels.
    gain_db : float
        Applied to what is captured.
    give_up_s : float, optional
        Fail after the device was lost for this long; without, wait for ever.
    wait : bool
        Wait for a device that is missing at the start; what else is wrong with it fails at once.
    on_wait : callable, optional
        Takes a sentence that says what is waited for; called each time that it is not there, at least
        every ten seconds.
    loud : bool
        Whether what the drivers' libraries say goes to standard error.

    Raises
    ------
    InputError
        When there is no PortAudio, no such device, or it refuses to open.
    """

    kind: SourceKind = "microphone"
    is_live = True
    length_s: float | None = None
    warning: str | None = None
    title: str | None = None
    buffer_s = 10.0
    block_s = 0.08

    def __init__(
        self,
        device: str | None = None,
        *,
        channel: int | None = None,
        every_channel: bool = False,
        gain_db: float = 0.0,
        give_up_s: float | None = None,
        wait: bool = False,
        on_wait: Callable[[str], None] | None = None,
        loud: bool = False,
    ) -> None:
        self._selector = device
        self._channel, self._every_channel = channel, every_channel
        self._gain = np.float32(10 ** (gain_db / 20))
        self._give_up_s = give_up_s
        self._loud = loud
        self.failure: GenreLiveError | None = None
        self._changed = threading.Condition()  # guards all below, and what is written to the ring buffer
        self._stopping = False
        self._lost_since_s: float | None = None
        self._capture: Capture | None = None
        self._thread: threading.Thread | None = None
        try:
            opened = self._open_first(on_wait, wait=wait)
        except BaseException:
            self._let_go()
            raise
        self._device: InputDevice = opened.device
        self.name = opened.device.name
        self.sample_rate, self._captured_channels = opened.sample_rate, opened.channels
        self.channels = opened.channels if channel is None else 1

    def _open_first(self, on_wait: Callable[[str], None] | None, *, wait: bool) -> Opened:
        """Open the device, waiting for it where that is wanted."""
        which = "a microphone" if self._selector is None else f"the microphone {self._selector!r}"
        wanted = InputRequest(self._selector, self._channel, every_channel=self._every_channel)
        began_s = time.monotonic()
        retry_s = SHORTEST_RETRY_S
        while True:
            capture = self._ready_capture()
            try:
                return capture.open(wanted, ANSWER_WITHIN_S)
            except HangingDriverError as error:
                self._let_go()
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
        """Return the capture that has not opened anything yet, a new one where the last was left behind."""
        if self._capture is not None and not self._capture.is_left:
            return self._capture
        capture = Capture(self._take_block, self._note_end, loud=self._loud)
        with self._changed:
            self._capture = capture
            is_late = self._stopping
        if is_late:
            self._let_go()  # who stopped it has not seen this one
        return capture

    def start(self, ring: RingBuffer) -> None:
        """Begin to capture into ``ring``.

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
        """Capture no more and let go of the device."""
        with self._changed:
            self._stopping = True
            thread = self._thread
            self._changed.notify_all()
        self._let_go()  # which also ends whatever waits for an answer of the driver
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WITHIN_S)

    def _take_block(self, capture: Capture, data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
        """Copy a block into the ring buffer; the driver's own thread calls this."""
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
                    self._ring.hold()  # a loss that nothing announced is placed here
                self._ring.release(finding.lost_samples, capture.suspicion)
                capture.suspicion = "stall"
            if is_first_again:
                self._changed.notify_all()

    def _note_end(self, capture: Capture) -> None:
        """Wake the watch; the driver calls this when the stream is over for whatever reason."""
        with self._changed:
            capture.has_ended = True
            self._changed.notify_all()

    def _watch(self) -> None:
        """Wait for the stream's loss, and mend it, until told to stop."""
        try:
            while (capture := self._capture) is not None and not self._wait_for_loss(capture):
                if not self._recover(capture):
                    break
        except Exception as error:
            self.failure = RunningError(f"{self.name} failed ({error}): choose another --device.")
            self.failure.__cause__ = error
        finally:
            self._ring.close()
            self._let_go()

    def _wait_for_loss(self, capture: Capture) -> bool:
        """Wait until the stream is lost or no longer wanted; True when no longer wanted."""
        with self._changed:
            awake_until_s = time.monotonic()
            while not self._stopping:
                now_s, delivered_s = time.monotonic(), capture.delivered_s
                if delivered_s is None:
                    deadline_s = capture.started_s + FIRST_BLOCK_WITHIN_S
                else:
                    deadline_s = delivered_s + BLOCK_WITHIN_S
                if now_s > awake_until_s + OVERSLEPT_S:  # the whole process stood still, not the device
                    deadline_s = now_s + BLOCK_WITHIN_S
                if capture.has_ended or deadline_s <= now_s:
                    return False
                # The first block wakes nobody; the promise holds from it on all the same.
                awake_until_s = min(deadline_s, now_s + BLOCK_WITHIN_S)
                self._changed.wait(awake_until_s - now_s)
            return True

    def _recover(self, capture: Capture) -> bool:
        """Open the device again, however long it takes; False when told to stop or to give up."""
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
        """Tell that the stream is lost, and leave it behind; returns since when there is no sound."""
        with self._changed:
            since_s, samples = capture.delivered_s or capture.started_s, capture.samples
            self._ring.release(0, "stall")
            self._ring.change_status("lost")
        self._let_go()
        with self._changed:
            # Until it was closed a last block may have come: it is not lost, and held back if it was late.
            self._ring.release(0, "stall")
            return since_s + (capture.samples - samples) / self.sample_rate

    def _reopen(self, since_s: float) -> bool:
        """Try once to open the device by its name; True when sound flows or still may."""
        within_s = OPENED_WITHIN_S
        if self._give_up_s is not None:
            within_s = max(0.0, min(within_s, since_s + self._give_up_s - time.monotonic()))
        wanted = InputRequest(
            channel=self._channel, again=self._device,
            sample_rate=self.sample_rate, channels=self._captured_channels,
        )  # fmt: skip
        capture = self._ready_capture()
        try:
            capture.open(wanted, within_s)
        except MissingDeviceError:
            return False  # the same process may look again
        except InputError:
            self._let_go()
            return False
        try:
            capture.start(within_s)
        except CaptureError:
            self._let_go()
            return False
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping or capture.has_ended or capture.delivered_s is not None, within_s
            )
            has_delivered = capture.delivered_s is not None
        if not has_delivered:
            self._let_go()
        # Sound may have come after all while it was closed; if it has ended again by now, that is a new loss.
        return capture.delivered_s is not None

    def _let_go(self) -> None:
        """Leave the capture behind, whatever its driver does."""
        with self._changed:
            capture = self._capture
        if capture is None or capture.is_left:
            return
        capture.driver.close()
        with self._changed:
            capture.is_left = True
