"""A classifier that several sessions share: windows that fall together are classified in one call."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from live.classifier import Classifier, Probabilities
from live.front_end import Levels

GATHER_S = 0.02  # how long a window waits for others; a verdict is of seconds
MOST_TOGETHER = 64  # windows; as many as this are not kept waiting


@dataclass
class _Question:
    """Windows of one session, and what becomes of them."""

    mel_db: Levels
    answered: threading.Event = field(default_factory=threading.Event)
    probabilities: Probabilities | None = None
    failure: BaseException | None = None


class SharedClassifier(Classifier):
    """A classifier for many threads, each of which asks as if it were alone.

    What is said of a window does not depend on which others it is classified with, so sharing changes no
    verdict. The first to ask waits a moment for others and then asks for all of them.

    Parameters
    ----------
    classifier : Classifier
        Asked by one thread at a time.
    gather_s : float
        How long the first waits, in seconds.
    """

    def __init__(self, classifier: Classifier, *, gather_s: float = GATHER_S) -> None:
        self.description = classifier.description
        self._classifier = classifier
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._questions: list[_Question] = []
        self._busy = threading.Lock()

    def classify(self, mel_db: Levels) -> Probabilities:
        """Classify windows; see ``Classifier``."""
        question = _Question(mel_db)
        with self._changed:
            self._questions.append(question)
            is_first = len(self._questions) == 1
            if not is_first and self._asked() >= MOST_TOGETHER:
                self._changed.notify_all()
        if is_first:
            self._ask_for_all()
        question.answered.wait()
        if question.failure is not None:
            raise question.failure
        assert question.probabilities is not None  # noqa: S101 (the one or the other)
        return question.probabilities

    def _asked(self) -> int:
        """How many windows wait; call it with the lock held."""
        return sum(len(question.mel_db) for question in self._questions)

    def _ask_for_all(self) -> None:
        """Gather what is asked meanwhile, and answer it."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked() >= MOST_TOGETHER, self._gather_s)
        with self._busy:
            with self._changed:
                questions, self._questions = self._questions, []
            self._answer(questions)

    def _answer(self, questions: Sequence[_Question]) -> None:
        failure: BaseException | None = None
        try:
            together = np.concatenate([question.mel_db for question in questions])
            probabilities = self._classifier.classify(together)
        except BaseException as error:  # every one of them asked for it
            failure = error
        start = 0
        for question in questions:
            if failure is None:
                question.probabilities = probabilities[start : start + len(question.mel_db)]
                start += len(question.mel_db)
            question.failure = failure
            question.answered.set()
