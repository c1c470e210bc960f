"""The messages of MQTT discovery, from which Home Assistant creates its entities."""

from __future__ import annotations

import re
from typing import Any

from live import __version__

SENSORS: dict[str, dict[str, Any]] = {
    "verdict": {"name": "Music genre", "icon": "mdi:music"},
    "confidence": {
        "name": "Confidence",
        "icon": "mdi:percent",
        "unit_of_measurement": "%",
        "state_class": "measurement",
    },
    "level": {
        "name": "Level",
        "icon": "mdi:volume-high",
        "unit_of_measurement": "dB",
        "state_class": "measurement",
    },
}

# Home Assistant ignores a payload that is neither, so a source that is muted when it starts needs one too.
SOURCE_AVAILABILITY = "{{ 'online' if value in ['listening', 'muted'] else 'offline' }}"


def identity(prefix: str) -> str:
    """Return a unique identifier for a topic prefix.

    An identifier may hold only letters, digits, ``_`` and ``-``. Every other byte, and ``-`` itself, is
    encoded as ``-`` and two hexadecimal digits.
    """
    return re.sub(
        r"[^A-Za-z0-9_]", lambda found: "".join(f"-{byte:02X}" for byte in found[0].encode()), prefix
    )


def discovery_messages(
    discovery: str | None, prefix: str, source: str | None = None, part: str = ""
) -> dict[str, dict[str, Any]]:
    """Return the discovery messages by topic.

    Parameters
    ----------
    discovery : str or None
        Home Assistant's discovery prefix; with None, there are no messages.
    prefix : str
        The prefix of this program's topics.
    source, part : str, optional
        With several sources, the name of this one, and the part of its topics after the prefix.
    """
    if discovery is None:
        return {}
    below = f"{prefix}/{part}".rstrip("/")
    name = identity(below)
    shared = {
        "availability_mode": "all",
        "availability": [
            {"topic": f"{prefix}/status"},
            {"topic": f"{below}/source", "value_template": SOURCE_AVAILABILITY},
        ],
        "device": {
            "identifiers": [name],
            "name": "genre-live" if source is None else f"genre-live {source}",
            "sw_version": __version__,
        },
        "origin": {"name": "genre-live", "sw_version": __version__},
    }
    messages = {}
    for topic, sensor in SENSORS.items():
        described = dict(sensor)
        if topic == "verdict":
            described["json_attributes_topic"] = f"{below}/distribution"
        messages[f"{discovery}/sensor/{name}/{topic}/config"] = {
            **described,
            "unique_id": f"{name}_{topic}",
            "state_topic": f"{below}/{topic}",
            **shared,
        }
    return messages
