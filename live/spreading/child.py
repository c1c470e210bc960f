"""The program of a worker process: items arrive on standard input, results leave on standard output.

It has its own process group, so that it can be killed together with the processes that it starts. It ends
itself when its parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from typing import IO, Any

from live.errors import GenreLiveError, RunningError
from live.spreading.work import NotSeenError

READY, REFUSED, DONE, NOT_SEEN, FAILED = "ready", "refused", "done", "not seen", "failed"


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return private copies of standard input and output, so that printing libraries cannot disturb them."""
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    if nowhere > 2:
        os.close(nowhere)
    return inward, outward


def _limit_memory(size: int | None) -> None:
    """Limit the memory of this process to ``size`` bytes, on systems that support it."""
    if size is None or not sys.platform.startswith("linux"):
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def end_group() -> None:
    """Kill this process and all that it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _read(inward: IO[bytes], items: queue.SimpleQueue[Any]) -> None:
    """Queue the items that arrive, and kill the process when standard input is closed."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            items.put(pickle.load(inward))  # noqa: S301 (from the process that started this one)
    end_group()


def run() -> None:
    """Read the work, and then do it on each item."""
    for name in ("SIGINT", "SIGBREAK"):  # the parent handles Ctrl-C and, on Windows, Ctrl-Break
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    inward, outward = _take_pipes()

    def send(kind: str, content: object = None) -> None:
        try:
            message = pickle.dumps((kind, content), protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            message = pickle.dumps((FAILED, f"its result cannot be sent ({error})"))
        try:
            outward.write(message)
            outward.flush()
        except OSError:
            end_group()

    try:
        work, idle_s = pickle.load(inward)  # noqa: S301
        _limit_memory(work.memory_bytes)
        do = work.open()
    except GenreLiveError as error:
        send(REFUSED, error)
        return
    except Exception as error:
        send(REFUSED, RunningError(f"It cannot do this work ({type(error).__name__}: {error})."))
        return
    send(READY)
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(inward, items), daemon=True).start()
    while True:
        try:
            item = items.get(timeout=idle_s)
        except queue.Empty:
            end_group()
        try:
            result = do(item)
        except NotSeenError as error:
            send(NOT_SEEN, error.result)
        except MemoryError:
            send(FAILED, "it needs more memory than there is")
        except Exception as error:
            send(FAILED, f"{type(error).__name__}: {error}")
        else:
            send(DONE, result)
            del result
