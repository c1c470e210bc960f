"""One warm hop: from half a second of new sound to a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from benchmarks.measuring import Row, Scale, compared, each, missing, on_one_core, percentile
from benchmarks.ordinary import HOP_S, OrdinaryWay
from benchmarks.sound import music
from live.analyser import Analyser
from live.classifier import Classifier

RIVAL = "librosa + Keras predict"


def hop_times(analyser: Analyser, hops: int, *, seed: int = 0) -> list[float]:
    """Return the wall time of each hop of a warm stream, in seconds, including level, vote and event."""
    rate = analyser.source_rate
    sound = music(30.0, rate, seed)[:, None]
    step = round(HOP_S * rate)
    blocks = itertools.cycle([sound[start : start + step] for start in range(0, len(sound) - step, step)])
    for _ in range(20):  # warm up
        list(analyser.feed(next(blocks)))
    return each(lambda: list(analyser.feed(next(blocks))), hops)


def measure(scale: Scale) -> Iterator[Row]:
    """Compare warm hops, and yield the rows."""
    classifier = Classifier(scale.model)
    description = classifier.description
    try:
        way = OrdinaryWay(scale.model)
    except ImportError:
        yield missing("one hop, warm: median", RIVAL)
        return
    window = music(description.window_s + 1, description.front_end.sample_rate)[: way.window]
    each(lambda: way.hear(window), 1 if scale.quick else 20)
    for sample_rate in (description.front_end.sample_rate, 44_100):
        analyser = Analyser(classifier, sample_rate, hop_s=HOP_S)
        medians: tuple[list[float], list[float]] = ([], [])
        slowest: tuple[list[float], list[float]] = ([], [])
        for _ in range(scale.rounds(7)):
            with on_one_core():
                ours = hop_times(analyser, 10 if scale.quick else 400)
            theirs = each(lambda: way.hear(window), 3 if scale.quick else 40)
            for values, median, slow in ((ours, medians[0], slowest[0]), (theirs, medians[1], slowest[1])):
                median.append(1e3 * percentile(values, 50))
                slow.append(1e3 * percentile(values, 99))
        rate = f"{sample_rate / 1000:g} kHz"
        yield compared(f"one hop, warm, {rate}: median", "ms", medians[0], RIVAL, medians[1])
        yield compared(f"one hop, warm, {rate}: p99", "ms", slowest[0], RIVAL, slowest[1])
