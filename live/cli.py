"""The command genre-live."""

from __future__ import annotations

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from live.ending import Ending, Stop, ending_signals
from live.errors import (
    InputError,
    ReportedError,
    escape_what_it_lacks,
    explain,
    flush_or_discard,
    print_message,
)
from live.library_messages import quiet_libraries
from live.options import Options, check_together
from live.settings import read_arguments, save_defaults, show_defaults

if TYPE_CHECKING:  # the functions below import these when they need them, to start faster
    from live.outputs.connections import Connections
    from live.outputs.service import ServiceManager
    from live.session import Sink, SourceSession
    from live.sessions import Sessions
    from live.sources.source_requests import SourceRequest

Opened = TypeVar("Opened")

WORKER_DEAD_AFTER_S = 5.0
LONGEST_WAIT_S = 2.0
ENDED_WITHIN_S = 15.0  # from a signal to the last event
CLOSED_WITHIN_S = 5.0  # after that


def _list_devices(*, loud: bool) -> None:
    """Print the input devices as a table."""
    from rich.console import Console
    from rich.table import Table

    from live.outputs.lines import write_line
    from live.sources.devices import distinct_names
    from live.sources.microphones.driver import list_devices

    devices = list_devices(loud=loud)
    if not devices:
        raise InputError("There is no microphone: plug one in, or listen to a file with --file PATH.")
    table = Table("ID", "Name", "Host API", "Channels", "Rate (Hz)", "", title=None)
    for device, name in zip(devices, distinct_names(devices), strict=True):
        mark = "default" if device.is_default else ""
        row = (str(device.index), name, device.host_api, str(device.channels), str(device.sample_rate))
        table.add_row(*row, mark, style="bold" if device.is_default else None)
    console = Console()
    with console.capture() as shown:
        console.print(table)
    write_line(sys.stdout, shown.get().rstrip("\n"))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Start without garbage collection, a tenth faster: what is imported and opened here is never garbage."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _listen(options: Options, ending: Ending) -> None:
    """Listen to the sources of the options until they end."""
    with _no_collection():
        from live.bundle import find_bundle
        from live.classifier import Classifier
        from live.detached_thread import start_detached
        from live.making_sessions import open_sessions
        from live.outputs.service import ServiceManager
        from live.process_list import hide_passwords
        from live.sources.source_requests import requests_of

        on_screen = not options.json and _can_draw() and not (options.debug and _errors_go_to_terminal())
        for url in (*options.url, options.mqtt or ""):
            hide_passwords(url)
        requests = requests_of(options)
        classifier = Classifier(find_bundle(options.model))
        service = ServiceManager()
        # Before the source, for which --wait may wait: wrong arguments must be reported now.
        connections = _open_connections(requests, options, on_screen=on_screen)
        sinks = _sinks(options, connections, service, on_screen=on_screen)
    with _q_ends(enabled=on_screen):
        opening = start_detached(
            lambda: open_sessions(
                requests,
                options,
                classifier,
                sinks=sinks,
                keeper=None if connections.clips is None else connections.clips.keeper,
                on_wait=_waiting_reporter(service),
                on_failure=_failure_reporter(connections),
                is_watched=on_screen or options.web is not None,
            ),
            "opening",
        )
        sessions = _wait_for(opening, service, ending)
    connections.start(lambda: sessions.snapshots, lambda: _is_well(sessions))
    _run_to_end(sessions, connections, service, ending, on_screen=on_screen)
    _report_end(sessions, on_screen=on_screen)


def _wait_for(opening: SimpleQueue[Callable[[], Opened]], service: ServiceManager, ending: Ending) -> Opened:
    """Wait until the sources are open, and meanwhile feed the watchdog and act on signals."""
    while True:
        with contextlib.suppress(Empty):
            return opening.get(timeout=_interval_s(service))()
        ending.check()
        service.alive()


def _interval_s(service: ServiceManager) -> float:
    """Return for how long to wait, in seconds, before the watchdog is fed and signals are looked for again.

    A signal that arrives just before a wait is handled only after it.
    """
    return LONGEST_WAIT_S if service.interval_s is None else min(service.interval_s, LONGEST_WAIT_S)


def _open_connections(requests: Sequence[SourceRequest], options: Options, *, on_screen: bool) -> Connections:
    """Open the outputs that the options name, for the labels of all models in use."""
    from live.making_sessions import models_of
    from live.outputs.connections import Connections

    models = models_of(requests, options)
    labels = tuple(dict.fromkeys(label for model in models for label in model.labels))
    may_wait = options.wait and not options.channels_apart  # each channel would have a name of its own
    waiting = [request.name for request in requests if may_wait and request.kind != "file"]
    return Connections(
        options,
        labels,
        models=[model.name for model in models],
        on_screen=on_screen,
        expected=[name for name in waiting if name is not None],
    )


def _report_end(sessions: SourceSession | Sessions, *, on_screen: bool) -> None:
    """Print what is left to say when the sessions have ended, or raise what ended them."""
    from live.outputs.lines import write_line
    from live.wording import summary_words

    if on_screen:
        for summary in sessions.summaries:
            whose = "" if summary.source is None else f"{summary.source}: "
            write_line(sys.stdout, f"{whose}{summary_words(summary)}")
    if sessions.failure is not None:
        raise sessions.failure
    for warning in sessions.warnings():
        print_message("genre-live", warning)


def _run_to_end(
    sessions: SourceSession | Sessions,
    connections: Connections,
    service: ServiceManager,
    ending: Ending,
    *,
    on_screen: bool,
) -> None:
    """Run the sessions until they end or a signal asks for it, and close everything in order."""

    def look_after() -> None:
        ending.check()
        if _is_well(sessions):
            service.alive()

    interval_s = _interval_s(service)
    sessions.start()
    try:
        try:
            with contextlib.suppress(Stop):
                ending.check()
                if on_screen:
                    from live.showing import show

                    show(sessions, connections.clips, connections.report, look_after, interval_s)
                else:
                    while not sessions.ended.wait(interval_s):
                        look_after()
        finally:
            ending.has_begun.set()
    finally:  # from here on no signal raises
        sessions.stop()
        if not sessions.ended.wait(ENDED_WITHIN_S):
            # Its lock is held by the thread that waits for it, and standard error may lead to the same pipe.
            end = threading.Timer(CLOSED_WITHIN_S, os._exit, [1])
            end.daemon = True
            end.start()
            connections.close()
            print_message(
                "genre-live",
                "It did not end in order (does nobody read its output?): the last lines are lost.",
            )
            os._exit(1)
        sessions.join()
        connections.close()


@contextlib.contextmanager
def _q_ends(*, enabled: bool) -> Iterator[None]:
    """End the program on the key q while it waits for a source and there is no screen yet."""
    if not enabled:
        yield
        return
    from live.screen.keys import KeyReader

    def on_key(key: str) -> None:
        if key == "q":
            if sys.platform == "win32":
                _thread.interrupt_main()  # os.kill would end the process at once
            else:
                os.kill(os.getpid(), signal.SIGINT)

    with KeyReader(on_key):
        yield


def _sinks(
    options: Options, connections: Connections, service: ServiceManager, *, on_screen: bool
) -> list[Sink]:
    """Return the sinks that receive the events."""
    from live.outputs.lines import JsonLines, PlainLines

    sinks: list[Sink] = [*connections.sinks]
    if not on_screen:
        sinks.append(JsonLines(sys.stdout) if options.json else PlainLines(sys.stdout))
    if service.is_there:
        sinks.append(service)
    return sinks


def _waiting_reporter(service: ServiceManager) -> Callable[[str], None]:
    """Return a function that tells the user and the service manager which source is waited for."""
    reported: set[str] = set()

    def report(sentence: str) -> None:
        if sentence not in reported:
            reported.add(sentence)
            print_message("genre-live", sentence)
        service.waiting(sentence)

    return report


def _failure_reporter(connections: Connections) -> Callable[[str, BaseException], None]:
    """Return a function that tells the user which of several sources failed, and why."""
    from live.sessions import UNNAMED

    def report(name: str, error: BaseException) -> None:
        connections.report(str(error) if name == UNNAMED else f"{name}: {error}")

    return report


def _is_well(sessions: SourceSession | Sessions) -> bool:
    """Return whether the worker of each session still responds."""
    return time.monotonic() - sessions.alive_s < WORKER_DEAD_AFTER_S


def _errors_go_to_terminal() -> bool:
    """Return whether messages of libraries and commands would appear on the screen."""
    return sys.stderr is not None and sys.stderr.isatty()


def _can_draw() -> bool:
    """Return whether standard output is a terminal on which the screen can be drawn."""
    if not sys.stdout.isatty():
        return False
    from rich.console import Console

    from live.screen import Screen

    return Screen.usable(Console())


def _run(options: Options, given: Mapping[str, Any], ending: Ending) -> None:
    """Run the task that the options ask for."""
    from live.outputs.lines import write_line

    if options.list_devices:
        _list_devices(loud=options.debug)
    elif options.diagnose:
        from live.diagnosis import diagnosis

        write_line(sys.stdout, diagnosis(loud=options.debug))
    elif options.save_defaults:
        write_line(sys.stdout, save_defaults(given, afresh=options.no_defaults))
    elif options.show_defaults:
        write_line(sys.stdout, show_defaults())
    elif options.report is not None:
        from live.outputs.report import write_report

        report = write_report(options.report, options.output)
        if report.complaint is not None:
            print_message("genre-live", report.complaint)
        write_line(sys.stdout, f"Wrote {report.path}.")
    else:
        check_together(options)
        _listen(options, ending)


def main(argv: Sequence[str] | None = None) -> int:
    """Run genre-live.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. Default: those of the process.

    Returns
    -------
    int
        The exit status: 0 done, 1 failed while running, 2 bad arguments or unreadable input.
    """
    # One thread: the matrices are small, and the busy waiting of further threads would occupy other cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in ("COLUMNS", "LINES"):
        if os.environ.get(name) == "0":  # means "unknown"
            del os.environ[name]
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    if sys.stdout is None:  # the caller closed it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the process lives)
    escape_what_it_lacks(sys.stdout)
    try:
        options, given = read_arguments(words)
        with ending_signals() as ending, quiet_libraries(enabled=not debug):
            _run(options, given, ending)
    except (KeyboardInterrupt, Stop):
        return 0
    except ReportedError as error:
        return error.exit_status
    except BrokenPipeError:  # the reader of the output has ended, or the terminal was closed
        return 0
    except Exception as error:
        return explain("genre-live", error, debug=debug)
    finally:
        gc.unfreeze()
        flush_or_discard(sys.stdout, sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
