"""The page as an output: serves events and snapshots from a separate thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from live.events import Event
from live.extras import need
from live.outputs.background import Report
from live.outputs.web.address import check_trust, listen, parse_address
from live.outputs.web.event_stream import SIGN_OF_LIFE_S, EventStream
from live.snapshot import Snapshot

LARGEST_REQUEST = 16_384  # bytes of the request line and headers
LAST_WORD_WITHIN_S = 1.0
CLOSE_WITHIN_S = 3.0


class WebPage:
    """Serves the page.

    Parameters
    ----------
    address : str
        ``[HOST:]PORT``.
    report : callable
        Called with the sentence that describes an error.
    token : str, optional
        The token that a client needs.
    is_open : bool
        Whether everybody who can reach the address may see the page.

    Attributes
    ----------
    notice : str
        A sentence with the page's URL and who can see it.
    is_over : bool
        Whether it is served no more.

    Raises
    ------
    InputError
        When the address is invalid or in use, when the page would be public without being asked for, or
        when the extra is missing.
    """

    def __init__(
        self, address: str, report: Report, *, token: str | None = None, is_open: bool = False
    ) -> None:
        where = parse_address(address)
        check_trust(where, token, is_open=is_open)
        for module in ("uvicorn", "starlette", "prometheus_client"):
            need(module, extra="web", purpose="--web")
        self._report = report
        self._token = token
        self._socket = listen(where)
        self.address = replace(where, port=self._socket.getsockname()[1])
        self._snapshots: Callable[[], Sequence[Snapshot]] = lambda: ()
        self._is_well: Callable[[], bool] = lambda: True
        self._stream = EventStream()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._waiting: list[Event] = []
        self.is_over = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="web page", daemon=True)

    @property
    def notice(self) -> str:
        """A sentence with the page's URL and who can see it."""
        url = self.address.url
        if self.address.is_private and self._token is None:
            return f"The page is at {url} for this computer alone."
        if self._token is None:
            return f"The page is at {url} for everybody who can reach this computer."
        return f"The page is at {url} for everybody who knows its token: open {url}?token=TOKEN once."

    def watch(self, snapshots: Callable[[], Sequence[Snapshot]], is_well: Callable[[], bool]) -> None:
        """Set the functions that return the newest snapshots, and whether the sessions are working."""
        self._snapshots, self._is_well = snapshots, is_well

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()
        self._ready.wait(CLOSE_WITHIN_S)

    def __call__(self, event: Event) -> None:
        """Queue an event to be sent, without waiting."""
        with self._lock:
            loop = self._loop
            if loop is None:
                if not self.is_over:
                    self._waiting.append(event)
                return
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(self._publish, event)

    def close(self) -> None:
        """Send the remaining events and disconnect all clients, within a limited time."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)
        self._socket.close()
        if self._stream.dropped:
            listeners = "listener" if self._stream.dropped == 1 else "listeners"
            self._report(f"The page dropped {self._stream.dropped} {listeners}, who read too slowly.")

    # --- on the server's thread

    def _publish(self, event: Event) -> None:
        self._metrics.observe(event)
        self._stream.publish(event)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # an error of a library must not end the session
            self._report(f"The page is served no more ({error}): start genre-live again to have it back.")
        finally:
            self._socket.close()  # otherwise clients would wait for an answer
            with self._lock:
                self.is_over = True
                self._waiting.clear()
            self._ready.set()

    async def _serve(self) -> None:
        from live.outputs.web.application import EventsEndpoint, StateEndpoints, build_application
        from live.outputs.web.connection import connection_type
        from live.outputs.web.guard import Guard
        from live.outputs.web.metrics import Metrics

        uvicorn = need("uvicorn", extra="web", purpose="--web")
        states = need("uvicorn.server", extra="web", purpose="--web")
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._stream.soon = loop.call_soon
        self._metrics = Metrics(self._stream, lambda: self._snapshots())
        connection, connections = connection_type()

        endpoints = StateEndpoints(
            self._stream, self._metrics, lambda: self._snapshots(), lambda: self._is_well()
        )
        application = build_application(endpoints, EventsEndpoint(self._stream, connections))
        config = uvicorn.Config(
            Guard(application, self.address, self._token),
            http=connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # else a proxy's client would take the place of the connection's own address
            h11_max_incomplete_event_size=LARGEST_REQUEST,
        )
        config.load()
        state = states.ServerState()
        state.default_headers = config.encoded_headers
        server = await loop.create_server(lambda: connection(config, state, {}, loop), sock=self._socket)
        with self._lock:
            self._loop = loop
            waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._publish(event)
        self._ready.set()
        while True:
            try:
                await asyncio.wait_for(self._stop.wait(), SIGN_OF_LIFE_S)
                break
            except TimeoutError:
                self._stream.ask_for_life()
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stream.close(), LAST_WORD_WITHIN_S)
        for open_connection in list(connections.values()):
            open_connection.cut()
