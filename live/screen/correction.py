"""The letters with which the user corrects the verdict."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from live.screen.characters import genre_name
from live.wording import LABEL_NAMES

_SIGNS = string.ascii_lowercase + string.digits + string.ascii_uppercase


def label_name(label: str) -> str:
    """Return the name of a genre or another label for display."""
    return LABEL_NAMES.get(label) or genre_name(label)


def letters_for(labels: Sequence[str]) -> dict[str, str]:
    """Return a key for each label while there are keys: a letter of its name if one is free."""
    letters: dict[str, str] = {}
    for label in labels:
        name = label_name(label).lower()
        free = [sign for sign in (*name, *_SIGNS) if sign in _SIGNS and sign not in letters.values()]
        if free:
            letters[label] = free[0]
    return letters


def label_for(key: str, letters: Mapping[str, str]) -> str | None:
    """Return the label of a key, in upper or lower case; None for other keys."""
    by_letter = {letter: label for label, letter in letters.items()}
    return by_letter.get(key) or by_letter.get(key.lower())
