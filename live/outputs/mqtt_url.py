"""The URL of ``--mqtt``: broker, credentials and topic prefix."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from live.errors import InputError

if TYPE_CHECKING:
    import ssl

DEFAULT_PREFIX = "genre_live"
DEFAULT_DISCOVERY = "homeassistant"
PASSWORD_VARIABLE = "GENRE_LIVE_MQTT_PASSWORD"  # noqa: S105 (its name, not the password)
LONGEST_PASSWORD = 65_535  # bytes, the limit of the protocol
FILES_OF_TLS = ("ca", "certificate", "key")


@dataclass(frozen=True)
class Broker:
    """The parts of an ``mqtt://`` URL.

    Attributes
    ----------
    prefix : str
        First part of all topics.
    discovery : str or None
        Home Assistant's discovery prefix; None turns discovery off.
    ca : str or None
        File of CA certificates to check the broker's certificate with. Default: the system's.
    certificate, key : str or None
        Files of the client certificate and of its private key. Default for the key: in the same file.
    """

    host: str
    port: int
    is_encrypted: bool
    username: str | None
    password: str | None = field(repr=False)
    prefix: str
    discovery: str | None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def address(self) -> str:
        """The broker as ``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str) -> Broker:
    """Parse ``mqtt[s]://[user[:password]@]host[:port][/prefix][?option=value&…]``.

    The options are ``discovery``, ``password_file`` and for ``mqtts`` ``ca``, ``certificate`` and ``key``.

    Raises
    ------
    InputError
        When the URL is invalid, or the password file cannot be read.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        password = unquote(parts.password, errors="strict") if parts.password is not None else None
        username = unquote(parts.username, errors="strict") if parts.username else None
        prefix = unquote(parts.path, errors="strict").strip("/") or DEFAULT_PREFIX
        prefix.encode()
    except ValueError:
        raise InputError(_not_a_url()) from None
    values = {name: texts[-1] for name, texts in options.items()}
    discovery = values.pop("discovery", DEFAULT_DISCOVERY).strip("/")
    password_file = values.pop("password_file", None)
    files = {name: str(Path(values.pop(name)).expanduser()) for name in FILES_OF_TLS if values.get(name)}
    fit = all(re.fullmatch(r"[^#+\x00-\x1f]+", topic) for topic in (prefix, discovery))
    if parts.scheme not in {"mqtt", "mqtts"} or not host or not fit or values or port == 0 or "#" in url:
        raise InputError(_not_a_url())
    is_encrypted = parts.scheme == "mqtts"
    if files and not is_encrypted:
        raise InputError(f"--mqtt: {', '.join(files)} is for an encrypted connection: write mqtts://.")
    if "key" in files and "certificate" not in files:
        raise InputError("--mqtt: a key says nothing without its certificate: give certificate=FILE too.")
    if password is None and password_file is not None:
        password = _read_password(password_file)
    return Broker(
        host=host,
        port=port or (8883 if is_encrypted else 1883),
        is_encrypted=is_encrypted,
        username=username,
        password=password if password is not None else os.environ.get(PASSWORD_VARIABLE),
        prefix=prefix,
        discovery=None if discovery == "off" else discovery,
        **files,
    )


def _read_password(name: str) -> str:
    """Return the first line of a password file."""
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(LONGEST_PASSWORD).partition(b"\n")[0].rstrip(b"\r").decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InputError(
            f"The password of --mqtt cannot be read from {name} ({reason}): check password_file."
        ) from None


def tls_context(broker: Broker) -> ssl.SSLContext:
    """Return the TLS settings of an encrypted connection.

    Raises
    ------
    InputError
        When a file of certificates or a key cannot be used.
    """
    import ssl

    try:
        context = ssl.create_default_context(cafile=broker.ca)
    except (OSError, ValueError) as error:
        raise InputError(_unusable("CA", broker.ca, error)) from None
    if broker.ca is not None:
        # From Python 3.13 on, a CA without the extension for key usage is refused, as many made at home are.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if broker.certificate is not None:
        try:
            # Without a password, OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(broker.certificate, broker.key, password=lambda: "")
        except (OSError, ValueError) as error:
            name = broker.certificate if broker.key is None else f"{broker.certificate} or {broker.key}"
            raise InputError(_unusable("client certificate", name, error)) from None
    return context


def _unusable(what: str, name: str | None, error: Exception) -> str:
    import ssl

    missing = isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError)
    reason = error.strerror if isinstance(error, OSError) and missing else "it is no PEM file, or locked"
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        reason = "the key is that of another certificate"
    return f"The {what} of --mqtt cannot be used from {name} ({reason}): give another file."


def without_password(url: str) -> str:
    """Return the URL without its password, for display."""
    return re.sub(r"(?<=//)([^/@]*?):[^/]*@", r"\1:***@", url)


def _not_a_url() -> str:
    # The URL itself is not repeated: it may hold a password.
    return "--mqtt takes a URL such as mqtt://user:password@host:1883/genre_live: see docs/outputs.md."
