"""``--on-change``: a command of the user's that runs when the verdict changes.

The command is a line for the system's shell, so that pipes and redirections work. What was heard
reaches it through environment variables alone, never through the line itself:

``GENRE_LIVE_STATE``, ``GENRE_LIVE_GENRE``, ``GENRE_LIVE_CONFIDENCE``
    The verdict; the genre is empty where none is named.
``GENRE_LIVE_PREVIOUS_STATE``, ``GENRE_LIVE_PREVIOUS_GENRE``, ``GENRE_LIVE_PREVIOUS_CONFIDENCE``
    The verdict that the command was run for the last time; ``waiting`` at first.
``GENRE_LIVE_TIME_S``
    Stream time, in seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

from live.errors import InputError
from live.events import Event, Verdict, WindowEvent
from live.outputs.background import Report

TIMEOUT_S = 10.0
CLOSE_WITHIN_S = 3.0
DIES_WITHIN_S = 0.5  # between the polite signal and the other

NOTHING_SAID = Verdict("waiting", None, 0.0, {})


def verdict_variables(window: WindowEvent, previous: Verdict) -> dict[str, str]:
    """Give the environment variables that tell of a change."""
    variables = {"GENRE_LIVE_TIME_S": f"{window.time_s:.3f}"}
    for prefix, verdict in (("GENRE_LIVE_", window.vote), ("GENRE_LIVE_PREVIOUS_", previous)):
        variables[f"{prefix}STATE"] = verdict.state
        variables[f"{prefix}GENRE"] = verdict.genre or ""
        variables[f"{prefix}CONFIDENCE"] = f"{verdict.confidence:.4f}"
    return variables


class ChangeCommand:
    """Runs a command when the verdict changes, on a thread of its own.

    One runs at a time; while it does, and until the cooldown is over, only the newest verdict waits,
    and a verdict that is back to what the command was told last runs nothing. A command that takes
    too long is ended, with all that it started. Its first failure is reported, later ones are not.

    Parameters
    ----------
    command : str
        For the system's shell.
    report : callable
        Takes the sentence that says what went wrong.
    cooldown_s : float
        Seconds from the start of one run to the start of the next, at least.
    timeout_s : float
        Seconds that one run may take.
    show_output : bool
        Let the command write to standard error; what it writes is thrown away otherwise.

    Raises
    ------
    InputError
        When the command is empty or can be none.
    """

    def __init__(
        self,
        command: str,
        report: Report,
        *,
        cooldown_s: float = 0.0,
        timeout_s: float = TIMEOUT_S,
        show_output: bool = False,
    ) -> None:
        if not command.strip() or "\0" in command:
            raise InputError(
                "--on-change takes a command, such as --on-change 'notify-send $GENRE_LIVE_GENRE'."
            )
        self._command, self._report = command, report
        self._cooldown_s, self._timeout_s = cooldown_s, timeout_s
        self._output = 2 if show_output else subprocess.DEVNULL
        self._changed = threading.Condition()
        self._newest: WindowEvent | None = None
        self._told = NOTHING_SAID
        self._closing = self._is_over = False
        self._reported = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="on change", daemon=True)

    def start(self) -> None:
        """Begin to wait for changes."""
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Note the newest verdict; never waits."""
        if isinstance(event, WindowEvent):
            with self._changed:
                self._newest = event
                if self._has_news():
                    self._changed.notify()

    def close(self) -> None:
        """Run what waits, unless the cooldown forbids it, and end what still runs after a while."""
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

    def _has_news(self) -> bool:
        if self._newest is None:
            return False
        vote, told = self._newest.vote, self._told
        return (vote.state, vote.genre) != (told.state, told.genre)

    def _run(self) -> None:
        earliest_s = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._has_news())
                if self._changed.wait_for(lambda: self._closing, max(0.0, earliest_s - time.monotonic())):
                    in_cooldown = time.monotonic() < earliest_s
                    if in_cooldown or self._is_over or not self._has_news():
                        break
                if not self._has_news() or self._newest is None:
                    continue
                window, previous = self._newest, self._told
                self._told = window.vote
            earliest_s = time.monotonic() + self._cooldown_s
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
    """End a process and all that it started, politely first."""
    if os.name == "nt":
        with contextlib.suppress(OSError):
            subprocess.run(  # noqa: S603 (arguments of our own)
                ["taskkill", "/T", "/F", "/PID", str(process.pid)],  # noqa: S607 (part of Windows)
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
