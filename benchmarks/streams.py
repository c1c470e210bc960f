"""The number of streams that one core can follow with a window every half second."""

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
    """Return the number of streams that can be followed: their number times the speed."""
    rate = analysers[0].source_rate
    sound = music(30.0, rate)[:, None]
    step = round(HOP_S * rate)
    began = time.perf_counter()
    for hop in range(hops):
        block = sound[hop * step : (hop + 1) * step]
        for analyser in analysers:  # each with its own frames and vote, like separate microphones
            for _ in analyser.feed(block):
                pass
    return len(analysers) * hops * HOP_S / (time.perf_counter() - began)


def measure(scale: Scale) -> Iterator[Row]:
    """Follow many streams on one core, in one process, and yield the row."""
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
        _streams(analysers, 8)  # fill the window of every stream
        for _ in range(scale.rounds(5)):
            ours.append(_streams(analysers, 8))
            theirs.append(HOP_S / seconds(lambda: way.hear(sound), 2 if scale.quick else 20))
    yield compared(what, "streams", ours, rival, theirs, better="more")
