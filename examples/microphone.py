"""Listen to a microphone, and print each change of the verdict.

python examples/microphone.py                # the default microphone, until Ctrl-C
python examples/microphone.py "USB Audio"    # another one, by a part of its name
python examples/microphone.py "" 60          # for a minute
"""

from __future__ import annotations

import sys

import live


def main(device: str = "", seconds: str = "") -> None:
    """Print each change of the verdict."""
    before = None
    for window in live.listen(device or None, duration_s=float(seconds) if seconds else None):
        vote = window.vote
        now = vote.genre or vote.state
        if now != before:
            before = now
            print(f"{window.time_s:7.1f} s  {now}  ({vote.confidence:.0%})", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
    except live.errors.GenreLiveError as error:  # its text says what to do
        sys.exit(str(error))
