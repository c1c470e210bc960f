"""What all of the Python interface does first: it checks what it was given, and opens the model."""

from __future__ import annotations

from os import PathLike

import numpy.typing as npt

from live.bundle import find_bundle
from live.classifier import Classifier
from live.option_table import Number, bounds_of
from live.options import Options
from live.sources.decoding import HIGHEST_SAMPLE_RATE, LOWEST_SAMPLE_RATE

SAMPLE_RATES = Number(LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE)

Block = npt.ArrayLike


def open_model(model: str | PathLike[str]) -> Classifier:
    """Return the model of a name or a folder, ready to run."""
    return Classifier(find_bundle(str(model)))


def check_bounds(**values: float | None) -> None:
    """Refuse what is out of an option's bounds, and what is no number, before anything is opened.

    Parameters
    ----------
    **values
        By the option's name with its unit: ``hop_s``, ``gain_db``; None where it is left out.
    """
    for name, value in values.items():
        if value is not None:
            bounds_of(Options, name.rpartition("_")[0]).check(name, value)
