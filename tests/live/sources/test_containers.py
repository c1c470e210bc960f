"""Searching a container piece by piece finds what searching it at once does."""

from __future__ import annotations

import mmap
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.sources import containers

PIECE = mmap.ALLOCATIONGRANULARITY


@given(
    places=st.lists(st.integers(0, 3 * PIECE), max_size=3),
    start=st.integers(0, 3 * PIECE),
    length=st.integers(1, 9),
)
def test_what_is_sought_is_found_wherever_pieces_meet(places: list[int], start: int, length: int) -> None:
    wanted = b"fLaC\x00\x00\x00\x22x"[:length]
    content = bytearray(3 * PIECE + 20)
    for place in [*places, *(PIECE - length + 1 for _ in places)]:
        content[place : place + length] = wanted
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile() as file:
        patch.setattr(containers, "_SEARCHED_AT_ONCE", PIECE)
        file.write(content)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            assert containers._find(data, wanted, start) == content.find(wanted, start)
