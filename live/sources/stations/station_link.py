"""One connection to a station: bytes in, samples out in real time, until it is lost."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, cast

import numpy as np

from live.ring_buffer import RingBuffer
from live.samples import Samples
from live.sources.decoders.ffmpeg import FILE_FORMATS
from live.sources.decoders.programs import start_program
from live.sources.stations.addresses import StationError
from live.sources.stations.feeds import Feed

SAMPLE_RATE = 22_050  # Hz: that of the model, so that no resampling is needed
BLOCK_S = 0.25
UNDECODABLE = "ffmpeg makes nothing of what it sends"
FASTEST = 1.05  # times real time: uses up slowly what a station sent in advance, and follows a fast clock


class _StreamDecoder:
    """An ffmpeg process that decodes bytes to mono samples."""

    def __init__(self, program: str, *, loud: bool) -> None:
        command = [program, "-hide_banner", "-nostats", "-loglevel", "warning" if loud else "quiet"]
        command += ["-protocol_whitelist", "pipe", "-format_whitelist", FILE_FORMATS]
        command += ["-probesize", "262144", "-analyzeduration", "1000000", "-i", "pipe:0", "-map", "0:a:0"]
        command += ["-vn", "-sn", "-dn", "-ac", "1", "-ar", str(SAMPLE_RATE)]
        command += ["-c:a", "pcm_s16le", "-f", "s16le", "-flush_packets", "1", "pipe:1"]
        self._process = start_program(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if loud else subprocess.DEVNULL,
            bufsize=0,
        )
        self._input = cast(BinaryIO, self._process.stdin)
        self._output = cast(BinaryIO, self._process.stdout)
        self._rest = b""

    def write(self, content: bytes) -> None:
        """Send bytes, and wait until it takes them."""
        view = memoryview(content)
        while view:
            view = view[self._input.write(view) or 0 :]

    def end_input(self) -> None:
        """Signal the end of the bytes."""
        with contextlib.suppress(OSError, ValueError):
            self._input.close()

    def read(self) -> Samples:
        """Wait for samples [shape=(n, 1)] and return them; n is 0 at the end."""
        try:
            content = self._rest + self._output.read(2 * round(BLOCK_S * SAMPLE_RATE))
        except (OSError, ValueError):
            content = b""
        self._rest = content[len(content) // 2 * 2 :]
        samples: Samples = np.frombuffer(content, dtype="<i2", count=len(content) // 2) * np.float32(2**-15)
        return samples.reshape(-1, 1)

    def end_output(self) -> None:
        """Close the pipe of the samples, which only the thread that reads them may do."""
        self._output.close()

    def close(self) -> None:
        """Kill the process."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self.end_input()
        self._process.wait()


class StationLink:
    """One connection to a station, from its first byte to its loss.

    Parameters
    ----------
    feed : Feed
        The bytes of the station.
    program : str
        Path of ffmpeg.
    on_change : callable
        Called when sound has arrived, or the connection has ended.
    loud : bool
        Whether ffmpeg's messages go to standard error.

    Attributes
    ----------
    first_byte_s, last_byte_s : float
        When the first and latest bytes arrived (``time.monotonic``).
    unheard_s : float or None
        When the first byte arrived since the latest sound; None if sound was the latest.
    failure : StationError or None
        Why it ended; None if the station ended the stream.
    """

    def __init__(self, feed: Feed, program: str, on_change: Callable[[], None], *, loud: bool) -> None:
        self.feed, self._on_change = feed, on_change
        self._decoder = _StreamDecoder(program, loud=loud)
        self.first_byte_s: float | None = None
        self.last_byte_s = time.monotonic()
        self.unheard_s: float | None = None
        self.failure: StationError | None = None
        self.has_sound = self.has_ended = self.is_drained = False
        self._is_closed = False
        self._ring: RingBuffer | None = None
        self._may_deliver = threading.Event()
        self._gain = np.float32(1)
        for target, name in ((self._fetch, "station"), (self._deliver, "station's sound")):
            threading.Thread(target=target, name=name, daemon=True).start()

    def _fetch(self) -> None:
        """Pass bytes from the network to the decoder."""
        try:
            for content in self.feed.chunks():
                self.last_byte_s = time.monotonic()
                if self.first_byte_s is None:
                    self.first_byte_s = self.last_byte_s
                if self.unheard_s is None:
                    self.unheard_s = self.last_byte_s
                self._report_missed()
                self._decoder.write(content)
                if self._is_closed:
                    break
            self._report_missed()
        except StationError as error:
            self.failure = self.failure or error
        except (OSError, ValueError):
            self.failure = self.failure or StationError(UNDECODABLE)
        except Exception as error:  # pass the thread's error to the session
            self.failure = StationError(f"it failed ({type(error).__name__}: {error})")
        finally:
            self.has_ended = True
            self._decoder.end_input()
            self.feed.close()
            self._on_change()

    def _report_missed(self) -> None:
        if self.feed.lost_s > 0 and self._ring is not None and self.has_sound:
            self._ring.lose(round(self.feed.lost_s * SAMPLE_RATE), "stall")
            self.feed.lost_s = 0.0

    def allow(self, ring: RingBuffer, gain: np.float32) -> None:
        """Start to deliver sound to the ring buffer."""
        self._ring, self._gain = ring, gain
        self._may_deliver.set()

    def _deliver(self) -> None:
        """Deliver sound in real time, and the rest after a loss at once."""
        began_s, passed = 0.0, 0
        pause = threading.Event()
        try:
            while len(block := self._decoder.read()):
                self.unheard_s = None
                if not self.has_sound:
                    self.has_sound = True
                    self._on_change()
                self._may_deliver.wait()
                if self._is_closed or self._ring is None:
                    break
                self._ring.write(block if self._gain == 1 else block * self._gain)
                now_s = time.monotonic()
                if passed == 0 or now_s > began_s + passed / (FASTEST * SAMPLE_RATE) + BLOCK_S:
                    began_s, passed = now_s, 0  # at the start, or after a wait for sound
                passed += len(block)
                ahead_s = began_s + passed / (FASTEST * SAMPLE_RATE) - now_s
                if self.has_ended:  # the rest is delivered in a way that skips no window
                    pause.wait(BLOCK_S / 10)
                else:
                    pause.wait(max(ahead_s, BLOCK_S / 2))
        finally:
            self._decoder.end_output()  # its failure refers to it, so that it is not destroyed at once
            self.is_drained = True
            self._on_change()

    def give_up(self) -> None:
        """End the connection, since nothing can be made of what it brings."""
        self.failure = StationError(UNDECODABLE)
        self.close()

    def close(self) -> None:
        """Close the connection at any time."""
        self._is_closed = True
        self.feed.close()
        self._may_deliver.set()
        self._decoder.close()
