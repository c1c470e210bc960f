"""Libraries that only some users need, each from an extra of the package."""

from __future__ import annotations

import importlib
from typing import Any

from live.errors import InputError


def need(module: str, *, extra: str, purpose: str) -> Any:
    """Import a library that an extra brings.

    Parameters
    ----------
    module : str
        What to import.
    extra : str
        The extra that brings it.
    purpose : str
        What it is needed for, to begin a sentence with.

    Raises
    ------
    InputError
        When it is not installed; the sentence says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{purpose} needs the extra [{extra}]: install genre-live again with it, "
            f"as in pipx install --force '.[{extra}]'."
        ) from None
