"""A classifier that several threads share: one call for what falls together, and the same answers."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from live.classifier import Classifier, Probabilities
from live.errors import RunningError
from live.front_end import Levels
from live.shared_classifier import SharedClassifier
from tests.live.stubs import StubClassifier

PATIENCE_S = 30.0


class _Counting(StubClassifier):
    """Keeps how many windows each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def classify(self, mel_db: Levels) -> Probabilities:
        self.calls.append(len(mel_db))
        return super().classify(mel_db)


def _ask_side_by_side(classifier: Classifier, questions: list[Levels]) -> list[Probabilities | BaseException]:
    together = threading.Barrier(len(questions))
    answers: list[Probabilities | BaseException | None] = [None] * len(questions)

    def ask(number: int) -> None:
        together.wait(PATIENCE_S)
        try:
            answers[number] = classifier.classify(questions[number])
        except BaseException as error:
            answers[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    return [answer for answer in answers if answer is not None]


def test_what_is_asked_together_is_classified_in_one_call() -> None:
    counting = _Counting()
    random = np.random.default_rng(0)
    questions = [random.normal(size=(count, 10, 16)).astype(np.float32) for count in (1, 2, 1, 3)]
    answers = _ask_side_by_side(SharedClassifier(counting, gather_s=PATIENCE_S / 10), questions)
    assert counting.calls == [7]
    for question, answer in zip(questions, answers, strict=True):
        np.testing.assert_array_equal(answer, StubClassifier().classify(question))


def test_a_real_network_says_the_same_bit_for_bit_of_a_window_in_any_company(bundle: Path) -> None:
    alone, shared = Classifier(bundle), SharedClassifier(Classifier(bundle), gather_s=0.2)
    shape = (alone.description.window_frames, alone.description.front_end.n_mels)
    random = np.random.default_rng(1)
    questions = [random.normal(-40, 15, size=(1, *shape)).astype(np.float32) for _ in range(23)]
    answers = _ask_side_by_side(shared, questions)
    for question, answer in zip(questions, answers, strict=True):
        assert np.asarray(answer).tobytes() == alone.classify(question).tobytes()


def test_a_network_that_fails_fails_for_all_who_asked() -> None:
    class Failing(StubClassifier):
        def classify(self, mel_db: Levels) -> Probabilities:
            raise RunningError(f"The model is tired of {len(mel_db)} windows.")

    questions = [np.zeros((1, 10, 16), dtype=np.float32)] * 3
    answers = _ask_side_by_side(SharedClassifier(Failing(), gather_s=0.1), questions)
    assert [str(answer) for answer in answers] == ["The model is tired of 3 windows."] * 3


def test_many_windows_do_not_wait_for_more() -> None:
    counting = _Counting()
    with_time = SharedClassifier(counting, gather_s=10 * PATIENCE_S)
    done = threading.Event()

    def ask() -> None:
        with_time.classify(np.zeros((64, 10, 16), dtype=np.float32))
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    assert done.wait(PATIENCE_S)


def test_its_description_is_the_classifiers() -> None:
    stub = StubClassifier()
    assert SharedClassifier(stub).description is stub.description
