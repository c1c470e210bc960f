"""Metrics for Prometheus, of each source and of the page's clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from live import __version__
from live.events import Event, StartEvent, VoteState, WindowEvent
from live.extras import need
from live.outputs.web.event_stream import EventStream
from live.snapshot import Snapshot

HOP_BUCKETS_S = (0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # the format of generate_latest
STATES = tuple(state for state in get_args(VoteState) if state != "genre")


class Metrics:
    """Computes the metrics from events and the newest snapshots.

    Parameters
    ----------
    stream : EventStream
    snapshots : callable
        Returns the newest snapshot of each source.
    """

    def __init__(self, stream: EventStream, snapshots: Callable[[], Sequence[Snapshot]]) -> None:
        library = need("prometheus_client", extra="web", purpose="--web")
        self._core = need("prometheus_client.core", extra="web", purpose="--web")
        self._stream, self._snapshots = stream, snapshots
        self._registry = library.CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._generate = library.generate_latest
        self._hop = library.Histogram(
            "genre_live_hop_seconds",
            "Time from the samples of a window to its verdict.",
            ["source"],
            buckets=HOP_BUCKETS_S,
            registry=self._registry,
        )
        self._names: dict[str | None, str] = {}

    def observe(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, StartEvent):
            self._names[event.source] = event.source_name
        elif isinstance(event, WindowEvent):
            source = event.source or self._names.get(None, "")
            self._hop.labels(source=source).observe(event.compute_ms / 1_000)

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        content: bytes = self._generate(self._registry)
        return content

    def collect(self) -> Iterable[Any]:
        """Yield the metrics of the newest snapshots; called by the registry."""
        gauge, counter = self._core.GaugeMetricFamily, self._core.CounterMetricFamily
        of = ["source"]
        snapshots, stream = self._snapshots(), self._stream
        about = gauge("genre_live_info", "The program and what it runs.", labels=[*of, "model", "version"])
        up = gauge("genre_live_source_up", "1 while the source delivers sound, else 0.", labels=of)
        said = "1 for the genre or state heard, else 0."
        verdict = gauge("genre_live_verdict", said, labels=[*of, "verdict"])
        confidence = gauge("genre_live_confidence", "Of the verdict, 0 to 1.", labels=of)
        level = gauge("genre_live_level_dbfs", "RMS level of the newest tenth of a second.", labels=of)
        stream_s = counter("genre_live_stream_seconds", "Stream time heard.", labels=of)
        lost_s = counter("genre_live_lost_seconds", "Sound that was lost.", labels=of)
        windows = counter("genre_live_windows", "Windows heard.", labels=of)
        skipped = counter("genre_live_skipped_windows", "Windows left out, being behind.", labels=of)
        for snapshot in snapshots:
            name = [snapshot.source_name]
            about.add_metric([*name, snapshot.model_name, __version__], 1)
            up.add_metric(name, float(snapshot.source_condition in ("listening", "muted")))
            heard = snapshot.verdict.genre or snapshot.verdict.state
            for choice in dict.fromkeys((*snapshot.genres, *STATES)):  # a genre may be named like a state
                verdict.add_metric([*name, choice], float(choice == heard))
            confidence.add_metric(name, snapshot.verdict.confidence)
            level.add_metric(name, snapshot.level_dbfs)
            stream_s.add_metric(name, snapshot.time_s)
            lost_s.add_metric(name, snapshot.lost_s)
            windows.add_metric(name, snapshot.windows)
            skipped.add_metric(name, snapshot.skipped_windows)
        yield from (about, up, verdict, confidence, level, stream_s, lost_s, windows, skipped)
        yield gauge("genre_live_web_listeners", "Who follow the events.", value=len(stream))
        yield counter("genre_live_web_listeners_dropped", "Listeners too slow.", value=stream.dropped)
        yield counter("genre_live_web_listeners_refused", "Listeners without room.", value=stream.refused)
