"""``--on-change``: a command of the user that runs when the verdict changes.

The command is a line for the system's shell, so that pipes and redirections work. It receives the verdict
through environment variables only, never through the line itself:

``GENRE_LIVE_STATE``, ``GENRE_LIVE_GENRE``, ``GENRE_LIVE_CONFIDENCE``
    The verdict; the genre is empty when the verdict names none.
``GENRE_LIVE_PREVIOUS_STATE``, ``GENRE_LIVE_PREVIOUS_GENRE``, ``GENRE_LIVE_PREVIOUS_CONFIDENCE``
    The verdict of the previous run; ``waiting`` at first.
``GENRE_LIVE_TIME_S``
    Stream time, in seconds.
``GENRE_LIVE_SOURCE``, ``GENRE_LIVE_TITLE``
    The source's name, where there are several, and the title that a station sends. Empty otherwise.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live.errors import InputError
from live.events import Event, Verdict, WindowEvent
from live.outputs.background import Report

TIMEOUT_S = 10.0
CLOSE_WITHIN_S = 3.0
DIES_WITHIN_S = 0.5  # between SIGTERM and SIGKILL

NOTHING_SAID = Verdict("waiting", None, 0.0, {})


def verdict_variables(window: WindowEvent, previous: Verdict) -> dict[str, str]:
    """Return the environment variables that describe a change."""
    variables = {
        "GENRE_LIVE_TIME_S": f"{window.time_s:.3f}",
        "GENRE_LIVE_SOURCE": _one_text(window.source),
        "GENRE_LIVE_TITLE": _one_text(window.title),
    }
    for prefix, verdict in (("GENRE_LIVE_", window.vote), ("GENRE_LIVE_PREVIOUS_", previous)):
        variables[f"{prefix}STATE"] = verdict.state
        variables[f"{prefix}GENRE"] = verdict.genre or ""
        variables[f"{prefix}CONFIDENCE"] = f"{verdict.confidence:.4f}"
    return variables


def _one_text(value: str | None) -> str:
    """Return an untrusted text as the value of an environment variable."""
    return (value or "").replace("\0", "")


@dataclass
class _Source:
    """The state of the command for one source.

    Attributes
    ----------
    newest : WindowEvent or None
        The newest verdict, if the command should run for it.
    told : Verdict
        The verdict of the latest run.
    holds : tuple of str
        State and genre that are still valid from that run; None when they ended without another run.
    earliest_s : float
        Earliest time of the next run (``time.monotonic``).
    """

    newest: WindowEvent | None = None
    told: Verdict = NOTHING_SAID
    holds: tuple[str, str | None] | None = (NOTHING_SAID.state, NOTHING_SAID.genre)
    earliest_s: float = float("-inf")

    @property
    def has_news(self) -> bool:
        """Whether the command should run for ``newest``."""
        if self.newest is None:
            return False
        return (self.newest.vote.state, self.newest.vote.genre) != self.holds


class ChangeCommand:
    """Runs a command when the verdict changes, on a separate thread.

    There is one run at a time. During a run and its cooldown only the newest verdict is remembered, and if
    it is then the same as in the latest run, there is no new run. A run that takes too long is ended,
    together with all processes that it started. Only the first failure is reported. With several sources,
    each has its own verdicts and its own cooldown.

    Parameters
    ----------
    command : str
        A line for the system's shell.
    report : callable
        Called with the sentence that describes an error.
    cooldown_s : float
        Shortest time from the start of one run to the start of the next, in seconds.
    timeout_s : float
        Longest time of one run, in seconds.
    show_output : bool
        Whether the command may write to standard error; otherwise its output is discarded.
    runs_for : callable
        Returns whether the command runs for a verdict.

    Raises
    ------
    InputError
        When the command is empty or invalid.
    """

    def __init__(
        self,
        command: str,
        report: Report,
        *,
        cooldown_s: float = 0.0,
        timeout_s: float = TIMEOUT_S,
        show_output: bool = False,
        runs_for: Callable[[Verdict], bool] = lambda _verdict: True,
    ) -> None:
        if not command.strip() or "\0" in command:
            raise InputError(
                "--on-change takes a command, such as --on-change 'notify-send $GENRE_LIVE_GENRE'."
            )
        self._command, self._report = command, report
        self._cooldown_s, self._timeout_s = cooldown_s, timeout_s
        self._output = 2 if show_output else subprocess.DEVNULL
        self._runs_for = runs_for
        self._changed = threading.Condition()
        self._sources: dict[str | None, _Source] = {}
        self._closing = self._is_over = False
        self._reported = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="on change", daemon=True)

    def start(self) -> None:
        """Start to wait for changes."""
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Record the newest verdict, without waiting."""
        if isinstance(event, WindowEvent):
            with self._changed:
                source = self._sources.setdefault(event.source, _Source())
                if not self._runs_for(event.vote):
                    source.newest = source.holds = None
                    return
                source.newest = event
                if source.has_news:
                    self._changed.notify()

    def close(self) -> None:
        """Run for the newest verdict unless the cooldown forbids it, and end a run that takes too long."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if not self._thread.is_alive():
            return
        self._thread.join(CLOSE_WITHIN_S)
        self._is_over = True
        process = self._process
        if process is not None and self._thread.is_alive():
            _end_group(process)
            self._thread.join(CLOSE_WITHIN_S)

    def _next(self) -> _Source | None:
        """Wait for a source with news and return it; None at the end. Needs the lock."""
        while True:
            now_s = time.monotonic()
            waiting = [source for source in self._sources.values() if source.has_news]
            ready = [source for source in waiting if source.earliest_s <= now_s]
            if self._is_over or (self._closing and not ready):
                return None
            if ready:
                return min(ready, key=lambda source: source.earliest_s)
            self._changed.wait(min((source.earliest_s - now_s for source in waiting), default=None))

    def _run(self) -> None:
        while True:
            with self._changed:
                source = self._next()
                if source is None or source.newest is None:
                    return
                window, previous = source.newest, source.told
                source.told, source.holds = window.vote, (window.vote.state, window.vote.genre)
                source.earliest_s = time.monotonic() + self._cooldown_s
            self._run_command(window, previous)

    def _run_command(self, window: WindowEvent, previous: Verdict) -> None:
        try:
            process = self._process = subprocess.Popen(  # noqa: S602 (the user's own line, and no other)
                self._command,
                shell=True,
                env=os.environ | verdict_variables(window, previous),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._report_once(f"did not start ({error})")
            return
        try:
            status = process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            _end_group(process)
            self._report_once(f"took more than {self._timeout_s:g} s and was ended")
        else:
            if status != 0 and not self._is_over:
                self._report_once(f"failed (exit status {status})")
        finally:
            self._process = None

    def _report_once(self, what: str) -> None:
        if not self._reported:
            self._reported = True
            hidden = self._output == subprocess.DEVNULL
            hint = ": try it with --debug to see its output" if hidden else ""
            self._report(f"The --on-change command {what}{hint}.")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: first with SIGTERM, then with SIGKILL."""
    if sys.platform == "win32":
        # By its path, or Windows would look in the current folder first.
        program = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        with contextlib.suppress(OSError):
            subprocess.run(  # noqa: S603 (arguments of our own)
                [str(program), "/T", "/F", "/PID", str(process.pid)],
                capture_output=True,
                check=False,
            )
        process.wait()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(DIES_WITHIN_S)
