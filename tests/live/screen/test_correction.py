"""A letter for each label, by which the listener says what is really heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.events import NOT_GENRES
from live.screen.correction import label_for, label_name, letters_for
from tests.live.screen.drawing import GENRES


def test_letters_are_those_of_the_names_where_they_are_free() -> None:
    letters = letters_for((*GENRES, *NOT_GENRES))
    assert letters == {
        "blues": "b",
        "classical": "c",
        "country": "o",
        "disco": "d",
        "hiphop": "h",
        "jazz": "j",
        "metal": "m",
        "pop": "p",
        "reggae": "r",
        "rock": "k",
        "no_music": "n",
        "other_music": "t",
    }


@given(st.lists(st.text(max_size=8), max_size=70, unique=True))
def test_each_label_has_a_key_of_its_own_as_far_as_there_are_keys(labels: list[str]) -> None:
    letters = letters_for(labels)
    assert len(set(letters.values())) == len(letters) == min(len(labels), 62)
    assert all(len(key) == 1 and key.isascii() and key.isalnum() for key in letters.values())
    assert all(label_for(key, letters) == label for label, key in letters.items())


def test_a_capital_will_do_and_what_is_no_letter_is_no_label() -> None:
    letters = letters_for(GENRES)
    assert label_for("J", letters) == "jazz"
    assert [label_for(key, letters) for key in ("x", " ", "escape", "up")] == [None] * 4


def test_labels_that_are_no_genres_have_names_too() -> None:
    assert [label_name(label) for label in ("no_music", "other_music", "hip_hop")] == [
        "no music",
        "other music",
        "hip hop",
    ]
