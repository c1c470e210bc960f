"""Opening of stations' addresses, with protection against malicious servers.

Only http and https are allowed, also in redirects and playlists, and none of these may lead from the
internet to an address of this computer or its network. A user name and password are sent only to the host
for which they were given, and never appear in a text outside this module.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import math
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from live import __version__
from live.detached_thread import raising, start_detached
from live.errors import one_line

MOST_HOPS = 8
LONGEST_PLAYLIST = 1_000_000  # bytes
READ_AT_ONCE = 65_536
NO_ANSWER = "it does not answer"
Made = TypeVar("Made")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNQUOTED = "!#$%&'()*+,/:;=?@[]~"  # reserved characters, and those of what is quoted already
_SECRET = re.compile(r"(?<=://)[^/\s]*@")


class StationError(Exception):
    """The reason why a station cannot be heard now: a sentence without its full stop and without passwords.

    Parameters
    ----------
    reason : str
        The sentence.
    is_final : bool
        Whether another attempt would be useless.
    status : int, optional
        The status of HTTP, if a server refused with one.

    Attributes
    ----------
    is_final, status
        See the parameters.
    """

    def __init__(self, reason: str, *, is_final: bool = False, status: int | None = None) -> None:
        super().__init__(one_line(_SECRET.sub("", reason)))
        self.is_final, self.status = is_final, status


def split(url: str) -> SplitResult:
    """Return the parts of an address.

    Raises
    ------
    StationError
        When it is malformed.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise StationError("the address is malformed", is_final=True) from None
    return parts


def joined(base: str, reference: str) -> str:
    """Return the address that a reference in the answer of ``base`` means.

    Raises
    ------
    StationError
        When it is malformed.
    """
    try:
        return urljoin(base, reference)
    except ValueError:
        raise StationError("it leads to a malformed address", is_final=True) from None


def _as_sent(header: str) -> str:
    """Return the text of a header that may be UTF-8; http.client takes all for Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


class _Response(http.client.HTTPResponse):
    """Accepts also the answers of old stations, which begin with ICY."""

    def _read_status(self) -> tuple[str, int, str]:
        line = self.fp.readline(READ_AT_ONCE + 1)
        words = str(line, "iso-8859-1").split(None, 2)
        if not words:
            raise http.client.RemoteDisconnected("the server closed the connection")
        if words[0] == "ICY" or words[0].startswith("HTTP/"):
            with contextlib.suppress(ValueError, IndexError):
                version = "HTTP/1.0" if words[0] == "ICY" else words[0]
                return version, int(words[1]), words[2].strip() if len(words) > 2 else ""
        raise http.client.BadStatusLine(one_line(str(line[:80], "iso-8859-1")))


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response


@dataclass(frozen=True)
class Answer:
    """A server's answer, whose body has not been read."""

    url: str
    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    sock: socket.socket

    def header(self, name: str) -> str:
        """Return the value of a header; empty if there is none."""
        return self.response.headers.get(name, "")

    @property
    def content_type(self) -> str:
        """The content type in lower case, without parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def is_part(self) -> bool:
        """Whether it holds only the bytes that were asked for."""
        return self.response.status == http.HTTPStatus.PARTIAL_CONTENT

    def read_some(self, timeout_s: float) -> bytes:
        """Wait for bytes and return them; empty at the end.

        Raises
        ------
        StationError
            When none arrive in time, or the connection breaks.
        """
        if (
            self.response.isclosed()
        ):  # all was read, and with Python 3.13 its socket takes no timeout any more
            return b""
        try:
            self.sock.settimeout(timeout_s)
            return self.response.read1(READ_AT_ONCE)
        except TimeoutError:
            raise StationError("it sends nothing") from None
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise StationError(reason_of(error)) from None

    def read_all(self, timeout_s: float, most: int) -> bytes:
        """Read the whole body, of at most ``most`` bytes."""
        parts = bytearray()
        try:
            with shut_after(self.sock, timeout_s):
                while part := self.read_some(timeout_s):
                    parts += part
                    if len(parts) > most:
                        raise StationError("it answers with more bytes than expected", is_final=True)
        except TimeoutError:
            raise StationError("it answers too slowly") from None
        return bytes(parts)

    def close(self) -> None:
        """Close the connection, even while another thread reads from it."""
        _shut(self.sock)
        with contextlib.suppress(OSError):
            self.response.close()
        with contextlib.suppress(OSError):
            self.connection.close()


def _shut(sock: socket.socket) -> None:
    """End a connection, even while another thread waits for it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of an SSLSocket would take its encryption off


@contextlib.contextmanager
def shut_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Limit the time of an answer as a whole: a socket's own limit is for each of its bytes.

    Raises
    ------
    TimeoutError
        When it took longer.
    """
    is_late = threading.Event()

    def shut() -> None:
        is_late.set()
        _shut(sock)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError, StationError) as error:
        if is_late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if is_late.is_set():
        raise TimeoutError


def reason_of(error: Exception) -> str:
    """Return in words why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


class Connector:
    """Makes connections that can be given up.

    They are made on other threads, since a thread that waits for a name server cannot be interrupted.

    Attributes
    ----------
    until_s : float
        When to give up (``time.monotonic``).
    """

    def __init__(self) -> None:
        self.until_s = math.inf
        self._is_closed = False
        self._outcome: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()

    def _made(self, make: Callable[[], Made]) -> Made:
        """Return what ``make`` returns, or raise what it raises, unless that is given up.

        Raises
        ------
        StationError
            When it is given up.
        """
        if not self._is_closed:
            left_s = None if self.until_s == math.inf else max(0.0, self.until_s - time.monotonic())
            self._outcome = outcome = start_detached(make, "connecting")
            if self._is_closed:  # meanwhile
                self.close()
            with contextlib.suppress(queue.Empty):
                return outcome.get(timeout=left_s)()
        raise StationError(NO_ANSWER)

    def close(self) -> None:
        """End an attempt that is under way, and make no connection any more."""
        self._is_closed = True
        self._outcome.put(raising(StationError(NO_ANSWER)))


class Opener(Connector):
    """Opens a station's address and the addresses to which it leads.

    Parameters
    ----------
    url : str
        As the user gave it; may hold a user name and a password.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._asked: socket.socket | None = None  # waiting for its answer
        parts = split(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StationError("the address does not begin with http(s):// or rtsp(s)://", is_final=True)
        self._origin = (parts.scheme, parts.hostname, parts.port)
        self._authorization = ""
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._authorization = "Basic " + base64.b64encode(secret.encode()).decode()
        self._may_be_private: bool | None = None  # whether the station itself is in this network
        self.url = url

    def open(
        self,
        url: str | None = None,
        *,
        timeout_s: float = 5.0,
        first_byte: int = 0,
        length: int | None = None,
    ) -> Answer:
        """Open an address (default: the user's) and follow redirects.

        Parameters
        ----------
        url : str, optional
        timeout_s : float
            Time limit of each connection, in seconds.
        first_byte, length : int
            The bytes to ask for; without a length, all. Some servers send all nevertheless; see
            ``Answer.is_part``.

        Raises
        ------
        StationError
            When it cannot be opened.
        """
        target = self.url if url is None else url
        for _ in range(MOST_HOPS):
            answer = self._ask(target, timeout_s, first_byte, length)
            status = answer.response.status
            if status in _REDIRECTS and answer.header("Location"):
                answer.close()
                target = joined(target, _as_sent(answer.header("Location")))
                continue
            if status not in (200, 206):
                answer.close()
                is_final = status in (400, 401, 403, 405, 410)
                reason = f"it answers {status} {answer.response.reason}".strip()
                raise StationError(reason, is_final=is_final, status=status)
            return answer
        raise StationError("it redirects without end", is_final=True)

    def _ask(self, url: str, timeout_s: float, first_byte: int, length: int | None) -> Answer:
        parts = split(url)
        timeout_s = min(timeout_s, self.until_s - time.monotonic())
        if timeout_s <= 0 or self._is_closed:
            raise StationError(NO_ANSWER)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StationError("it leads to an address that is neither http nor https", is_final=True)
        if parts.scheme == "https":
            connection: http.client.HTTPConnection = _SecureConnection(
                parts.hostname, parts.port, timeout=timeout_s
            )
        else:
            connection = _Connection(parts.hostname, parts.port, timeout=timeout_s)
        headers = {"User-Agent": f"genre-live/{__version__}", "Icy-MetaData": "1", "Accept": "*/*"}
        if self._authorization and (parts.scheme, parts.hostname, parts.port) == self._origin:
            headers["Authorization"] = self._authorization
        if length is not None:
            headers["Range"] = f"bytes={first_byte}-{first_byte + length - 1}"
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            self._made(connection.connect)
            # The connection forgets it when the body ends with the connection, as that of most stations does.
            sock = connection.sock
            self._check_peer(sock, is_given=url == self.url)
            self._asked = sock
            if self._is_closed:
                raise StationError(NO_ANSWER)
            with shut_after(sock, timeout_s):
                connection.request("GET", quote(path, safe=_UNQUOTED), headers=headers)
                return Answer(url, connection.getresponse(), connection, sock)
        except StationError:
            connection.close()
            raise
        except (OSError, http.client.HTTPException, ValueError, UnicodeError) as error:
            connection.close()
            reason = NO_ANSWER if isinstance(error, TimeoutError) else reason_of(error)
            raise StationError(reason) from None
        finally:
            self._asked = None

    def close(self) -> None:
        """End an attempt that is under way, and open nothing any more."""
        super().close()
        if (sock := self._asked) is not None:
            _shut(sock)

    def _check_peer(self, sock: socket.socket, *, is_given: bool) -> None:
        """Raise StationError if an address on the internet leads to this computer or its network."""
        address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        is_private = not address.is_global
        if is_given and self._may_be_private is not False:  # its name may mean another address later
            self._may_be_private = is_private
        elif is_private and not self._may_be_private:
            raise StationError("it leads to an address in a private network", is_final=True)
