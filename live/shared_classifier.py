"""A classifier that several sessions share: windows of about the same time are classified in one call."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from live.classifier import Classifier, Probabilities
from live.front_end import Levels

GATHER_S = 0.02  # time that a window waits for others; short beside a hop
MOST_TOGETHER = 64  # windows; with this many there is no further wait


@dataclass
class _Request:
    """Windows of one session, and the result for them."""

    mel_db: Levels
    done: threading.Event = field(default_factory=threading.Event)
    probabilities: Probabilities | None = None
    failure: BaseException | None = None


class SharedClassifier(Classifier):
    """A classifier for several threads, used like a classifier of their own.

    The first thread that calls it waits a moment for others, and then classifies the windows of all. The
    probabilities of a window do not depend on the other windows of a call, so sharing changes no verdict.

    Parameters
    ----------
    classifier : Classifier
        Called by one thread at a time.
    gather_s : float
        Time that the first thread waits for others, in seconds.
    """

    def __init__(self, classifier: Classifier, *, gather_s: float = GATHER_S) -> None:
        self.description = classifier.description
        self._classifier = classifier
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._requests: list[_Request] = []
        self._busy = threading.Lock()

    def classify(self, mel_db: Levels) -> Probabilities:
        """Return the probabilities of several windows; see ``Classifier.classify``."""
        request = _Request(mel_db)
        with self._changed:
            self._requests.append(request)
            is_first = len(self._requests) == 1
            if not is_first and self._waiting_windows() >= MOST_TOGETHER:
                self._changed.notify_all()
        if is_first:
            self._classify_waiting()
        request.done.wait()
        if request.failure is not None:
            raise request.failure
        assert request.probabilities is not None  # noqa: S101 (the one or the other)
        return request.probabilities

    def _waiting_windows(self) -> int:
        """Return the number of waiting windows; needs the lock."""
        return sum(len(request.mel_db) for request in self._requests)

    def _classify_waiting(self) -> None:
        """Wait for requests of other threads, and classify all together."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_windows() >= MOST_TOGETHER, self._gather_s)
        with self._busy:
            with self._changed:
                requests, self._requests = self._requests, []
            self._classify(requests)

    def _classify(self, requests: Sequence[_Request]) -> None:
        failure: BaseException | None = None
        try:
            together = np.concatenate([request.mel_db for request in requests])
            probabilities = self._classifier.classify(together)
        except BaseException as error:  # each of the waiting threads raises it
            failure = error
        start = 0
        for request in requests:
            if failure is None:
                request.probabilities = probabilities[start : start + len(request.mel_db)]
                start += len(request.mel_db)
            request.failure = failure
            request.done.set()
