from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from live.archive.rows import as_text

PARTS = some.sampled_from([b"\\", b"x", b"5c", b"ff", b"e9", b"\xff", b"\xe9", "\u00e9".encode(), b"a"])


@pytest.mark.skipif(os.name == "nt", reason="Names are no bytes there.")
@given(name=some.lists(PARTS, max_size=8).map(b"".join))
def test_a_path_can_be_told_from_its_text(name: bytes) -> None:
    text = as_text(os.fsdecode(name)).encode()
    assert re.sub(rb"\\x(5c|[89a-f][0-9a-f])", lambda escape: bytes.fromhex(escape[1].decode()), text) == name


def test_text_is_the_path_itself() -> None:
    for path in ("music/a.mp3", "caf\u00e9.mp3", r"C:\\x41.mp3", "s3://bucket/a.mp3"):
        assert as_text(path) == path
    if os.name != "nt":
        assert as_text(os.fsdecode(b"caf\xe9.mp3")) == r"caf\xe9.mp3"
