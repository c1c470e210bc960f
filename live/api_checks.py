"""Checks of arguments, and opening of the model, for all functions of the Python interface."""

from __future__ import annotations

from os import PathLike

import numpy.typing as npt

from live.bundle import find_bundle
from live.classifier import Classifier
from live.option_table import Number, bounds_of
from live.options import Options
from live.sources.decoders.decoding import HIGHEST_SAMPLE_RATE, LOWEST_SAMPLE_RATE

SAMPLE_RATES = Number(LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE)

Block = npt.ArrayLike


def open_model(model: str | PathLike[str]) -> Classifier:
    """Return the model of this name or in this folder, ready to run."""
    return Classifier(find_bundle(str(model)))


def check_bounds(**values: float | None) -> None:
    """Raise ValueError for a value that is out of its option's bounds or not a number.

    Parameters
    ----------
    **values
        By the option's name with its unit: ``hop_s``, ``gain_db``. None is not checked.
    """
    for name, value in values.items():
        if value is not None:
            bounds_of(Options, name.rpartition("_")[0]).check(name, value)
