"""The newest snapshots as JSON, for the page."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from live import __version__
from live.palette import THEMES
from live.snapshot import Snapshot, Stretch, StretchState
from live.wording import GAP_REASONS, LABEL_NAMES, SOURCE_STATUS, STATE_NAMES

MOST_STRETCHES = 600  # no screen can show more
LOST: tuple[StretchState, str | None] = ("gap", None)


def state_json(snapshots: Sequence[Snapshot], newest_id: str) -> bytes:
    """Return the snapshots as a JSON object, in ASCII.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        One for each source.
    newest_id : str
        Identifier of the newest event in them.
    """
    state = {
        "id": newest_id,
        "version": __version__,
        "sources": [source_state(snapshot) for snapshot in snapshots],
        "words": {
            "states": dict(STATE_NAMES),
            "labels": dict(LABEL_NAMES),
            "gaps": dict(GAP_REASONS),
            "statuses": dict(SOURCE_STATUS),
        },
    }
    return json.dumps(state, allow_nan=False, separators=(",", ":")).encode("ascii")


def source_state(snapshot: Snapshot) -> dict[str, Any]:
    """Return the state of one source as a JSON object."""
    timeline, step_s = coarsened(snapshot.timeline, MOST_STRETCHES)
    return {
        "name": snapshot.source_name,
        "kind": snapshot.source_kind,
        "sample_rate": snapshot.sample_rate,
        "condition": snapshot.source_condition,
        "title": snapshot.title,
        "model": snapshot.model_name,
        "genres": list(snapshot.genres),
        "colors": _colors(snapshot.genres),
        "reach_s": round(snapshot.reach_s, 3),
        "time_s": round(snapshot.time_s, 3),
        "length_s": None if snapshot.length_s is None else round(snapshot.length_s, 3),
        "level_dbfs": round(snapshot.level_dbfs, 1),
        "peak_dbfs": round(snapshot.peak_dbfs, 1),
        "clipped": snapshot.clipped,
        "vote": snapshot.verdict.to_dict(),
        "share": {genre: round(share, 4) for genre, share in snapshot.share.items()},
        "windows": snapshot.windows,
        "skipped_windows": snapshot.skipped_windows,
        "lost_s": round(snapshot.lost_s, 3),
        "last_gap": None if snapshot.last_gap is None else snapshot.last_gap.to_dict(),
        "compute_ms": round(snapshot.compute_ms, 3),
        "timeline_step_s": step_s,
        "timeline": [
            [round(piece.start_s, 2), round(piece.end_s, 2), piece.state, piece.genre] for piece in timeline
        ],
    }


def _colors(genres: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    light, dark = (THEMES[name].colors(genres) for name in ("light", "dark"))
    return {genre: {"light": light[genre], "dark": dark[genre]} for genre in genres}


def coarsened(timeline: Sequence[Stretch], most: int) -> tuple[Sequence[Stretch], float]:
    """Return a timeline of at most ``most`` stretches.

    Returns
    -------
    timeline : sequence of Stretch
        The same timeline if it is short enough; else in steps, each with the state for most of it, or a gap
        if it has one.
    step_s : float
        Length of the steps, in seconds; 0 for an unchanged timeline.
    """
    if len(timeline) <= most:
        return timeline, 0.0
    begin_s, end_s = timeline[0].start_s, timeline[-1].end_s
    step_s = (end_s - begin_s) / most
    seconds: list[defaultdict[tuple[StretchState, str | None], float]] = [
        defaultdict(float) for _ in range(most)
    ]
    for piece in timeline:
        first = min(most - 1, int((piece.start_s - begin_s) / step_s))
        last = min(most - 1, int((piece.end_s - begin_s) / step_s))
        for step in range(first, last + 1):
            since_s = max(piece.start_s, begin_s + step * step_s)
            seconds[step][piece.state, piece.genre] += (
                min(piece.end_s, begin_s + (step + 1) * step_s) - since_s
            )
    coarse: list[Stretch] = []
    for step, heard in enumerate(seconds):
        state, genre = LOST if LOST in heard else max(heard, key=heard.__getitem__)
        since_s, until_s = begin_s + step * step_s, begin_s + (step + 1) * step_s
        if coarse and (coarse[-1].state, coarse[-1].genre) == (state, genre):
            coarse[-1] = Stretch(coarse[-1].start_s, until_s, state, genre)
        else:
            coarse.append(Stretch(since_s, until_s, state, genre))
    return coarse, step_s
