"""The section of one session in a report: chart, shares, changes and losses."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, get_args

from live.events import NO_MUSIC, NOT_GENRES, OTHER_MUSIC, SourceKind, VoteState, genres_of
from live.outputs.recording import Note, Recording
from live.palette import THEMES, Theme
from live.snapshot import Stretch, StretchState
from live.wording import GAP_REASONS, LABEL_NAMES, STATE_NAMES, clock, count_of

MOST_CHANGES = 300
MOST_LABELS = 15  # each with its own colour; the others share one more
REST = "others"
MOST_IN_STRIP = 240

PATTERNS: Mapping[StretchState, str] = {
    "unsure": "/",
    "other": "|",
    "no_music": "-",
    "silence": ".",
    "gap": "x",
}
SOURCE_KINDS: Mapping[SourceKind, str] = {"microphone": "microphone ", "stream": "station ", "file": ""}
STATUS_NAMES = {
    "lost": "source lost",
    "back": "source back",
    "muted": "paused, or digital silence",
}


def page_colors(theme: Theme) -> dict[str, str]:
    """Return the colours of the style sheet and the chart, by name."""
    return {
        "background": theme.background,
        "text": theme.text,
        "quiet": theme.quiet,
        "faint": theme.faint,
        "track": theme.track,
        "alarm": theme.alarm,
    }


def css_colors(theme: Theme) -> str:
    """Return the colours of a theme as variables of a style sheet."""
    return " ".join(f"--{name}: {color};" for name, color in page_colors(theme).items())


class SessionView:
    """The section of one session.

    Parameters
    ----------
    recording : Recording
    identity : str
        The HTML id of its chart.
    """

    def __init__(self, recording: Recording, identity: str) -> None:
        self._recording = recording
        self._identity = identity
        pieces = list(recording.pieces())
        self._pieces = pieces
        weight = dict.fromkeys(recording.labels, 0.0)
        for _, piece in pieces:
            for label, share in piece.distribution.items():
                weight[label] = weight.get(label, 0.0) + share
        heaviest = set(sorted(weight, key=weight.__getitem__, reverse=True)[:MOST_LABELS])
        # In the model's order, so that all reports look alike; other music and no music are on top.
        labels = [label for label in genres_of(tuple(weight)) if label in heaviest]
        self._shown = [*labels, *(label for label in (OTHER_MUSIC, NO_MUSIC) if label in heaviest)]
        self._has_rest = len(weight) > len(heaviest)

    def _colors(self, theme: Theme) -> dict[str, str]:
        genres = genres_of(self._recording.labels)
        return {**theme.colors(genres), OTHER_MUSIC: theme.faint, NO_MUSIC: theme.track}

    # --- the chart

    def chart(self) -> dict[str, Any]:
        """Return the data of the chart, for the page's script."""
        times, rows = self._area()
        names = [*self._shown, *([REST] if self._has_rest else [])]
        strip: dict[tuple[StretchState, str | None], dict[str, Any]] = {}
        for stretch in self._recording.strip():
            state = (stretch.state, stretch.genre)
            if stretch.state == "waiting":
                continue
            if state not in strip:
                is_shown = stretch.genre in self._shown
                strip[state] = {
                    "name": stretch.genre or STATE_NAMES[stretch.state],
                    "state": stretch.state,
                    "color": self._shown.index(str(stretch.genre)) if is_shown else None,
                    "pattern": PATTERNS.get(stretch.state, ""),
                    "starts": [],
                    "lengths": [],
                }
            strip[state]["starts"].append(round(stretch.start_s, 3))
            strip[state]["lengths"].append(round(stretch.end_s - stretch.start_s, 3))
        return {
            "id": self._identity,
            "begin": self._recording.begin_s,
            "end": round(self._recording.end_s, 3),
            "labels": [{"name": html.escape(_name(label))} for label in names],
            "times": times,
            "distribution": [[round(row.get(name, 0.0), 4) for row in rows] for name in names],
            "strip": list(strip.values()),
            "themes": {name: self._theme(theme) for name, theme in THEMES.items()},
        }

    def _theme(self, theme: Theme) -> dict[str, Any]:
        colors = self._colors(theme)
        states = {
            "unsure": theme.track,
            "other": theme.track,
            "silence": theme.background,
            "no_music": theme.track,
        }
        states |= {"gap": theme.background, "genre": theme.faint}
        return {
            **page_colors(theme),
            "colors": [*(colors[label] for label in self._shown), theme.faint],
            "states": states,
        }

    def _area(self) -> tuple[list[float], list[dict[str, float]]]:
        """Return the times and the distribution at each; it is empty where there was no verdict."""
        times: list[float] = []
        rows: list[dict[str, float]] = []
        empty: dict[str, float] = {}
        was_heard = False
        half_s = self._recording.bin_s / 2
        for begin_s, piece in self._pieces:
            is_heard = bool(piece.windows) and piece.state[0] not in {"gap", "silence", "waiting"}
            if is_heard != was_heard:  # draws a vertical edge
                times += [round(begin_s, 3)] * 2
                edge = self._row(piece) if is_heard else rows[-1]
                rows += [empty, edge] if is_heard else [edge, empty]
            if is_heard:
                times.append(round(begin_s + half_s, 3))
                rows.append(self._row(piece))
            was_heard = is_heard
        if was_heard:
            times.append(round(self._recording.end_s, 3))
            rows.append(rows[-1])
        return times, rows

    def _row(self, piece: Any) -> dict[str, float]:
        distribution: dict[str, float] = piece.distribution
        rest = sum(share for label, share in distribution.items() if label not in self._shown)
        return {**distribution, REST: rest}

    # --- the words

    def html(self, title: str, *, has_chart: bool = True) -> str:
        """Return the session's section."""
        recording = self._recording
        parts = [f"<h2>{html.escape(title)}</h2>" if title else "", self._headline(), self._facts()]
        if has_chart and recording.windows:
            parts += [
                "<h2>Over time</h2>",
                f'<div class="chart" id="{self._identity}" role="img" aria-label="'
                "The distribution over time as a stacked area, and the verdict as a strip below it; "
                'the same is in the tables."></div>',
                '<p class="hint">Above the distribution, below the verdict. Point at it for the numbers; '
                "on a wide screen drag to look closer and double-click to go back.</p>",
                '<noscript><p class="alarm">The chart needs JavaScript; the tables do not.</p></noscript>',
            ]
        parts += ['<div class="columns">', self._shares(), self._changes(), self._losses()]
        parts += [self._corrections(), "</div>"]
        return f'<section class="session">{"".join(parts)}</section>'

    def _headline(self) -> str:
        recording = self._recording
        if not recording.windows:
            return '<p class="verdict">Nothing was heard</p>'
        if not recording.share:
            return '<p class="verdict">No genre</p>'
        genre, windows = recording.share.most_common(1)[0]
        part = windows / recording.windows
        return f'<p class="verdict">{html.escape(genre)} <small>{part:.0%} of the time</small></p>'

    def _facts(self) -> str:
        recording = self._recording
        facts = [f"{clock(recording.end_s - recording.begin_s)} of sound"]
        if recording.start is not None:
            kind = SOURCE_KINDS[recording.start.source_kind]
            facts += [f"{kind}{recording.start.source_name}", f"model {recording.start.model_name}"]
        began = recording.time_of_day(recording.begin_s)
        if began is not None:
            facts.append(f"from {began:%Y-%m-%d %H:%M:%S %z}")
        facts.append(count_of(recording.windows, "window"))
        spans = [f"<span>{html.escape(fact)}</span>" for fact in facts]
        if recording.lost_s:
            spans.append(f'<span class="alarm">{lost_words(recording)}</span>')
        if recording.skipped_windows:
            spans.append(
                f'<span class="alarm">{count_of(recording.skipped_windows, "window")} skipped</span>'
            )
        if recording.summary is None:
            spans.append("<span>not ended in good order, or still going on</span>")
        return f'<div class="facts">{"".join(spans)}</div>'

    def _swatch(self, state: StretchState, genre: str | None) -> str:
        if genre is None:
            return f'<span class="swatch {state}"></span>'
        return f'<span class="swatch" style="{self._color_style(genre)}"></span>'

    def _color_style(self, label: str) -> str:
        """Return the label's colours for a light and a dark page, as CSS variables."""
        colors = {name: self._colors(theme).get(label, theme.faint) for name, theme in THEMES.items()}
        return f"--on-light:{colors['light']};--on-dark:{colors['dark']}"

    def _shares(self) -> str:
        recording = self._recording
        if not recording.windows:
            return ""
        ranked = [genre for genre, _ in recording.share.most_common(MOST_LABELS)]
        silent = [label for label in self._shown if label not in (*recording.share, *NOT_GENRES)]
        lines = [
            self._share_line("genre", genre, recording.share[genre] / recording.windows)
            for genre in [*ranked, *silent]
        ]
        lines += [
            self._share_line(state, None, recording.states[state] / recording.windows)
            for state in get_args(VoteState)
            if state not in ("genre", "waiting") and recording.states[state]
        ]
        return f'<div><h2>Shares</h2><ul class="shares">{"".join(lines)}</ul></div>'

    def _share_line(self, state: StretchState, genre: str | None, part: float) -> str:
        name = html.escape(genre if genre is not None else STATE_NAMES[state])
        style = f"{self._color_style(genre)};" if genre is not None else ""
        percent = f"{part:.0%}" if part >= 0.01 or part == 0 else "<1%"
        return (
            f"<li>{self._swatch(state, genre)}<span>{name}</span>"
            f'<div class="bar"><i class="{"" if genre is not None else state}" '
            f'style="{style}--part:{part:.2%}"></i></div><b>{html.escape(percent)}</b></li>'
        )

    def _moment(self, time_s: float) -> str:
        """Return stream time, and the time of day where it is known, as text."""
        recording = self._recording
        at, began = recording.time_of_day(time_s), recording.time_of_day(recording.begin_s)
        if at is None or began is None:
            return clock(time_s)
        date = "" if at.date() == began.date() else f"{at:%Y-%m-%d} "
        offset = "" if at.utcoffset() == began.utcoffset() else f" {at:%z}"
        return f"{clock(time_s)} <small>{date}{at:%H:%M:%S}{offset}</small>"

    def strip(self, begin_s: float, end_s: float) -> str:
        """Return the timeline as a strip from ``begin_s`` to ``end_s``."""
        whole_s = max(end_s - begin_s, 1e-9)
        spans = []
        for stretch in self._recording.changes(MOST_IN_STRIP)[0]:
            if stretch.state == "waiting":
                continue
            name = html.escape(_stretch_words(stretch))
            style = f"{self._color_style(stretch.genre)};" if stretch.genre is not None else ""
            place = f"left:{(stretch.start_s - begin_s) / whole_s:.3%};"
            width = f"width:{(stretch.end_s - stretch.start_s) / whole_s:.3%}"
            spans.append(
                f'<span class="{"" if stretch.genre is not None else stretch.state}" '
                f'style="{style}{place}{width}" title="{clock(stretch.start_s)} {name}"></span>'
            )
        return f'<div class="strip">{"".join(spans)}</div>'

    @property
    def main_genre(self) -> str:
        """The most frequent genre, in words."""
        recording = self._recording
        if not recording.share:
            return "no genre" if recording.windows else "nothing"
        genre, windows = recording.share.most_common(1)[0]
        return f"{genre} {windows / recording.windows:.0%}"

    def _changes(self) -> str:
        changes, step_s = self._recording.changes(MOST_CHANGES)
        rows = [
            f"<tr><td>{self._moment(change.start_s)}</td><td>{self._swatch(change.state, change.genre)}"
            f"{html.escape(_stretch_words(change))}</td>"
            f'<td class="number">{_length(change.end_s - change.start_s)}</td></tr>'
            for change in changes
            if change.state != "waiting"
        ]
        if not rows:
            return ""
        step = clock(step_s) if step_s >= 60 else f"{step_s:g} s"
        note = f'<p class="quiet">What was heard in most of every {step}.</p>' if step_s else ""
        return (
            f'<div class="long"><h2>Changes <small>{len(rows)}</small></h2>{note}<div class="scroll"><table>'
            '<thead><tr><th>From</th><th>Heard</th><th class="number">For</th></tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div></div>"
        )

    def _losses(self) -> str:
        recording = self._recording
        if not recording.notes:
            text = "No sound was lost." if not recording.lost_s else f"{lost_words(recording)}."
            return f'<div><h2>Losses</h2><p class="quiet">{text}</p></div>'
        rows = [
            f"<tr><td>{self._moment(note.time_s)}</td><td>"
            f"{html.escape(_note_words(note))}</td>"
            f'<td class="number">{f"{note.lost_s:.2f} s" if note.lost_s else ""}</td></tr>'
            for note in recording.notes
        ]
        left_out = recording.notes_left_out
        note = f'<p class="quiet">{left_out} later ones are left out.</p>' if left_out else ""
        return (
            f'<div><h2>Losses</h2>{note}<div class="scroll"><table><thead><tr><th>At</th><th>What</th>'
            f'<th class="number">Lost</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div></div>'
        )

    def _corrections(self) -> str:
        rows = [
            f"<tr><td>{self._moment(correction.time_s)}</td><td>{html.escape(_words(correction.genre))}</td>"
            f"<td>{html.escape(_words(correction.heard))}</td></tr>"
            for correction in self._recording.corrections
        ]
        if not rows:
            return ""
        return (
            f'<div><h2>Corrections</h2><div class="scroll"><table><thead><tr><th>At</th><th>Corrected to</th>'
            f"<th>Heard</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
        )


def lost_words(recording: Recording) -> str:
    """Return in words how much sound was lost."""
    seconds = recording.lost_s
    return f"{clock(seconds)} lost" if seconds >= 60 else f"{seconds:.1f} s lost"


def _length(seconds: float) -> str:
    return clock(seconds) if seconds >= 1 else f"{seconds:.1f} s"


def _stretch_words(stretch: Stretch) -> str:
    return stretch.genre or STATE_NAMES.get(stretch.state, stretch.state)


def _note_words(note: Note) -> str:
    return GAP_REASONS.get(note.what) or STATUS_NAMES[note.what]


def _words(name: str) -> str:
    """Return a genre, another label or a state in words."""
    states: Mapping[Any, str] = STATE_NAMES
    return states.get(name) or _name(name)


def _name(label: str) -> str:
    return LABEL_NAMES.get(label, label)
