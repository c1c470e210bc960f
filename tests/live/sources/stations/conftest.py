"""Fixtures of the tests of sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live.sources.stations.network_stream import NetworkStream
from tests.station_listener import Listener


@pytest.fixture
def listen() -> Iterator[type[Listener]]:
    made: list[Listener] = []

    class Kept(Listener):
        def __init__(self, source: NetworkStream) -> None:
            super().__init__(source)
            made.append(self)

    yield Kept
    for listener in made:
        listener.source.stop()
