"""Fixtures for all tests."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.bundles import a_bundle

# A busy machine is no fault of the code: no property has a time limit of its own.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

HEARING_FOLDERS = ("tests/end_to_end/", "tests/examples/")  # where ./check looks for tests in real time


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests that hear in real time, and deal those that may take longest to all workers.

    ``./check`` runs the former apart from those that compute.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        file = item.nodeid.partition("::")[0]
        if "virtual_microphone" in names and not file.endswith("test_learning.py"):
            if not file.startswith(HEARING_FOLDERS):
                raise pytest.UsageError(f"{file} hears in real time: move it to {HEARING_FOLDERS[0]}.")
            item.add_marker(pytest.mark.real_time)
    yield  # until those that were not asked for have left the list
    items[:] = dealt(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in an order in which each worker begins with its share of those that may take long.

    With ``--dist worksteal``, each worker receives an equal piece of the list, and one that is idle takes
    from the end of another's. With all long tests in one piece, one worker would be busy at the end, and
    all others idle. Neighbours of one ``xdist_group`` stay together.
    """
    long = [item for item in items if item.get_closest_marker("timeout") is not None]
    by_group = itertools.groupby(long, lambda item: item.get_closest_marker("xdist_group") or item)
    groups = [list(group) for _, group in by_group]
    other = iter([item for item in items if item.get_closest_marker("timeout") is None])
    order: list[pytest.Item] = []
    for worker in range(workers):
        size = (len(items) - len(order)) // (workers - worker)
        share = list(itertools.chain(*groups[worker::workers]))
        order += share + list(itertools.islice(other, max(size - len(share), 0)))
    return order + list(other)


def pytest_configure() -> None:
    """Heed Ctrl-C, with all children, where the tests were started in the background of a shell script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle that can be run; the shipped one if there is one."""
    return a_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the defaults that the user has saved from the tests and their child processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENRE_LIVE_CONFIG", str(tmp_path_factory.mktemp("settings") / "config.toml"))
        yield


@pytest.fixture(autouse=True, scope="session")
def an_ordinary_terminal() -> Iterator[None]:
    """Have the screen drawn alike wherever the tests run, also on the text console of Linux."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        yield


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to replace a file that this process has open or mapped, as Windows does (on Linux only)."""
    replace = os.replace

    def refusing(source: Path, target: Path) -> None:
        path = str(Path(target).resolve())
        used = {os.path.realpath(entry) for entry in Path("/proc/self/fd").glob("*")}
        if path in used or f" {path}\n" in Path("/proc/self/maps").read_text():
            raise PermissionError(errno.EACCES, "It is in use", path)
        replace(source, target)

    if sys.platform == "linux":
        monkeypatch.setattr(os, "replace", refusing)
