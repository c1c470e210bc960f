"""A microphone that is opened, watched, and opened again when it is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from live.errors import GenreLiveError, InputError, RunningError
from live.events import GapReason, SourceKind
from live.ring_buffer import RingBuffer
from live.sources.capture_clock import CaptureClock
from live.sources.devices import (
    InputDevice,
    MissingDeviceError,
    find_device,
    input_devices,
    port_audio,
)

FIRST_BLOCK_WITHIN_S = 8.0  # some servers take seconds before the first callback
BLOCK_WITHIN_S = 1.5  # a stream that is silent for longer is lost
OVERSLEPT_S = 0.3  # a wait that lasts this much too long was no wait: the process was stopped
OPENED_WITHIN_S = 3.0  # the same, for one that is opened again: then another try is made
CLOSE_WITHIN_S = 2.0
CAPTURE_LATENCY_S = 0.2  # asked of the driver; its own default may wake this process 150 times a second
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.5, 10.0
USUAL_CHANNELS = 2
RETRY_GROWTH = 1.5
OTHER_RATES = (48_000, 44_100)


class Microphone:
    """An input device, captured through PortAudio at its own rate.

    A thread watches the stream: one that ends, becomes inactive or stops calling back is lost, which
    is marked in the ring buffer, and is opened again by name until it is back. Sound that went by in
    the meantime is counted as lost.

    Parameters
    ----------
    device : str or None
        As for ``find_device``.
    channel : int, optional
        Hear this channel alone, counted from 1; else the mean of the first two.
    gain_db : float
        Applied to what is captured.
    give_up_s : float, optional
        Fail after the device was lost for this long; without, wait for ever.
    wait : bool
        Wait for a device that is missing at the start; what else is wrong with it fails at once.
    on_wait : callable, optional
        Takes a sentence that says what is waited for; called each time that it is not there, at least
        every ten seconds.

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
        gain_db: float = 0.0,
        give_up_s: float | None = None,
        wait: bool = False,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self._selector = device
        self._channel = channel
        self._gain = np.float32(10 ** (gain_db / 20))
        self._give_up_s = give_up_s
        self.failure: GenreLiveError | None = None
        self._woken = threading.Condition()
        self._starting = threading.Lock()
        self._stopping = False
        self._finished = False
        self._delivered_s: float | None = None  # when the latest block came
        self._delivered_frames = 0
        self._lost_since_s: float | None = None
        self._suspicion: GapReason = "stall"
        self._stream: Any = None
        self._thread: threading.Thread | None = None
        self._device = self._wait_for_device(on_wait) if wait else find_device(device)
        self.name = self._device.name
        self._open_any_way()
        self._clock = CaptureClock(self.sample_rate)

    def _wait_for_device(self, on_wait: Callable[[str], None] | None) -> InputDevice:
        which = "a microphone" if self._selector is None else f"the microphone {self._selector!r}"
        began = time.monotonic()
        retry_s = SHORTEST_RETRY_S
        while True:
            try:
                return find_device(self._selector, refresh=True)
            except MissingDeviceError as error:
                if self._give_up_s is not None and time.monotonic() - began > self._give_up_s:
                    raise RunningError(str(error)) from None
                if on_wait is not None:
                    on_wait(f"Waiting for {which}, which is not there yet.")
            with self._woken:
                self._woken.wait(retry_s)
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)

    def _open_any_way(self) -> None:
        """Open the device at its own rate, or with whatever else it takes; the stream starts later."""
        device, channel = self._device, self._channel
        if channel is not None and not 1 <= channel <= device.channels:
            raise InputError(f"{device.name} has {device.channels} channels: there is no channel {channel}.")
        usual = channel or min(USUAL_CHANNELS, device.channels)
        attempts = [(device.sample_rate, usual), (device.sample_rate, device.channels)]
        attempts += [(rate, usual) for rate in OTHER_RATES]
        if channel is None:
            attempts.append((device.sample_rate, 1))
        reason = ""
        for sample_rate, channels in dict.fromkeys(attempts):
            self.sample_rate, self._captured_channels = sample_rate, channels
            self.channels = channels if channel is None else 1
            try:
                self._open(device)
            except port_audio().PortAudioError as error:
                reason = reason or str(error)
            else:
                return
        raise InputError(
            f"{device.name} cannot be opened ({reason}): see whether another program holds it, "
            "or choose another with --device."
        )

    def _open(self, device: InputDevice) -> None:
        self._finished = False
        self._delivered_s = None
        self._stream = port_audio().InputStream(
            device=device.index,
            samplerate=self.sample_rate,
            channels=self._captured_channels,
            dtype="float32",
            latency=CAPTURE_LATENCY_S,
            callback=self._take_block,
            finished_callback=self._note_end,
        )

    def start(self, ring: RingBuffer) -> None:
        """Begin to capture into ``ring``.

        Raises
        ------
        RunningError
            When the device opened but does not start.
        """
        self._ring = ring
        self._started_s = time.monotonic()
        with self._starting:
            if self._stopping:
                ring.close()
                return
            try:
                self._stream.start()
            except port_audio().PortAudioError as error:
                raise RunningError(
                    f"{self.name} does not start ({error}): choose another --device."
                ) from None
            thread = threading.Thread(target=self._watch, name="microphone watch", daemon=True)
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """Capture no more and let go of the device."""
        with self._woken:
            self._stopping = True
            self._woken.notify_all()
        # PortAudio crashes on a stream that is closed while it starts.
        if not self._starting.acquire(timeout=CLOSE_WITHIN_S):
            return  # a driver may hang; the process ends all the same
        self._starting.release()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_WITHIN_S)  # so may it here
        else:
            self._close()

    def _take_block(self, block: Any, frames: int, _time: Any, status: Any) -> None:
        """Copy a block into the ring buffer; PortAudio's own thread calls this."""
        now_s = time.monotonic()
        is_first_again = self._lost_since_s is not None
        if self._lost_since_s is not None:
            gone_s = now_s - self._lost_since_s - frames / self.sample_rate
            self._ring.lose(round(gone_s * self.sample_rate), "stall")
            self._ring.change_status("back")
            self._lost_since_s = None
        overflowed = bool(status.input_overflow)
        finding = self._clock.block(now_s, frames, overflowed=overflowed)
        self._delivered_s = now_s
        self._delivered_frames += frames
        if finding.suspect:
            self._suspicion = "overflow" if overflowed else "stall"
            self._ring.hold()
        if self._channel is not None:
            block = block[:, self._channel - 1 : self._channel]
        self._ring.write(block if self._gain == 1 else block * self._gain)
        if finding.settled:
            if finding.lost_frames:
                self._ring.hold()  # a loss that nothing announced is placed here
            self._ring.release(finding.lost_frames, self._suspicion)
            self._suspicion = "stall"
        if is_first_again:
            with self._woken:
                self._woken.notify_all()

    def _note_end(self) -> None:
        """Wake the watch; PortAudio calls this when the stream is over for whatever reason."""
        with self._woken:
            self._finished = True
            self._woken.notify_all()

    def _watch(self) -> None:
        """Wait for the stream's loss, and mend it, until told to stop."""
        try:
            while not self._wait_for_loss():
                if not self._recover():
                    break
        except Exception as error:
            self.failure = RunningError(f"{self.name} failed ({error}): choose another --device.")
            self.failure.__cause__ = error
        finally:
            self._ring.close()
            self._close()

    def _wait_for_loss(self) -> bool:
        """Wait until the stream is lost or no longer wanted; True when no longer wanted."""
        with self._woken:
            awake_until_s = time.monotonic()
            while not self._stopping:
                now_s, delivered_s = time.monotonic(), self._delivered_s
                if delivered_s is None:
                    deadline_s = self._started_s + FIRST_BLOCK_WITHIN_S
                else:
                    deadline_s = delivered_s + BLOCK_WITHIN_S
                if now_s > awake_until_s + OVERSLEPT_S:  # the whole process stood still, not the device
                    deadline_s = now_s + BLOCK_WITHIN_S
                if self._finished or deadline_s <= now_s:
                    return False
                awake_until_s = deadline_s
                self._woken.wait(deadline_s - now_s)
            return True

    def _recover(self) -> bool:
        """Open the device again, however long it takes; False when told to stop or to give up."""
        since_s, frames = self._delivered_s or self._started_s, self._delivered_frames
        self._ring.release(0, "stall")
        self._ring.change_status("lost")
        self._close()
        # Until it was closed a last block may have come: it is not lost, and it is held back if it was late.
        self._ring.release(0, "stall")
        since_s += (self._delivered_frames - frames) / self.sample_rate
        retry_s = SHORTEST_RETRY_S
        while True:
            with self._woken:
                stopping = self._woken.wait_for(lambda: self._stopping, retry_s)
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)
            gone_s = time.monotonic() - since_s
            gives_up = self._give_up_s is not None and gone_s > self._give_up_s
            if stopping or gives_up:
                self._ring.lose(round(gone_s * self.sample_rate), "stall")
            if stopping:
                return False
            if gives_up:
                self.failure = RunningError(
                    f"{self.name} was lost and is not back after {self._give_up_s:g} s: check its cable."
                )
                return False
            self._lost_since_s = since_s
            if self._reopen():
                return True

    def _reopen(self) -> bool:
        """Try once to open the device by its name; True when sound flows or still may."""
        try:
            devices = input_devices(refresh=True)
            same_name = [device for device in devices if device.name == self.name]
            same_api = [device for device in same_name if device.host_api == self._device.host_api]
            if not same_name:
                return False
            self._clock.reset()
            self._started_s = time.monotonic()
            self._open((same_api or same_name)[0])
            self._stream.start()
        except (InputError, port_audio().PortAudioError):
            self._close()
            return False
        with self._woken:
            self._woken.wait_for(
                lambda: self._stopping or self._finished or self._delivered_s is not None, OPENED_WITHIN_S
            )
        if self._delivered_s is None:
            self._close()
        # Sound may have come after all while it was closed; if it has ended again by now, that is a new loss.
        return self._delivered_s is not None

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(port_audio().PortAudioError):
                stream.close()
