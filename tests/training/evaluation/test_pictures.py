"""The pictures of a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.evaluation.pictures import draw_confusion, label_in_picture


def test_labels_with_dollar_signs_are_drawn_as_they_are_and_not_as_formulas(tmp_path: Path) -> None:
    path = tmp_path / "confusion.png"
    draw_confusion(["$_$ rap", "ca$h $ounds"], np.eye(2, dtype=np.int64), path)
    assert path.stat().st_size > 0
    assert label_in_picture("ca$h $ounds") == r"ca\$h \$ounds"


def test_a_long_label_leaves_room_for_the_picture() -> None:
    assert label_in_picture("rock") == "rock"
    assert label_in_picture("a" * 64) == "a" * 23 + "…"
