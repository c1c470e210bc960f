"""The process that captures one microphone; it can be killed when its driver hangs.

Drivers and sound servers hang, abort and crash: a stopped server blocks the process that opens or closes a
stream of it, and a JACK server that dies takes its clients along. So the main process never calls a driver.
It starts this process, sends it requests as lines of JSON on its standard input, and receives answers and
blocks of sound from its standard output, each after a ``HEADER``. This process ends when its standard input
is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import struct
import threading
from dataclasses import asdict
from typing import Any, BinaryIO

from live.errors import InputError
from live.sources.devices import InputDevice, MissingDeviceError, all_devices
from live.sources.microphones.inputs import CaptureError, Input, InputRequest, open_input
from live.sources.sound_server import SoundServerSource

HEADER = struct.Struct("<cBdII")
"""Kind of message, whether sound was lost before it, when it came, its samples, its length in bytes."""

ANSWER, BLOCK, END = b"A", b"B", b"E"
WAITING_BYTES = 8_000_000  # of sound that has not been read: more than ten seconds of stereo


def device_from(values: dict[str, Any]) -> InputDevice:
    """Return the device of a dict made by ``asdict``."""
    source = values["source"]
    if source is not None:
        source = SoundServerSource(**{**source, "positions": tuple(source["positions"])})
    return InputDevice(**{**values, "source": source})


def input_request_from(values: dict[str, Any]) -> InputRequest:
    """Return the request of a dict made by ``asdict``."""
    again = values["again"]
    return InputRequest(**{**values, "again": None if again is None else device_from(again)})


class _Outbox:
    """Queue of outgoing messages; adding one never waits."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._messages: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
        self._queued_bytes = self._sent_bytes = 0  # each is changed by one thread alone
        threading.Thread(target=self._send, name="capture outbox", daemon=True).start()

    def block(self, data: bytes, samples: int, at_s: float, overflowed: bool) -> None:
        """Send sound. If the queue is full it is dropped, which the receiver's ``CaptureClock`` detects."""
        if self._queued_bytes - self._sent_bytes < WAITING_BYTES:
            self._queued_bytes += len(data)
            self._messages.put((HEADER.pack(BLOCK, overflowed, at_s, samples, len(data)), data))

    def answer(self, values: dict[str, Any]) -> None:
        """Send an answer."""
        data = json.dumps(values).encode()
        self._messages.put((HEADER.pack(ANSWER, False, 0.0, 0, len(data)), data))

    def end(self) -> None:
        """Send that there will be no more sound."""
        self._messages.put((HEADER.pack(END, False, 0.0, 0, 0), b""))

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the main process has ended
            while True:
                header, data = self._messages.get()
                self._stream.write(header + data)
                self._stream.flush()
                if header[:1] == BLOCK:
                    self._sent_bytes += len(data)
        os._exit(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return private copies of standard input and output, and point both to the null device.

    A driver may print. On Windows, a library that asks about standard input while it is loaded, as PortAudio
    does, would wait until the reading thread has the next request.
    """
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    return inward, outward


def _read_requests(inward: BinaryIO, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Queue the requests, and end the process when standard input is closed."""
    with contextlib.suppress(OSError, ValueError):
        for line in inward:
            requests.put(json.loads(line))
    os._exit(0)  # a normal exit may hang in the driver


class _Service:
    """Carries out the requests, one after another."""

    def __init__(self, outbox: _Outbox) -> None:
        self._outbox = outbox
        self._input: Input | None = None
        self._has_looked = False

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out a request and return its answer."""
        try:
            match request["do"]:
                case "list":
                    return {"devices": [asdict(device) for device in all_devices()]}
                case "open":
                    return self._open(input_request_from(request["input"]))
                case _:
                    if self._input is not None:
                        self._input.start()
                    return {}
        except MissingDeviceError as error:
            return {"error": "missing", "sentence": str(error)}
        except InputError as error:
            return {"error": "input", "sentence": str(error)}
        except CaptureError as error:
            return {"error": "capture", "sentence": str(error)}
        except Exception as error:
            return {"error": "unforeseen", "sentence": str(error) or type(error).__name__}

    def _open(self, wanted: InputRequest) -> dict[str, Any]:
        refresh, self._has_looked = self._has_looked, True
        opened = open_input(wanted, self._outbox.block, self._outbox.end, refresh=refresh)
        self._input = opened
        device = asdict(opened.device)
        return {"device": device, "sample_rate": opened.sample_rate, "channels": opened.channels}


def main() -> None:
    """Answer requests until there are no more."""
    # The terminal sends Ctrl-C to every process; this one ends after the main process.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    inward, outward = _take_pipes()
    outbox = _Outbox(outward)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_requests, args=(inward, requests), name="requests", daemon=True)
    reader.start()
    service = _Service(outbox)
    while True:
        outbox.answer(service.answer(requests.get()))
