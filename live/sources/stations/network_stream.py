"""A network station as a source, like a microphone: losses are detected and reported, and it reconnects.

This process fetches the bytes, and an ffmpeg without access to files and network decodes them. It always
returns mono at the same rate, even if the station changes its format, so that this process needs very little
time for a station.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable

import numpy as np

from live.errors import GenreLiveError, InputError, RunningError
from live.events import SourceKind
from live.ring_buffer import RingBuffer
from live.sources.decoders.ffmpeg import find_ffmpeg
from live.sources.shown_address import shown_address
from live.sources.stations.addresses import Connector, Opener, StationError
from live.sources.stations.feeds import CLOSED, Feed, connect
from live.sources.stations.rtsp import RtspStation, is_rtsp
from live.sources.stations.station_link import BLOCK_S, SAMPLE_RATE, UNDECODABLE, StationLink

OPENED_WITHIN_S = 30.0  # from the first answer to the first sound
SHORTEST_RETRY_S, LONGEST_RETRY_S, RETRY_GROWTH = 0.5, 30.0, 1.6
DRAINED_WITHIN_S = 5.0
CLOSE_WITHIN_S = 2.0
OVERSLEPT_S = 0.3
UNHEARD_AFTER_S = 4.0  # with bytes, but without sound; a page of Ogg may take some seconds


class NetworkStream:
    """A network station.

    Parameters
    ----------
    url : str
        An http or https address of a stream, of a playlist that names one, or of an HLS playlist; or an
        rtsp or rtsps address.
    gain_db : float
        Amplification, in dB.
    give_up_s : float, optional
        Fail if the station is lost for so many seconds. Default: try for ever.
    wait : bool
        Whether to wait for a station that does not answer at the start.
    on_wait : callable, optional
        Called with a sentence that says what the program is waiting for.
    loud : bool
        Whether ffmpeg's messages go to standard error.

    Raises
    ------
    InputError
        When there is no ffmpeg, or no sound at the address.
    """

    kind: SourceKind = "stream"
    is_live = True
    length_s: float | None = None
    warning: str | None = None
    sample_rate = SAMPLE_RATE
    channels = 1
    buffer_s = 10.0
    block_s = BLOCK_S

    def __init__(
        self,
        url: str,
        *,
        gain_db: float = 0.0,
        give_up_s: float | None = None,
        wait: bool = False,
        on_wait: Callable[[str], None] | None = None,
        loud: bool = False,
    ) -> None:
        program = find_ffmpeg()
        if program is None:
            raise InputError("--url needs ffmpeg: install it, it decodes what stations send.")
        self._program, self._loud = program, loud
        self._gain = np.float32(10 ** (gain_db / 20))
        self._give_up_s = give_up_s
        self.title: str | None = None
        self.failure: GenreLiveError | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._link: StationLink | None = None
        self._feed: Feed | None = None
        self.name = shown_address(url)
        try:
            self._connector, self._connect = self._way_to(url)
        except StationError as error:
            raise InputError(f"This is not the address of a station ({error}): check --url.") from None
        try:
            self._link = self._open_first(on_wait, wait=wait)
        except BaseException:
            self._close()
            raise

    def _way_to(self, url: str) -> tuple[Connector, Callable[[], Feed]]:
        if is_rtsp(url):
            station = RtspStation(url, self._program)
            return station, lambda: station.connect(self._stopping)
        opener = Opener(url)
        return opener, lambda: connect(opener, self._stopping, self._note_title)

    def _open_first(self, on_wait: Callable[[str], None] | None, *, wait: bool) -> StationLink:
        began_s, retry_s = time.monotonic(), SHORTEST_RETRY_S
        while True:
            try:
                return self._open(began_s + (self._give_up_s if wait and self._give_up_s else math.inf))
            except StationError as error:
                if not wait or error.is_final:
                    advice = "check the address" if error.is_final else "check the address, or give --wait"
                    raise InputError(f"{self.name} cannot be heard ({error}): {advice}.") from None
                if self._give_up_s is not None and time.monotonic() - began_s > self._give_up_s:
                    raise RunningError(f"{self.name} cannot be heard ({error}): try again later.") from None
                if on_wait is not None:
                    on_wait(f"Waiting for {self.name}: {error}.")
            self._stopping.wait(retry_s)
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)

    def _open(self, until_s: float) -> StationLink:
        """Connect, and wait for the first sound, until some time (``time.monotonic``) at most.

        Raises
        ------
        StationError
            When there is none in time.
        """
        self._connector.until_s = until_s
        if self._feed is None or not self._feed.keeps_place:
            self._feed = self._connect()
        self._connector.until_s = math.inf  # it also fetches the pieces of a playlist
        link = StationLink(self._feed, self._program, self._notify, loud=self._loud)
        with self._changed:
            self._changed.wait_for(
                lambda: link.has_sound or link.is_drained or self._stopping.is_set(),
                max(0.0, min(OPENED_WITHIN_S, until_s - time.monotonic())),
            )
        if link.has_sound:
            return link
        failure, is_drained = link.failure, link.is_drained
        link.close()
        has_come = link.first_byte_s is not None
        if is_drained and (failure is None or (has_come and str(failure) == CLOSED)):
            failure = StationError(UNDECODABLE)
        raise failure or StationError("it sends nothing that can be heard")

    def _note_title(self, title: str | None) -> None:
        self.title = title

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def start(self, ring: RingBuffer) -> None:
        """Start to push sound into ``ring``."""
        self._ring = ring
        link = self._link
        if link is None or self._stopping.is_set():
            ring.close()
            return
        link.allow(ring, self._gain)
        self._thread = threading.Thread(target=self._watch, args=(link,), name="station watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop to push sound, and close the connection."""
        self._stopping.set()
        self._connector.close()
        self._notify()
        thread = self._thread
        if thread is None:
            self._close()
        elif thread is not threading.current_thread():
            thread.join(CLOSE_WITHIN_S)

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()

    def _watch(self, link: StationLink) -> None:
        """Wait for the loss of a connection and reconnect, until the source is stopped."""
        present: StationLink | None = link
        try:
            while present is not None:
                if self._wait_for_end(present):
                    break
                if present.failure is None:  # the station ended the stream
                    self._drain(present)
                    break
                present = self._recover(present)
        except Exception as error:
            self.failure = RunningError(f"{self.name} failed ({error}): run it again with --debug.")
            self.failure.__cause__ = error
        finally:
            self._close()
            self._ring.close()

    def _wait_for_end(self, link: StationLink) -> bool:
        """Wait until a connection has ended, and return whether the source is stopped.

        A connection whose bytes give no sound any more is ended.
        """
        wait_s = UNHEARD_AFTER_S
        while True:
            until_s = time.monotonic() + wait_s
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping.is_set() or link.has_ended, wait_s):
                    return self._stopping.is_set()
            unheard_s = link.unheard_s
            wait_s = UNHEARD_AFTER_S
            has_slept = time.monotonic() > until_s + OVERSLEPT_S  # the whole process was stopped
            if unheard_s is not None and not has_slept:
                wait_s += unheard_s - time.monotonic()
            if wait_s <= 0:
                link.give_up()
                self._feed = None  # what it goes on with may be no better
                return self._stopping.is_set()

    def _drain(self, link: StationLink) -> None:
        """Wait until all received sound is delivered."""
        with self._changed:
            self._changed.wait_for(lambda: link.is_drained or self._stopping.is_set(), DRAINED_WITHIN_S)
        link.close()

    def _recover(self, lost: StationLink) -> StationLink | None:
        """Reconnect, however long it takes; return None if stopped or given up."""
        since_s = lost.last_byte_s if lost.unheard_s is None else lost.unheard_s
        self._ring.change_status("lost")
        self._drain(lost)
        retry_s = SHORTEST_RETRY_S
        while True:
            gone_s = time.monotonic() - since_s
            left_s = retry_s if self._give_up_s is None else self._give_up_s - gone_s
            self._stopping.wait(max(0.0, min(retry_s, left_s)))
            retry_s = min(LONGEST_RETRY_S, retry_s * RETRY_GROWTH)
            gone_s = time.monotonic() - since_s
            gives_up = self._give_up_s is not None and gone_s >= self._give_up_s
            if self._stopping.is_set() or gives_up:
                self._ring.lose(round(gone_s * SAMPLE_RATE), "stall")
                if gives_up and not self._stopping.is_set():
                    self.failure = RunningError(
                        f"{self.name} was lost and is not back after {self._give_up_s:g} s: try again later."
                    )
                return None
            with contextlib.suppress(StationError):
                until_s = since_s + (math.inf if self._give_up_s is None else self._give_up_s)
                link = self._link = self._open(until_s)
                is_same_place = link.feed is lost.feed and not link.feed.began_anew
                self._come_back(link, since_s, is_same_place=is_same_place)
                return link

    def _come_back(self, link: StationLink, since_s: float, *, is_same_place: bool) -> None:
        """Report the loss, and let the sound pass again."""
        missed_s = (link.first_byte_s or time.monotonic()) - since_s
        if is_same_place:  # it continues at the same place, and reports itself what it missed
            missed_s, link.feed.lost_s = link.feed.lost_s, 0.0
        self._ring.lose(round(max(0.0, missed_s) * SAMPLE_RATE), "stall")
        self._ring.change_status("back")
        link.allow(self._ring, self._gain)
