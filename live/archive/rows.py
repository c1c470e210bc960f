"""The rows of a scan: one for each file, and one for each stretch of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from live.events import NO_MUSIC, OTHER_MUSIC
from live.file_results import FileResult

Row = Mapping[str, Any]

STRETCH_COLUMNS = ("path", "start_s", "end_s", "state", "genre", "confidence")
NUMBERS = frozenset({"seconds", "heard_s", "confidence", "level_dbfs", "start_s", "end_s"})
_LOOKS_ESCAPED = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
STATE_OF_LABEL = {NO_MUSIC: "no_music", OTHER_MUSIC: "other"}


@dataclass(frozen=True)
class ModelName:
    """The model of a scan.

    Attributes
    ----------
    name : str
    sha256 : str
        Hash of its network.
    labels : tuple of str
    """

    name: str
    sha256: str
    labels: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row."""
        shares = (f"share_{label}" for label in self.labels)
        return (
            "path", "seconds", "heard_s", "state", "genre", "confidence", *shares,
            "level_dbfs", "error", "model", "model_sha256",
        )  # fmt: skip


def is_number(column: str) -> bool:
    """Return whether a column holds numbers; the others hold texts."""
    return column in NUMBERS or column.startswith("share_")


def as_text(path: str) -> str:
    r"""Return a path as valid text, whatever bytes it consists of; no two paths have the same.

    A byte that is not UTF-8 is written as ``\xff``, and a backslash before what looks so as ``\x5c``.
    """
    if os.sep != "\\" and "\\x" in path:
        path = _LOOKS_ESCAPED.sub(r"\\x5c", path)
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def file_row(result: FileResult, model: ModelName) -> dict[str, Any]:
    """Return the row of a file."""
    was_classified = result.windows > 0
    row: dict[str, Any] = {
        "path": as_text(result.path),
        "seconds": None if result.length_s is None else round(result.length_s, 3),
        "heard_s": round(result.duration_s - result.lost_s, 3),
        "state": result.state if was_classified else None,
        "genre": result.genre,
        "confidence": round(result.confidence, 4) if was_classified else None,
    }
    for label in model.labels:
        of_state = STATE_OF_LABEL.get(label)
        share = result.share.get(label, 0.0) if of_state is None else result.states.get(of_state, 0.0)
        row[f"share_{label}"] = round(share, 4) if was_classified else None
    row["level_dbfs"] = round(result.level_dbfs, 1) if was_classified else None
    row["error"] = result.error
    row["model"], row["model_sha256"] = model.name, model.sha256
    return row


def stretch_rows(result: FileResult) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file's stretches."""
    path = as_text(result.path)
    for stretch, confidence in zip(result.timeline, result.confidences, strict=True):
        yield {
            "path": path,
            "start_s": round(stretch.start_s, 3),
            "end_s": round(stretch.end_s, 3),
            "state": stretch.state,
            "genre": stretch.genre,
            "confidence": round(confidence, 4),
        }
