from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from training.dataset.collections import FEWEST_CLIPS, by_collection, worst_weighted

LOSSES = st.lists(st.floats(-5, 5), min_size=1, max_size=6)


@given(LOSSES)
def test_the_loss_lies_between_mean_and_worst_and_heeds_the_worst_most(losses: list[float]) -> None:
    loss = worst_weighted(losses)
    assert sum(losses) / len(losses) - 1e-9 <= loss <= max(losses) + 1e-9
    worst = losses.index(max(losses))
    better = [value - (1.0 if k == worst else 0.0) for k, value in enumerate(losses)]
    others = [value - (0.0 if k == worst else 1.0) for k, value in enumerate(losses)]
    if len(losses) > 1 and sorted(losses)[-2] <= max(losses) - 1:
        assert worst_weighted(better) <= worst_weighted(others) + 1e-9


def test_a_collection_without_a_clip_does_not_count() -> None:
    assert worst_weighted([1.0, float("nan"), 3.0]) == 2.5
    assert math.isnan(worst_weighted([]))


def test_small_collections_are_taken_together() -> None:
    items = ["a"] * FEWEST_CLIPS + ["b"] * 2 + ["c"] * 3
    assert [len(found) for found in by_collection(items, str)] == [FEWEST_CLIPS, 5]
