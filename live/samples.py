"""The array type of sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Sound, full scale at 1 [shape=(n,) or (n, channels)]."""
