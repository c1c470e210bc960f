"""Audio files read side by side, in processes of their own.

A file that cannot be read costs a sentence; one that brings its decoder down, when it is read once more too,
costs two processes, and no other file.
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

if TYPE_CHECKING:  # what each process imports, it waits for
    from .store import MelLevels

    Read = MelLevels | ReadInPart | str

KEPT_BYTES = 30_000_000  # the frames of an hour-long file, in one piece
HELD_PER_PROCESS = 8  # files that may be done before their turn


@dataclass(frozen=True)
class ReadFiles(Work[Path, "Read"]):
    """The work of reading: mel frames of a file, or the sentence that says what is wrong with it.

    Attributes
    ----------
    spec : FrontEndSpec
    """

    spec: FrontEndSpec

    def open(self) -> Callable[[Path], Read]:
        """Get ready."""
        keep_freed_memory(KEPT_BYTES)
        return lambda path: extract_or_explain(path, self.spec)


def lost_sentence(path: Path, lost: Lost) -> str:
    """Say why a file could not be read by any process."""
    return one_line(f"{path} cannot be read: {lost.reason}.")


def extract_each(paths: Sequence[Path], spec: FrontEndSpec, *, workers: int) -> Generator[Read, None, None]:
    """Mel frames of audio files, or of each what is wrong with it, in their order and with few held at once.

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
    done = LocalProcesses(workers).spread(ReadFiles(spec), paths, ahead=HELD_PER_PROCESS * workers)
    with contextlib.closing(done):
        for one in in_order(done):
            yield lost_sentence(one.item, one.result) if isinstance(one.result, Lost) else one.result
