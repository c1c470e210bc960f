"""The array type of sound, and how much of it is needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SHORTEST_SOUND_S = 0.5
"""A file, a stream or a run of sound that is shorter gets no verdict: there is hardly any music to judge."""

Samples = npt.NDArray[np.float32]
"""Sound, full scale at 1 [shape=(n,) or (n, channels)]."""
