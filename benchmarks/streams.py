"""How many streams one core can follow when each is heard every half second."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.measuring import Row, Scale, compared, missing, on_one_core, seconds
from benchmarks.ordinary import HOP_S, OrdinaryWay
from benchmarks.sound import music
from live.analyser import Analyser
from live.classifier import Classifier

STREAMS = 250
SOURCE_RATE = 44_100


def _streams(analysers: list[Analyser], hops: int) -> float:
    """Streams that could be followed: as many as there are, times how much faster than real time."""
    rate = analysers[0].source_rate
    sound = music(30.0, rate)[:, None]
    step = round(HOP_S * rate)
    began = time.perf_counter()
    for hop in range(hops):
        block = sound[hop * step : (hop + 1) * step]
        for analyser in analysers:  # each has its own frames and its own vote, as 250 microphones would
            for _ in analyser.feed(block):
                pass
    return len(analysers) * hops * HOP_S / (time.perf_counter() - began)


def measure(scale: Scale) -> Iterator[Row]:
    """Follow many streams on one core, in one process."""
    classifier = Classifier(scale.model)
    count = 5 if scale.quick else STREAMS
    analysers = [Analyser(classifier, SOURCE_RATE, hop_s=HOP_S) for _ in range(count)]
    what, rival = "streams one core can follow (44.1 kHz)", "librosa + Keras predict"
    try:
        way = OrdinaryWay(scale.model)
    except ImportError:
        yield missing(what, rival)
        return
    sound = music(4.0, way.spec.sample_rate)[: way.window]
    ours, theirs = [], []
    with on_one_core():
        way.hear(sound)
        _streams(analysers, 8)  # until every stream has filled its window
        for _ in range(scale.rounds(5)):
            ours.append(_streams(analysers, 8))
            theirs.append(HOP_S / seconds(lambda: way.hear(sound), 2 if scale.quick else 20))
    yield compared(what, "streams", ours, rival, theirs, better="more")
