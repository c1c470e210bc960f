"""How the screen is built: of parts, below which lies nothing but facts."""

from __future__ import annotations

import ast
from pathlib import Path

import live.screen

FOLDER = Path(live.screen.__file__).parent
MODULES = sorted(path for path in FOLDER.rglob("*.py") if path.name != "__init__.py")
BELOW = {"live.events", "live.meter", "live.palette", "live.snapshot", "live.wording"}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_the_screen_knows_facts_and_itself_and_no_output() -> None:
    for path in MODULES:
        own = {
            name for name in imported(path) if name.startswith("live") and not name.startswith("live.screen")
        }
        assert own <= BELOW, path


def test_no_module_is_more_than_a_fifth_of_it_and_each_has_its_tests() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert max(lines.values()) <= sum(lines.values()) / 5
    tests = Path(__file__).parent
    for path in MODULES:
        assert (tests / path.parent.relative_to(FOLDER) / f"test_{path.name}").exists(), path
