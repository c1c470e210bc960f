"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundles import a_bundle


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that hear in real time; ``./check`` runs them apart from those that compute."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        file = item.nodeid.partition("::")[0]
        if "virtual_microphone" in names and not file.endswith("test_learning.py"):
            item.add_marker(pytest.mark.real_time)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model bundle that can be run; a shipped one where there is one."""
    return a_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what whoever runs the tests has saved as defaults out of them, child processes included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENRE_LIVE_CONFIG", str(tmp_path_factory.mktemp("settings") / "config.toml"))
        yield
