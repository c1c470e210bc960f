"""Which sources are asked for, by options or by a file of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.errors import InputError
from live.options import Options
from live.sources.source_requests import (
    SourceRequest,
    read_sources,
    requests_from,
    requests_of,
    with_defaults,
)


def test_without_any_it_is_the_systems_microphone() -> None:
    assert requests_of(Options()) == [SourceRequest("microphone", gain_db=0.0)]


def test_a_malformed_address_has_a_name() -> None:
    assert SourceRequest("stream", "http://radio.example:port/").shown_name == "http://…"


def test_repeated_options_are_sources_side_by_side() -> None:
    requests = requests_of(Options(device=("1", "USB"), file=("a.wav",), gain=3.0))
    assert requests == [
        SourceRequest("microphone", "1", gain_db=3.0),
        SourceRequest("microphone", "USB", gain_db=3.0),
        SourceRequest("file", "a.wav"),
    ]


def test_a_file_of_sources_gives_each_its_own_options(tmp_path: Path) -> None:
    path = tmp_path / "rooms.toml"
    path.write_text(
        '[[source]]\nname = "bar"\ndevice = 1\nchannel = 2\n'
        '[[source]]\nname = "hall"\ndevice = "USB"\ngain = -3\nmodel = "genre-lstm"\n'
        '[[source]]\nfile = "song.wav"\n'
    )
    assert requests_of(Options(sources=path, channel=1, gain=6.0)) == [
        SourceRequest("microphone", "1", "bar", channel=2, gain_db=6.0),
        SourceRequest("microphone", "USB", "hall", channel=1, gain_db=-3.0, model="genre-lstm"),
        SourceRequest("file", str(tmp_path / "song.wav")),
    ]


def test_paths_in_a_file_of_sources_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "rooms.toml"
    path.write_text(
        '[[source]]\nfile = "a.wav"\nmodel = "mine"\n[[source]]\ndevice = "hall"\nmodel = "genre-lstm"\n'
    )
    mine, shipped = read_sources(path)
    assert (mine.place, mine.model) == (str(tmp_path / "a.wav"), str(tmp_path / "mine"))
    assert (shipped.place, shipped.model) == ("hall", "genre-lstm")


def test_a_gain_of_a_source_replaces_the_general_one_also_where_it_is_zero() -> None:
    tables = [{"device": "a", "gain": 0}, {"device": "b"}, {"url": "http://h/", "gain": -3}]
    requests = with_defaults(requests_from(tables, "here"), Options(gain=6.0))
    assert [request.gain_db for request in requests] == [0.0, 6.0, -3.0]


def test_a_file_of_sources_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rooms.toml"
    path.write_text('[[source]]\ndevice = "hall"\n', encoding="utf-8-sig")
    assert [request.place for request in read_sources(path)] == ["hall"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "none"),
        ("source = 3", "none"),
        ("source = []", "none"),
        ("[[source]]\n", "wants one of"),
        ('[[source]]\ndevice = "a"\nfile = "b"', "wants one of"),
        ('[[source]]\ndevice = ""', "not a text"),
        ("[[source]]\nfile = 3", "not a text"),
        ("[[source]]\ndevice = true", "not a text"),
        ('[[source]]\ndevice = "a"\nvolume = 3', "'volume'"),
        ('[[source]]\ndevice = "a"\nchannel = 0', "channel"),
        ('[[source]]\ndevice = "a"\nchannel = true', "channel"),
        ('[[source]]\ndevice = "a"\ngain = 100', "gain"),
        ('[[source]]\ndevice = "a"\ngain = nan', "gain"),
        ('[[source]]\nfile = "a"\nchannel = 1', "for a device"),
        ('[[source]]\nname = "x"\ndevice = "a"\n[[source]]\nname = "x"\ndevice = "b"', "'x'"),
        ("[[source", "wrong"),
        ("[" * 5_000, "wrong"),
    ],
)
def test_a_file_of_sources_that_says_what_nobody_understands_is_one_sentence(
    text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "rooms.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as raised:
        read_sources(path)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


def test_a_file_of_sources_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_sources(tmp_path / "missing.toml")
