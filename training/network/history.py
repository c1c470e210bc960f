"""The history of a fit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass
class FitHistory:
    """The history of a fit, with one value for each epoch.

    Attributes
    ----------
    loss, accuracy : list of float
        On the augmented training windows.
    valid_loss, valid_accuracy : list of float
        On validation windows without augmentation. ``valid_loss`` is the negative log-likelihood, in nats:
        half that of the worst collection plus half the mean of all.
    best_epoch : int
        The epoch whose weights were kept, from 1.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.loss)


def history_as_json(history: FitHistory) -> str:
    """Return the history as JSON text."""
    return json.dumps(asdict(history), indent=1) + "\n"


def history_from_json(text: str) -> FitHistory:
    """Return the history of a text made by ``history_as_json``.

    Raises
    ------
    ValueError
        When it is not such a text.
    """
    try:
        return FitHistory(**json.loads(text))
    except TypeError as error:
        raise ValueError(str(error)) from None
