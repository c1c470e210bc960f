"""The letters by which the listener says what is really heard."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from live.screen.characters import genre_name
from live.wording import LABEL_NAMES

_SIGNS = string.ascii_lowercase + string.digits + string.ascii_uppercase


def label_name(label: str) -> str:
    """Return the name of a genre or another label as people read it."""
    return LABEL_NAMES.get(label) or genre_name(label)


def letters_for(labels: Sequence[str]) -> dict[str, str]:
    """Return a key for each label, as many as there are keys: a letter of its name where one is free."""
    letters: dict[str, str] = {}
    for label in labels:
        name = label_name(label).lower()
        free = [sign for sign in (*name, *_SIGNS) if sign in _SIGNS and sign not in letters.values()]
        if free:
            letters[label] = free[0]
    return letters


def label_for(key: str, letters: Mapping[str, str]) -> str | None:
    """Return the label that a key stands for, also where it is the capital of its letter."""
    by_letter = {letter: label for label, letter in letters.items()}
    return by_letter.get(key) or by_letter.get(key.lower())
