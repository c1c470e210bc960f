"""Where the page is served: addresses, whom they let in, and ports that are taken."""

from __future__ import annotations

import socket

import pytest

from live.errors import InputError
from live.outputs.web.address import Address, check_trust, listen, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8000", Address("127.0.0.1", 8_000)),
        ("0", Address("127.0.0.1", 0)),
        ("0.0.0.0:65535", Address("0.0.0.0", 65_535)),
        ("desk.local:80", Address("desk.local", 80)),
        ("[::1]:8000", Address("::1", 8_000)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "x", ":8000", "host:", "host:x", "8000:", "65536", "::1:80", "-1", "٣"])
def test_what_is_no_address_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"--web takes \[HOST:\]PORT"):
        parse_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_only_this_machine_reaches_the_loopback(host: str) -> None:
    address = Address(host, 8_000)
    assert address.is_private
    check_trust(address, None, is_open=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "desk.local"])
def test_a_host_that_others_reach_wants_to_be_told_whom_to_let_in(host: str) -> None:
    address = Address(host, 8_000)
    assert not address.is_private
    with pytest.raises(InputError, match=r"Others can reach .*: give --web-token TOKEN.* or --web-open"):
        check_trust(address, None, is_open=False)
    check_trust(address, "long enough", is_open=False)
    check_trust(address, None, is_open=True)
    with pytest.raises(InputError, match="at least 8 characters"):
        check_trust(address, "short", is_open=False)


def test_a_name_that_is_not_ours_was_made_to_lead_here() -> None:
    here, everywhere = Address("127.0.0.1", 8_000), Address("0.0.0.0", 8_000)
    for name in ("127.0.0.1", "localhost", "LOCALHOST.", "::1"):
        assert here.answers_to(name)
    for name in ("evil.example", "localhost.evil.example", "192.168.1.7", socket.gethostname() + ".x", ""):
        assert not here.answers_to(name)
    assert everywhere.answers_to("192.168.1.7")
    assert everywhere.answers_to(socket.gethostname())
    assert not everywhere.answers_to("evil.example")
    assert Address("music.example", 80).answers_to("music.example")


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=rf"cannot be served at 127.0.0.1:{port} \(.*\): choose another port"
        ):
            listen(Address("127.0.0.1", port))


def test_a_host_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(
        InputError, match=r"cannot be served at 192\.0\.2\.1.*: give an address of this computer"
    ):
        listen(Address("192.0.2.1", 0))
    with pytest.raises(InputError, match=r"The host of --web no\.\.such is not known"):
        listen(Address("no..such", 0))
