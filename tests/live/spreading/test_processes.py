from __future__ import annotations

import contextlib
import errno
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from live.errors import InputError, RunningError
from live.spreading import processes
from live.spreading.processes import Child, LocalProcesses
from live.spreading.work import Done, ItemQueue, Lost, in_order
from tests.live.spreading.works import Double

AtStart = Callable[[str], None]


@pytest.fixture
def at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtStart:
    """Have every Python process that starts from now on run a program first."""

    def write(program: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    return write


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "live.spreading" in " ".join(child.cmdline())]


def doubled(work: Double, numbers: int, workers: int = 2, ahead: int | None = None) -> dict[int, object]:
    """Return the results of doubling numbers, without the process ids."""
    done = list(LocalProcesses(workers).spread(work, range(numbers), ahead=ahead))
    assert sorted(one.number for one in done) == list(range(numbers))
    assert children() == []
    return {one.item: one.result if isinstance(one.result, Lost) else one.result[0] for one in done}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_item_is_done_once(workers: int) -> None:
    assert doubled(Double(), 20, workers) == {number: 2 * number for number in range(20)}


def test_several_processes_take_part_and_no_more_than_there_are_items() -> None:
    done = LocalProcesses(16).spread(Double(), range(2))
    first = next(done)
    assert isinstance(first.result, tuple)
    assert len(children()) == 2
    done.close()
    assert children() == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "guilty", [pytest.param({2}, id="one"), pytest.param({0, 1, 2}, id="the first three"), {5}]
)
def test_a_crash_costs_its_item_and_no_other(guilty: set[int], workers: int) -> None:
    results = doubled(Double(crash=frozenset(guilty)), 6, workers)
    assert results == {
        number: Lost("its decoder crashed") if number in guilty else 2 * number for number in range(6)
    }


def test_a_process_that_the_system_kills_costs_no_item(tmp_path: Path) -> None:
    results = doubled(Double(kill=frozenset({1, 3}), once=str(tmp_path)), 6)
    assert results == {number: 2 * number for number in range(6)}
    assert (tmp_path / "3").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are held back on POSIX systems")
def test_ctrl_c_just_before_a_wait_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(queue.SimpleQueue[Any]):
        """A queue whose waits no signal ends, like one that comes just before Python begins to wait."""

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                if made[0].is_ready:
                    assert timeout is not None, "it would wait for ever"
                    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
                return super().get(block, timeout)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    made: list[Child] = []

    class Seen(Child):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(queue, "SimpleQueue", Deaf)
    monkeypatch.setattr(processes, "Child", Seen)
    with pytest.raises(KeyboardInterrupt):
        list(LocalProcesses(1).spread(Double(hang=frozenset({0})), [0]))
    assert children() == []


def test_one_that_is_killed_twice_is_lost() -> None:
    reason = "its process was killed, perhaps for want of memory"
    if sys.platform == "win32":  # which does not tell how a process ended
        reason = "its decoder crashed"
    assert doubled(Double(kill=frozenset({1})), 3)[1] == Lost(reason)


def test_what_takes_for_ever_is_given_up_with_all_that_it_started(tmp_path: Path) -> None:
    results = doubled(Double(hang=frozenset({1}), limit_s=1.0), 3)
    assert results == {0: 0, 1: Lost("it takes longer than 1 s"), 2: 4}
    results = doubled(Double(hang=frozenset({1}), limit_s=1.0, once=str(tmp_path)), 3)
    assert results == {0: 0, 1: 2, 2: 4}
    grandchild = int((tmp_path / "pid").read_text())
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(grandchild).wait(timeout=10)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to its memory")
def test_what_needs_too_much_memory_is_lost() -> None:
    results = doubled(Double(swell=frozenset({1}), limit_bytes=400_000_000), 3)
    assert results == {0: 0, 1: Lost("it needs more memory than there is"), 2: 4}


def test_an_error_that_nobody_foresaw_costs_its_item(tmp_path: Path) -> None:
    assert doubled(Double(fail=frozenset({0})), 2) == {0: Lost("RuntimeError: no such luck"), 1: 2}
    assert doubled(Double(fail=frozenset({0}), once=str(tmp_path)), 2) == {0: 0, 1: 2}


def test_processes_that_cannot_do_the_work_say_why() -> None:
    with pytest.raises(InputError, match="The model is broken"):
        next(LocalProcesses(2).spread(Double(refuse="The model is broken."), range(5)))
    assert children() == []


def test_processes_that_end_as_they_begin_are_told_and_not_blamed_on_an_item(at_start: AtStart) -> None:
    at_start("import os; os._exit(1)")
    with pytest.raises(RunningError, match="No process can be started to read audio files"):
        next(LocalProcesses(2).spread(Double(), range(5)))
    assert children() == []


def test_a_process_that_the_system_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> Any:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(RunningError, match="Resource temporarily unavailable"):
        next(LocalProcesses(2).spread(Double(), range(5)))


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a child there")
def test_ctrl_c_does_not_strike_the_processes_even_while_they_start(at_start: AtStart) -> None:
    at_start("import os, signal; os.getpgrp() == os.getpid() or os.kill(os.getpid(), signal.SIGINT)")
    assert doubled(Double(), 4) == {number: 2 * number for number in range(4)}


@pytest.mark.skipif(os.name == "nt", reason="there are no such numbers of files there")
def test_work_is_done_where_standard_output_and_error_are_closed(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from live.spreading import processes
from live.spreading.processes import Child, LocalProcesses
from tests.live.spreading.works import Double
[done] = LocalProcesses(1).spread(Double(), [21])
Path({str(tmp_path / "told")!r}).write_text(str(done.result[0]))
"""
    # Pipes made from now on take the numbers 0, 1 and 2.
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program]
    subprocess.run(closed, check=True, timeout=60)
    assert (tmp_path / "told").read_text() == "42"


@pytest.mark.skipif(os.name == "nt", reason="a process can be killed on POSIX systems")
def test_processes_end_when_whoever_started_them_is_killed(tmp_path: Path) -> None:
    program = f"""
from live.spreading import processes
from live.spreading.processes import Child, LocalProcesses
from tests.live.spreading.works import Double
work = Double(hang=frozenset({{1}}), once={str(tmp_path)!r})
for done in LocalProcesses(1).spread(work, range(2)):
    print(done.result[1], flush=True)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        child.wait(timeout=10)


def test_items_are_taken_only_as_there_is_room() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1_000):
            taken.append(number)
            yield number

    done = LocalProcesses(1).spread(Double(), items())
    next(done)
    assert len(taken) < 8
    done.close()


def test_no_item_is_begun_far_ahead_of_one_that_is_not_done() -> None:
    items = ItemQueue(iter(range(100)), ahead=3)
    queued = [items.take() for _ in range(4)]
    assert [one and one.number for one in queued] == [0, 1, 2, None]
    second, third = queued[1], queued[2]
    assert second is not None
    assert third is not None
    items.finish(second, None)
    items.finish(third, None)
    assert items.take() is None
    first = queued[0]
    assert first is not None
    items.finish(first, None)
    assert [one and one.number for one in (items.take() for _ in range(4))] == [3, 4, 5, None]


def test_what_was_not_begun_is_handed_out_first_and_what_failed_elsewhere() -> None:
    items = ItemQueue(iter("abcd"))
    first, second, third = (items.take() for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    assert list(items.fail(first, "here", "it failed")) == []
    items.give_back([second, third])
    assert items.take() == second
    assert items.take() == third
    again = items.take()
    assert again is not None
    assert (again.item, again.tried) == ("a", ("here",))
    assert list(items.fail(again, "there", "it failed")) == [Done(0, "a", Lost("it failed"))]


def test_order_is_restored() -> None:
    done = [Done(number, str(number), number) for number in (2, 0, 1, 4, 3)]
    assert [one.number for one in in_order(done)] == [0, 1, 2, 3, 4]
