"""``--report``: a logged session as a single HTML page that needs no network and no server.

The page holds the charting library (Plotly), the data, and the colours for light and dark mode. Its content
security policy forbids it to load anything else, and allows only scripts with known hashes, so that text
from a log can never run as a script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from live import __version__
from live.errors import InputError
from live.extras import need
from live.outputs.log_reading import LogReader
from live.outputs.log_sessions import split_sessions
from live.outputs.recording import Recording
from live.outputs.report_session import SessionView, css_colors, lost_words
from live.palette import THEMES

MOST_SESSIONS = 20
MOST_SOURCES = 100  # of one run
MOST_CHARTS = 20  # all are drawn when the page opens
GENERATOR = '<meta name="generator" content="genre-live'


@dataclass(frozen=True)
class Report:
    """A written page.

    Attributes
    ----------
    path : Path
        The file of the page.
    complaint : str or None
        A sentence about the parts of the log that could not be read.
    """

    path: Path
    complaint: str | None


def write_report(log: Path, output: Path | None = None) -> Report:
    """Write the page of a log.

    Parameters
    ----------
    log : Path
        Written by ``--log``, as JSON lines.
    output : Path, optional
        The file to write. Default: beside the log, where only an older report may be replaced.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        When the log cannot be read or is not a log, the page cannot be written, or the extra is missing.
    """
    if log.suffix.lower() == ".csv":
        raise InputError(
            f"{log} is a table: a report takes a log of JSON lines, such as --log session.jsonl."
        )
    library = need("plotly.offline", extra="report", purpose="--report").get_plotlyjs()
    reader = LogReader(log)
    recordings, count = split_sessions(reader, MOST_SESSIONS, MOST_SOURCES)
    target = output if output is not None else log.with_suffix(".html")
    page = make_page(log.name, recordings, count, complaint=reader.complaint, library=library)
    try:
        if target.exists() and target.samefile(log):
            raise InputError(f"{target} is the log itself: choose another place with --output.")
        if output is None and target.exists() and GENERATOR not in _beginning(target):
            raise InputError(f"{target} already exists and is not a report: choose a place with --output.")
        target.write_text(page, encoding="utf-8", errors="replace")  # names may be no valid text
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"The report {target} cannot be written ({reason}): choose another place.") from None
    return Report(target, reader.complaint)


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(1_000)


def make_page(
    name: str, recordings: Sequence[Recording], count: int, *, complaint: str | None, library: str
) -> str:
    """Return the page's HTML.

    Parameters
    ----------
    name : str
        The log's name.
    recordings : sequence of Recording
        The latest sessions, oldest first.
    count : int
        How many sessions the log holds.
    complaint : str or None
        A sentence about the parts of the log that could not be read.
    library : str
        Plotly's JavaScript.
    """
    files = importlib.resources.files("live.outputs")
    script = (files / "report_page.js").read_text(encoding="utf-8")
    sections: list[str] = []
    charts: list[dict[str, Any]] = []
    numbered = list(enumerate(recordings, start=count - len(recordings) + 1))
    for run in reversed(_runs(numbered)):
        views = [(recording, SessionView(recording, f"chart-{number}")) for number, recording in run]
        if len(run) > 1:
            sections.append(_overview(views))
        for (number, recording), (_, view) in zip(run, views, strict=True):
            has_chart = bool(recording.windows) and len(charts) < MOST_CHARTS
            title = f"Session {number} of {count}" if count > 1 else ""
            title = recording.source if recording.source is not None else title
            sections.append(view.html(title, has_chart=has_chart))
            if has_chart:
                charts.append(view.chart())
    notes = [f"Made by genre-live {__version__} from {name}."]
    if count > len(recordings):
        notes.append(f"{count - len(recordings)} earlier sessions are left out.")
    if complaint is not None:
        notes.append(complaint)
    heading = f"What genre-live heard · {name}"
    return Template((files / "report_page.html").read_text(encoding="utf-8")).substitute(
        version=__version__,
        title=html.escape(heading),
        heading=html.escape(heading),
        light=css_colors(THEMES["light"]),
        dark=css_colors(THEMES["dark"]),
        script_hashes=" ".join(_script_hash(source) for source in (library, script)),
        sessions="\n".join(sections),
        footer=html.escape(" ".join(notes)),
        charts=json.dumps(charts, separators=(",", ":")).replace("<", "\\u003c"),
        library=library,
        script=script,
    )


def _script_hash(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _runs(numbered: Sequence[tuple[int, Recording]]) -> list[list[tuple[int, Recording]]]:
    """Return the sessions grouped by run of the program: several sources of one run belong together."""
    runs: list[list[tuple[int, Recording]]] = []
    for number, recording in numbered:
        names = [other.source for _, other in runs[-1]] if runs else []
        if recording.source is None or None in names or recording.source in names or not runs:
            runs.append([])
        runs[-1].append((number, recording))
    return runs


def _overview(views: Sequence[tuple[Recording, SessionView]]) -> str:
    """Return one strip for each source of a run, all on the same time axis."""
    origins = [_origin_s(recording) for recording, _ in views]
    first_s = min((origin_s for origin_s in origins if origin_s is not None), default=0.0)
    # A source that started later begins further right, if the log has times of day.
    shifts = [origin_s - first_s if origin_s is not None else 0.0 for origin_s in origins]
    heard = [
        (recording.begin_s + shift, recording.end_s + shift)
        for (recording, _), shift in zip(views, shifts, strict=True)
        if recording.has_events
    ]
    begin_s = min((begin_s for begin_s, _ in heard), default=0.0)
    end_s = max((end_s for _, end_s in heard), default=0.0)
    rows = []
    for (recording, view), shift in zip(views, shifts, strict=True):
        name = html.escape(recording.source or "")
        lost = f'<small class="alarm">{lost_words(recording)}</small>' if recording.lost_s else ""
        rows.append(
            f"<li><span>{name}</span>{view.strip(begin_s - shift, end_s - shift)}"
            f"<b>{html.escape(view.main_genre)}</b>{lost}</li>"
        )
    return f'<section class="session"><h2>All sources</h2><ul class="sources">{"".join(rows)}</ul></section>'


def _origin_s(recording: Recording) -> float | None:
    """Return when stream time began, in seconds since 1970, as the recording's end tells it.

    At the beginning, the clock of a computer without a clock chip may still be wrong.
    """
    ended = recording.time_of_day(recording.end_s)
    return None if ended is None else ended.timestamp() - recording.end_s
