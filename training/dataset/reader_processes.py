"""Processes that read audio files side by side.

A file that cannot be read costs a sentence; one that brings its decoder down, when it is read once more too,
costs two processes, and no other file.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, cast

from live.errors import RunningError, one_line
from live.freed_memory import keep_freed_memory
from live.front_end import FrontEndSpec

from .extraction import ReadInPart, extract_or_explain

if TYPE_CHECKING:  # what each process imports, it waits for
    from .store import MelLevels

KEPT_BYTES = 30_000_000  # the frames of an hour-long file, in one piece
GIVEN_AHEAD = 3  # files that a process knows of, so that it never waits for the next
HELD_PER_PROCESS = 8  # files that may be done before their turn
READY = "ready"


def _read_files(connection: Connection, spec: FrontEndSpec) -> None:
    """Send the mel frames, or what is wrong, of each file whose path comes, until none does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    if connection.fileno() == 2:  # as where the parent began without a standard error
        connection = Connection(os.dup(2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # keeps what C libraries print off the terminal
    os.close(nowhere)
    keep_freed_memory(KEPT_BYTES)
    with contextlib.suppress(EOFError, OSError):  # the parent has gone
        connection.send(READY)
        while True:
            connection.send(extract_or_explain(connection.recv(), spec))


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back, also from what is started meanwhile, which would else show where it was struck."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _no_process(reason: str) -> RunningError:
    return RunningError(f"No process can be started to read audio files ({reason}): close other programs.")


class _Reader:
    """A process that reads files in the order in which they are given to it.

    Attributes
    ----------
    connection : Connection
        Its results come here, after READY; it ends when the process crashes.
    given : deque of int
        Numbers of the files whose results have not come; the process reads the first of them now.
    is_ready : bool
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, its_end = context.Pipe()
        self.given: deque[int] = deque()
        self.is_ready = False
        self._process = context.Process(target=_read_files, args=(its_end, spec), daemon=True)
        try:
            with _interrupts_held_back():
                self._process.start()
        except OSError as error:
            self.connection.close()
            raise _no_process(str(error.strerror)) from None
        finally:
            its_end.close()

    def give(self, number: int, path: Path) -> None:
        self.given.append(number)
        with contextlib.suppress(OSError):  # it has crashed, which is told when its results are wanted
            self.connection.send(path)

    def stop(self) -> None:
        self._process.terminate()  # it has nothing to tidy up
        self._process.join()
        self.connection.close()


class Readers:
    """Processes that read files, each replaced when a file brings it down.

    Parameters
    ----------
    paths : sequence of Path
        The files; a file's number is its place here.
    spec : FrontEndSpec
    """

    def __init__(self, paths: Sequence[Path], spec: FrontEndSpec) -> None:
        self._paths, self._spec = paths, spec
        self._waiting = deque(range(len(paths)))
        self._suspects: set[int] = set()  # files at which a process has crashed
        self._readers: dict[Connection, _Reader] = {}

    def start_one(self) -> None:
        """Start a process.

        Raises
        ------
        RunningError
            When the system refuses one.
        """
        reader = _Reader(self._spec)
        self._readers[reader.connection] = reader

    def give(self, before: int) -> None:
        """Keep each process busy with files, of those whose number is below ``before``."""
        for reader in self._readers.values():
            while self._waiting and self._waiting[0] < before and len(reader.given) < GIVEN_AHEAD:
                number = self._waiting.popleft()
                reader.give(number, self._paths[number])

    def take(self) -> Iterator[tuple[int, MelLevels | ReadInPart | str]]:
        """Wait for results, and give each with its file's number.

        Raises
        ------
        RunningError
            When a process ends before it reads anything, so that another would, too.
        """
        for connection in wait([reader.connection for reader in self._readers.values() if reader.given]):
            reader = self._readers[cast("Connection", connection)]
            try:
                result = reader.connection.recv()
            except (EOFError, OSError):
                yield from self._replace(reader)
                continue
            if reader.is_ready:
                yield reader.given.popleft(), result
            reader.is_ready = True

    def _replace(self, crashed: _Reader) -> Iterator[tuple[int, str]]:
        """Start another process in place of one that crashed, and say which file did so twice."""
        if not crashed.is_ready:
            raise _no_process("it ends as it begins")
        number = crashed.given[0]
        is_guilty = number in self._suspects
        if is_guilty:
            crashed.given.popleft()
        self._suspects.add(number)  # at first: the system may have ended the process for want of memory
        self._waiting.extendleft(reversed(crashed.given))
        del self._readers[crashed.connection]
        crashed.stop()
        self.start_one()
        if is_guilty:
            yield number, one_line(f"{self._paths[number]} cannot be read: its decoder crashed.")

    def stop(self) -> None:
        """End all processes, whatever they do."""
        for reader in self._readers.values():
            reader.stop()


def extract_each(
    paths: Sequence[Path], spec: FrontEndSpec, *, workers: int
) -> Generator[MelLevels | ReadInPart | str, None, None]:
    """Yield mel frames of audio files, or what is wrong with each, in their order and with few held at once.

    The processes that read them end when the generator is closed.

    Parameters
    ----------
    paths : sequence of Path
    spec : FrontEndSpec
    workers : int
        Processes that read files.

    Raises
    ------
    RunningError
        When no process can be started.
    """
    readers = Readers(paths, spec)
    results: dict[int, MelLevels | ReadInPart | str] = {}
    try:
        for _ in range(min(workers, len(paths))):
            readers.start_one()
        for turn in range(len(paths)):
            while turn not in results:
                readers.give(before=turn + HELD_PER_PROCESS * workers)
                results.update(readers.take())
            yield results.pop(turn)
    finally:
        readers.stop()
