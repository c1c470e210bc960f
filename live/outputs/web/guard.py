"""Access control: requests are read-only, not from other sites' pages, and have the token if there is one."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from live.outputs.web.address import Address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
WITHOUT_TOKEN = frozenset({"/healthz"})
COOKIE_DAYS = 30


class Guard:
    """ASGI middleware that refuses other requests, and adds the security headers to every response.

    Parameters
    ----------
    application : ASGI application
    address : Address
        The address of the server.
    token : str or None
        The token that a client needs.
    """

    def __init__(self, application: Application, address: Address, token: str | None) -> None:
        self._application = application
        self._address = address
        self._token = token
        self._cookie = f"genre_live_{address.port}"  # cookies are not separated by port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the application."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await answer(send, *refusal)
            return
        if self._token is not None and scope["path"] not in WITHOUT_TOKEN:
            given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            if self._is_right(given.get("token")):
                if scope["path"] in ("/", "/overlay"):
                    await self._let_in(scope["path"], given, send)
                    return
            elif not self._knows_token(headers):
                await answer(send, 401, "This page wants its token: open it as /?token=TOKEN.")
                return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self._application(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and text of a refusal, or None if the request is allowed."""
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "Nothing can be written here."
        host = headers.get("host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not self._address.answers_to(name):
            return 421, "This host name is not this server's: open the address that genre-live told."
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "Pages of other sites are not let in."
        return None

    def _is_right(self, token: str | None) -> bool:
        return (
            token is not None
            and self._token is not None
            and hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode("utf-8", "replace"))
        )

    def _knows_token(self, headers: dict[str, str]) -> bool:
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and any(map(self._is_right, _readings(credentials.strip()))):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and self._is_right(_from_hex(cookie.value))

    async def _let_in(self, path: str, given: dict[str, str], send: Send) -> None:
        """Store the token in a cookie and redirect to a URL without it, which browsers show and save."""
        rest = urlencode({name: value for name, value in given.items() if name != "token"})
        value = str(self._token).encode().hex()  # a cookie may not hold every character
        cookie = f"{self._cookie}={value}; Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Strict"
        page = path[1:] or "./"  # relative, because a proxy may put a prefix before the path
        location = f"{page}?{rest}" if rest else page
        extra = [(b"location", location.encode("latin-1", "replace")), (b"set-cookie", cookie.encode())]
        await answer(send, 303, "", extra)


def _readings(header: str) -> set[str]:
    """Return a header as Latin-1, as which it was read, and as UTF-8, in which most programs send it."""
    return {header, header.encode("latin-1").decode(errors="replace")}


def _from_hex(text: str) -> str | None:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return None


async def answer(
    send: Send,
    status: int,
    words: str,
    extra: Sequence[tuple[bytes, bytes]] = (),
    *,
    policy: bool = True,
) -> None:
    """Send a plain-text response.

    Parameters
    ----------
    extra : sequence of pairs of bytes
        Additional headers.
    policy : bool
        Whether to add the security headers here.
    """
    content = f"{words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        *extra,
        *(HEADERS if policy else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
