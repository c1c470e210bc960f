"""The address of the page, and who can reach it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from live.errors import InputError

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 8


@dataclass(frozen=True)
class Address:
    """Host and port to serve at.

    Attributes
    ----------
    host : str
        A name or an IP address; ``0.0.0.0`` and ``::`` mean all addresses of this computer.
    port : int
        0 for any free port.
    """

    host: str
    port: int

    @property
    def is_private(self) -> bool:
        """Whether only this computer can reach it."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    @property
    def url(self) -> str:
        """The URL for a browser."""
        host = self.host
        if _is_ip(host) and ipaddress.ip_address(host).is_unspecified:
            host = socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def answers_to(self, host: str) -> bool:
        """Return whether the host of a ``Host`` header is a name of this server.

        Another site can make its own name point here (DNS rebinding), but not a name of this server.

        Parameters
        ----------
        host : str
            The host without its port.
        """
        name = host.lower().rstrip(".")
        if name in LOCAL_NAMES or name == self.host.lower():
            return True
        if self.is_private:
            return False
        own = socket.gethostname().lower()
        return _is_ip(name) or name in (
            own,
            f"{own}.local",
            own.partition(".")[0],
            f"{own.partition('.')[0]}.local",
        )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_address(text: str) -> Address:
    """Parse ``[HOST:]PORT``, with an IPv6 address in brackets.

    Raises
    ------
    InputError
        When it has another form.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host, colon = "", ":"  # an IPv6 address without brackets
    if not (port.isascii() and port.isdecimal() and int(port) < 65_536) or (colon and not host):
        raise InputError(f"--web takes [HOST:]PORT, such as 8000 or 0.0.0.0:8000, and not {text!r}.")
    return Address(host or LOOPBACK, int(port))


def check_trust(address: Address, token: str | None, *, is_open: bool) -> None:
    """Check that the page is public only if the user asked for it.

    Raises
    ------
    InputError
        When others can reach the address and there is neither a token nor ``--web-open``, or when the token
        is too easy to guess.
    """
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise InputError(f"--web-token takes at least {SHORTEST_TOKEN} characters: choose a longer one.")
    if not address.is_private and token is None and not is_open:
        raise InputError(
            f"Others can reach {address.host}: give --web-token TOKEN, which they must know, "
            "or --web-open, which lets in everybody."
        )


def listen(address: Address) -> socket.socket:
    """Return a socket that listens at the address; requests are answered later.

    Raises
    ------
    InputError
        When the port is in use, or the host is not this computer.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise InputError(f"The host of --web {address.host} is not known: check its name.") from None
    family, kind, protocol, _, where = found[0]
    taken = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "AF_UNIX"):  # on Windows, the option would let two programs share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 131_072)  # limits what waits for a slow client
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        taken.bind(where)
        taken.listen(256)
        taken.setblocking(False)
    except OSError as error:
        taken.close()
        advice = (
            "give an address of this computer to --web, or the port alone."
            if error.errno == errno.EADDRNOTAVAIL
            else "choose another port for --web, or end the program that has it."
        )
        raise InputError(
            f"The page cannot be served at {address.host}:{address.port} ({error.strerror}): {advice}"
        ) from None
    return taken
