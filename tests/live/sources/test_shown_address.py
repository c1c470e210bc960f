"""Addresses are shown without what may be secret."""

from __future__ import annotations

import pytest

from live.sources.shown_address import shown_address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@radio.example:8000/stream?token=secret", "https://radio.example:8000/stream"),
        ("http://user:secret@[::1]/stream", "http://[::1]/stream"),
        ("http://user:secret@radio.example:port/stream", "http://…"),
        ("http:/\t/user:secret@[radio.example/stream", "http://…"),
        ("//user:secret@[radio.example", "//…"),
    ],
)
def test_nothing_secret_is_shown(url: str, shown: str) -> None:
    assert shown_address(url) == shown
