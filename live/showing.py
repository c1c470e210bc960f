"""The command's screen and its keys, for one session or several."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from live.outputs.clips import ClipWriter
from live.outputs.connections import Notices
from live.outputs.lines import nobody_reads
from live.screen import Keeping, Screen
from live.screen.correction import label_name
from live.session import SourceSession
from live.sessions import Sessions
from live.snapshot import Snapshot


class _Keys:
    """Carries out the actions of the keys."""

    def __init__(self, sessions: SourceSession | Sessions, screen: Screen, clips: ClipWriter | None) -> None:
        self._sessions, self._screen, self._clips = sessions, screen, clips

    def _meant(self) -> list[SourceSession]:
        """Return the sessions that a key applies to: the one that is shown alone, or all."""
        if isinstance(self._sessions, SourceSession):
            return [self._sessions]
        sessions, opened = self._sessions.sessions, self._screen.opened
        meant = sessions if opened is None else sessions[opened : opened + 1]
        return [session for session in meant if session is not None]

    def press(self, key: str) -> str | None:
        """Carry out a key's action, and return the message to show, if any."""
        match key:
            case "q":
                self._sessions.stop()
            case " ":
                self._pause()
            case "r":
                for session in self._meant():
                    session.reset_vote()
                return "The vote starts again"
            case "s":
                path = Path(time.strftime("genre-live-%Y%m%d-%H%M%S.svg"))
                try:
                    return f"Saved {self._screen.save_picture(path)}"
                except OSError as error:
                    return f"The picture cannot be saved here: {error.strerror}"
        return None

    def _pause(self) -> None:
        """Pause or resume the sessions that the key applies to."""
        screen, opened = self._screen, self._screen.opened
        if isinstance(self._sessions, SourceSession) or opened is None:
            screen.paused, pausing = not screen.paused, not screen.paused
            screen.paused_sources.clear()
        else:
            if screen.paused:
                screen.paused, screen.paused_sources = False, set(range(len(self._sessions.sessions)))
            screen.paused_sources ^= {opened}
            pausing = opened in screen.paused_sources
        for session in self._meant():
            session.pause(pausing)

    def correct(self, label: str) -> str:
        """Record the user's correction, and return the message to show."""
        for session in self._meant():
            session.correct(label)
        if self._clips is None:
            return f"Noted: {label_name(label)}; with --keep DIR its sound would be kept too"
        return f"Corrected: {label_name(label)}"


def show(
    sessions: SourceSession | Sessions,
    clips: ClipWriter | None,
    notices: Notices,
    look_after: Callable[[], None],
    interval_s: float,
) -> None:
    """Draw the screen and handle keys until the sessions end.

    Parameters
    ----------
    sessions : SourceSession or Sessions
    clips : ClipWriter or None
        Saves clips of the sound, where that was asked for.
    notices : Notices
        What the outputs report; it is shown while the screen is drawn, and printed at the end.
    look_after : callable
        Called again and again while the screen is drawn.
    interval_s : float
        How often, in seconds.
    """
    looked_s = time.monotonic()

    def newest() -> tuple[Snapshot, ...]:
        nonlocal looked_s
        if time.monotonic() - looked_s >= interval_s:
            looked_s = time.monotonic()
            look_after()
        return sessions.snapshots

    keeping = None if clips is None else lambda: Keeping(clips.kept, clips.problem)
    with nobody_reads(), Screen(keeping=keeping) as screen:
        keys = _Keys(sessions, screen, clips)
        notices.on_screen = screen.show_notice
        if isinstance(sessions, SourceSession):
            screen.run(lambda: newest()[0], sessions.ended, keys.press, keys.correct)
        else:
            screen.run_many(newest, sessions.ended, keys.press, keys.correct)
