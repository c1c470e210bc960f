"""The words of the screen, without a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.events import Verdict
from live.screen.headline import Headline, Phrase, condition, headline, likeliest, percent
from live.snapshot import Snapshot, SourceCondition, Stretch
from tests.live.screen.drawing import NO_MUSIC, OTHER, SILENCE, SONG, UNSURE, WAITING


def line(words: Headline) -> str:
    return "".join(phrase.text for phrase in words.details)


def test_a_genre_comes_with_its_confidence_its_beginning_and_its_rival() -> None:
    words = headline(SONG, paused=False)
    assert words.word == Phrase("rock", genre="rock")
    assert words.confidence == 0.71
    assert line(words) == "71 % sure · since 0:54 · runner-up metal 12 %"


def test_unsure_names_the_two_likeliest_in_their_colours() -> None:
    words = headline(replace(SONG, verdict=UNSURE), paused=False)
    assert words.word.text == "unsure"
    assert words.confidence is None
    assert words.candidates == ("rock", "blues")
    assert line(words) == "rock 34 % or blues 29 %"
    assert [phrase.genre for phrase in words.details if phrase.genre] == ["rock", "blues"]


@pytest.mark.parametrize(
    ("snapshot", "word", "details"),
    [
        (replace(SONG, verdict=OTHER), "other music", "music of none of its genres · 64 % sure"),
        (replace(SONG, verdict=SILENCE), "silence", "nothing to hear"),
        (replace(SONG, verdict=NO_MUSIC), "no music", "sound without music · 83 % sure"),
        (replace(SONG, verdict=WAITING), "listening…", "the first verdict needs a few seconds of sound"),
        (
            replace(SONG, verdict=WAITING, source_condition="opening"),
            "listening…",
            "opening the source",
        ),
        (replace(SONG, source_condition="lost"), "no source", "the stream has stopped"),
        (
            replace(SONG, source_condition="lost", source_kind="microphone"),
            "no source",
            "check its cable; listening goes on by itself",
        ),
        (
            replace(SONG, source_condition="muted"),
            "muted",
            "only digital silence: input muted, or not permitted?",
        ),
    ],
)
def test_what_is_no_genre_is_said_in_words(snapshot: Snapshot, word: str, details: str) -> None:
    words = headline(snapshot, paused=False)
    assert words.word.text == word
    assert words.word.genre is None
    assert words.confidence is None
    assert line(words) == details


def test_a_pause_keeps_the_last_word_and_claims_nothing() -> None:
    words = headline(SONG, paused=True)
    assert (words.word, words.confidence) == (Phrase("rock", "quiet"), None)
    assert line(words) == "paused"


def test_a_source_that_has_ended_keeps_its_last_word_and_claims_nothing() -> None:
    words = headline(replace(SONG, source_condition="ended"), paused=False)
    assert (words.word, words.confidence) == (Phrase("rock", "quiet"), None)
    assert line(words) == "ended"
    silent = Verdict("waiting", None, 0.0, SONG.verdict.distribution)
    unheard = headline(replace(SONG, source_condition="ended", verdict=silent), paused=False)
    assert unheard.word.text == "ended"


def test_lost_sound_does_not_begin_a_verdict_anew() -> None:
    timeline = (
        Stretch(0, 10, "genre", "jazz"),
        Stretch(10, 20, "silence"),
        Stretch(20, 21, "gap"),
        Stretch(21, 97, "silence"),
    )
    words = headline(replace(SONG, verdict=SILENCE, timeline=timeline), paused=False)
    assert line(words) == "nothing to hear · since 0:10"


def test_names_are_as_people_read_them_and_cannot_move_the_cursor() -> None:
    genre = "drum_and\x1bbass"
    snapshot = replace(SONG, genres=(genre,), verdict=Verdict("genre", genre, 0.5, {genre: 0.5}))
    assert headline(snapshot, paused=False).word.text == "drum and bass"


@pytest.mark.parametrize(
    ("source", "word", "tone"),
    [
        ("opening", "opening", "quiet"),
        ("listening", "listening", "accent"),
        ("lost", "source lost", "alarm"),
        ("muted", "muted", "warning"),
        ("ended", "ended", "quiet"),
    ],
)
def test_how_the_source_is_has_a_word_and_a_tone(source: SourceCondition, word: str, tone: str) -> None:
    phrase = condition(replace(SONG, source_condition=source), paused=False)
    assert (phrase.text, phrase.tone) == (word, tone)
    assert condition(replace(SONG, source_condition=source), paused=True).text == "paused"


def test_the_likeliest_are_two_of_the_models_genres() -> None:
    assert likeliest(SONG) == ("rock", "metal")
    assert likeliest(replace(SONG, verdict=NO_MUSIC))[0] == "blues"


def test_what_is_no_number_counts_as_nothing() -> None:
    assert [percent(value) for value in (None, float("nan"), 0.005, 0.714, 1.0)] == [
        "0 %",
        "0 %",
        "0 %",
        "71 %",
        "100 %",
    ]
