"""Set the colour of a lamp to that of the genre, and its brightness to the confidence.

    genre-live --json | python examples/lamp.py 192.168.1.20     # a lamp with WLED
    genre-live --json | python examples/lamp.py                  # no lamp: a coloured area in the terminal

It reads the events of genre-live. WLED takes colours over UDP, port 21324, in a packet of a few bytes
(kno.wled.ge/interfaces/udp-realtime): the number of the protocol, 2; the seconds until the lamp goes back
to its own programme; then red, green and blue of each light.
"""

from __future__ import annotations

import json
import socket
import sys

from live.palette import DARK

WLED_PORT = 21_324
GOES_BACK_AFTER_S = 10
LIGHTS = 60


def color_of(vote: dict, colors: dict[str, str]) -> tuple[int, int, int]:  # type: ignore[type-arg]
    """Return red, green and blue, 0 to 255, for a verdict; black if there is no genre."""
    if vote["genre"] is None:
        return 0, 0, 0
    name = colors[vote["genre"]]
    red, green, blue = (round(int(name[k : k + 2], 16) * vote["confidence"]) for k in (1, 3, 5))
    return red, green, blue


def main(host: str = "", port: str = str(WLED_PORT)) -> None:
    """Set the colour of the lamp for each window, until the events end."""
    colors: dict[str, str] = {}
    lamp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for line in sys.stdin:
        event = json.loads(line)
        if event["event"] == "start":
            colors = DARK.colors(event["model"]["labels"])
        elif event["event"] == "window":
            red, green, blue = color_of(event["vote"], colors)
            if host:
                packet = bytes([2, GOES_BACK_AFTER_S, *(red, green, blue) * LIGHTS])
                lamp.sendto(packet, (host, int(port)))
            else:
                print(f"\r\x1b[48;2;{red};{green};{blue}m          \x1b[0m", end="", flush=True)
    if not host:
        print()


if __name__ == "__main__":
    main(*sys.argv[1:])
