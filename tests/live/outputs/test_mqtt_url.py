"""The URL of ``--mqtt``: what it names, and what is wrong with one that names nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from live.errors import InputError
from live.outputs.mqtt_url import parse_url, tls_context, without_password
from tests.receivers import Authority


def test_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = parse_url("mqtt://broker")
    assert (plain.host, plain.port, plain.is_encrypted) == ("broker", 1883, False)
    assert (plain.username, plain.password) == (None, None)
    assert (plain.prefix, plain.discovery) == ("genre_live", "homeassistant")
    full = parse_url("mqtts://me:p%40ss%2F@[::1]:18883/bar/music/?discovery=ha/x")
    assert (full.host, full.port, full.is_encrypted) == ("::1", 18883, True)
    assert (full.username, full.password) == ("me", "p@ss/")
    assert (full.prefix, full.discovery) == ("bar/music", "ha/x")
    assert parse_url("mqtts://broker").port == 8883
    assert "p@ss" not in repr(full)
    monkeypatch.setenv("GENRE_LIVE_MQTT_PASSWORD", "from outside")
    assert parse_url("mqtt://me@broker").password == "from outside"
    assert parse_url("mqtt://me:here@broker").password == "here"


def test_a_password_in_a_file_stays_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENRE_LIVE_MQTT_PASSWORD", "from outside")
    path = tmp_path / "a secret"
    path.write_bytes("pässword \r\nmore\n".encode())
    url = f"mqtt://me@broker?password_file={path}".replace(" ", "%20")
    assert parse_url(url).password == "pässword "
    for content in (None, b"\xff"):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        else:
            path.mkdir()
        with pytest.raises(InputError, match="password of --mqtt cannot be read from"):
            parse_url(url)
        if content is None:
            path.rmdir()
            path.touch()


def test_files_of_certificates() -> None:
    broker = parse_url("mqtts://broker?ca=/a%20b/ca.pem&certificate=me.pem&key=me.key")
    assert (broker.ca, broker.certificate, broker.key) == (str(Path("/a b/ca.pem")), "me.pem", "me.key")
    assert parse_url("mqtts://[::1]").address == "[::1]:8883"
    with pytest.raises(InputError, match="ca is for an encrypted connection: write mqtts://"):
        parse_url("mqtt://broker?ca=ca.pem")
    with pytest.raises(InputError, match="a key says nothing without its certificate"):
        parse_url("mqtts://broker?key=me.key")


def test_certificates_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.sign("me")
    _, other_key = authority.sign("other")
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], check=True
    )
    for query, sentence in (
        (f"ca={tmp_path / 'missing'}", r"The CA of --mqtt cannot be used from .*missing \(No such file"),
        (f"ca={rubbish}", "no PEM file"),
        (f"certificate={certificate}", "client certificate of --mqtt cannot be used"),
        (f"certificate={rubbish}&key={key}", "no PEM file"),
        (f"certificate={certificate}&key={other_key}", "the key is that of another certificate"),
        (f"certificate={certificate}&key={locked}", "locked"),
    ):
        with pytest.raises(InputError, match=sentence):
            tls_context(parse_url(f"mqtts://broker?{query}"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://me:secret@broker:x",
        "mqtt://me:secret@broker:70000",
        "mqtt://broker:0",
        "mqtt://me:secret@broker/a/#",
        "mqtt://broker/+/a",
        "mqtt://broker?colour=red",
        "mqtt://broker?discovery",
        "mqtt://broker?discovery=",
        "mqtt://a..b",
        "mqtt://[::1",
        "mqtt://broker/%ff",
    ],
)
def test_what_is_no_url_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(InputError, match="--mqtt takes a URL") as error:
        parse_url(url)
    assert "secret" not in str(error.value)


def test_a_url_is_shown_without_its_password() -> None:
    assert without_password("mqtts://me:s3:cret@broker/bar?ca=x") == "mqtts://me:***@broker/bar?ca=x"
    assert without_password("mqtt://broker") == "mqtt://broker"
