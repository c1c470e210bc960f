"""The bytes of a file against those in memory, and a file that becomes shorter."""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.sources.formats import file_bytes, mp3_frames
from live.sources.formats.file_bytes import FileBytes
from live.sources.formats.mp3_frames import Mp3Frames
from tests.sounds import write_tune

PLACES = st.integers(-60, 60)


@given(
    st.binary(max_size=50),
    st.lists(st.tuples(PLACES, PLACES)),
    st.binary(min_size=1, max_size=3),
    st.integers(1, 9),
)
def test_it_holds_what_the_file_holds(
    content: bytes, places: list[tuple[int, int]], wanted: bytes, piece: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(file_bytes, "BLOCK_BYTES", piece)
        path = Path(folder) / "file"
        path.write_bytes(content)
        with closing(FileBytes(path)) as data:
            assert len(data) == len(content)
            for start, end in places:
                assert data[start:end] == content[start:end]
                assert data.find(wanted, max(0, start), max(0, end)) == content.find(
                    wanted, max(0, start), max(0, end)
                )
                low, high = max(0, start), max(0, end)
                match = re.compile(re.escape(wanted)).search(content, low, high)
                found = -1 if match is None else match.start()
                assert data.search(re.compile(re.escape(wanted)), len(wanted), low, high) == found
                if -len(content) <= start < len(content):
                    assert data[start] == content[start]
                else:
                    with pytest.raises(IndexError):
                        data[start]
            assert data.find(wanted) == content.find(wanted)


def test_a_search_that_finds_much_reads_each_block_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ab" * 500_000)
    with closing(FileBytes(path)) as data:
        read = data._read
        lengths: list[int] = []

        def counted(start: int, stop: int) -> bytes:
            lengths.append(stop - start)
            return read(start, stop)

        monkeypatch.setattr(data, "_read", counted)
        found, at = 0, data.find(b"b")
        while at >= 0:
            found, at = found + 1, data.find(b"b", at + 1)
    assert found == 500_000
    assert sum(lengths) <= 1_000_000 + 10


def test_what_is_cut_off_meanwhile_reads_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000_000)
    with closing(FileBytes(path)) as data:
        assert data[:2] == b"xx"
        with path.open("r+b") as file:
            file.truncate(600_000)
        assert data[599_999:600_002] == b"x\0\0"
        assert len(data) == 1_000_000
        assert data[-300_000:] == bytes(300_000)


def test_the_frames_of_a_file_that_becomes_shorter_end_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mp3_frames, "_WALKED_AT_ONCE", 10)
    path = write_tune(tmp_path / "tune.mp3", 60.0, rate=44_100, channels=2)
    frames = Mp3Frames(path)
    frames.walk(44_100)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    frames.walk(10**9)  # a memory map would end the process here
    assert frames.is_broken
    assert 25 < frames.samples / 44_100 < 40
    frames.close()
