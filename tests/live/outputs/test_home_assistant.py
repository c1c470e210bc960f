"""What Home Assistant is told: where to look, and of each listener under an identifier of its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.outputs.home_assistant import discovery_messages, identity


def test_home_assistant_is_told_where_to_look() -> None:
    messages = discovery_messages("homeassistant", "bar/front room")
    assert list(messages) == [
        f"homeassistant/sensor/bar-2Ffront-20room/{name}/config"
        for name in ("verdict", "confidence", "level")
    ]
    for name, message in zip(("verdict", "confidence", "level"), messages.values(), strict=True):
        assert message["state_topic"] == f"bar/front room/{name}"
        assert message["unique_id"] == f"bar-2Ffront-20room_{name}"
        assert message["availability"][0] == {"topic": "bar/front room/status"}
    assert discovery_messages(None, "bar") == {}
    assert all(topic.startswith("ha/") for topic in discovery_messages("ha", "bar"))


@pytest.mark.parametrize(
    ("source", "availability"),
    [("listening", "online"), ("muted", "online"), ("lost", "offline"), ("ended", "offline")],
)
def test_a_sensor_is_available_while_its_source_is(source: str, availability: str) -> None:
    for message in discovery_messages("homeassistant", "bar").values():
        told = message["availability"][1]
        assert told["topic"] == "bar/source"
        expression = told["value_template"].removeprefix("{{").removesuffix("}}")
        assert eval(expression.strip(), {"value": source}) == availability  # in Jinja it means the same


@given(st.text(), st.text())
def test_no_two_prefixes_share_an_identifier(first: str, second: str) -> None:
    assert (identity(first) == identity(second)) == (first == second)
    assert re.fullmatch(r"[A-Za-z0-9_-]*", identity(first))


def test_an_identifier_of_letters_is_the_prefix_itself() -> None:
    assert identity("living_room") == "living_room"
    assert len({identity(prefix) for prefix in ("bär", "bör", "b_r", "b-r", "b/r", "b r", "b-2Fr")}) == 7
