"""Colours that can be told apart and read, by computation."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from live.palette import DARK, LIGHT, Theme, contrast, ink, luminance

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
Matrix = tuple[tuple[float, float, float], ...]

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
SIGHTS: dict[str, Matrix] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TO_CONE: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB: Matrix = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def times(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def oklab(color: str, sight: Matrix) -> tuple[float, ...]:
    channels = (int(color[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    seen = tuple(min(1.0, max(0.0, value)) for value in times(sight, linear))
    return times(TO_LAB, tuple(value ** (1 / 3) for value in times(TO_CONE, seen)))


def distance(first: str, second: str, sight: Matrix) -> float:
    a, b = oklab(first, sight), oklab(second, sight)
    return 100.0 * math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
class TestTheme:
    def test_genres_are_readable_on_the_background(self, theme: Theme) -> None:
        for color in (*theme.known.values(), *theme.others):
            assert contrast(color, theme.background) >= 3.0, color

    def test_words_are_readable_on_the_background(self, theme: Theme) -> None:
        for color in (theme.text, theme.quiet, theme.accent, theme.warning, theme.alarm):
            assert contrast(color, theme.background) >= 4.5, color
        assert contrast(theme.faint, theme.background) >= 3.5

    def test_the_ten_genres_are_told_apart_by_every_eye(self, theme: Theme) -> None:
        for name, sight in SIGHTS.items():
            least = 14.0 if name == "normal" else 9.0
            for first, second in combinations(theme.known.values(), 2):
                assert distance(first, second, sight) >= least, (name, first, second)

    def test_names_are_readable_on_their_own_colour(self, theme: Theme) -> None:
        for color in (*theme.known.values(), *theme.others):
            assert contrast(ink(color), color) >= 4.5, color

    def test_a_genre_keeps_its_colour_in_any_company(self, theme: Theme) -> None:
        alone = theme.colors(["jazz"])
        among = theme.colors(["techno", "jazz", "Hip-Hop"])
        assert alone["jazz"] == among["jazz"] == theme.colors(GENRES)["jazz"]
        assert among["Hip-Hop"] == theme.colors(GENRES)["hiphop"]

    def test_twenty_unknown_genres_get_twenty_colours(self, theme: Theme) -> None:
        colors = theme.colors([f"genre {number}" for number in range(20)])
        assert len(set(colors.values())) == 20

    def test_more_genres_than_colours_still_get_one_each(self, theme: Theme) -> None:
        genres = [f"genre {number}" for number in range(70)]
        assert list(theme.colors(genres)) == genres

    def test_unknown_genres_do_not_take_the_colour_of_a_known_one(self, theme: Theme) -> None:
        colors = theme.colors(["techno", "rock", "ambient"])
        assert len(set(colors.values())) == 3


def test_contrast_follows_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#ff0000") == pytest.approx(0.2126)
