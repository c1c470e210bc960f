"""A teacher's answers: probabilities of musical tags that a network learns beside its genres.

The file is an ``.npz`` with ``tags`` (str, [tags]), ``clip`` (str, [rows]) and ``probability`` (float,
[rows, tags]). The rows of a clip stand in order of time, one second apart.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from live.errors import InputError


class Teacher:
    """Tags of clips over time.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When the file is missing or no such file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.tags: tuple[str, ...] = tuple(arrays["tags"].tolist())
                clips = arrays["clip"].tolist()
                self._probability = arrays["probability"].astype(np.float32)
        except FileNotFoundError:
            raise InputError(f"There is no file {path}: check the path of --teacher.") from None
        except (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile):
            raise InputError(
                f"{path} holds no tags of a teacher: give an .npz with tags, clip and probability."
            ) from None
        if not np.isfinite(self._probability).all():
            raise InputError(f"{path} holds no tags of a teacher: some probabilities are no numbers.")
        if self._probability.shape != (len(clips), len(self.tags)) or not clips:
            raise InputError(f"{path} holds no tags of a teacher: its arrays do not fit together.")
        rows: dict[str, list[int]] = defaultdict(list)
        for row, clip in enumerate(clips):
            rows[clip].append(row)
        self._rows = {clip: np.array(found) for clip, found in rows.items()}

    @property
    def mean(self) -> npt.NDArray[np.float32]:
        """Mean probability of each tag [shape=(tags,)]."""
        mean: npt.NDArray[np.float32] = self._probability.mean(axis=0)
        return mean

    def answer(self, clip: str, second: float) -> npt.NDArray[np.float32]:
        """What the teacher said of a clip from ``second`` on.

        Returns
        -------
        ndarray [shape=(1 + tags,)]
            1 and the tags' probabilities, interpolated over time; zeros for a clip it has not heard.
        """
        answer = np.zeros(1 + len(self.tags), dtype=np.float32)
        rows = self._rows.get(clip)
        if rows is None:
            return answer
        at = min(max(second, 0.0), float(len(rows) - 1))
        before, after = int(np.floor(at)), int(np.ceil(at))
        share = np.float32(at - before)
        answer[0] = 1
        answer[1:] = self._probability[rows[before]] * (1 - share) + self._probability[rows[after]] * share
        return answer
