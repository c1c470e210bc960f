"""Addresses as they are shown: without what may be secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from live.errors import one_line


def shown_address(url: str) -> str:
    """Return an address without user, password and query; of a malformed one, only its scheme."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return one_line(f"{url.partition('/')[0]}//…")
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return one_line(f"{parts.scheme}://{host}{port}{parts.path}")
