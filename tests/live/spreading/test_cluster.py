"""Work on a Dask cluster of real processes, and what goes wrong there."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live.errors import InputError, RunningError
from live.spreading.cluster import DaskCluster, _Pace, _Run, seconds_of_task
from live.spreading.engines import scheduler_address
from live.spreading.work import Done, ItemQueue, Lost
from live.spreading.worker_tasks import Outcome, TaskOutcome
from tests.live.spreading.dask_cluster import DaskProcesses, environment_with
from tests.live.spreading.works import Double

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A cluster of two workers."""
    with DaskProcesses(tmp_path_factory.mktemp("dask")) as processes:
        processes.start_worker()
        processes.start_worker()
        yield processes


@pytest.fixture
def engine(cluster: DaskProcesses) -> Iterator[DaskCluster]:
    engine = DaskCluster(cluster.address, print)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A cluster without workers."""
    with DaskProcesses(tmp_path_factory.mktemp("empty")) as processes:
        yield processes


@pytest.fixture
def empty_cluster(scheduler: DaskProcesses) -> Iterator[DaskProcesses]:
    """A cluster without workers; those that a test starts end with it."""
    yield scheduler
    for worker in scheduler.workers:
        worker.kill()
        worker.wait()
    scheduler.workers.clear()


def doubled(engine: DaskCluster, work: Double, numbers: int) -> dict[int, object]:
    """Return the results of doubling numbers, without the process ids."""
    done = list(engine.spread(work, range(numbers)))
    assert sorted(one.number for one in done) == list(range(numbers))
    return {one.item: one.result if isinstance(one.result, Lost) else one.result[0] for one in done}


def test_each_item_is_done_once_and_both_workers_take_part(engine: DaskCluster) -> None:
    done = list(engine.spread(Double(), range(30)))
    assert sorted(one.number for one in done) == list(range(30))
    assert all(not isinstance(one.result, Lost) and one.result[0] == 2 * one.item for one in done)
    assert len({one.result[1] for one in done if not isinstance(one.result, Lost)}) == 2


def test_what_goes_wrong_costs_its_item_and_no_other(engine: DaskCluster) -> None:
    work = Double(crash=frozenset({1}), hang=frozenset({3}), fail=frozenset({5}), limit_s=2.0)
    assert doubled(engine, work, 7) == {
        0: 0, 1: Lost("its decoder crashed"), 2: 4, 3: Lost("it takes longer than 2 s"), 4: 8,
        5: Lost("RuntimeError: no such luck"), 6: 12,
    }  # fmt: skip


def test_what_fails_is_tried_at_another_worker(engine: DaskCluster, tmp_path: Path) -> None:
    assert doubled(engine, Double(crash=frozenset({0, 1}), once=str(tmp_path)), 3) == {0: 0, 1: 2, 2: 4}


def test_short_items_share_a_task_and_what_goes_wrong_with_one_costs_no_other(engine: DaskCluster) -> None:
    submit = engine._client.submit
    tasks = []

    def counted(function: Any, work: Any, items: list[int], **how: Any) -> Any:
        tasks.append(items)
        return submit(function, work, items, **how)

    engine._client.submit = counted
    work = Double(crash=frozenset({150}), hang=frozenset({160}), fail=frozenset({170}), limit_s=2.0)
    expected: dict[int, object] = {number: 2 * number for number in range(200)}
    expected |= {150: Lost("its decoder crashed"), 160: Lost("it takes longer than 2 s")}
    expected |= {170: Lost("RuntimeError: no such luck")}
    assert doubled(engine, work, 200) == expected
    assert len(tasks) < 60
    again = [items for items in tasks if {150, 160, 170} & set(items)][-3:]
    assert sorted(again) == [[150], [160], [170]]


class KilledWorker(Exception):  # noqa: N818
    """What Dask says when a task's workers were lost again and again: known by its name."""


class Future:
    """A task that is over."""

    def __init__(self, key: str, result: TaskOutcome | None) -> None:
        self.key, self._result = key, result
        self.status = "error" if result is None else "finished"

    def result(self, timeout: float) -> TaskOutcome:  # noqa: ARG002
        assert self._result is not None
        return self._result

    def exception(self) -> BaseException:
        return KilledWorker()

    def add_done_callback(self, call: Callable[[Future], None]) -> None:
        call(self)


class DeadlyClient:
    """A cluster whose workers are lost one by one with each task that holds a certain item."""

    status = "running"

    def __init__(self, deadly: int) -> None:
        self._deadly = deadly
        self.tasks: list[list[int]] = []

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:  # noqa: ARG002
        return {"workers": {"tcp://here:1": {"nthreads": 1}}}

    def subscribe_topic(self, topic: str, call: object) -> None:
        pass

    def unsubscribe_topic(self, topic: str) -> None:
        pass

    def submit(
        self, _do_task: object, _work: object, items: list[int], *, key: str, **_how: object
    ) -> Future:
        self.tasks.append(items)
        if self._deadly in items:
            return Future(key, None)
        return Future(key, TaskOutcome("tcp://here:1", tuple(Outcome((2 * item, 0)) for item in items), 0.01))


def test_an_item_that_brings_workers_down_is_lost_alone() -> None:
    client = DeadlyClient(deadly=20)
    run = _Run(client, "tcp://here:1", print, Double(), ItemQueue(iter(range(40))))
    done: list[Done[int, object]] = []
    while run.hand_out():
        done += run.take()
    assert sorted(one.number for one in done) == list(range(40))
    lost = {one.number: one.result for one in done if isinstance(one.result, Lost)}
    assert lost == {20: Lost("the workers that had it were lost one by one")}
    assert client.tasks.count([20]) == 2
    assert any(len(items) > 10 and 20 in items for items in client.tasks)


def test_workers_do_not_vanish_where_the_client_asks_for_none_at_the_same_time() -> None:
    class AskedTwice(DeadlyClient):
        told = itertools.cycle([{"tcp://here:1": {"nthreads": 1}, "tcp://here:2": {"nthreads": 1}}, {}])

        def scheduler_info(self, n_workers: int) -> dict[str, Any]:  # noqa: ARG002
            return {"n_workers": 2, "workers": next(self.told)}

    said: list[str] = []
    run = _Run(AskedTwice(deadly=-1), "tcp://here:1", said.append, Double(), ItemQueue(iter(range(40))))
    run._refuse("tcp://here:1", "It sees nothing.")
    assert said == ["The worker tcp://here:1 is not used. It sees nothing."]
    while run.hand_out():
        list(run.take())


def test_items_that_are_much_work_share_no_task() -> None:
    class Heavy(Double):
        def weight(self, item: int) -> float:  # noqa: ARG002
            return float("inf")

    client = DeadlyClient(deadly=-1)
    run = _Run(client, "tcp://here:1", print, Heavy(), ItemQueue(iter(range(40))))
    while run.hand_out():
        list(run.take())
    assert client.tasks == [[number] for number in range(40)]


def test_tasks_hold_less_when_their_items_become_slower() -> None:
    pace = _Pace()
    assert pace.seconds(1.0) == float("inf")
    for _ in range(100):
        pace.measure(100.0, 0.1)
    quick = pace.seconds(1.0)
    for _ in range(5):
        pace.measure(100.0, 10.0)
    assert quick == pytest.approx(0.001)
    assert pace.seconds(1.0) > 0.05


def test_tasks_are_longer_where_workers_are_very_many() -> None:
    assert seconds_of_task(2) == seconds_of_task(16) == 1.0
    assert seconds_of_task(4_096) > 60
    assert seconds_of_task(4_096, 0.0) == 0.0


def test_a_worker_that_is_killed_costs_no_item_and_one_that_joins_late_takes_part(
    empty_cluster: DaskProcesses,
) -> None:
    first = empty_cluster.start_worker()
    engine = DaskCluster(empty_cluster.address, print, task_s=0.0)  # else one task would hold all
    processes = set()
    for number, one in enumerate(engine.spread(Double(), range(60))):
        assert not isinstance(one.result, Lost)
        assert one.result[0] == 2 * one.item
        processes.add(one.result[1])
        if number == 5:
            empty_cluster.start_worker()
            first.kill()
    assert number == 59
    assert len(processes) == 2
    engine.close()


def test_a_cluster_without_workers_is_waited_for(empty_cluster: DaskProcesses) -> None:
    engine = DaskCluster(empty_cluster.address, print)
    starting = threading.Thread(target=empty_cluster.start_worker)
    starting.start()
    assert doubled(engine, Double(), 3) == {0: 0, 1: 2, 2: 4}
    starting.join()
    engine.close()


def test_a_scheduler_that_dies_is_told(tmp_path: Path) -> None:
    with DaskProcesses(tmp_path) as cluster:
        cluster.start_worker()
        engine = DaskCluster(cluster.address, print)
        done = engine.spread(Double(), range(100_000))
        next(done)
        cluster.scheduler.kill()
        with pytest.raises(RunningError, match=r"The scheduler at .* is gone"):
            list(done)
        engine.close()


def test_workers_that_cannot_do_the_work_are_named(engine: DaskCluster) -> None:
    with pytest.raises(
        RunningError, match=r"No worker at .* The worker tcp://.* is not used\. It has no ear"
    ):
        list(engine.spread(Double(refuse="It has no ear."), range(5)))


def test_another_worker_is_waited_for_when_only_refused_ones_are_left(
    empty_cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.spreading.cluster.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("live.spreading.cluster.NO_WORKER_AFTER_S", 0.5)
    empty_cluster.start_worker({**os.environ, "DEAF": ""})
    workers = [empty_cluster.start_worker()]
    said: list[str] = []

    def notify(sentence: str) -> None:
        said.append(sentence)
        if "waiting for one" in sentence and len(workers) == 1:
            workers.append(empty_cluster.start_worker())

    engine = DaskCluster(empty_cluster.address, notify, task_s=0.0)
    processes = set()

    def kill_each() -> None:
        for one in engine.spread(Double(refuse="It has no ear.", refuse_where="DEAF"), itertools.count()):
            assert not isinstance(one.result, Lost)
            processes.add(one.result[1])
            if len(said) >= len(processes):  # the deaf one is refused; later, the second one is at work
                workers[len(processes) - 1].kill()

    with pytest.raises(RunningError, match=r"There was no worker at .* It has no ear\.$"):
        kill_each()
    engine.close()
    assert len(processes) == 2
    assert ["waiting for one" in sentence for sentence in said] == [False, True, True]


class Unfinished(Future):
    """A task that is never over."""

    def add_done_callback(self, call: Callable[[Future], None]) -> None:
        pass


class ScarceClient:
    """A client of a cluster whose workers come and go, and finish nothing."""

    status = "running"

    def __init__(self) -> None:
        self.workers: dict[str, dict[str, object]] = {}

    def subscribe_topic(self, _topic: str, handle: Callable[[Any], None]) -> None:
        self.handle = handle

    def scheduler_info(self, **_: object) -> dict[str, object]:
        return {"workers": self.workers}

    def submit(self, *_: object, key: str, **__: object) -> Unfinished:
        return Unfinished(key, None)

    def change(self, action: str, **workers: dict[str, object]) -> None:
        self.workers = workers
        self.handle((0.0, {"action": action, "worker": "one"}))


def test_each_wait_for_a_worker_is_told_and_is_as_long_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.spreading.cluster.LOOK_EVERY_S", 0.0625)
    monkeypatch.setattr("live.spreading.cluster.NO_WORKER_AFTER_S", 0.5)
    client, said = ScarceClient(), list[str]()
    run = _Run(client, "tcp://here:1", said.append, Double(), ItemQueue(iter(range(40))))
    run.hand_out()
    for _ in range(7):
        list(run.take())
    assert len(said) == 1
    client.change("add-worker", one={"nthreads": 1})
    list(run.take())
    client.change("remove-worker")
    for _ in range(1 + 7):
        list(run.take())
    assert [sentence.startswith("There is no worker at tcp://here:1 yet") for sentence in said] == [True] * 2
    with pytest.raises(RunningError, match="There was no worker at tcp://here:1 for"):
        list(run.take())


def test_a_paused_worker_may_finish_what_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.spreading.cluster.LOOK_EVERY_S", 0.0625)
    monkeypatch.setattr("live.spreading.cluster.NO_WORKER_AFTER_S", 0.25)
    client, said = ScarceClient(), list[str]()
    tasks = {"executing": 1}
    client.workers = {"one": {"nthreads": 1, "status": "paused", "metrics": {"task_counts": tasks}}}
    run = _Run(client, "tcp://here:1", said.append, Double(), ItemQueue(iter(range(40))))
    run.hand_out()
    for _ in range(10):
        list(run.take())
    assert len(said) == 1
    tasks.clear()
    with pytest.raises(RunningError, match="Workers are paused"):
        list(run.take())


NO_GENRE_LIVE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "live":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
"""
NO_MEMORY = {
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "0.000001",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False",
}


@pytest.mark.parametrize(
    ("fault", "hint"),
    [("no genre-live", "Workers joined and ended at once: look whether they have genre-live"),
     ("no memory", "Workers are paused, since their memory is full")],
)  # fmt: skip
def test_why_no_worker_takes_work_is_told(
    empty_cluster: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, hint: str
) -> None:
    monkeypatch.setattr("live.spreading.cluster.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("live.spreading.cluster.NO_WORKER_AFTER_S", 0.5)
    environment = environment_with(tmp_path / "site", NO_GENRE_LIVE if fault == "no genre-live" else "")
    empty_cluster.start_worker(environment | (NO_MEMORY if fault == "no memory" else {}))
    said: list[str] = []
    engine = DaskCluster(empty_cluster.address, said.append)
    with pytest.raises(RunningError, match=f"There was no worker at .*{hint}"):
        list(engine.spread(Double(), itertools.count()))
    engine.close()
    assert len(said) == 1
    assert "waiting for one" in said[0]
    assert hint in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals there")
@pytest.mark.timeout(60)
def test_a_worker_that_hangs_does_not_delay_the_end(cluster: DaskProcesses, engine: DaskCluster) -> None:
    assert doubled(engine, Double(), 1) == {0: 0}
    worker = cluster.workers[0]
    worker.send_signal(signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, worker.pid, os.WSTOPPED)
        engine.close()
    finally:
        worker.send_signal(signal.SIGCONT)
    assert engine._client.status == "closed"


@pytest.mark.parametrize(
    "text",
    ["head", "head:8786", "tcp://", "tcp://head", "tcp://head:port", "tcp://:8786", "tcp://head:8786/x",
     "http://head:8786", "foo://head:8786", "inproc://head", "ucx://head:8786"],
)  # fmt: skip
def test_what_is_no_address_of_a_scheduler_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a scheduler, such as tcp://head:8786"):
        scheduler_address(text)


@pytest.mark.parametrize("text", ["tcp://head:8786", "tls://10.0.0.1:8786", "tcp://[::1]:8786"])
def test_an_address_of_a_scheduler_is_accepted(text: str) -> None:
    assert scheduler_address(text) == text


def test_an_address_without_a_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="The extra [cluster] is absent.")
    monkeypatch.setattr("live.spreading.cluster.CONNECT_WITHIN_S", 1.0)
    with pytest.raises(InputError, match=r"There is no Dask scheduler at tcp://127.0.0.1:1 "):
        DaskCluster("tcp://127.0.0.1:1", print)
