"""The texts for verdicts, times and losses, the same on the screen, in lines and in reports."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from live.events import NO_MUSIC, OTHER_MUSIC, SummaryEvent, Verdict
from live.snapshot import StretchState

GAP_REASONS: Mapping[str, str] = {
    "overflow": "the device overflowed",
    "stall": "the source stalled",
    "behind": "the computer was too busy",
    "undecodable": "it could not be decoded",
}
SOURCE_STATUS: Mapping[str, str] = {
    "lost": "the source is gone; waiting for it",
    "back": "the source is back",
    "muted": "nothing but digital silence: is the source muted or unplugged"
    + (", or not allowed in System Settings?" if sys.platform == "darwin" else "?"),
}
STATE_NAMES: Mapping[StretchState, str] = {
    "unsure": "unsure",
    "other": "other music",
    "silence": "silence",
    "no_music": "no music",
    "waiting": "nothing yet",
    "gap": "sound lost",
}
LABEL_NAMES: Mapping[str, str] = {NO_MUSIC: "no music", OTHER_MUSIC: "other music"}
"""Names of the labels that are not genres."""


def clock(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(max(0.0, seconds)) if math.isfinite(seconds) else 0, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def no_numbers(name: str, samples: int) -> str:
    """Return a sentence about samples that are NaN or infinite."""
    return f"{name} held {count_of(samples, 'sample')} that are no numbers: heard as silence."


def verdict_words(verdict: Verdict) -> str:
    """Return a verdict in words."""
    if verdict.genre is not None:
        return f"{verdict.genre} {verdict.confidence:.0%}"
    return "listening" if verdict.state == "waiting" else STATE_NAMES[verdict.state]


def summary_words(summary: SummaryEvent) -> str:
    """Return a summary in words: time listened, share of each genre, lost sound."""
    heard = ", ".join(f"{genre} {share:.0%}" for genre, share in summary.share.items() if share >= 0.005)
    parts = [f"Listened for {clock(summary.duration_s)}", heard or "no genre heard"]
    if summary.lost_s > 0:
        parts.append(f"{summary.lost_s:.1f} s of sound lost")
    if summary.skipped_windows:
        parts.append(f"{count_of(summary.skipped_windows, 'window')} skipped")
    return "; ".join(parts) + "."
