"""A whole Ogg file is known to be whole, and whatever changes a byte or takes a page of it is noticed."""

from __future__ import annotations

import functools
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from live.sources.decoders.decoder import LEAST_MISSING_S
from live.sources.formats import ogg_pages
from live.sources.formats.ogg_pages import OPUS_RATE, OggPages, harmed_ogg_bytes
from tests.live.sources.decoders.test_completeness import last_page
from tests.sounds import tune

LENGTH_S = 3.0
codecs = st.sampled_from(["VORBIS", "OPUS"])
parts = st.floats(0, 1, exclude_max=True)


@functools.cache
def written(codec: str) -> bytes:
    """Return a whole file."""
    file = io.BytesIO()
    sound = tune(LENGTH_S, sample_rate=OPUS_RATE, channels=2)
    soundfile.write(file, sound, OPUS_RATE, format="OGG", subtype=codec)
    return file.getvalue()


def ends_of_pages(content: bytes) -> list[int]:
    return [*(found.start() for found in re.finditer(b"OggS\0", content)), len(content)][1:]


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.ogg"
        path.write_bytes(content)
        yield path


def walked(content: bytes, seconds: float = float("inf")) -> OggPages:
    """Return the pages of a file, after walking over them."""
    with file_of(content) as path, closing(OggPages(path, OPUS_RATE)) as pages:
        pages.walk(seconds)
    return pages


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_whole_file_is_known_to_be_whole_and_how_long_it_is(codec: str) -> None:
    content = written(codec)
    pages = walked(content)
    assert (pages.is_whole, pages.is_broken) == (True, False)
    assert pages.position_s == pytest.approx(LENGTH_S, abs=0.001)
    assert pages.cut_s < LEAST_MISSING_S
    assert pages.unwalked == 0
    with file_of(content) as path:
        assert harmed_ogg_bytes(path, 0, len(content)) == 0


@settings(max_examples=50)
@given(codec=codecs, where=parts, change=st.integers(1, 255))
def test_a_byte_that_changed_is_noticed(codec: str, where: float, change: int) -> None:
    whole = written(codec)
    at = int(where * len(whole))
    ends = ends_of_pages(whole)
    content = whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :]
    pages = walked(content)
    assert (pages.is_whole, pages.is_broken) == (False, True)
    page = next(index for index, end in enumerate(ends) if at < end)
    assert pages.unwalked == pytest.approx(len(content) / max(1, [0, *ends][page]) - bool(page))
    with file_of(content) as path:
        assert harmed_ogg_bytes(path, 0, len(content)) == ends[page] - [0, *ends][page]


@settings(max_examples=50)
@given(codec=codecs, where=parts)
def test_a_file_that_was_cut_is_broken_there(codec: str, where: float) -> None:
    content = written(codec)
    at = int(where * len(content))
    pages = walked(content[:at])
    whole = max((end for end in [0, *ends_of_pages(content)] if end <= at), default=0)
    assert pages.is_whole is (at == whole)
    assert pages.is_broken is (at != whole)
    assert pages.position_s == walked(content[:whole]).position_s


@settings(max_examples=50)
@given(codec=codecs, where=parts)
def test_a_page_that_is_gone_is_noticed(codec: str, where: float) -> None:
    content = written(codec)
    ends = ends_of_pages(content)
    first = int(where * (len(ends) - 1))
    begin, end = [0, *ends][first : first + 2]
    pages = walked(content[:begin] + content[end:])
    assert (pages.is_whole, pages.is_broken) == (False, True)
    assert pages.position_s == walked(content[:begin]).position_s


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_another_stream_or_the_beginning_of_a_page_ends_the_first(codec: str) -> None:
    for foreign in (written("OPUS"), b"OggS\0"):
        pages = walked(written(codec) + foreign)
        assert pages.is_broken
        assert pages.position_s == pytest.approx(LENGTH_S, abs=0.001)


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_a_last_page_with_the_wrong_position_is_noticed(codec: str) -> None:
    content = written(codec)
    assert walked(last_page(content, -0.5)).is_broken
    assert walked(last_page(content, 0.0)).cut_s > walked(content).cut_s


def test_what_only_begins_like_a_page_is_not_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogg_pages, "_checksum", Mock(side_effect=AssertionError))
    with file_of(b"OggS" * 50_000) as path:
        assert harmed_ogg_bytes(path, 0, 200_000) == 200_000
