"""The paths of the page, and the answers to requests."""

from __future__ import annotations

import asyncio
import importlib.resources
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from live.extras import need
from live.outputs.web.connection import Client, OpenConnection
from live.outputs.web.event_stream import MOST_LISTENERS, EventStream, Listener
from live.outputs.web.guard import Receive, Scope, Send, answer
from live.outputs.web.metrics import CONTENT_TYPE, Metrics
from live.outputs.web.state import state_json
from live.palette import THEMES, Theme
from live.snapshot import Snapshot

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/overlay": ("overlay.html", "text/html"),
    "/overlay.js": ("overlay.js", "text/javascript"),
    "/overlay.css": ("overlay.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/session.js": ("session.js", "text/javascript"),
}
RETRY_AFTER_S = 5


class EventsEndpoint:
    """Streams events, in plain ASGI because that needs less time than a Starlette response.

    Parameters
    ----------
    stream : EventStream
    connections : mapping
        The open connections, by the client's address.
    """

    def __init__(self, stream: EventStream, connections: Mapping[Client, OpenConnection]) -> None:
        self._stream, self._connections = stream, connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client disconnects or the stream ends."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if scope["method"] == "HEAD":
            await _send_events(send, [])
            return
        last_id = headers.get(b"last-event-id", given.get("last-event-id"))
        connection = self._connections.get(tuple(scope["client"]))
        if connection is None:  # it has ended already
            return
        push = connection.push if scope["http_version"] == "1.1" else None  # older clients know no chunks
        listener = self._stream.join(last_id, given.get("source"), connection.cut, push)
        if listener is None:
            await answer(
                send,
                503,
                f"There are {MOST_LISTENERS} listeners, and no more are let in: try again later.",
                [(b"retry-after", b"%d" % RETRY_AFTER_S)],
                policy=False,
            )
            return
        leaving = asyncio.create_task(_until_gone(receive, listener))
        try:
            await _send_events(send, self._stream.follow(listener))
        finally:
            leaving.cancel()


async def _until_gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.go()


async def _send_events(send: Send, chunks: AsyncIterator[bytes] | Sequence[bytes]) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),  # tells nginx not to buffer
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if not isinstance(chunks, Sequence):
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class StateEndpoints:
    """Answers requests for state, metrics and health.

    Parameters
    ----------
    stream : EventStream
    metrics : Metrics
    snapshots : callable
        Returns the newest snapshot of each source.
    is_well : callable
        Returns whether the sessions are still working.
    """

    def __init__(
        self,
        stream: EventStream,
        metrics: Metrics,
        snapshots: Callable[[], Sequence[Snapshot]],
        is_well: Callable[[], bool],
    ) -> None:
        self._stream, self._metrics = stream, metrics
        self._snapshots, self._is_well = snapshots, is_well
        self._responses = need("starlette.responses", extra="web", purpose="--web")
        self._state: tuple[tuple[int, ...], bytes] | None = None

    async def state(self, _request: Request) -> Response:
        """Return the newest snapshots as JSON."""
        snapshots = self._snapshots()
        which = (self._stream.newest, *map(id, snapshots))
        if self._state is None or self._state[0] != which:
            self._state = (which, state_json(snapshots, self._stream.newest_id))
        return self._response(self._state[1], media_type="application/json")

    async def metrics(self, _request: Request) -> Response:
        """Return the metrics for Prometheus."""
        return self._response(self._metrics.exposition(), media_type=CONTENT_TYPE)

    async def health(self, _request: Request) -> Response:
        """Return status 200 while the sessions are working, else 503."""
        is_well = self._is_well()
        words = b'{"status": "ok"}\n' if is_well else b'{"status": "the listening has stopped"}\n'
        return self._response(words, status_code=200 if is_well else 503, media_type="application/json")

    def _response(self, content: bytes, **options: object) -> Response:
        response: Response = self._responses.Response(content, **options)
        return response


def build_application(endpoints: StateEndpoints, events: EventsEndpoint) -> Starlette:
    """Return the application with all its paths."""
    applications = need("starlette.applications", extra="web", purpose="--web")
    routing = need("starlette.routing", extra="web", purpose="--web")
    responses = need("starlette.responses", extra="web", purpose="--web")
    folder = importlib.resources.files("live.outputs.web")

    def serve(content: bytes, media_type: str) -> Callable[[Request], Response]:
        def endpoint(_request: Request) -> Response:
            response: Response = responses.Response(content, media_type=media_type)
            return response

        return endpoint

    served = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}
    served["/colors.css"] = (color_sheet().encode(), "text/css")
    routes = [routing.Route(path, _on_loop(serve(*file))) for path, file in served.items()]
    routes += [
        routing.Route("/events", events),
        routing.Route("/state", endpoints.state),
        routing.Route("/metrics", endpoints.metrics),
        routing.Route("/healthz", endpoints.health),
    ]
    application: Starlette = applications.Starlette(routes=routes)
    return application


def _on_loop(answer: Callable[[Request], Response]) -> Callable[[Request], object]:
    """Return an endpoint that runs on the event loop; Starlette would use another thread."""

    async def endpoint(request: Request) -> Response:
        return answer(request)

    return endpoint


def color_sheet() -> str:
    """Return the colours of the page's text and states, for light and dark, as a style sheet."""
    return (
        f":root {{ color-scheme: light dark; {_variables(THEMES['light'])} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(THEMES['dark'])} }} }}\n"
    )


def _variables(theme: Theme) -> str:
    names = ("background", "text", "quiet", "faint", "track", "accent", "warning", "alarm")
    return " ".join(f"--{name}: {getattr(theme, name)};" for name in names)
