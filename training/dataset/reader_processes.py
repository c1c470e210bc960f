"""Parallel extraction of audio files in separate processes.

A file that cannot be read only yields a sentence. A file that crashes its decoder twice costs two processes,
but no other file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from live.errors import one_line
from live.freed_memory import keep_freed_memory
from live.front_end import FrontEndSpec
from live.spreading.processes import LocalProcesses
from live.spreading.work import Lost, Work, in_order

from .extraction import ReadInPart, extract_or_explain

if TYPE_CHECKING:  # so that each process starts faster
    from .store import MelLevels

    Read = MelLevels | ReadInPart | str

KEPT_BYTES = 30_000_000  # the frames of a file of an hour
HELD_PER_PROCESS = 8  # results that may wait for earlier files


@dataclass(frozen=True)
class ReadFiles(Work[Path, "Read"]):
    """The work of extraction: returns the mel frames of a file, or a sentence that says why there are none.

    Attributes
    ----------
    spec : FrontEndSpec
    """

    spec: FrontEndSpec

    def open(self) -> Callable[[Path], Read]:
        """Return the function that reads one file."""
        keep_freed_memory(KEPT_BYTES)
        return lambda path: extract_or_explain(path, self.spec)


def lost_sentence(path: Path, lost: Lost) -> str:
    """Return the sentence for a file that no process could read."""
    return one_line(f"{path} cannot be read: {lost.reason}.")


def extract_each(paths: Sequence[Path], spec: FrontEndSpec, *, workers: int) -> Generator[Read, None, None]:
    """Yield the mel frames of audio files in order, or sentences for files that cannot be read.

    Only a few results are held in memory. The processes end when the generator is closed.

    Parameters
    ----------
    paths : sequence of Path
    spec : FrontEndSpec
    workers : int
        Number of processes that read files.

    Raises
    ------
    RunningError
        When no process can be started.
    """
    done = LocalProcesses(workers).spread(ReadFiles(spec), paths, ahead=HELD_PER_PROCESS * workers)
    with contextlib.closing(done):
        for one in in_order(done):
            yield lost_sentence(one.item, one.result) if isinstance(one.result, Lost) else one.result
