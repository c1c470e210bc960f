"""The course of a fit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass
class History:
    """Course of a fit, one value an epoch.

    Attributes
    ----------
    loss, accuracy : list of float
        On the windows that were fitted on, as they were changed.
    valid_loss, valid_accuracy : list of float
        On unchanged validation windows; ``valid_loss`` is the mean negative log-likelihood, in nats, over
        the collections: half that of the worst, half the mean of all.
    best_epoch : int
        The epoch that was kept, counted from 1.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.loss)


def history_as_json(history: History) -> str:
    """Return the course of a fit as a JSON text."""
    return json.dumps(asdict(history), indent=1) + "\n"


def history_from_json(text: str) -> History:
    """Read what ``history_as_json`` gave.

    Raises
    ------
    ValueError
        When it is no such text.
    """
    try:
        return History(**json.loads(text))
    except TypeError as error:
        raise ValueError(str(error)) from None
