"""Analyse samples of your own program; in this example, blocks of a file.

    python examples/own_samples.py song.wav

The samples may also come from a network stream, a game's mixer or a plug-in, at any rate and in blocks of any
size.
"""

from __future__ import annotations

import sys

import soundfile

import live


def main(path: str) -> None:
    """Print the verdict every five seconds of sound."""
    with soundfile.SoundFile(path) as file:
        session = live.Session(sample_rate=file.samplerate)
        printed_s = 0.0
        for block in file.blocks(blocksize=4_096, dtype="float32", always_2d=True):
            for window in session.feed(block):
                if window.time_s - printed_s >= 5:
                    printed_s = window.time_s
                    print(f"{window.time_s:6.1f} s  {window.vote.genre or window.vote.state}")
        session.finish()
    print(f"at the end: {session.verdict.genre or session.verdict.state}")


if __name__ == "__main__":
    main(*sys.argv[1:])
