"""The lengths of blocks in real time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.options import DEFAULTS
from live.sources.source import UNWATCHED_BLOCK_S, WATCHED_BLOCK_S, block_length_s


@given(st.floats(0.01, 60.0), st.booleans())
def test_a_hop_is_a_whole_number_of_blocks(hop_s: float, is_watched: bool) -> None:
    block_s = block_length_s(hop_s, is_watched=is_watched)
    assert hop_s / block_s == pytest.approx(round(hop_s / block_s))
    assert 0 < block_s <= (WATCHED_BLOCK_S if is_watched else UNWATCHED_BLOCK_S) * (1 + 1e-6)


def test_blocks_of_the_usual_hop_are_as_long_as_allowed() -> None:
    assert block_length_s(DEFAULTS.hop, is_watched=True) == pytest.approx(WATCHED_BLOCK_S)
    assert block_length_s(DEFAULTS.hop, is_watched=False) == pytest.approx(UNWATCHED_BLOCK_S)
