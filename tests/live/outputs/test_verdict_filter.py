"""``--only`` and ``--min-confidence``: what other programs are told, and what not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from live.errors import InputError
from live.events import Event, Verdict, WindowEvent, stamped
from live.outputs.verdict_filter import SLACK, VerdictFilter, read_names
from tests.live.example_events import AT, LABELS, start, verdict, window


def heard(verdict_filter: VerdictFilter, *events: Event) -> list[tuple[str, str | None]]:
    votes = [event.vote for event in map(verdict_filter, events) if isinstance(event, WindowEvent)]
    return [(vote.state, vote.genre) for vote in votes]


def test_nothing_asked_for_changes_nothing() -> None:
    verdict_filter = VerdictFilter()
    event = window(3.0, "rock", 0.36)
    assert verdict_filter(event) is event
    assert all(map(verdict_filter.runs_for, (event.vote, verdict(state="silence"), verdict())))


def test_a_genre_that_was_not_asked_for_is_other_music() -> None:
    verdict_filter = VerdictFilter(["rock"])
    events: list[Event] = [
        window(3.0, "rock"),
        window(3.5, "metal", 0.7),
        window(4.0, state="silence"),
        start(),
    ]
    assert heard(verdict_filter, *events) == [("genre", "rock"), ("other", None), ("silence", None)]
    metal = verdict_filter(window(3.5, "metal", 0.7))
    assert isinstance(metal, WindowEvent)
    assert metal.vote.confidence == pytest.approx(0.8), "of blues and metal, which were not asked for"
    assert metal.vote.distribution == window(3.5, "metal", 0.7).vote.distribution


def test_what_is_not_likely_enough_is_unsure_and_a_verdict_at_the_edge_does_not_flicker() -> None:
    verdict_filter = VerdictFilter(min_confidence=0.6)
    shares = [0.55, 0.61, 0.59, 0.61, 0.6 - SLACK - 0.01, 0.59, 0.61]
    states = [
        state
        for state, _ in heard(verdict_filter, *(window(k, "rock", share) for k, share in enumerate(shares)))
    ]
    assert states == ["unsure", "genre", "genre", "genre", "unsure", "unsure", "genre"]
    assert heard(verdict_filter, window(9.0, "metal", 0.59)) == [("unsure", None)], (
        "the slack is for what was told"
    )


def test_each_source_has_its_own_edge() -> None:
    verdict_filter = VerdictFilter(min_confidence=0.6)
    bar = stamped(window(3.0, "rock", 0.61), at=AT, source="bar")
    hall = stamped(window(3.0, "rock", 0.59), at=AT, source="hall")
    assert heard(verdict_filter, bar, hall) == [("genre", "rock"), ("unsure", None)]


@pytest.mark.parametrize(
    ("only", "min_confidence", "expected"),
    [
        ((), 0.0, ["rock", "metal", "silence", "unsure"]),
        (("rock",), 0.0, ["rock"]),
        (("rock", "silence"), 0.0, ["rock", "silence"]),
        ((), 0.5, ["rock", "metal"]),
    ],
)
def test_the_command_runs_for_what_was_asked_for(
    only: tuple[str, ...], min_confidence: float, expected: list[str]
) -> None:
    verdict_filter = VerdictFilter(only, min_confidence)
    runs: list[str] = []
    for event in (window(3.0, "rock"), window(3.5, "metal"), window(4.0, state="silence"), window(4.5)):
        filtered = verdict_filter(event)
        assert isinstance(filtered, WindowEvent)
        vote: Verdict = filtered.vote
        if verdict_filter.runs_for(vote):
            runs.append(vote.genre or vote.state)
    assert runs == expected


def test_names_are_the_models_whatever_their_capitals() -> None:
    assert read_names(" Rock, metal,rock,NO_MUSIC,", LABELS, ["m"]) == ("rock", "metal", "no_music")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("jaz", "the model m has no genre 'jaz': it has blues, metal, rock."),
        ("rock,waiting", "no genre 'waiting'"),
        ("", "--only takes genres"),
        (" , ", "--only takes genres"),
    ],
)
def test_what_is_no_genre_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_names(text, LABELS, ["m"])


def test_what_none_of_several_models_has_is_said_of_all() -> None:
    with pytest.raises(InputError, match="none of the models has a genre 'jaz': they have blues, metal"):
        read_names("jaz", LABELS, ["m", "other"])


def test_the_verdict_itself_is_left_as_it_is() -> None:
    event = window(3.0, "metal")
    before = replace(event)
    VerdictFilter(["rock"])(event)
    assert event == before
