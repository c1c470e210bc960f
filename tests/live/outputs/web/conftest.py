"""A served page, whose contents the test controls."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from live.events import Event, SourceEvent, StartEvent, WindowEvent
from live.history import History
from live.outputs.web.server import WebPage
from live.snapshot import Snapshot
from tests.live.example_events import LABELS, start, window
from tests.live.outputs.web.test_state import SNAPSHOT

WAIT_S = 30.0


def with_dashes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers whose names were given as parameter names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Served:
    """A page, with the snapshots that belong to the events of the test."""

    def __init__(self, port: int = 0, **options: Any) -> None:
        for module in ("starlette", "uvicorn", "prometheus_client"):
            pytest.importorskip(module)
        self.complaints: list[str] = []
        self.is_well = True
        address = options.pop("address", f"127.0.0.1:{port}")
        self.page = WebPage(address, self.complaints.append, **options)
        self.port = self.page.address.port
        self.url = f"http://127.0.0.1:{self.port}/"
        self._snapshots: dict[str, Snapshot] = {}
        self._histories: dict[str, History] = {}
        self.page.watch(lambda: tuple(self._snapshots.values()), lambda: self.is_well)
        self.page.start()

    def tell(self, *events: Event) -> None:
        """Pass events to the page."""
        for event in events:
            name = event.source_name if isinstance(event, StartEvent) else event.source
            name = name if name is not None else next(iter(self._snapshots))
            self._happen(name, event)
            self.page(event)

    def _happen(self, name: str, event: Event) -> None:
        if isinstance(event, StartEvent):
            self._histories[name] = History()
            self._snapshots[name] = replace(
                SNAPSHOT,
                source_name=name,
                source_kind=event.source_kind,
                verdict=window(0.0, state="waiting").vote,
                timeline=(),
                share={},
                windows=0,
                time_s=0.0,
                reach_s=event.reach_s,
            )
        history, snapshot = self._histories[name], self._snapshots[name]
        history.add(event)
        snapshot = replace(
            snapshot,
            timeline=history.timeline,
            share=history.share,
            windows=history.windows,
            lost_s=history.lost_s,
            last_gap=history.last_gap,
            title=event.title,
        )
        if isinstance(event, WindowEvent):
            snapshot = replace(snapshot, verdict=event.vote, time_s=event.time_s, level_dbfs=event.level_dbfs)
        elif isinstance(event, SourceEvent):
            condition = "listening" if event.status == "back" else event.status
            snapshot = replace(snapshot, source_condition=condition)
        self._snapshots[name] = snapshot

    def show(self, name: str, **changes: Any) -> None:
        """Change a source's snapshot without an event."""
        self._snapshots[name] = replace(self._snapshots[name], **changes)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Request a path, and return status, headers and content."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(
                method, path, headers={key.replace("_", "-"): value for key, value in headers.items()}
            )
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        """End the server."""
        self.page.close()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


def session_start(name: str = "song.wav") -> StartEvent:
    """Return the start event of a session with these tests' labels."""
    return start(LABELS, name=name)
