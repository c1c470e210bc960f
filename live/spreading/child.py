"""What runs in a process that work is done in: items come through its standard input, results go out.

Its own process group holds what it starts in turn, so that all of it can be ended together. It ends itself
when whoever started it is gone.
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

READY, REFUSED, DONE, FAILED = "ready", "refused", "done", "failed"


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Keep standard input and output to ourselves: what libraries print must not run into the results."""
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    if nowhere > 2:
        os.close(nowhere)
    return inward, outward


def _limit_memory(size: int | None) -> None:
    """Have what asks for more memory than this be refused, where the system does that."""
    if size is None or not sys.platform.startswith("linux"):
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def end_group() -> None:
    """End this process and all that it started, now."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _read(inward: IO[bytes], items: queue.SimpleQueue[Any]) -> None:
    """Take items as they come, so that the next lies ready, and see when nobody is there to send any."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            items.put(pickle.load(inward))  # noqa: S301 (from the process that started this one)
    end_group()


def run() -> None:
    """Do the work that is sent first on the items that are sent then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
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
        except MemoryError:
            send(FAILED, "it needs more memory than there is")
        except Exception as error:
            send(FAILED, f"{type(error).__name__}: {error}")
        else:
            send(DONE, result)
            del result
