"""Classify whole files, and print their timelines.

python examples/file.py song.mp3 another.flac
"""

from __future__ import annotations

import sys

import live


def main(*paths: str) -> None:
    """Print a summary and the timeline of each file."""
    for path in paths:
        result = live.classify_file(path)
        print(f"{path}: {result.genre or 'no genre'}, {result.duration_s:.0f} s")
        for stretch in result.timeline:
            print(f"  {stretch.start_s:6.1f} s  {stretch.genre or stretch.state}")
        for warning in result.warnings:
            print(f"  {warning}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except live.errors.GenreLiveError as error:
        sys.exit(str(error))
