"""The main process's side of a capture process: sends requests, receives sound, and kills it if it hangs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Protocol, cast

from live.errors import InputError
from live.sources.devices import InputDevice, MissingDeviceError
from live.sources.microphones.capture_process import ANSWER, BLOCK, HEADER, device_from
from live.sources.microphones.inputs import CaptureError, InputRequest, OnBlock

LIST_WITHIN_S = 10.0
DRAINED_WITHIN_S = 0.5  # to read what an ended process left in its pipe
ROOM_BYTES = 262_144  # in a pipe; 0.25 s of stereo take less

_RESTART = {
    "linux": "the sound server (with systemd: systemctl --user restart pipewire, or pulseaudio)",
    "win32": "the service Windows Audio",
}
NO_ANSWER = (
    f"The sound system does not answer: restart {_RESTART.get(sys.platform, 'the computer')}, or unplug the "
    "device and plug it in again."
)
ENDED = "The sound system ended the program that asked it: see genre-live --list-devices with --debug."


class HangingDriverError(InputError):
    """A driver does not answer, or crashed on the request."""


@dataclass(frozen=True)
class Opened:
    """An open device: the device, its sample rate in Hz, and number of captured channels."""

    device: InputDevice
    sample_rate: int
    channels: int


class Driver(Protocol):
    """Opens and captures a microphone; the implementation is ``CaptureProcess``."""

    def open(self, wanted: InputRequest, within_s: float) -> Opened:
        """Find a device and open it; may be called again after a failure.

        Parameters
        ----------
        wanted : InputRequest
        within_s : float
            Time limit, in seconds.

        Raises
        ------
        MissingDeviceError
            When the device is not connected.
        InputError
            When it cannot be opened.
        HangingDriverError
            When the driver does not answer in time.
        """

    def start(self, within_s: float) -> None:
        """Start to capture the open device.

        Raises
        ------
        CaptureError
            When it does not start.
        """

    def close(self) -> None:
        """Kill the driver's process; blocks that it has already sent are delivered before this returns."""


class CaptureProcess:
    """A process that captures one microphone.

    Parameters
    ----------
    on_block, on_end : callable
        Called, on a separate thread, with each block, and at the end of the stream.
    loud : bool
        Whether the messages of its libraries go to standard error.
    """

    def __init__(self, on_block: OnBlock, on_end: Callable[[], None], *, loud: bool = False) -> None:
        self._on_block, self._on_end = on_block, on_end
        self._changed = threading.Condition()
        self._answers: list[dict[str, Any]] = []
        self._is_over = self._is_left = False
        # -P: do not import modules from the current folder.
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            "from live.sources.microphones.capture_process import main; main()"
        )
        self._process = subprocess.Popen(  # noqa: S603 (its own Python, and a program of its own)
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if loud else subprocess.DEVNULL,
            bufsize=0,
        )
        self._requests, self._sent = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        _make_room(self._sent)
        self._reader = threading.Thread(target=self._read, name="microphone", daemon=True)
        self._reader.start()

    def open(self, wanted: InputRequest, within_s: float) -> Opened:
        """Find a device and open it; see ``Driver``."""
        answer = self._ask({"do": "open", "input": asdict(wanted)}, within_s)
        return Opened(device_from(answer["device"]), answer["sample_rate"], answer["channels"])

    def start(self, within_s: float) -> None:
        """Start to capture; if there is no answer, the missing sound will show that it failed."""
        with contextlib.suppress(HangingDriverError):
            self._ask({"do": "start"}, within_s)

    def devices(self) -> list[InputDevice]:
        """Return the input devices."""
        return [device_from(device) for device in self._ask({"do": "list"}, LIST_WITHIN_S)["devices"]]

    def close(self) -> None:
        """Kill the process; see ``Driver``."""
        self._process.kill()
        with contextlib.suppress(OSError):
            self._requests.close()
        if self._reader is not threading.current_thread():
            self._reader.join(DRAINED_WITHIN_S)
        with self._changed:
            self._is_left = self._is_over = True
            self._changed.notify_all()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DRAINED_WITHIN_S)

    def _ask(self, request: dict[str, Any], within_s: float) -> dict[str, Any]:
        with self._changed:
            self._answers.clear()
        with contextlib.suppress(OSError, ValueError):  # it has ended, as the reading thread reports
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        with self._changed:
            self._changed.wait_for(lambda: self._answers or self._is_over, within_s)
            if not self._answers:
                raise HangingDriverError(ENDED if self._is_over else NO_ANSWER)
            answer = self._answers.pop(0)
        match answer.get("error"):
            case None:
                return answer
            case "missing":
                raise MissingDeviceError(answer["sentence"])
            case "input":
                raise InputError(answer["sentence"])
            case "capture":
                raise CaptureError(answer["sentence"])
            case _:
                raise RuntimeError(answer["sentence"])

    def _read(self) -> None:
        """Read the process's output until it ends."""
        with self._sent as stream:
            while header := _exactly(stream, HEADER.size):
                kind, overflowed, at_s, samples, length = HEADER.unpack(header)
                data = _exactly(stream, length)
                if len(data) < length or self._is_left:
                    break
                if kind == BLOCK:
                    self._on_block(data, samples, at_s, overflowed=bool(overflowed))
                elif kind == ANSWER:
                    with self._changed:
                        self._answers.append(json.loads(data))
                        self._changed.notify_all()
                else:
                    break
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            is_left = self._is_left
        if not is_left:
            self._on_end()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """Read exactly ``size`` bytes of an unbuffered stream, or none at its end."""
    data = b""
    with contextlib.suppress(OSError, ValueError):
        data = stream.read(size)
        while len(data) < size and (more := stream.read(size - len(data))):
            data += more
    return data if len(data) == size else b""


def _make_room(pipe: BinaryIO) -> None:
    """Enlarge a pipe's buffer to a whole block where possible, so that both ends wake only once per block."""
    if sys.platform != "linux":
        return
    import fcntl

    with contextlib.suppress(OSError):  # within limits
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM_BYTES)


def list_devices(*, loud: bool = False) -> list[InputDevice]:
    """Return the microphones of this computer, and the sources of its sound server.

    Raises
    ------
    InputError
        When there is no PortAudio, or the sound system does not answer.
    """
    process = CaptureProcess(_ignore_block, lambda: None, loud=loud)
    try:
        return process.devices()
    finally:
        process.close()


def _ignore_block(data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
    """Do nothing: a process that only lists devices captures no sound."""
