"""Python looks for garbage seldom while genre-train runs, and not at its end."""

from __future__ import annotations

import subprocess
import sys

TOLD = """
import atexit, gc
before = gc.get_freeze_count()  # Python 3.12 begins with some
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() - before > 1_000))
from training.cli import main
main(["--evaluate", "nowhere", "nothing"])
print(gc.get_freeze_count() - before)
"""


def test_garbage_is_looked_for_seldom_and_not_at_the_end() -> None:
    finished = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["0", "50000", "True"]
