from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from live.analyser import Analyser
from live.classifier import Classifier
from live.events import NO_MUSIC, Verdict
from live.front_end import FrontEndSpec, MelFrames
from tests.training.conftest import RATE, hiss, tone
from training.dataset.extraction import extract
from training.evaluation.streamed_inference import (
    ClassifiedClip,
    classify_frames,
    leading,
    mel_level_dbfs,
    recalibrated,
    vote_over,
    window_ends,
)

SPEC = FrontEndSpec()


def test_a_clip_is_heard_as_genre_live_hears_it(trained: Path, tmp_path: Path) -> None:
    samples = np.concatenate([tone(50, 4), hiss(50, 4)])
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    classifier = Classifier(trained)
    analyser = Analyser(classifier, RATE)
    events = [*analyser.feed(samples[:, None]), *analyser.finish()]
    labels = classifier.description.labels

    heard = classify_frames(classifier, extract(tmp_path / "a.wav", SPEC), "a", "tone")
    verdicts = vote_over(heard, labels, classifier.description.vote)
    # Frames do not tell of the samples after the last one, which may complete one more window.
    assert len(events) - len(heard.probabilities) in {0, 1}
    events = events[: len(heard.probabilities)]
    np.testing.assert_allclose(heard.ends_s, [event.time_s for event in events], atol=1e-9)
    expected = [[event.probabilities[label] for label in labels] for event in events]
    np.testing.assert_allclose(heard.probabilities, expected, atol=0.01)  # a store holds half precision
    for verdict, event in zip(verdicts, events, strict=True):
        assert verdict.genre == event.vote.genre
        assert abs(verdict.confidence - event.vote.confidence) < 0.01


def test_a_short_clip_gets_one_window_as_genre_live_gives_it(trained: Path, tmp_path: Path) -> None:
    samples = tone(3, 1.3)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    classifier = Classifier(trained)
    analyser = Analyser(classifier, RATE)
    [event] = [*analyser.feed(samples[:, None]), *analyser.finish()]
    heard = classify_frames(classifier, extract(tmp_path / "a.wav", SPEC), "a", "tone")
    expected = [event.probabilities[label] for label in classifier.description.labels]
    np.testing.assert_allclose(heard.probabilities, [expected], atol=0.01)


def test_windows_hold_only_frames_that_are_complete() -> None:
    frames = 344
    ends = window_ends(frames, SPEC, 34)
    assert len(ends) == 54
    for newest, end_s in ends:
        end = round(end_s * SPEC.sample_rate)
        assert newest * SPEC.hop_length + SPEC.n_fft <= end < (newest + 1) * SPEC.hop_length + SPEC.n_fft
        assert 33 <= newest < frames


def test_levels_come_from_mel_frames() -> None:
    for sound in (hiss(0, 3), tone(0, 3), 0.01 * tone(1, 3)):
        samples = sound.astype(np.float32)
        expected = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
        found = mel_level_dbfs(MelFrames(SPEC).feed(samples), SPEC)
        assert abs(found - expected) < 1.5


def test_recalibration_softens_and_keeps_the_order() -> None:
    heard = ClassifiedClip(
        "a", "x", np.array([[0.7, 0.2, 0.1]], np.float32), np.array([3.0]), np.array([-20.0])
    )
    [soft] = recalibrated([heard], 2.0)
    roots = np.sqrt([0.7, 0.2, 0.1])
    np.testing.assert_allclose(soft.probabilities[0], roots / roots.sum(), rtol=1e-5)


def test_what_a_verdict_leans_to() -> None:
    shares = {"jazz": 0.3, "pop": 0.25, NO_MUSIC: 0.45}
    assert leading(Verdict("unsure", None, 0.3, shares)) == "jazz"
    assert leading(Verdict("genre", "pop", 0.25, shares)) == "pop"
    assert leading(Verdict("no_music", None, 0.45, shares)) == NO_MUSIC
    assert leading(Verdict("silence", None, 0.0, shares)) is None
