"""The command line of genre-live."""

from __future__ import annotations

import argparse

from live.argument_parser import make_parser
from live.options import INSTEAD, Options

DESCRIPTION = "Recognises the genre of music from a microphone, a file or a radio station, in real time."
EXAMPLES = """\
examples:
  genre-live                                 listen to the default microphone
  genre-live --list-devices                  list the microphones
  genre-live --device 1                      listen to microphone 1 of that list
  genre-live --file song.mp3                 stream a file in real time
  genre-live --file song.mp3 --speed max     the same as fast as possible
  genre-live --url URL                       follow a radio station
  genre-live --json | jq '.vote // empty'    feed the verdict to another program

exit status: 0 done (Ctrl-C included), 1 the source, the model or an output
failed while running, 2 bad arguments or unreadable input.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of genre-live's arguments."""
    return make_parser(
        Options,
        "genre-live",
        usage="%(prog)s [--device ID|NAME | --file PATH] [OPTION]...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        general=INSTEAD,
        stray_advice="give a file as --file PATH",
        stray_addresses="give the address of a station as --url ADDRESS",
        has_settings=True,
    )
