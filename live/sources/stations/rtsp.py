"""RTSP stations (RFC 2326): an ffmpeg process fetches their sound without decoding it.

This process may use the network, but nothing else. Its output is decoded, like that of any station, by
another ffmpeg that may open nothing. The address is passed through a pipe, because every user of the
computer can read a command line.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, cast

from live import __version__
from live.errors import one_line
from live.sources.decoders.programs import start_program
from live.sources.stations.addresses import (
    NO_ANSWER,
    READ_AT_ONCE,
    Connector,
    StationError,
    reason_of,
    shut_after,
    split,
)

SCHEMES = ("rtsp", "rtsps")
ANSWERS_WITHIN_S = 5.0
STARTS_WITHIN_S = 10.0
SILENT_AFTER_S = 1.5
COLLECTED_S = 0.2  # between two reads, so that not every packet wakes the process
_PORTS = {"rtsp": 554, "rtsps": 322}
_STATUS = re.compile(r"RTSP/\d\.\d (\d{3}) ?(.*)")
_REFUSED = re.compile(r"Server returned (40[13].*?)(?: \(|$)")
_FETCH = (
    "-hide_banner", "-nostats", "-loglevel", "level+info", "-protocol_whitelist", "pipe,tcp,tls",
    "-format_whitelist", "concat,rtsp,sdp,rtp", "-f", "concat", "-safe", "0", "-i", "pipe:0",
    "-map", "0:a:0", "-c", "copy", "-f", "nut", "-flush_packets", "1", "pipe:1",
)  # fmt: skip


def is_rtsp(url: str) -> bool:
    """Return whether an address is an RTSP address."""
    return url.partition("://")[0].lower() in SCHEMES


class RtspStation(Connector):
    """An RTSP station.

    Parameters
    ----------
    url : str
        As the user gave it; may hold a user name and a password.
    program : str
        Path of ffmpeg.

    Raises
    ------
    StationError
        When the address is invalid.
    """

    def __init__(self, url: str, program: str) -> None:
        super().__init__()
        self._url, self._program = url, program
        self._parts = split(url)
        if not self._parts.hostname or not url.isprintable() or " " in url:
            raise StationError("the address is malformed", is_final=True)

    def connect(self, stopping: threading.Event) -> RtspFeed:
        """Start to fetch the station's sound.

        Raises
        ------
        StationError
            When it cannot be opened.
        """
        self._ask()
        return RtspFeed(self._url, self._program, stopping)

    def _ask(self) -> None:
        """Request the description without the password, which ffmpeg would send on after a redirect."""
        host = self._parts.hostname or ""
        port = self._parts.port or _PORTS[self._parts.scheme]
        place = self._parts._replace(netloc=self._parts.netloc.rpartition("@")[2]).geturl()
        words = f"DESCRIBE {place} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: genre-live/{__version__}\r\n"
        try:
            with self._made(lambda: socket.create_connection((host, port), ANSWERS_WITHIN_S)) as plain:
                sock: socket.socket = plain
                if self._parts.scheme == "rtsps":
                    sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
                sock.sendall(f"{words}Accept: application/sdp\r\n\r\n".encode())
                with sock, shut_after(sock, ANSWERS_WITHIN_S), sock.makefile("rb") as answer:
                    line = one_line(answer.readline(READ_AT_ONCE).decode(errors="replace").strip())
        except (OSError, UnicodeError) as error:
            reason = NO_ANSWER if isinstance(error, TimeoutError) else reason_of(error)
            raise StationError(reason) from None
        told = _STATUS.fullmatch(line)
        if told is None:
            raise StationError("it does not speak RTSP", is_final=bool(line))
        status = int(told.group(1))
        if 300 <= status < 400:
            raise StationError("it leads to another address: give that one", is_final=True)
        wants_password = status == 401 and self._parts.username is not None
        if status >= 400 and not wants_password:
            raise StationError(
                f"it answers {status} {told.group(2)}", is_final=status in (400, 401, 403, 410)
            )


class RtspFeed:
    """The bytes that ffmpeg fetches from a station; see ``Feed``."""

    keeps_place = False
    began_anew = True

    def __init__(self, url: str, program: str, stopping: threading.Event) -> None:
        self._stopping = stopping
        self.lost_s = 0.0
        self._complaint = ""
        self._is_silent = self._is_led_away = False
        self._process = start_program(
            [program, *_FETCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._listener = threading.Thread(target=self._listen, name="ffmpeg's words", daemon=True)
        self._listener.start()
        quoted = url.replace("'", r"'\''")
        script = f"ffconcat version 1.0\nfile '{quoted}'\noption rtsp_transport tcp\n"
        with contextlib.suppress(OSError):
            stdin = cast(BinaryIO, self._process.stdin)
            stdin.write(f"{script}option allowed_media_types audio\n".encode())
            stdin.close()

    def _listen(self) -> None:
        """Record why ffmpeg ends, and kill it if it is redirected to another address."""
        with contextlib.suppress(OSError, ValueError):
            for content in cast(BinaryIO, self._process.stderr):
                line = content.decode(errors="replace").strip()
                if "Redirecting to" in line:
                    self._is_led_away = True
                    self._process.kill()
                elif "[error]" in line or "[fatal]" in line:
                    self._complaint = line

    def chunks(self) -> Iterator[bytes]:
        """Yield bytes as they arrive; see ``Feed``. The end of a stream counts as a loss."""
        output = cast(BufferedReader, self._process.stdout)
        patience_s = STARTS_WITHIN_S
        while not self._stopping.is_set():
            silence = threading.Timer(patience_s, self._fall_silent)
            silence.start()
            try:
                content = output.read1(READ_AT_ONCE)
            except (OSError, ValueError):
                content = b""
            finally:
                silence.cancel()
            if not content:
                raise self._failure(has_begun=patience_s == SILENT_AFTER_S)
            yield content
            patience_s = SILENT_AFTER_S
            if len(content) < READ_AT_ONCE // 2:
                self._stopping.wait(COLLECTED_S)

    def _fall_silent(self) -> None:
        self._is_silent = True
        self._process.kill()

    def _failure(self, *, has_begun: bool) -> StationError:
        """Return the reason for the end."""
        self._process.kill()
        self._listener.join(ANSWERS_WITHIN_S)
        if self._is_led_away:
            return StationError("it leads to another address: give that one", is_final=True)
        if self._is_silent:
            return StationError("it sends nothing")
        if refused := _REFUSED.search(self._complaint):
            return StationError(f"it answers {refused.group(1)}", is_final=True)
        if has_begun or not self._complaint:
            return StationError("it closed the connection")
        if "matches no streams" in self._complaint:
            return StationError("it sends no sound", is_final=True)
        return StationError(f"ffmpeg says: {self._complaint.rpartition('pipe:0: ')[2].rstrip('.')}")

    def close(self) -> None:
        """Kill ffmpeg, even while another thread waits for its output."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._listener.join(ANSWERS_WITHIN_S)
        for pipe in (self._process.stdout, self._process.stderr):
            cast(BinaryIO, pipe).close()
